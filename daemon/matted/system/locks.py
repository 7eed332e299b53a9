"""Locks between processes, which the operating system drops when their holder dies, however it dies."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_POLL_SECONDS = 0.1


def try_lock(file: BinaryIO) -> bool:
    """Lock an open file. False if another process holds it. It stays locked until it is closed."""
    try:
        if sys.platform == "win32":
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def holding(path: Path, on_wait: Callable[[], None], check: Callable[[], None]) -> Iterator[None]:
    """Hold the lock file `path`, which exists only that long.

    on_wait: called once if another process holds it.
    check: called while waiting; what it raises ends the waiting.

    Raises OSError.
    """
    waited = False
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = open(path, "ab")
        except FileNotFoundError:  # whoever held a lock beside it cleared the empty folder away just now
            continue
        with file:
            # A holder deletes the file before it lets go: what we then get is the lock of a file that is no more.
            if try_lock(file) and _is_still(path, file):
                try:
                    yield
                finally:
                    with suppress(OSError):  # Windows does not delete open files; the empty file does no harm
                        path.unlink()
                return
        if not waited:
            on_wait()
        waited = True
        check()
        time.sleep(_POLL_SECONDS)


def _is_still(path: Path, file: BinaryIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except OSError:
        return False
