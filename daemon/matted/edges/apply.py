"""Bring local colour models from their coarse grid to the pixels of a picture of any size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matted.edges.linear import ALONE, Floats
from matted.edges.local import LocalModels

_TILES = (128, 64)  # pixels a side of what is computed at once: the first whose cells are few enough
_CONTRAST = 1.1  # colours vary on both sides of an edge; this makes nearly 0 and nearly 1 what they are meant to be


@dataclass(frozen=True)
class Grid:
    """Cells of cell x cell pixels of a picture of `size` (height, width), the last of which may reach beyond it."""

    cell: int
    size: tuple[int, int]

    def mean(self, samples: Floats) -> Floats:
        """The mean of each cell, over what of it lies in the picture."""
        height, width = self.size
        rows, columns = (np.arange(0, side, self.cell) for side in self.size)
        sums = np.add.reduceat(np.add.reduceat(samples, rows, axis=0), columns, axis=1)
        counts = np.outer(np.diff(rows, append=height), np.diff(columns, append=width))
        means: Floats = (sums / counts).astype(np.float32)
        return means

    def weights(self, axis: int, start: int, stop: int, total: int) -> tuple[slice, Floats]:
        """Linear interpolation from cells to the pixels start..stop of `total`, which is the size of another picture of
        the same. Returns which cells are needed, and pixels x cells weights.
        """
        side = self.size[axis]
        cells = -(-side // self.cell)
        position = (np.arange(start, stop) + 0.5) * (side / (total * self.cell)) - 0.5
        position = position.clip(0, cells - 1)
        below = np.minimum(position.astype(np.intp), max(cells - 2, 0))
        first, last = below[0], min(below[-1] + 2, cells)
        weights = np.zeros((stop - start, last - first), np.float32)
        index = np.arange(stop - start)
        share = position - below
        weights[index, below - first] = 1 - share
        if cells > 1:
            weights[index, below + 1 - first] = share
        return slice(first, last), weights


def apply(
    target: NDArray[np.float32 | np.uint8 | np.uint16],
    peak: int,
    picture: NDArray[np.uint8],
    channels: tuple[int, int, int],
    models: LocalModels,
    band: Floats,
    grid: Grid,
    boldly: bool,
    check: Callable[[], None],
) -> None:
    """Replace alpha by what the models say of the colours, as far as `band` says and as far as they can be trusted.

    target: alpha in 0..peak, height x width. picture: height x width x any number of channels, of which `channels` are
    red, green and blue. band: 0..1 for each cell. boldly: also where alpha is nearly 0 or 1.
    """
    height, width = target.shape
    share = band * models.trust
    fields = np.stack([*models.slopes, models.offset, share])
    pixels_a_cell = grid.cell * max(height, width) / max(grid.size)
    fitting = (side for side in _TILES if side * side * (side / pixels_a_cell + 2) <= ALONE)
    tile = next(fitting, _TILES[-1])
    for top in range(0, height, tile):
        check()
        bottom = min(height, top + tile)
        rows, down = grid.weights(0, top, bottom, height)
        if not share[rows].any():
            continue
        for left in range(0, width, tile):
            right = min(width, left + tile)
            columns, across = grid.weights(1, left, right, width)
            if not share[rows, columns].any():
                continue
            red, green, blue, offset, degree = down @ fields[:, rows, columns] @ across.T
            here = picture[top:bottom, left:right]
            answer = offset
            for slope, channel in zip((red, green, blue), channels, strict=True):
                slope *= here[:, :, channel]
                answer += slope
            answer -= np.float32(0.5)
            answer *= np.float32(_CONTRAST)
            answer += np.float32(0.5)
            np.clip(answer, 0.0, 1.0, out=answer)
            part = target[top:bottom, left:right]
            if not boldly:
                degree *= _doubt(part, peak)
            answer *= np.float32(peak)
            answer -= part
            answer *= degree
            answer += part
            part[...] = answer if target.dtype == np.float32 else np.rint(answer)


def _doubt(alpha: NDArray[np.float32 | np.uint8 | np.uint16], peak: int) -> Floats:
    """How much alpha, 0..peak, leaves to be said: 1 at a half, still 0.83 at 0.1, and 0 where it is 0 or 1."""
    sureness: Floats = alpha * np.float32(2 / peak) - np.float32(1)
    for _ in range(3):  # the eighth power
        sureness *= sureness
    return np.subtract(np.float32(1), sureness, out=sureness)
