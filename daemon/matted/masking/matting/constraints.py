"""Say what of a mask is sure: white and black far enough from each other; grey never is."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from matted.masking.edges import discs
from matted.masking.matting import distances

Floats = NDArray[np.float32]
Mask = NDArray[np.uint8 | np.uint16]


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
    """Reduce a mask to height x width cells, at most as many as it has pixels.

    Most columns of most rows of cells have one level throughout, which the least and the greatest tell quickly.
    """
    full = mask.dtype.type(np.iinfo(mask.dtype).max)
    tops = np.arange(height + 1) * mask.shape[0] // height
    lefts = np.arange(width) * mask.shape[1] // width
    widths = np.diff(lefts, append=mask.shape[1])
    alpha = np.empty((height, width), np.float32)
    mixed, grey = np.empty((2, height, width), bool)
    for row, (top, bottom) in enumerate(pairwise(tops)):
        strip = mask[top:bottom]
        lowest, highest = strip.min(axis=0), strip.max(axis=0)
        sums = lowest.astype(np.uint32) * np.uint32(bottom - top)
        # Unsigned numbers wrap around, so one comparison tests both ends.
        soft = lowest - mask.dtype.type(1) < full - mask.dtype.type(1)
        several = np.flatnonzero(lowest != highest)
        if several.size:
            part = slice(several[0], several[-1] + 1)
            sums[part] = strip[:, part].sum(axis=0, dtype=np.uint32)
            soft[part] = (strip[:, part] - mask.dtype.type(1) < full - mask.dtype.type(1)).any(axis=0)
        sums = np.add.reduceat(sums, lefts)
        alpha[row] = sums / (widths * (bottom - top) * np.float64(full))
        grey[row] = np.logical_or.reduceat(soft, lefts)
        mixed[row] = grey[row] | ((sums > 0) & (alpha[row] < 1.0))
    return Reduced(alpha, mixed, grey)


def settled(mask: Mask, rows: slice, columns: slice, reach: float) -> NDArray[np.bool_]:
    """Return which pixels of a part stay as they are: white and black further than `reach` pixels from each other.

    rows, columns: of the part, within the mask.
    """
    full, margin = np.iinfo(mask.dtype).max, int(reach)
    above, before = max(0, rows.start - margin), max(0, columns.start - margin)
    light = (mask[above : rows.stop + margin, before : columns.stop + margin] > full // 2).view(np.uint8)
    inner = slice(rows.start - above, rows.stop - above), slice(columns.start - before, columns.stop - before)
    near = np.where(light[inner], discs.dilated(1 - light, *inner, reach), discs.dilated(light, *inner, reach))
    part = mask[rows, columns]
    stays: NDArray[np.bool_] = ((part == 0) | (part == full)) & (near == 0)
    return stays
