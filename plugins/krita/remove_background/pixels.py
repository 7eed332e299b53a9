"""Moves pixels to and from Krita in parts, so that its event loop goes on in between."""

from __future__ import annotations

from typing import Any, Callable, Iterator, Tuple

from .qt import QtCore
from .turns import NOW_MS, Turns

Area = Tuple[int, int, int, int]  # x, y, width, height

PART_BYTES = 4 << 20  # some 5 ms; what is smaller saves no time
TILE_ROWS = 64  # Krita keeps pixels in tiles of 64 x 64


def read(source: Any, area: Area, pixel_bytes: int, take: Callable[[Any], None]) -> Turns:
    """Read an area of a node or selection.

    take: called with each part, a bytes-like object, from the top.
    """
    for part in _parts(area, pixel_bytes):
        take(source.pixelData(*part))
        yield NOW_MS


def write(target: Any, area: Area, pixel_bytes: int, pixels: Any) -> Turns:
    """Fill an area of a node or selection. pixels: a bytes-like object, rows from the top."""
    view, start = memoryview(pixels).cast("B"), 0
    for part in _parts(area, pixel_bytes):
        end = start + part[2] * part[3] * pixel_bytes
        target.setPixelData(QtCore.QByteArray(bytes(view[start:end])), *part)
        start = end
        yield NOW_MS


def _parts(area: Area, pixel_bytes: int) -> Iterator[Area]:
    """The parts of an area: full tiles, and at least one row of them."""
    left, top, width, height = area
    rows = max(1, PART_BYTES // (width * pixel_bytes * TILE_ROWS)) * TILE_ROWS
    for start in range(0, height, rows):
        yield left, top + start, width, min(rows, height - start)
