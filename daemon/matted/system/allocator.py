"""Have the C library keep the memory of freed arrays for the next picture, and return it to the system later."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8  # of mallopt(3)
_NEVER = 2**31 - 1  # bytes of free memory at the end of the heap, above which it is returned


def keep_blocks() -> None:
    """Have glibc reuse freed memory, whatever its size, until `return_free_memory`. Does nothing on other systems.

    By default glibc gets each large block from the system, and returns it when it is freed. The system clears new
    pages: for a picture and the arrays made of it that takes longer than receiving the picture, and a third of the time
    of making a mask. All threads share one heap, because glibc cannot return the end of the others.
    """
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):  # a C library without mallopt
            libc = ctypes.CDLL(None)
            libc.mallopt(_M_MMAP_MAX, 0)
            libc.mallopt(_M_TRIM_THRESHOLD, _NEVER)
            libc.mallopt(_M_ARENA_MAX, 1)


def return_free_memory() -> None:
    """Return free memory to the system, also what lies between blocks in use. Takes milliseconds."""
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):
            ctypes.CDLL(None).malloc_trim(0)
