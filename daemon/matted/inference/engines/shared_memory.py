"""Pass large arrays between two processes through memory that both map.

The writer makes the memory grow as needed. A reader gets views of it, which hold until the writer's next `put`. The
memory has no name on Linux and macOS, so that nothing is left behind however the processes end.
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

_ALIGNMENT = 64  # bytes; the widest vector of a processor
_GRANULE = 1 << 20  # bytes; the memory grows by whole ones
_numbers = itertools.count()


class ArrayPlace(NamedTuple):
    """Where an array lies in shared memory. mapped: bytes to map at least; offset: its first byte."""

    mapped: int
    offset: int
    shape: tuple[int, ...]
    dtype: str


class Writer:
    """Puts arrays into shared memory. For one thread at a time.

    handle: how the other process finds the memory, to be passed to it; on Linux and macOS an open file descriptor.
    """

    def __init__(self, handle: str) -> None:
        self.handle = handle
        self._mapped: mmap.mmap | None = None

    def put(self, arrays: Sequence[NDArray[Any]]) -> list[ArrayPlace]:
        """Copy the arrays into the memory, in the place of those before. Raises MemoryError if there is no room."""
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

    def close(self) -> None:
        """Give the memory back. Views of it hold on to it until they are gone."""
        self._mapped = None
        self.handle = _close(self.handle)

    def _with_room(self, count: int) -> mmap.mmap:
        if self._mapped is None or len(self._mapped) < count:
            size = max(1, -(-count // _GRANULE)) * _GRANULE
            try:
                _grow(self.handle, size)
                self._mapped = _map(self.handle, size)
            except OSError as error:
                raise MemoryError(f"{size} bytes of shared memory are not to be had: {error}") from error
        return self._mapped


class Reader:
    """Reads the arrays that a Writer of the same handle has put. For one thread at a time."""

    def __init__(self, handle: str) -> None:
        self.handle = handle
        self._mapped: mmap.mmap | None = None

    def get(self, places: Sequence[ArrayPlace]) -> list[NDArray[Any]]:
        """Return views of the arrays, which hold until the writer's next `put`."""
        views = []
        for place in places:
            if self._mapped is None or len(self._mapped) < place.mapped:
                self._mapped = _map(self.handle, place.mapped)
            views.append(_view(self._mapped, place))
        return views

    def close(self) -> None:
        """Give the memory back. Views of it hold on to it until they are gone."""
        self._mapped = None
        self.handle = _close(self.handle)


def create() -> str:
    """Make an empty memory and return its handle, for a Writer or a Reader, which closes it."""
    if sys.platform == "win32":
        return f"matted-{os.getpid()}-{next(_numbers)}"
    if sys.platform == "linux":
        return str(os.memfd_create("matted"))
    with tempfile.TemporaryFile() as file:  # macOS: a file without a name
        return str(os.dup(file.fileno()))


def descriptors(*handles: str) -> tuple[int, ...]:
    """Return what a process that is started has to inherit, to use these handles."""
    return () if sys.platform == "win32" else tuple(int(handle) for handle in handles)


def _close(handle: str) -> str:
    """Close a handle, unless it is closed. Returns the closed one."""
    if handle and sys.platform != "win32":
        os.close(int(handle))
    return ""


def _grow(handle: str, size: int) -> None:
    """Have so many bytes for good: without it, what the system lacks ends the process at the first write."""
    if sys.platform == "linux":
        os.posix_fallocate(int(handle), 0, size)
    elif sys.platform != "win32":
        os.ftruncate(int(handle), size)


def _map(handle: str, size: int) -> mmap.mmap:
    if sys.platform == "win32":
        return mmap.mmap(-1, size, tagname=f"{handle}-{size}")  # the memory only grows: each size is a name of its own
    return mmap.mmap(int(handle), size)


def _view(memory: mmap.mmap, place: ArrayPlace) -> NDArray[Any]:
    view: NDArray[Any] = np.ndarray(place.shape, place.dtype, memory, place.offset)
    return view
