"""Find the pictures in a folder, and count what was passed over, and why."""

from __future__ import annotations

import glob
import os
import stat
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from matted.files.batches import naming
from matted.files.formats import known
from matted.files.pictures import PictureError

# What systems leave beside pictures without a dot in front, in lower case: Windows, macOS, and a maker of disk servers.
_OF_THE_SYSTEM = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"}
_OF_THE_SYSTEM |= {"__macosx", "@eadir", "$recycle.bin", "system volume information"}
_WANTED = "matted formats lists what is looked for."
_MOST_SUFFIXES = 4  # that are named


class NoPictures(PictureError):
    """A folder can be read, and has no pictures."""


@dataclass
class PassedOver:
    """How many files and folders were not looked at.

    hidden: those that people do not see, and what systems leave: ".a.jpg", "Thumbs.db".
    others: files without a known suffix, by their suffixes.
    subfolders: folders that --recursive would take.
    links: to folders, which may lead in a circle.
    dead_links: to nothing, or to what may not be looked at.
    unreadable: folders.
    results: files that are the results of other pictures of the same run.
    """

    hidden: int = 0
    others: Counter[str] = field(default_factory=Counter)
    subfolders: int = 0
    links: int = 0
    dead_links: int = 0
    unreadable: int = 0
    results: int = 0

    def add(self, more: PassedOver) -> None:
        """Count what was passed over elsewhere as well."""
        self.hidden += more.hidden
        self.others += more.others
        self.subfolders += more.subfolders
        self.links += more.links
        self.dead_links += more.dead_links
        self.unreadable += more.unreadable
        self.results += more.results

    def counts(self) -> dict[str, int]:
        """Return the numbers of all of them, by name, for programs."""
        return {**vars(self), "others": self.others.total()}

    def __str__(self) -> str:
        """Say it in one sentence; empty if there was nothing."""
        others = self.others.total()
        named = [suffix for suffix, _ in self.others.most_common(_MOST_SUFFIXES) if suffix]
        more = ", ..." if len(self.others) > _MOST_SUFFIXES else ""
        parts = [
            _count(self.hidden, "hidden file"),
            _count(others, "file") + (f" of another kind ({', '.join(named)}{more})" if named else " of another kind"),
            _count(self.subfolders, "subfolder")
            + f" (--recursive takes {'it' if self.subfolders == 1 else 'them'}, too)",
            _count(self.links, "link") + (" to a folder" if self.links == 1 else " to folders"),
            _count(self.dead_links, "link") + " to nothing",
            _count(self.unreadable, "folder") + " that may not be read",
            _count(self.results, "result") + " of other pictures",
        ]
        counts = (self.hidden, others, self.subfolders, self.links, self.dead_links, self.unreadable, self.results)
        said = [part for part, count in zip(parts, counts, strict=True) if count]
        return f"Not looked at: {', '.join(said)}." if said else ""


@dataclass(frozen=True)
class Found:
    """What a folder holds.

    pictures: in the order of their names, those of subfolders behind those of the folder itself.
    passed_over: what else there is, but for the folders of results.
    """

    pictures: list[Path]
    passed_over: PassedOver


def expand(inputs: Sequence[Path]) -> list[Path]:
    """Replace patterns such as *.jpg, which not every shell replaces, by the files that they stand for, in order.

    A pattern does not match hidden names, and ** stands for folders at any depth. What exists is taken as it is.

    Raises PictureError if a pattern matches nothing.
    """
    result = []
    for entry in inputs:
        if os.path.lexists(entry) or not glob.has_magic(str(entry)):
            result.append(entry)
            continue
        matches = sorted(glob.glob(str(entry), recursive=True))
        if not matches:
            raise PictureError(f"Nothing is called {entry}.", "A name with * or ? stands for all files that match it.")
        result += [Path(match) for match in matches]
    return result


def find(folder: Path, recursive: bool = False, leave_out: Collection[Path] = ()) -> Found:
    """Find the picture files of a folder, by their suffixes.

    recursive: also in its subfolders, at any depth; not in those that hold results, and not through links.
    leave_out: folders that are not looked into.

    Raises PictureError if it cannot be read, and NoPictures if there are none.
    """
    found = _search(folder, recursive, leave_out)
    if not found.pictures:
        raise _nothing(folder, found.passed_over)
    return found


def list_pictures(folder: Path) -> list[Path]:
    """List the picture files of a folder, without subfolders, for commands that cannot take these.

    Raises PictureError as `find` does.
    """
    found = _search(folder, False, ())
    if not found.pictures:
        raise PictureError(f"There are no pictures in {folder} itself.", _WANTED)
    return found.pictures


def _search(folder: Path, recursive: bool, leave_out: Collection[Path]) -> Found:
    found = Found([], PassedOver())
    left_out = {os.path.realpath(place) for place in leave_out}
    waiting = [folder]  # not by recursion: folders may lie deeper in each other than Python calls
    while waiting:
        place = waiting.pop()
        try:
            deeper = _look_into(place, left_out, found)
        except OSError as error:
            if place == folder:
                raise PictureError(f"{folder} cannot be read: {error.strerror}.") from error
            found.passed_over.unreadable += 1
            continue
        if recursive:
            waiting += reversed(deeper)
        else:
            found.passed_over.subfolders += len(deeper)
    return found


def _look_into(folder: Path, left_out: Collection[str], found: Found) -> list[Path]:
    """Add what a folder holds to `found`, and return its subfolders.

    The entries are asked by os.path, not by themselves: those raise for a link to itself and the like.
    """
    passed_over, deeper = found.passed_over, []
    with os.scandir(folder) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    for entry in entries:
        path = folder / entry.name
        if _hidden(entry):
            passed_over.hidden += 1
        elif os.path.isdir(path):
            if entry.name in naming.FOLDERS.values() or (left_out and os.path.realpath(path) in left_out):
                continue
            if os.path.islink(path):
                passed_over.links += 1
            else:
                deeper.append(path)
        elif path.suffix.lower() in known.suffixes() and os.path.isfile(path):
            found.pictures.append(path)
        elif os.path.islink(path) and not os.path.exists(path):
            passed_over.dead_links += 1
        else:
            passed_over.others[path.suffix.lower()] += 1
    return deeper


def _hidden(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith(".") or entry.name.lower() in _OF_THE_SYSTEM:
        return True
    attributes = getattr(entry.stat(follow_symlinks=False), "st_file_attributes", 0) if os.name == "nt" else 0
    return bool(attributes & (stat.FILE_ATTRIBUTE_HIDDEN | stat.FILE_ATTRIBUTE_SYSTEM))


def _nothing(folder: Path, passed_over: PassedOver) -> NoPictures:
    if not passed_over.subfolders:
        return NoPictures(f"There are no pictures in {folder}.", f"{_WANTED} {passed_over}".rstrip())
    them = "it" if passed_over.subfolders == 1 else "them"
    message = f"There are no pictures in {folder} itself, but {_count(passed_over.subfolders, 'subfolder')}."
    return NoPictures(message, f"To take the pictures in {them}: --recursive")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
