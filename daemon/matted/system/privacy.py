"""Taking out of a text what says whose computer it comes from."""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

HOME = "~"
_LONG_ENOUGH = 2  # characters of a name; one letter identifies nobody, and is in every text
_WHOLE = (r"(?<![^\W_])", r"(?![^\W_])")  # around a name; an underscore is part of file names, not of people's
_NOBODY = {"localhost", "localdomain", "local"}  # names that every computer has


class Homeless:
    """Writes the home folder as ~, however it is spelled: as the system says, resolved, with doubled backslashes."""

    def __init__(self, home: Path) -> None:
        spellings = {str(home), os.path.realpath(home)}
        spellings |= {spelling.replace("\\", "\\\\") for spelling in spellings}
        # a service without a home has "/", which is in every path
        self._homes = _any_of((each for each in spellings if len(each) > 1), r"(?<![\w.-])", r"(?![\w-])")

    def __call__(self, text: str) -> str:
        return self._homes.sub(HOME, text)


class Anonymous:
    """Writes the home folder as ~, each of `users` as USER, each of `hosts` as HOST, each of `secrets` as SECRET."""

    def __init__(self, home: Path, users: Iterable[str], hosts: Iterable[str], secrets: Iterable[str]) -> None:
        self._homeless = Homeless(home)
        self._words = [
            (_any_of(_telling(users), *_WHOLE), "USER"),
            (_any_of(_telling(hosts), *_WHOLE), "HOST"),
            (_any_of(filter(None, secrets)), "SECRET"),
        ]

    def __call__(self, text: str) -> str:
        text = self._homeless(text)
        for pattern, word in self._words:
            text = pattern.sub(word, text)
        return text


def home() -> Path:
    """The user's home folder; a relative path where there is none."""
    return Path(os.path.expanduser("~"))


def users() -> set[str]:
    """What the user of this process is called."""
    names = {home().name}
    with suppress(OSError, KeyError, ImportError):  # a user id without an entry
        names.add(getpass.getuser())
    return names


def hosts() -> set[str]:
    """What this computer is called, with and without its domain."""
    name = socket.gethostname()
    return {name, name.partition(".")[0]}


def _telling(names: Iterable[str]) -> list[str]:
    return [name for name in names if len(name) >= _LONG_ENOUGH and name.lower() not in _NOBODY]


def _any_of(words: Iterable[str], before: str = "", after: str = "") -> re.Pattern[str]:
    """The longest first, as one may be the start of another. Matches nothing if there are none."""
    ordered = sorted(words, key=len, reverse=True)
    choice = "|".join(re.escape(word) for word in ordered) if ordered else r"(?!)"
    return re.compile(f"{before}(?:{choice}){after}", re.IGNORECASE)
