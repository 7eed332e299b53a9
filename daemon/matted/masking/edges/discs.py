"""Dilate a mask by a disc: a stack of rows of pixels, whose maxima are shared."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Samples = TypeVar("_Samples", NDArray[np.uint8], NDArray[np.uint8 | np.uint16])


def dilated(mask: _Samples, rows: slice, columns: slice, radius: float) -> _Samples:
    """Return a part of a mask, for each pixel the maximum over a disc around it.

    mask: height x width; beyond its edges everything is 0.
    rows, columns: of the part, within the mask.
    radius: of the disc, in pixels: what is exactly so far away belongs to it.

    The maximum of a row is that of two overlapping rows whose length is a power of two, and these are computed once for
    all rows of the disc.
    """
    reach = int(radius)
    above, before = max(0, rows.start - reach), max(0, columns.start - reach)
    around = mask[above : rows.stop + reach, before : columns.stop + reach]
    tall, wide = rows.stop - rows.start, columns.stop - columns.start
    if around.min() == around.max():
        return np.full((tall, wide), around[0, 0], mask.dtype)
    missing = [
        (outer - part.start + reach, max(0, part.stop + reach - length))
        for outer, part, length in zip((above, before), (rows, columns), mask.shape, strict=True)
    ]
    maxima = [np.pad(around, missing)]  # maxima[n][y, x]: of the 2**n pixels from x on
    while 2 << (len(maxima) - 1) <= 2 * reach + 1:
        length = 1 << (len(maxima) - 1)
        maxima.append(np.maximum(maxima[-1][:, :-length], maxima[-1][:, length:]))
    highest = maxima[0][reach : reach + tall, reach : reach + wide].copy()
    for distance in range(reach + 1):
        half = math.isqrt(int(radius * radius - distance * distance))
        level = (2 * half + 1).bit_length() - 1
        first, second = reach - half, reach + half + 1 - (1 << level)
        for y in {reach - distance, reach + distance}:
            line = maxima[level][y : y + tall]
            np.maximum(highest, line[:, first : first + wide], out=highest)
            np.maximum(highest, line[:, second : second + wide], out=highest)
    return highest
