"""Pass large arrays from one process to another through shared memory.

The writer enlarges the memory as needed. The reader gets views of it, which are valid until the writer's next `put`. On
Linux and macOS the memory has no name, so nothing is left behind however the processes end.
"""

from __future__ import annotations

import itertools
import mmap
import os
import sys
import tempfile
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_ALIGNMENT = 64  # bytes, the widest vector of a processor
_GRANULE = 1 << 20  # bytes: the memory's size is a multiple of it
_numbers = itertools.count()


class ArrayPlace(NamedTuple):
    """Where an array lies in shared memory.

    mapped: size of the memory when it was written, so that at least so many bytes have to be mapped.
    offset: of its first byte.
    dtype: in NumPy's notation, as "|u1" or "<f4".
    """

    mapped: int
    offset: int
    shape: tuple[int, ...]
    dtype: str


class _End:
    """One process's end of the memory.

    handle: identifies the memory to the other process; on Linux and macOS an open file descriptor.
    """

    def __init__(self, handle: str) -> None:
        self.handle = handle
        self._mapped: mmap.mmap | None = None

    @property
    def bytes(self) -> int:
        """The size of the memory as it is mapped here."""
        return len(self._mapped) if self._mapped is not None else 0

    def close(self) -> None:
        """Free the memory, once no views of it are left. May be called again."""
        self._mapped = None
        self.handle = _close(self.handle)


class Writer(_End):
    """Puts arrays into shared memory. For one thread at a time."""

    def put(self, arrays: Sequence[NDArray[Any]]) -> list[ArrayPlace]:
        """Copy arrays into the memory, over the former ones. Raises MemoryError if the system has no room."""
        offsets = [0]
        for array in arrays:
            offsets.append(-(-(offsets[-1] + array.nbytes) // _ALIGNMENT) * _ALIGNMENT)
        memory = self._with_room(offsets[-1])
        places = []
        for array, offset in zip(arrays, offsets, strict=False):
            place = ArrayPlace(len(memory), offset, array.shape, array.dtype.str)
            np.copyto(_view(memory, place), array)
            places.append(place)
        return places

    def _with_room(self, count: int) -> mmap.mmap:
        if self._mapped is None or len(self._mapped) < count:
            size = max(1, -(-count // _GRANULE)) * _GRANULE
            self._mapped = _map(self.handle, size, grow=True)
        return self._mapped


class Reader(_End):
    """Reads the arrays that the Writer of the same memory has put there. For one thread at a time."""

    def get(self, places: Sequence[ArrayPlace]) -> list[NDArray[Any]]:
        """Return views of the arrays, which are valid until the writer's next `put`."""
        views = []
        for place in places:
            if self._mapped is None or len(self._mapped) < place.mapped:
                self._mapped = _map(self.handle, place.mapped)
            views.append(_view(self._mapped, place))
        return views


def create() -> str:
    """Make an empty memory. Returns its handle, for a Writer or a Reader, which closes it."""
    if sys.platform == "win32":
        return f"matted-{os.getpid()}-{next(_numbers)}"
    if sys.platform == "linux" and hasattr(os, "memfd_create"):  # Pythons made for an old glibc lack it
        return str(os.memfd_create("matted"))
    in_memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryFile(dir=in_memory) as file:  # without a name
        return str(os.dup(file.fileno()))


def descriptors(*handles: str) -> tuple[int, ...]:
    """Return the file descriptors that a new process has to inherit to use these handles."""
    return () if sys.platform == "win32" else tuple(int(handle) for handle in handles)


def _close(handle: str) -> str:
    """Close a handle, unless it is closed. Returns the empty handle, which is closed."""
    if handle and sys.platform != "win32":
        os.close(int(handle))
    return ""


def _grow(handle: str, size: int) -> None:
    """Allocate the bytes now. Otherwise the system would end the process at the first write that it has no page for."""
    if sys.platform == "linux":
        os.posix_fallocate(int(handle), 0, size)
    elif sys.platform != "win32":
        os.ftruncate(int(handle), size)


def _map(handle: str, size: int, grow: bool = False) -> mmap.mmap:
    """Map the memory, grown to `size` first if that is wanted. Raises MemoryError."""
    try:
        if sys.platform == "win32":
            return mmap.mmap(-1, size, tagname=f"{handle}-{size}")  # it only grows: each size is a name of its own
        if grow:
            _grow(handle, size)
        return mmap.mmap(int(handle), size)
    except OSError as error:
        raise MemoryError(f"the system has no {size} bytes of shared memory: {error}") from error


def _view(memory: mmap.mmap, place: ArrayPlace) -> NDArray[Any]:
    view: NDArray[Any] = np.ndarray(place.shape, place.dtype, memory, place.offset)
    return view
