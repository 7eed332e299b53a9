"""Which Python runs a host's plug-ins.

GIMP looks into its .interp files for what a script's first line names, and else has the system run it. Krita has its
Python inside; that of a distribution is the distribution's own. Flatpaks and Snaps have one in the sandbox.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from matted.hosts.profiles import Places, Profile

_ENTRY = re.compile(r"^(?:/usr/bin/)?python3?=(.+)$", re.MULTILINE)  # of an .interp file: a name, and the program
_GIMP_FLATPAK = "org.gimp.GIMP"
_INTERPRETERS = ("lib/gimp/3.*", "lib64/gimp/3.*", "lib/*-linux-gnu/gimp/3.*")


class UnknownError(Exception):
    """Why it cannot be told, or not be run from outside the host, in words that fit behind a colon."""


@dataclass(frozen=True)
class HostPython:
    """command: runs it; arguments can follow. name: for people.

    sandboxed: it comes with the host, so that it can be missing, or need more than we know to run alone.
    """

    command: tuple[str, ...]
    name: str
    sandboxed: bool = False


def find(host: str, profile: Profile, places: Places) -> list[HostPython]:
    """At least one; two where two installations of the host share the profile. Raises UnknownError."""
    if places.platform != "linux":
        raise UnknownError("it is inside the program, on this system")
    app, snap = (_below(profile.folder, places.home / folder) for folder in (Path(".var", "app"), Path("snap")))
    if app:
        return [_of_flatpak(app, places)]
    if snap:
        return [_of_snap(snap, places)]
    if host == "krita":
        return [_system(_krita(places))]
    shared = _is_shared_with_flatpak(profile, places)
    try:
        return [_system(_gimp(profile, places)), *([_of_flatpak(_GIMP_FLATPAK, places)] if shared else [])]
    except UnknownError:
        if not shared:
            raise
        return [_of_flatpak(_GIMP_FLATPAK, places)]


def _system(program: str) -> HostPython:
    return HostPython((program,), program)


def _of_flatpak(app: str, places: Places) -> HostPython:
    if _which("flatpak", places) is None:
        raise UnknownError("there is no flatpak command")
    command = ("flatpak", "run", "--command=python3", app)
    return HostPython(command, " ".join(command), sandboxed=True)


def _of_snap(name: str, places: Places) -> HostPython:
    if _which("snap", places) is None:
        raise UnknownError("there is no snap command")
    command = ("snap", "run", "--shell", name, "-c", 'exec python3 "$@"', "python3")
    return HostPython(command, f"python3 in the Snap {name}", sandboxed=True)


def _is_shared_with_flatpak(profile: Profile, places: Places) -> bool:
    """GIMP's Flatpak is allowed the folder of a GIMP outside, and uses it instead of its own."""
    outside = places.folder("XDG_CONFIG_HOME", ".config") / "GIMP"
    used = (places.home / ".var" / "app" / _GIMP_FLATPAK).is_dir()
    return used and profile.folder.parent == outside and _which("flatpak", places) is not None


def _below(folder: Path, above: Path) -> str:
    """The first name on the way from `above` down to `folder`, empty if that does not lie there."""
    try:
        return folder.relative_to(above).parts[0]
    except (ValueError, IndexError):
        return ""


def _gimp(profile: Profile, places: Places) -> str:
    program = next(
        filter(None, (_which(name, places) for name in ("gimp", "gimp-3.2", "gimp-3.0", "gimp-console"))), None
    )
    for python in _interpreters(profile, program):
        if _which(python, places):
            return python
    if program is None:
        raise UnknownError("there is no gimp command; an AppImage has its Python inside")
    return _systems_own(places)


def _interpreters(profile: Profile, program: str | None) -> Iterator[str]:
    """What the .interp files name, the user's own before GIMP's."""
    folders = [profile.folder]
    if program:
        prefix = Path(program).resolve().parents[1]
        folders += [folder for pattern in _INTERPRETERS for folder in sorted(prefix.glob(pattern))]
    for folder in folders:
        for file in sorted((folder / "interpreters").glob("*.interp")):
            yield from (found.strip() for found in _ENTRY.findall(file.read_text("utf-8", "replace")))


def _krita(places: Places) -> str:
    program = _which("krita", places)
    if program is None or not Path(program).resolve().is_relative_to("/usr"):
        raise UnknownError("there is no krita command of a distribution; an AppImage has its Python inside")
    return _systems_own(places)


def _systems_own(places: Places) -> str:
    found = _which("python3", places)
    if found is None:
        raise UnknownError("there is no python3 command")
    return found


def _which(name: str, places: Places) -> str | None:
    """On the PATH as the desktop has it: matted's own environment may be active here."""
    ours = os.path.join(sys.prefix, "bin") if sys.prefix != sys.base_prefix else None
    path = os.pathsep.join(part for part in places.environ.get("PATH", "").split(os.pathsep) if part != ours)
    return shutil.which(name, path=path)
