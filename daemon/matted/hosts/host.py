"""What matted has to know about a program to serve it as a host: the interface, and what most hosts have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from matted_client.plugin import SETTINGS_FILE

from matted.hosts.places import Places


@dataclass(frozen=True)
class Profile:
    """One place that a plug-in can be put.

    name: for people, such as "GIMP (Flatpak) 3.2".
    folder: the paths of `Host.home` and `Host.extras` are relative to it.
    settings: the host's file that says which plug-ins are on; None if there is none or it is not known.
    shared: the folder of the connection file that this host can read; None if it can read the daemon's own.
    """

    name: str
    folder: Path
    settings: Path | None = None
    shared: Path | None = None


@dataclass(frozen=True)
class HostPython:
    """A Python that runs a host's plug-ins.

    command: runs it; arguments can follow.
    name: for people.
    sandboxed: it comes with the host, so that it can be missing, or need more than we know to run alone.
    """

    command: tuple[str, ...]
    name: str
    sandboxed: bool = False


class UnknownPythonError(Exception):
    """Which Python runs the plug-ins cannot be told, or it cannot be run from outside the host.

    The text says why, in words that fit behind a colon.
    """


class Host(ABC):
    """A program with a plug-in of ours. Paths are relative to a profile's folder, with "/" between their parts.

    id: what commands call it.
    title: what people call it.
    home: the plug-in's own folder in a profile.
    source: where that folder's files are among our plug-ins.
    extras: what belongs beside `home`: path in the profile -> file among our plug-ins.
    programs: the paths of the files that the host runs as programs.
    profile_holds: the name of the folder by which a person knows a profile.
    next_step: what to do after an installation, as a sentence.
    importer: how to have the host itself take a zip of the plug-in, as sentences; empty if it has no importer.
    """

    id: str
    title: str
    home: str
    source: str
    extras: ClassVar[Mapping[str, str]] = {}
    programs: tuple[str, ...] = ()
    profile_holds: str
    next_step: str
    importer: str = ""

    @property
    def manifest(self) -> str:
        """The path of the file that lists what an installation has put into a profile."""
        return f"{self.home}/{SETTINGS_FILE}"

    @abstractmethod
    def profiles(self, places: Places) -> list[Profile]:
        """Find every profile that exists, in all kinds of installations."""

    def chosen(self, folder: Path, places: Places) -> Profile:
        """The profile in a folder that the user named, which may be one that `profiles` does not find."""
        folder = folder.absolute()
        known = {profile.folder: profile for profile in reversed(self.profiles(places))}
        return known.get(folder) or Profile(f"{self.title} in {folder}", folder)

    def first_start(self, places: Places) -> tuple[str, ...]:
        """The command that has a host without a profile make one, without a window; empty if there is none to run."""
        return ()

    def switch_on(self, profile: Profile) -> str:
        """Have the host load the plug-in. Returns what is left for the user to do, or empty. Raises OSError."""
        return ""

    def switch_off(self, profile: Profile) -> None:  # noqa: B027 - many hosts have nothing to do here
        """Remove every trace of `switch_on`. Raises OSError."""

    def is_off(self, profile: Profile) -> str:
        """How to switch the plug-in on, if the host does not load it although it is installed; else empty."""
        return ""

    def pythons(self, profile: Profile, places: Places) -> list[HostPython]:
        """Each Python that runs the plug-ins of a profile; at least one. Raises UnknownPythonError."""
        if places.platform != "linux":
            raise UnknownPythonError("it is inside the program, on this system")
        kind, name = places.sandbox(profile.folder)
        if kind == "flatpak":
            return [flatpak_python(name, places)]
        if kind == "snap":
            return [_snap_python(name, places)]
        return self.native_pythons(profile, places)

    @abstractmethod
    def native_pythons(self, profile: Profile, places: Places) -> list[HostPython]:
        """As `pythons`, for a profile outside sandboxes on Linux."""


def existing(profiles: Iterable[Profile]) -> list[Profile]:
    """The profiles whose folder exists. One that is reached by two ways is the first of them."""
    there: dict[tuple[Path, Path | None], Profile] = {}
    for profile in profiles:
        if profile.folder.is_dir():
            there.setdefault((profile.folder.resolve(), profile.settings), profile)
    return list(there.values())


def flatpak_python(app: str, places: Places) -> HostPython:
    """The Python in a Flatpak. Raises UnknownPythonError."""
    if places.which("flatpak") is None:
        raise UnknownPythonError("there is no flatpak command")
    command = ("flatpak", "run", "--command=python3", app)
    return HostPython(command, " ".join(command), sandboxed=True)


def _snap_python(name: str, places: Places) -> HostPython:
    if places.which("snap") is None:
        raise UnknownPythonError("there is no snap command")
    command = ("snap", "run", "--shell", name, "-c", 'exec python3 "$@"', "python3")
    return HostPython(command, f"python3 in the Snap {name}", sandboxed=True)


def system_python(places: Places) -> HostPython:
    """The distribution's own Python. Raises UnknownPythonError."""
    found = places.which("python3")
    if found is None:
        raise UnknownPythonError("there is no python3 command")
    return HostPython((found,), found)
