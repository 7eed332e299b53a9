"""Write files whole or not at all: a reader sees the old file or the new one, never a part."""

from __future__ import annotations

import glob
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_NAME = 40  # characters of the file's name that its temporary file has, which is then no longer than names can be


def write(path: Path, content: bytes, mode: int | None = None) -> None:
    """Replace the file at `path`, or make it.

    mode: its permissions, from the beginning; None for those of the file that it replaces, or of any new file.

    Several threads and processes may do so at the same time; on Windows one of them may fail. Raises OSError: `path` is
    then as it was, and nothing is left beside it.
    """
    with _temporary(path, mode) as (_, file):
        file.write(content)  # not by name: whoever else may write in the folder could put a link there


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the path of an empty temporary file, which replaces the file at `path` when the block ends.

    If the block raises, or the file cannot be put in place (OSError), `path` is as it was, and nothing is left beside
    it. For folders that nobody else can write in.
    """
    with _temporary(path, None) as (place, file):
        file.close()
        yield place


def delete_leftovers(path: Path) -> None:
    """Delete the temporary files of `path` that killed processes have left. Not while another process may write it.

    Raises OSError.
    """
    for place in path.parent.glob(f".{glob.escape(path.name[:_NAME])}.*.part"):
        place.unlink(missing_ok=True)


@contextmanager
def _temporary(path: Path, mode: int | None) -> Iterator[tuple[Path, BinaryIO]]:
    place = path.with_name(f".{path.name[:_NAME]}.{os.getpid()}-{threading.get_ident()}.part")
    replaces = path.exists()
    at_first = mode if mode is not None else 0o600 if replaces else 0o666
    try:
        place.unlink(missing_ok=True)  # of a process of this number that was killed
        with open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, at_first), "wb") as file:
            if mode is not None and sys.platform != "win32":
                os.fchmod(file.fileno(), mode)  # whatever the umask
            yield place, file
        if mode is None and replaces and sys.platform != "win32":  # there a file that is read-only cannot be replaced
            with suppress(OSError):  # not every file system has permissions
                shutil.copymode(path, place)
        os.replace(place, path)
    except BaseException:
        with suppress(OSError):
            place.unlink()
        raise
