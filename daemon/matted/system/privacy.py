"""Take out of a text what says whose computer it comes from."""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

HOME = "~"
_MIN_NAME = 2  # characters; one letter identifies nobody, and is in every text
_WORD = (r"(?<![^\W_])", r"(?![^\W_])")  # around a name; an underscore is part of file names, not of people's
_EVERYONES = {"localhost", "localdomain", "local"}  # names that every computer has


class HomeFilter:
    """Replaces the home folder by ~, however it is spelled: as the system says, resolved, with doubled backslashes."""

    def __init__(self, home: Path) -> None:
        spellings = {str(home), os.path.realpath(home)}
        spellings |= {spelling.replace("\\", "\\\\") for spelling in spellings}
        # a service without a home has "/", which is in every path
        self._homes = _any_of((each for each in spellings if len(each) > 1), r"(?<![\w.-])", r"(?![\w-])")

    def __call__(self, text: str) -> str:
        return self._homes.sub(HOME, text)


class PrivacyFilter:
    """Replaces the home folder by ~, each of `users` by USER, each of `hosts` by HOST, each of `secrets` by SECRET."""

    def __init__(self, home: Path, users: Iterable[str], hosts: Iterable[str], secrets: Iterable[str]) -> None:
        self._home = HomeFilter(home)
        self._words = [
            (_any_of(_identifying(users), *_WORD), "USER"),
            (_any_of(_identifying(hosts), *_WORD), "HOST"),
            (_any_of(filter(None, secrets)), "SECRET"),
        ]

    def __call__(self, text: str) -> str:
        text = self._home(text)
        for pattern, word in self._words:
            text = pattern.sub(word, text)
        return text


def home() -> Path:
    """Find the user's home folder; a relative path if there is none."""
    return Path(os.path.expanduser("~"))


def users() -> set[str]:
    """List the names of this process's user."""
    names = {home().name}
    with suppress(OSError, KeyError, ImportError):  # a user id without an entry
        names.add(getpass.getuser())
    return names


def hosts() -> set[str]:
    """List the names of this computer, with and without its domain."""
    name = socket.gethostname()
    return {name, name.partition(".")[0]}


def _identifying(names: Iterable[str]) -> list[str]:
    return [name for name in names if len(name) >= _MIN_NAME and name.lower() not in _EVERYONES]


def _any_of(words: Iterable[str], before: str = "", after: str = "") -> re.Pattern[str]:
    """Match any of these words, the longest first, as one may be the start of another. Without words, match nothing."""
    ordered = sorted(words, key=len, reverse=True)
    choice = "|".join(re.escape(word) for word in ordered) if ordered else r"(?!)"
    return re.compile(f"{before}(?:{choice}){after}", re.IGNORECASE)
