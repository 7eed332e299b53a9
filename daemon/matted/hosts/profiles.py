"""Where GIMP and Krita keep a user's plug-ins on this machine: natively, in Flatpak, in Snap, on Windows and macOS."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from matted.hosts import kritarc


@dataclass(frozen=True)
class Profile:
    """One place a plug-in can be put. folder: GIMP's folder with plug-ins in it, or Krita's with pykrita in it.

    settings: the file that switches Krita's plug-ins on, None where it is not known or there is none.
    shared: a folder that the daemon's connection file has to be in as well; None if the host can read the daemon's own.
    """

    name: str
    folder: Path
    settings: Path | None = None
    shared: Path | None = None


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


def shared_folders(places: Places) -> list[Path]:
    """Where a daemon has to put its connection file as well, as `matted install` has prepared it."""
    shared = {profile.shared for host in ("gimp", "krita") for profile in find(host, places)}
    return sorted(folder for folder in shared if folder and folder.is_dir() and not folder.is_symlink())


def _gimp(places: Places) -> list[Profile]:
    roots: list[tuple[str, Path, Path | None]]
    if places.platform == "win32":
        roots = [("GIMP", places.folder("APPDATA", "AppData", "Roaming") / "GIMP", None)]
        roots += [("GIMP (Store)", cache / "Roaming" / "GIMP", None) for cache in _of_the_store(places, "GIMP*")]
    elif places.platform == "darwin":
        roots = [("GIMP", places.home / "Library" / "Application Support" / "GIMP", None)]
    else:
        flatpak, snap = places.home / ".var" / "app" / "org.gimp.GIMP", _snap(places, "gimp")
        roots = [
            ("GIMP", places.folder("XDG_CONFIG_HOME", ".config") / "GIMP", None),  # that of GIMP 3 in Flatpak, too
            ("GIMP (Flatpak)", flatpak / "config" / "GIMP", None),
            ("GIMP (Snap)", snap / "current" / ".config" / "GIMP", _shared(snap)),
        ]
    found = [
        Profile(f"{name} {folder.name}", folder, shared=shared)
        for name, root, shared in roots
        for folder in sorted(root.glob("3.*"))  # GIMP 2 has another plug-in interface
    ]
    own = places.environ.get("GIMP3_DIRECTORY")
    return _existing([*found, *([Profile("GIMP in GIMP3_DIRECTORY", Path(own))] if own else [])])


def _krita(places: Places) -> list[Profile]:
    if places.platform == "win32":
        data = places.folder("APPDATA", "AppData", "Roaming") / "krita"
        candidates = [Profile("Krita", data, places.folder("LOCALAPPDATA", "AppData", "Local") / "kritarc")]
        candidates += [
            Profile("Krita (Store)", cache / "Roaming" / "krita", cache / "Local" / "kritarc")
            for cache in _of_the_store(places, "49800Krita*")
        ]
    elif places.platform == "darwin":
        library = places.home / "Library"
        settings = library / "Preferences" / "kritarc"
        candidates = [Profile("Krita", library / "Application Support" / "krita", settings)]
    else:
        data = places.folder("XDG_DATA_HOME", ".local", "share") / "krita"
        flatpak, snap = places.home / ".var" / "app" / "org.kde.krita", _snap(places, "krita")
        in_snap = snap / "current"
        candidates = [
            Profile("Krita", data, places.folder("XDG_CONFIG_HOME", ".config") / "kritarc"),
            Profile("Krita (Flatpak)", flatpak / "data" / "krita", flatpak / "config" / "kritarc"),
            Profile("Krita (Snap)", in_snap / ".local/share/krita", in_snap / ".config" / "kritarc", _shared(snap)),
        ]
    native, *others = [_moved(profile) for profile in candidates]
    if places.platform == "linux" and shutil.which("krita", path=places.environ.get("PATH")):
        return [native, *_existing(others)]  # also if it was never started: Krita will look there
    return _existing([native, *others])


def _moved(profile: Profile) -> Profile:
    """With the resource folder that the user has chosen in Krita, which then looks for plug-ins nowhere else."""
    try:
        text = profile.settings.read_text("utf-8", "replace") if profile.settings else ""
    except OSError:
        return profile
    chosen = kritarc.resource_folder(text)
    return replace(profile, folder=Path(chosen)) if chosen and Path(chosen).is_dir() else profile


def _snap(places: Places, name: str) -> Path:
    return places.home / "snap" / name


def _shared(snap: Path) -> Path:
    """A Snap sees nothing hidden in the home, so not the state folder. Of its own folders, this outlives updates."""
    return snap / "common" / "matted"


def _of_the_store(places: Places, package: str) -> list[Path]:
    """Windows leads what a program of its Store writes below AppData into a folder of the program's own."""
    packages = places.folder("LOCALAPPDATA", "AppData", "Local") / "Packages"
    return [folder / "LocalCache" for folder in sorted(packages.glob(package))]


def _existing(profiles: list[Profile]) -> list[Profile]:
    """Those that are there. One that is reached by two ways is the first of them."""
    there: dict[tuple[Path, Path | None], Profile] = {}
    for profile in profiles:
        if profile.folder.is_dir():
            there.setdefault((profile.folder.resolve(), profile.settings), profile)
    return list(there.values())
