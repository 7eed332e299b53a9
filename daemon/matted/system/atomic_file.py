"""Write atomic files: a reader sees the old file or the whole new one, never a part."""

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

_NAME = 40  # characters of the file's name that its temporary file takes over, so that its name is never too long


def write(path: Path, content: bytes, mode: int | None = None) -> None:
    """Write the file at `path`, or replace it.

    mode: its permissions, from the first moment; None for those of the file that it replaces, or of any new file.

    Several threads and processes may write the same file at once; on Windows one of them may fail. Raises OSError:
    `path` is then as it was, and no temporary file is left.
    """
    with _temporary(path, mode) as (_, file):
        file.write(content)  # not by its name: others who can write in the folder could put a link there


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield the path of an empty temporary file, which replaces the file at `path` when the block ends.

    If the block raises, or the file cannot be replaced (OSError), `path` is as it was, and no temporary file is left.
    For folders that only this user can write in.
    """
    with _temporary(path, None) as (place, file):
        file.close()
        yield place


def delete_leftovers(path: Path) -> None:
    """Delete the temporary files of `path` that killed processes have left. Not while another process may write them.

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
        place.unlink(missing_ok=True)  # left by a killed process that had the same number
        with open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, at_first), "wb") as file:
            if mode is not None and sys.platform != "win32":
                os.fchmod(file.fileno(), mode)  # whatever the umask
            yield place, file
        if mode is None and replaces and sys.platform != "win32":  # Windows cannot replace a read-only file
            with suppress(OSError):  # not every file system has permissions
                shutil.copymode(path, place)
        os.replace(place, path)
    except BaseException:
        with suppress(OSError):
            place.unlink()
        raise
