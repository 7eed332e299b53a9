"""The daemon's memory for arrays: kept while pictures come in, given back to the system when none does."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8  # of mallopt(3)
_NEVER = 2**31 - 1  # bytes: what is free at the end of the heap stays there, up to so much


def keep_blocks() -> None:
    """Have glibc reuse the memory of what was freed, whatever its size, until `return_the_rest`.

    By itself it takes large blocks from the system one by one, and gives each back when it is free. Every picture that
    comes in, and every array that is made of it, then lies in pages that the system clears first: that takes longer
    than to receive the picture, and a third of the time of making a mask. One heap serves all threads: of those of
    other threads glibc would keep the end.
    """
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):  # another C library
            libc = ctypes.CDLL(None)
            libc.mallopt(_M_MMAP_MAX, 0)
            libc.mallopt(_M_TRIM_THRESHOLD, _NEVER)
            libc.mallopt(_M_ARENA_MAX, 1)


def return_the_rest() -> None:
    """Give back what is free, also between blocks in use. Takes milliseconds."""
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):
            ctypes.CDLL(None).malloc_trim(0)
