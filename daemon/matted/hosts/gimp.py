"""GIMP 3 as a host: a folder of settings for each version, and plug-ins that are programs."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from matted.hosts.host import (
    Host,
    HostPython,
    Profile,
    UnknownPythonError,
    existing,
    flatpak_python,
    system_python,
)
from matted.hosts.places import Places

_FLATPAK, _SNAP, _STORE = "org.gimp.GIMP", "gimp", "GIMP*"
_VERSIONS = "3.*"  # GIMP 2 has another plug-in interface
_COMMANDS = ("gimp", "gimp-3.2", "gimp-3.0", "gimp-console")
_WITHOUT_WINDOWS = ("gimp-console-3", "gimp-console-3.2", "gimp-console-3.0", "gimp-console", "gimp-3", "gimp")
_VERSION_SECONDS = 30.0
_INTERPRETERS = ("lib/gimp/3.*", "lib64/gimp/3.*", "lib/*-linux-gnu/gimp/3.*")
_ENTRY = re.compile(r"^(?:/usr/bin/)?python3?=(.+)$", re.MULTILINE)  # of an .interp file: a name, and the program


class Gimp(Host):
    """GIMP runs a plug-in as a program, so it is on as soon as it is there."""

    id = "gimp"
    title = "GIMP"
    home = "plug-ins/remove-background"
    source = "gimp/remove-background"
    programs = (f"{home}/remove-background.py",)
    profile_holds = "plug-ins"
    next_step = "Start GIMP, or start it again, open a picture and choose Layer > Mask > Remove Background."

    def profiles(self, places: Places) -> list[Profile]:
        """A profile for each version of each kind of installation, and the folder in GIMP3_DIRECTORY."""
        roots: list[tuple[str, Path, Path | None]]
        if places.platform == "win32":
            roots = [("GIMP", places.folder("APPDATA", "AppData", "Roaming") / "GIMP", None)]
            roots += [("GIMP (Store)", cache / "Roaming" / "GIMP", None) for cache in places.store(_STORE)]
        elif places.platform == "darwin":
            roots = [("GIMP", places.home / "Library" / "Application Support" / "GIMP", None)]
        else:
            in_snap = places.snap(_SNAP) / "current" / ".config" / "GIMP"
            roots = [
                ("GIMP", _outside(places), None),
                ("GIMP (Flatpak)", places.flatpak(_FLATPAK) / "config" / "GIMP", None),
                ("GIMP (Snap)", in_snap, places.snap_shared(_SNAP)),
            ]
        found = [
            Profile(f"{name} {folder.name}", folder, shared=shared)
            for name, root, shared in roots
            for folder in sorted(root.glob(_VERSIONS))
        ]
        own = places.environ.get("GIMP3_DIRECTORY")
        return existing([*found, *([Profile("GIMP in GIMP3_DIRECTORY", Path(own))] if own else [])])

    def first_start(self, places: Places) -> tuple[str, ...]:
        """GIMP makes its profile when it starts. In a folder that is there already it would not, so we make none."""
        if places.platform != "linux":
            return ()
        programs = filter(None, map(places.which, _WITHOUT_WINDOWS))
        program = next((each for each in programs if _is_version_3(each)), None)
        return (program, "--no-interface", "--quit") if program else ()

    def native_pythons(self, profile: Profile, places: Places) -> list[HostPython]:
        """The Python outside, and that of a Flatpak that shares the profile: two where both are there."""
        shared = _is_shared_with_flatpak(profile, places)
        in_flatpak = [flatpak_python(_FLATPAK, places)] if shared else []
        try:
            return [_python(profile, places), *in_flatpak]
        except UnknownPythonError:
            if not in_flatpak:
                raise
            return in_flatpak


def _is_version_3(program: str) -> bool:
    try:
        done = subprocess.run(
            [program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_VERSION_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return bool(re.search(r" 3\.\d", done.stdout))


def _outside(places: Places) -> Path:
    """The profiles of a GIMP outside sandboxes, which GIMP's Flatpak is allowed to use instead of its own."""
    return places.folder("XDG_CONFIG_HOME", ".config") / "GIMP"


def _is_shared_with_flatpak(profile: Profile, places: Places) -> bool:
    used = places.flatpak(_FLATPAK).is_dir()
    return used and profile.folder.parent == _outside(places) and places.which("flatpak") is not None


def _python(profile: Profile, places: Places) -> HostPython:
    """The program that an .interp file names for a script's first line, else the distribution's Python."""
    program = next(filter(None, map(places.which, _COMMANDS)), None)
    for python in _interpreters(profile, program):
        if places.which(python):
            return HostPython((python,), python)
    if program is None:
        raise UnknownPythonError("there is no gimp command; an AppImage has its Python inside")
    return system_python(places)


def _interpreters(profile: Profile, program: str | None) -> Iterator[str]:
    """What the .interp files name, the user's own before GIMP's."""
    folders = [profile.folder]
    if program:
        prefix = Path(program).resolve().parents[1]
        folders += [folder for pattern in _INTERPRETERS for folder in sorted(prefix.glob(pattern))]
    for folder in folders:
        for file in sorted((folder / "interpreters").glob("*.interp")):
            yield from (found.strip() for found in _ENTRY.findall(file.read_text("utf-8", "replace")))
