"""Files written whole or not at all: a reader sees the old one or the new one, never a part."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PART = ".part"


@contextmanager
def draft(path: Path, mode: int | None = None) -> Iterator[Path]:
    """Give an empty file to write, which then takes the place of whatever file `path` is.

    mode: its permissions, from the beginning; None for those of the file that it replaces, or of any new file. Others
    may do the same at the same time. If the `with` block raises, or with OSError what is done around it, `path` is as
    it was, and nothing is left beside it.
    """
    # not from the name, which may be as long as names can be
    place = path.with_name(f".{os.getpid()}-{threading.get_ident()}{_PART}")
    try:
        place.unlink(missing_ok=True)  # of a process of this number that was killed
        os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else mode))
        yield place
        if mode is not None:
            place.chmod(mode)  # whatever the umask
        elif path.exists():
            shutil.copymode(path, place)
        os.replace(place, path)
    except BaseException:
        with suppress(OSError):
            place.unlink()
        raise


def write(path: Path, content: bytes, mode: int | None = None) -> None:
    """Put `content` in the place of whatever file `path` is. Otherwise as `draft`."""
    with draft(path, mode) as place:
        place.write_bytes(content)


def sweep(folder: Path) -> None:
    """Delete what processes that were killed have left in a folder where no other process writes. Raises OSError."""
    for place in folder.glob(f".*{_PART}"):
        place.unlink()
