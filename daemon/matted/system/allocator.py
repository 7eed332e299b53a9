"""Memory for arrays: keep it while pictures come in, and return it to the system when none does."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8  # of mallopt(3)
_NEVER = 2**31 - 1  # bytes: what is free at the end of the heap stays there, up to so much


def keep_blocks() -> None:
    """Have glibc reuse freed memory, whatever its size, until `return_free_memory`.

    By default glibc takes large blocks from the system one by one, and returns each when it is freed. The system clears
    new pages, and for a picture and the arrays that are made of it that takes longer than to receive the picture, and a
    third of the time of making a mask. One heap serves all threads, because glibc would not return the end of others.
    """
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):  # another C library
            libc = ctypes.CDLL(None)
            libc.mallopt(_M_MMAP_MAX, 0)
            libc.mallopt(_M_TRIM_THRESHOLD, _NEVER)
            libc.mallopt(_M_ARENA_MAX, 1)


def return_free_memory() -> None:
    """Return free memory to the system, also between blocks in use. Takes milliseconds."""
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):
            ctypes.CDLL(None).malloc_trim(0)
