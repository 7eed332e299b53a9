"""Blur planes, halve them, and sample them at places between their samples."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_TAIL = 3.0  # sigmas at which a Gaussian window is cut off


def blurred(planes: Floats, sigma: float) -> Floats:
    """Return planes blurred by a Gaussian window. planes: ... x rows x columns. sigma: samples."""
    rows, columns = planes.shape[-2:]
    down, across = _window(rows, sigma), _window(columns, sigma)
    return np.asarray(down @ planes @ across.T, np.float32)


def halved(plane: Floats) -> Floats:
    """Return a plane of half the rows and columns; an odd one at the end is left out."""
    rows, columns = (side // 2 * 2 for side in plane.shape)
    plane = plane[:rows, :columns]
    means: Floats = (plane[::2, ::2] + plane[1::2, ::2] + plane[::2, 1::2] + plane[1::2, 1::2]) * np.float32(0.25)
    return means


def moved(planes: Floats, motion: Floats) -> Floats:
    """Return planes whose sample at x is theirs at x + motion, between four samples; beyond the border, the border's.

    planes: any number x rows x columns, at least 2 x 2.
    motion: 2 x rows x columns: down and across, in samples.
    """
    count, rows, columns = planes.shape
    down = (np.arange(rows, dtype=np.float32)[:, np.newaxis] + motion[0]).clip(0, rows - 1)
    across = (np.arange(columns, dtype=np.float32) + motion[1]).clip(0, columns - 1)
    top = np.minimum(down.astype(np.int32), rows - 2)
    left = np.minimum(across.astype(np.int32), columns - 2)
    down -= top
    across -= left
    first = top * columns + left
    result = np.empty((count, rows, columns), np.float32)
    for plane, out in zip(planes.reshape(count, -1), result, strict=True):
        above = plane.take(first)
        above += (plane.take(first + 1) - above) * across
        below = plane.take(first + columns)
        below += (plane.take(first + columns + 1) - below) * across
        below -= above
        below *= down
        np.add(above, below, out=out)
    return result


@lru_cache(64)
def _window(size: int, sigma: float) -> Floats:
    distance = np.arange(size)[:, np.newaxis] - np.arange(size)
    weights = np.exp(-0.5 * (distance / sigma) ** 2) * (np.abs(distance) <= _TAIL * sigma)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)
