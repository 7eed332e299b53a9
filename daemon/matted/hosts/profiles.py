"""Where GIMP and Krita keep a user's plug-ins on this machine: natively, in Flatpak, in Snap, on Windows and macOS."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Profile:
    """One place a plug-in can be put. folder: GIMP's folder with plug-ins in it, or Krita's with pykrita in it.

    settings: the file that switches Krita's plug-ins on, None where it is not known or there is none.
    """

    name: str
    folder: Path
    settings: Path | None = None


@dataclass(frozen=True)
class Places:
    """The folders that everything else is relative to; made up in tests."""

    home: Path
    platform: str
    environ: Mapping[str, str]

    def folder(self, variable: str, *default: str) -> Path:
        value = self.environ.get(variable)
        return Path(value) if value else self.home.joinpath(*default)


def here() -> Places:
    return Places(Path.home(), sys.platform, os.environ)


def find(host: str, places: Places) -> list[Profile]:
    """Every profile of `host` ("gimp" or "krita") that exists."""
    return _gimp(places) if host == "gimp" else _krita(places)


def chosen(host: str, folder: Path, places: Places) -> Profile:
    """The profile in a folder that the user named."""
    folder = folder.absolute()
    for profile in find(host, places):
        if profile.folder == folder:
            return profile
    return Profile(f"{'GIMP' if host == 'gimp' else 'Krita'} in {folder}", folder)


def _gimp(places: Places) -> list[Profile]:
    if places.platform == "win32":
        roots = [("GIMP", places.folder("APPDATA", "AppData", "Roaming") / "GIMP")]
    elif places.platform == "darwin":
        roots = [("GIMP", places.home / "Library" / "Application Support" / "GIMP")]
    else:
        roots = [
            ("GIMP", places.folder("XDG_CONFIG_HOME", ".config") / "GIMP"),
            ("GIMP (Flatpak)", places.home / ".var" / "app" / "org.gimp.GIMP" / "config" / "GIMP"),
            ("GIMP (Snap)", places.home / "snap" / "gimp" / "current" / ".config" / "GIMP"),
        ]
    found = [
        Profile(f"{name} {folder.name}", folder)
        for name, root in roots
        for folder in sorted(root.glob("3.*"))  # GIMP 2 has another plug-in interface
        if folder.is_dir()
    ]
    own = places.environ.get("GIMP3_DIRECTORY")
    if own and Path(own).is_dir() and Path(own) not in [profile.folder for profile in found]:
        found.append(Profile("GIMP in GIMP3_DIRECTORY", Path(own)))
    return found


def _krita(places: Places) -> list[Profile]:
    home = places.home
    if places.platform == "win32":
        data = places.folder("APPDATA", "AppData", "Roaming") / "krita"
        candidates = [Profile("Krita", data, places.folder("LOCALAPPDATA", "AppData", "Local") / "kritarc")]
    elif places.platform == "darwin":
        library = home / "Library"
        settings = library / "Preferences" / "kritarc"
        candidates = [Profile("Krita", library / "Application Support" / "krita", settings)]
    else:
        data = places.folder("XDG_DATA_HOME", ".local", "share") / "krita"
        settings = places.folder("XDG_CONFIG_HOME", ".config") / "kritarc"
        flatpak, snap = home / ".var" / "app" / "org.kde.krita", home / "snap" / "krita" / "current"
        native = Profile("Krita", data, settings)
        if not data.is_dir() and shutil.which("krita", path=places.environ.get("PATH")):
            return [native, *_existing(_sandboxes(flatpak, snap))]  # installed and never started: Krita will look there
        candidates = [native, *_sandboxes(flatpak, snap)]
    return _existing(candidates)


def _sandboxes(flatpak: Path, snap: Path) -> list[Profile]:
    return [
        Profile("Krita (Flatpak)", flatpak / "data" / "krita", flatpak / "config" / "kritarc"),
        Profile("Krita (Snap)", snap / ".local" / "share" / "krita", snap / ".config" / "kritarc"),
    ]


def _existing(profiles: list[Profile]) -> list[Profile]:
    return [profile for profile in profiles if profile.folder.is_dir()]
