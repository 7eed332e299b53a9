"""What all mechanisms have in common: the command, the entry that holds it, and the file of an entry.

An entry file carries a seal, a digest of its own text. If the digest does not fit, somebody has changed the file, and
it is not replaced or deleted unless that was asked for.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from matted_client import MattedError, python

from matted.system import atomic_file

# What decides where matted keeps its files. A login session may lack what a terminal has set.
FOLDER_VARIABLES = tuple(f"MATTED_{name}_DIR" for name in ("STATE", "DATA", "CACHE", "CONFIG")) + tuple(
    f"XDG_{name}_HOME" for name in ("STATE", "DATA", "CACHE", "CONFIG")
)
ENV = "/usr/bin/env"  # runs a program with variables set
NOTICE = "Written by: matted autostart enable. Once it is changed, matted leaves it alone, unless it is forced."
BLANK_SEAL = "matted-seal:" + "0" * 64

_SEAL = re.compile("matted-seal:[0-9a-f]{64}")


class AutostartError(MattedError):
    """The daemon cannot be made to start at login, or no longer."""


@dataclass(frozen=True)
class Command:
    """What is run at login.

    program: absolute path of a Python that has matted installed.
    environment: variables for folders that are not where they are by default.
    """

    program: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def words(self) -> list[str]:
        return [self.program, *self.arguments]


def serve_command(program: str, preload: str, environ: Mapping[str, str]) -> Command:
    """Make the command for a daemon that stays until the session ends.

    preload: id of a model to load at once, empty for none.

    Raises AutostartError if no entry can hold the command.
    """
    arguments = python.command(python.MATTED)[1:]
    arguments += ["serve", "--idle-exit", "forever", *(["--preload", preload] if preload else [])]
    folders = {name: os.path.abspath(environ[name]) for name in FOLDER_VARIABLES if environ.get(name)}
    for text in (program, preload, *folders.values()):
        if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text):
            message = f"{text!r} has a character in it that no login entry can hold."
            raise AutostartError(message, "Use a path of ordinary characters.")
    if not os.path.isabs(program) or "=" in program:  # what stands before a "=" is a variable to env
        raise AutostartError(f"Python at {program!r} cannot be started by login entries.", "Install matted elsewhere.")
    return Command(program, tuple(arguments), folders)


@dataclass(frozen=True)
class Entry:
    """What starts the daemon at login, as it is there now.

    title: the kind of entry.
    place: its file, or its place in the registry.
    runs: its command line, as written there.
    program: the absolute path in that; empty if it cannot be told.
    edited: whether somebody has changed it since matted wrote it.
    obstacle: why it starts nothing although it is there, as a sentence; empty if it does.
    """

    title: str
    place: str
    runs: str
    program: str
    edited: bool
    obstacle: str


class Mechanism(ABC):
    """A way to start something at login. Everything may raise AutostartError."""

    @classmethod
    @abstractmethod
    def here(cls, environ: Mapping[str, str]) -> Mechanism | None:
        """The mechanism of this account; None if this platform has none of the kind."""

    @property
    def usable(self) -> bool:
        """Whether `write` works in this session. What another session has written can be removed in any."""
        return True

    @property
    def passed_over(self) -> str:
        """Why it was not used where it is expected, as sentences for the user; empty if there is nothing to say."""
        return ""

    @abstractmethod
    def find(self) -> Entry | None:
        """Find the entry that is there now."""

    @abstractmethod
    def write(self, command: Command) -> list[str]:
        """Write the entry, over one that is there. Returns sentences about what the user should know."""

    @abstractmethod
    def remove(self) -> list[str]:
        """Delete the entry and what leads to it, if anything is there. Returns sentences as `write` does."""


def settings_folder(environ: Mapping[str, str]) -> Path:
    """The configuration folder of a Linux account."""
    return Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")


# -- entry files -----------------------------------------------------------------------------------------------------


def sealed(text: str) -> str:
    """Seal a text: put its digest in the place of the BLANK_SEAL that a comment in it has."""
    return text.replace(BLANK_SEAL, f"matted-seal:{hashlib.sha256(text.encode()).hexdigest()}", 1)


def is_as_written(text: str) -> bool:
    """Whether nobody has changed a sealed text."""
    return bool(_SEAL.search(text)) and sealed(_SEAL.sub(BLANK_SEAL, text, count=1)) == text


def read(path: Path) -> str | None:
    """Read a file, or None if there is none. What is not UTF-8 is replaced. Raises AutostartError."""
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AutostartError(f"{path} cannot be read: {error.strerror}.") from error


def write(path: Path, text: str) -> None:
    """Write the whole text or none of it. Raises AutostartError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_file.write(path, text.encode())
    except OSError as error:
        raise AutostartError(f"{path} cannot be written: {error.strerror}.") from error


def delete(path: Path, root: Path) -> None:
    """Delete a file or a link, and the folders above it, below `root`, that are empty then. Raises AutostartError."""
    try:
        path.unlink(missing_ok=True)
        folder = path.parent
        while folder != root and root in folder.parents and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent
    except OSError as error:
        raise AutostartError(f"{path} cannot be deleted: {error.strerror}.") from error
