"""Remove from a text what identifies the user and the computer: home folder, names, secrets."""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

HOME = "~"
_MIN_NAME = 2  # characters; a name of one letter identifies no one, and is in every text
_WORD = (r"(?<![^\W_])", r"(?![^\W_])")  # before and after a name; underscores may be next to it, as in file names
_COMMON_HOSTS = {"localhost", "localdomain", "local"}  # names that every computer has


class HomeFilter:
    """Replaces the home folder by ~, in all its spellings: as given, with links resolved, with doubled backslashes."""

    def __init__(self, home: Path) -> None:
        spellings = {str(home), os.path.realpath(home)}
        spellings |= {spelling.replace("\\", "\\\\") for spelling in spellings}
        # the home of a service may be "/", which is in every path
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
    """Return the user's home folder; the relative path "~" if it is not known."""
    return Path(os.path.expanduser("~"))


def users() -> set[str]:
    """Return the names of the user of this process."""
    names = {home().name}
    with suppress(OSError, KeyError, ImportError):  # the user id has no name
        names.add(getpass.getuser())
    return names


def hosts() -> set[str]:
    """Return the names of this computer, with and without its domain."""
    name = socket.gethostname()
    return {name, name.partition(".")[0]}


def _identifying(names: Iterable[str]) -> list[str]:
    return [name for name in names if len(name) >= _MIN_NAME and name.lower() not in _COMMON_HOSTS]


def _any_of(words: Iterable[str], before: str = "", after: str = "") -> re.Pattern[str]:
    """Return a pattern for any of the words, the longest first, as one may begin another. No words match nothing."""
    ordered = sorted(words, key=len, reverse=True)
    choice = "|".join(re.escape(word) for word in ordered) if ordered else r"(?!)"
    return re.compile(f"{before}(?:{choice}){after}", re.IGNORECASE)
