"""The daemon's memory for arrays: kept while pictures are worked on, given back to the system when none is."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD, _M_ARENA_MAX = -3, -1, -8  # of mallopt(3)
LARGE = 1 << 25  # bytes; the most that glibc allows


def keep_small_blocks() -> None:
    """Have glibc reuse blocks of less than LARGE, and give back larger ones as soon as they are free.

    By itself it takes blocks of 128 KB and more from the system one by one, until it has seen larger ones freed, and
    gives back the end of its heap whenever that is free. Each array is then made of pages that the system clears first:
    a third of the time of making a mask. `return_the_rest` is the other side of it, and takes one heap for all threads:
    of those of other threads glibc keeps the end.
    """
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):  # another C library
            libc = ctypes.CDLL(None)
            libc.mallopt(_M_MMAP_THRESHOLD, LARGE)
            libc.mallopt(_M_TRIM_THRESHOLD, 8 * LARGE)
            libc.mallopt(_M_ARENA_MAX, 1)


def return_the_rest() -> None:
    """Give back what is free, in the heaps of all threads, also between blocks in use. Takes milliseconds."""
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):
            ctypes.CDLL(None).malloc_trim(0)
