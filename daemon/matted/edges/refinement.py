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

    def cells(self, axis: int, start: int, stop: int, total: int) -> slice:
        """Which cells make the pixels start..stop of `total`, the size of another picture of the same."""
        cells, pixels_a_cell = self._count(axis), total * self.cell / self.size[axis]
        first, last = ((pixel + 0.5) / pixels_a_cell - 0.5 for pixel in (start, stop - 1))
        return slice(int(max(first, 0.0)), int(min(last, cells - 1)) + 2)

    def weights(self, axis: int, start: int, stop: int, total: int) -> Floats:
        """Linear interpolation from those cells to those pixels: pixels x cells, with sum 1 for each pixel."""
        cells, pixels_a_cell = self._count(axis), total * self.cell / self.size[axis]
        position = ((np.arange(start, stop) + 0.5) / pixels_a_cell - 0.5).clip(0, cells - 1)
        needed = np.arange(cells)[self.cells(axis, start, stop, total)]
        weights: Floats = np.maximum(0, 1 - np.abs(position[:, np.newaxis] - needed)).astype(np.float32)
        return weights

    def _count(self, axis: int) -> int:
        return -(-self.size[axis] // self.cell)


class Refinement:
    """What the colours of a picture say of its alpha, in the band where the model was unsure."""

    def __init__(
        self,
        picture: NDArray[np.uint8],
        channels: tuple[int, int, int],
        models: LocalModels,
        band: Floats,
        grid: Grid,
        boldly: bool,
        check: Callable[[], None],
    ) -> None:
        """picture: height x width x any number of channels, of which `channels` are red, green and blue. band: 0..1 for
        each cell of the grid, which may be that of a smaller picture of the same. boldly: also where alpha is nearly 0
        or 1. check: called between pieces of the work; raises to stop.
        """
        self._picture = picture
        self._channels = channels
        self._grid = grid
        self._boldly = boldly
        self._check = check
        share = band * models.trust
        self._fields = np.stack([*models.slopes, models.offset, share])
        pixels_a_cell = grid.cell * max(picture.shape[:2]) / max(grid.size)
        fitting = (side for side in _TILES if side * side * (side / pixels_a_cell + 2) <= ALONE)
        self._tile = next(fitting, _TILES[-1])

    def reaches(self, top: int, bottom: int, left: int, right: int) -> bool:
        """Whether it has to say anything of these pixels."""
        height, width = self._picture.shape[:2]
        rows, columns = self._grid.cells(0, top, bottom, height), self._grid.cells(1, left, right, width)
        return bool(self._fields[-1, rows, columns].any())

    def apply(self, alpha: Floats, top: int, left: int) -> None:
        """Replace alpha, 0..1, which lies at (top, left) of the picture, by what the local models say of the colours:
        as far as the band goes, and as far as they can be trusted.
        """
        for above in range(0, alpha.shape[0], self._tile):
            self._check()
            for before in range(0, alpha.shape[1], self._tile):
                tile = alpha[above : above + self._tile, before : before + self._tile]
                self._apply(tile, top + above, left + before)

    def _apply(self, alpha: Floats, top: int, left: int) -> None:
        height, width = self._picture.shape[:2]
        bottom, right = top + alpha.shape[0], left + alpha.shape[1]
        rows, columns = self._grid.cells(0, top, bottom, height), self._grid.cells(1, left, right, width)
        fields = self._fields[:, rows, columns]
        if not fields[-1].any():
            return
        down, across = self._grid.weights(0, top, bottom, height), self._grid.weights(1, left, right, width)
        red, green, blue, offset, degree = down @ fields @ across.T
        answer = offset
        for slope, channel in zip((red, green, blue), self._channels, strict=True):
            slope *= self._picture[top:bottom, left:right, channel]
            answer += slope
        answer -= np.float32(0.5)
        answer *= np.float32(_CONTRAST)
        answer += np.float32(0.5)
        np.clip(answer, 0.0, 1.0, out=answer)
        if not self._boldly:
            degree *= _doubt(alpha)
        answer -= alpha
        answer *= degree
        alpha += answer


def _doubt(alpha: Floats) -> Floats:
    """How much alpha, 0..1, leaves to be said: 1 at a half, still 0.83 at 0.1, and 0 where it is 0 or 1."""
    sureness: Floats = alpha * np.float32(2) - np.float32(1)
    for _ in range(3):  # the eighth power
        sureness *= sureness
    return np.subtract(np.float32(1), sureness, out=sureness)
