"""Pixels that arrive in parts: one thread reads a layer while another sends what is there already."""

from __future__ import annotations

import mmap
import threading
from typing import Any, Optional

from .errors import MattedError

# Where a system tells private memory from shared; elsewhere it is always the former.
_PRIVATE = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_ANONYMOUS") else {}


class Filling:
    """A frame of pixels, filled from its start. It takes the place of a bytes-like object in a request.

    Reading a large layer and sending it take about the same time, so both go on at once. For two threads: one adds, one
    sends. It stays when it is sent, so that it can be sent again.
    """

    def __init__(self, size: int) -> None:
        """size: bytes of the whole frame. Raises MemoryError if there is no room for them."""
        # Memory that the system gives as it is filled: a bytearray of 100 megapixels takes 0.2 s to be made.
        try:
            self._buffer = mmap.mmap(-1, max(1, size), **_PRIVATE)
        except OSError as error:
            raise MemoryError("%d bytes of pixels" % size) from error
        self._size = size
        self._filled = 0
        self._error: Optional[MattedError] = None
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return self._size

    @property
    def bytes(self) -> memoryview:
        """What has arrived."""
        return memoryview(self._buffer)[: self._filled]

    def add(self, part: Any) -> None:
        """Put a bytes-like object behind what is there. Raises ValueError if there is no room for it."""
        view = memoryview(part).cast("B")
        end = self._filled + len(view)
        if end > self._size:
            raise ValueError("%d bytes more than the frame has" % (end - self._size))
        self._buffer[self._filled : end] = view
        with self._changed:
            self._filled = end
            self._changed.notify_all()

    def fail(self, error: MattedError) -> None:
        """Say that no more will come. Whoever waits for it gets the error."""
        with self._changed:
            self._error = error.alone()
            self._changed.notify_all()

    def after(self, start: int, seconds: float) -> memoryview:
        """Return the bytes from `start` on that have arrived. Waits at most so long for the first of them.

        Raises the error of `fail`.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._filled > start or self._error is not None, seconds)
            if self._error is not None:
                raise self._error.alone()
            return memoryview(self._buffer)[start : self._filled]
