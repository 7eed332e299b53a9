"""Tune a finished mask: apply a threshold, grow or shrink it, feather its edge."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from matted.masking.edges import discs
from matted.masking.rendering.resampling import Span

Mask = NDArray[np.uint8 | np.uint16]
Check = Callable[[], None]

_DISC_TILE = 256  # pixels a side, grown at once: the larger, the fewer pixels are computed for two tiles
_BLUR_TILE = 32, 64  # rows and columns, blurred at once: the smaller, the fewer tiles have an edge to blur
_LEAST_SIGMA = 5.0  # samples; a mask is reduced before the blur, as far as sigma stays at least that wide
_TAIL = 4.0  # sigmas at which a Gaussian is cut off: 6e-5 of it lies beyond


def tune(mask: Mask, threshold: float | None, grow: int, feather: float, check: Check) -> Mask:
    """Return the tuned mask, of the same size and type: `mask` itself if nothing is asked for.

    The steps, in this order:

    threshold: 0..1; alpha becomes 1 from this value up, 0 below it. None for no threshold.
    grow: pixels by which the subject grows on all sides, or shrinks if negative.
    feather: pixels, the standard deviation of a Gaussian blur.

    check: called between pieces of the work; raises to stop.
    """
    full = np.iinfo(mask.dtype).max
    if threshold is not None:
        mask = (mask >= math.ceil(threshold * full)) * mask.dtype.type(full)
    if grow > 0:
        mask = _dilated(mask, grow, check)
    elif grow < 0:
        mask = full - _dilated(full - mask, -grow, check)
    if feather > 0:
        mask = _blurred(mask, feather, check)
    return mask


def _tiles(mask: Mask, tile: int, check: Check) -> Iterator[tuple[int, int, int, int]]:
    """Yield top, bottom, left, right of each tile of `tile` x `tile` pixels."""
    height, width = mask.shape
    for top in range(0, height, tile):
        check()
        for left in range(0, width, tile):
            yield top, min(height, top + tile), left, min(width, left + tile)


def _dilated(mask: Mask, radius: int, check: Check) -> Mask:
    """Return for each pixel the maximum over a disc around it, whose radius is in pixels."""
    grown = np.empty_like(mask)
    for top, bottom, left, right in _tiles(mask, _DISC_TILE, check):
        grown[top:bottom, left:right] = discs.dilated(mask, slice(top, bottom), slice(left, right), radius)
    return grown


def _blurred(mask: Mask, sigma: float, check: Check) -> Mask:
    """Return the Gaussian blur of a mask; only pixels within the mask have a weight.

    A wide blur is made of a reduced mask. The Gaussian gives the pixels of the result directly from the reduced
    samples, so nothing has to be enlarged. Its variance is less by that of the reduction, which is a box blur of
    `scale` pixels: (scale² - 1) / 12.
    """
    scale = max(1, int(sigma / _LEAST_SIGMA))
    source = _reduced(mask, scale, check) if scale > 1 else mask
    remaining = math.sqrt(sigma * sigma - (scale * scale - 1) / 12)
    blurred = np.empty_like(mask)
    sides = tuple(side * min(scale, 8) for side in _BLUR_TILE)
    rows, columns = (
        [_gaussian(start, min(start + side, size), size, scale, remaining) for start in range(0, size, side)]
        for side, size in zip(sides, mask.shape, strict=True)
    )
    for down in rows:
        check()
        strip = source[down.samples]
        lowest, highest = strip.min(axis=0), strip.max(axis=0)
        for across in columns:
            tile = blurred[down.pixels, across.pixels]
            if lowest[across.samples].min() == highest[across.samples].max():
                tile[...] = np.rint(lowest[across.samples.start])
            else:
                tile[...] = np.rint(down.weights @ strip[:, across.samples].astype(np.float32) @ across.weights.T)
    return blurred


def _gaussian(start: int, stop: int, size: int, scale: int, sigma: float) -> Span:
    """Return how the pixels from `start` to `stop` of an axis are blurred.

    size: pixels of the axis.
    scale: pixels that each sample is the mean of; the last sample of fewer.
    sigma: pixels.
    """
    margin = _TAIL * sigma
    first, last = max(0, int((start - margin) / scale)), min(-(-size // scale), int((stop + margin) / scale) + 1)
    begins = np.arange(first, last) * scale
    ends = np.minimum(begins + scale, size)
    distance = (np.arange(start, stop)[:, np.newaxis] - (begins + ends - 1) / 2) / sigma
    weights = np.exp(-0.5 * distance * distance) * (ends - begins)
    weights = weights / weights.sum(axis=1, keepdims=True)
    return Span(slice(start, stop), slice(first, last), weights.astype(np.float32))


def _reduced(mask: Mask, scale: int, check: Check) -> NDArray[np.float32]:
    """Return the means of squares of scale x scale pixels; at the right and lower edge, of the pixels that are left."""
    height, width = mask.shape
    columns = np.arange(0, width, scale)
    widths = np.diff(columns, append=width)
    reduced = np.empty((-(-height // scale), columns.size), np.float32)
    for row, line in enumerate(reduced):
        check()
        strip = mask[row * scale : (row + 1) * scale]
        sums = np.add.reduceat(strip.sum(axis=0, dtype=np.uint32), columns)
        line[:] = sums / (widths * strip.shape[0])
    return reduced
