"""Bring local colour models from their coarse grid to the pixels of a picture of any size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matted.edges.local import Floats, LocalModels

_TILE = 256  # pixels; what is computed at once
_TRUST = 0.3  # R² from which a local colour model replaces the matte altogether
_CONTRAST = 1.1  # colours vary on both sides of an edge; this makes nearly 0 and nearly 1 what they are meant to be

Colours = Callable[[int, int, int, int], NDArray[np.uint8]]
"""left, top, right, bottom -> rows x columns x 3."""


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
    colours: Colours,
    models: LocalModels,
    band: Floats,
    grid: Grid,
    check: Callable[[], None],
) -> None:
    """Replace alpha by what the models say of the colours, as far as `band` says and as far as they can be trusted.

    target: alpha in 0..peak, height x width of any size. colours: those of a part of it. band: 0..1, of the grid's
    size.
    """
    height, width = target.shape
    share = grid.mean(band) * np.minimum(models.trust * np.float32(1 / _TRUST), 1)
    fields = np.stack([*models.slopes, models.offset, share])
    for top in range(0, height, _TILE):
        check()
        bottom = min(height, top + _TILE)
        rows, down = grid.weights(0, top, bottom, height)
        if not share[rows].any():
            continue
        for left in range(0, width, _TILE):
            right = min(width, left + _TILE)
            columns, across = grid.weights(1, left, right, width)
            if not share[rows, columns].any():
                continue
            red, green, blue, offset, degree = down @ fields[:, rows, columns] @ across.T
            tile = colours(left, top, right, bottom)
            answer = offset
            for slope, channel in zip((red, green, blue), range(3), strict=True):
                slope *= tile[:, :, channel]
                answer += slope
            answer -= np.float32(0.5)
            answer *= np.float32(_CONTRAST)
            answer += np.float32(0.5)
            np.clip(answer, 0.0, 1.0, out=answer)
            part = target[top:bottom, left:right]
            answer *= np.float32(peak)
            answer -= part
            answer *= degree
            answer += part
            part[...] = answer if target.dtype == np.float32 else np.rint(answer)
