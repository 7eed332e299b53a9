"""Measure distances to the nearest marked pixel (Euclidean, exact, row by row)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

FAR = np.float32(1e9)  # where no pixel is marked


def to_nearest(marked: NDArray[np.bool_], limit: float) -> Floats:
    """Return the distance of each pixel to the nearest marked one, in pixels.

    marked: height x width.
    limit: pixels; larger distances need not be exact, only larger.

    Along rows it is a running maximum of places; across them the least of squares, as in Saito and Toriwaki (1994).
    """
    height, width = marked.shape
    places = np.arange(width, dtype=np.float32)
    before = np.maximum.accumulate(np.where(marked, places, -FAR), axis=1)
    after = np.minimum.accumulate(np.where(marked, places, FAR)[:, ::-1], axis=1)[:, ::-1]
    squares = np.minimum(places - before, after - places)
    np.square(squares, out=squares)
    nearest = squares.copy()
    for step in range(1, min(height - 1, int(limit) + 1) + 1):
        further = np.float32(step * step)
        np.minimum(nearest[step:], squares[:-step] + further, out=nearest[step:])
        np.minimum(nearest[:-step], squares[step:] + further, out=nearest[:-step])
    return np.sqrt(nearest, out=nearest)
