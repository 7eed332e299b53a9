"""Say what of a mask is sure: white and black far enough from each other; grey never is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matted.mask.matting import distances

Floats = NDArray[np.float32]
Mask = NDArray[np.uint8 | np.uint16]

_ROWS = 256  # of a mask that are reduced at once, about: saves memory


@dataclass(frozen=True)
class Reduced:
    """A mask at a smaller size.

    alpha: height x width, 0..1: the mean of the mask's pixels in each cell.
    mixed: height x width: whether they are anything but all 0 or all full scale.
    grey: height x width: whether one of them is anything but 0 or full scale.
    """

    alpha: Floats
    mixed: NDArray[np.bool_]
    grey: NDArray[np.bool_]

    @property
    def certainty(self) -> Floats:
        """How far each cell's side is known, 0..1: not at all where a pixel is grey, or half of them white."""
        certainty: Floats = np.abs(2 * self.alpha - 1) * ~self.grey
        return certainty

    def contrast(self, limit: float) -> Floats:
        """Return how far each cell is from the other side: white from black, black from white; 0 where it is mixed.

        limit: cells; larger distances need not be exact, only larger.
        """
        white, black = self.alpha > 2 / 3, self.alpha < 1 / 3
        apart = np.where(white, distances.to_nearest(black, limit), distances.to_nearest(white, limit))
        apart[self.mixed] = 0.0
        return apart


def reduce(mask: Mask, height: int, width: int) -> Reduced:
    """Reduce a mask to height x width cells, at most as many as it has pixels."""
    full = mask.dtype.type(np.iinfo(mask.dtype).max)
    tops = np.arange(height + 1) * mask.shape[0] // height
    lefts = np.arange(width) * mask.shape[1] // width
    widths = np.diff(lefts, append=mask.shape[1])
    alpha = np.empty((height, width), np.float32)
    mixed, grey = np.empty((2, height, width), bool)
    step = max(1, _ROWS * height // mask.shape[0])
    for start in range(0, height, step):
        bounds = tops[start : min(height, start + step) + 1]
        rows, strip = bounds[:-1] - bounds[0], mask[bounds[0] : bounds[-1]]
        cells = slice(start, start + rows.size)
        sums = np.add.reduceat(np.add.reduceat(strip, rows, axis=0, dtype=np.uint32), lefts, axis=1)
        counts = np.outer(np.diff(bounds), widths)
        alpha[cells] = sums / (counts * np.float64(full))
        # Unsigned numbers wrap around, so one comparison tests both ends.
        soft = strip - mask.dtype.type(1) < full - mask.dtype.type(1)
        grey[cells] = np.logical_or.reduceat(np.logical_or.reduceat(soft, rows, axis=0), lefts, axis=1)
        mixed[cells] = grey[cells] | ((sums > 0) & (alpha[cells] < 1.0))
    return Reduced(alpha, mixed, grey)


def settled(mask: Mask, reach: float) -> NDArray[np.bool_]:
    """Return which pixels of a mask stay as they are: white and black further than `reach` pixels from each other."""
    full = np.iinfo(mask.dtype).max
    light = mask > full // 2
    stays: NDArray[np.bool_] = (mask == full) | (mask == 0)
    stays &= np.where(light, distances.to_nearest(~light, reach), distances.to_nearest(light, reach)) > reach
    return stays
