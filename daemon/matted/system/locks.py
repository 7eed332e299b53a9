"""Locks between processes. The operating system releases a lock when its holder dies, however it dies."""

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
    """Lock an open file until it is closed. Returns False if another process has locked it."""
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
    """Hold a lock in the block.

    path: of the lock file, which exists only as long as the lock is held.
    on_wait: called once if another process holds the lock.
    check: called while waiting; raises to stop.

    Raises OSError.
    """
    waited = False
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = open(path, "ab")
        except FileNotFoundError:  # another process has just deleted the empty folder
            continue
        with file:
            # A holder deletes the file before it releases the lock, which may then be the lock of a deleted file.
            if try_lock(file) and _is_still(path, file):
                try:
                    yield
                finally:
                    with suppress(OSError):  # Windows cannot delete open files; the empty file does no harm
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
