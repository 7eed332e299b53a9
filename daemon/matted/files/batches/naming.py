"""Name results apart: two pictures of a run never become one file, whatever their order and what is done already."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# The kinds of results, and the folder inside a folder of pictures that each goes into. What is in one of these is not a
# picture to work on, but what came of it.
FOLDERS = {"cutout": "cutouts", "mask": "masks", "refined": "refined", "refined-mask": "refined-masks"}
COMPARISON = "comparison"  # a kind of which there is one at a time, and so no folder
KINDS = (*FOLDERS, COMPARISON)
MASKS = {"mask", "refined-mask"}  # those of these that are masks, not cut-outs
Identity = str | tuple[int, int]
_UNIQUE = 3  # the level at which no two names are the same
_DIGITS = 8  # of a hash, which tells apart what nothing else does


def ending(kind: str, suffix: str) -> str:
    """Return the end of a result's name in a folder of pictures, by which a later run knows it for a result."""
    return f"-{kind}{suffix}"


@dataclass(frozen=True)
class Wish:
    """Where a picture's result would go if it were the only one: `folder` / (the picture's name + `ending`)."""

    source: Path
    folder: Path
    ending: str


def targets(wishes: Sequence[Wish]) -> list[Path]:
    """Return the file of each result, all different.

    x.jpg and x.png become x-jpg.png and x-png.png, and pictures of the same name from two folders get the name of their
    folder in front. All that would share a name are renamed, not only the second: then neither the order nor what is
    done already matters. Names that differ in case alone count as the same, since they are on Windows and macOS.

    That holds within one run: x.jpg and x.png, each in a run of its own, both become x.png.
    """
    levels = [0] * len(wishes)
    folders = {folder: Path(os.path.realpath(folder)) for folder in {wish.folder for wish in wishes}}
    while True:
        result, groups = [], defaultdict(list)
        for index, (wish, level) in enumerate(zip(wishes, levels, strict=True)):
            name = _name(wish.source, level) + wish.ending
            result.append(wish.folder / name)
            groups[folded(folders[wish.folder] / name)].append(index)
        clashing = []
        for group in groups.values():
            lowest = min(levels[index] for index in group)
            if len(group) > 1 and lowest < _UNIQUE:
                clashing += [index for index in group if levels[index] == lowest]
        if not clashing:
            return result
        for index in clashing:
            levels[index] += 1


def folded(path: Path) -> str:
    """Return a path as a file system compares it that ignores case: the same text for each way to write its name."""
    return unicodedata.normalize("NFC", str(path)).casefold()


def place(path: Path) -> str:
    """Return the same text for each way to a file. Case counts nowhere, since it does not on Windows and macOS."""
    return folded(Path(os.path.realpath(path)))


def identities(paths: Iterable[Path]) -> set[Identity]:
    """Return what files are known by: their places; and of those that are there, their numbers on their disks.

    All links to a file share the latter.
    """
    result: set[Identity] = set()
    for path in paths:
        result.add(place(path))
        with suppress(OSError):
            status = os.stat(path)
            if status.st_ino:  # not every file system has numbers
                result.add((status.st_dev, status.st_ino))
    return result


def _name(source: Path, level: int) -> str:
    """Return a picture's name without its suffix at level 0, and one that says more at each higher level."""
    suffix, place = source.suffix.lower().lstrip("."), Path(os.path.abspath(source))
    name = f"{source.stem}-{suffix}" if level and suffix else source.stem
    if level >= 2:
        name = f"{place.parent.name}-{name}"
    if level >= _UNIQUE:
        name += "-" + hashlib.sha256(bytes(place)).hexdigest()[:_DIGITS]
    return name
