"""The daemon's memory for arrays: what is large goes back to the system as soon as it is free."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

_M_MMAP_THRESHOLD = -3  # of mallopt(3)
LARGE = 1 << 19  # bytes


def return_large_blocks() -> None:
    """Have glibc take blocks of LARGE and more from the system, each by itself, and give them back when they are freed.

    It does so at first, but raises that size to 32 MB when it sees such blocks freed, and then keeps what pictures took
    in heaps, one a thread, that hardly ever shrink: 100 MB after 100 requests of up to a megapixel, instead of 64 MB.
    """
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):  # another C library
            ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE)


def return_the_rest() -> None:
    """Give back what lies free between blocks that are in use, in the heaps of all threads. Takes milliseconds."""
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):
            ctypes.CDLL(None).malloc_trim(0)
