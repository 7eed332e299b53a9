"""Apply local colour models to the pixels of a picture of any size, in the band where the matting model was unsure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from matted.inference.layer import Layer
from matted.masking.edges.local import LocalModels
from matted.masking.edges.matrices import Floats
from matted.masking.rendering import resampling
from matted.masking.rendering.resampling import Span
from matted.masking.view import View

_CONTRAST = 1.1  # around a half: colours vary on both sides of an edge, and their alpha is still to be 0 and 1


@dataclass(frozen=True)
class Grid:
    """A grid of square cells over a picture.

    cell: pixels a side.
    size: (height, width) of the picture; the last cells may reach beyond it.
    """

    cell: int
    size: tuple[int, int]

    def mean(self, samples: Floats) -> Floats:
        """Return the mean of each cell, rows x columns, over those of its pixels that lie in the picture."""
        height, width = self.size
        rows, columns = (np.arange(0, side, self.cell) for side in self.size)
        sums = np.add.reduceat(np.add.reduceat(samples, rows, axis=0), columns, axis=1)
        counts = np.outer(np.diff(rows, append=height), np.diff(columns, append=width))
        means: Floats = (sums / counts).astype(np.float32)
        return means

    def spans(self, view: View) -> tuple[list[Span], list[Span]]:
        """Return how to interpolate from cells to the pixels of a view of the same picture, down and across."""
        (height, width), cell = self.size, self.cell
        (top, bottom), (left, right) = view.rows(height), view.columns(width)
        down = resampling.linear(-(-height // cell), view.height, view.height * cell / (bottom - top), begin=top / cell)
        across = resampling.linear(-(-width // cell), view.width, view.width * cell / (right - left), begin=left / cell)
        return down, across


@dataclass(frozen=True)
class EdgeModels:
    """Local colour models for the band of a mask, fitted once and applied to any view of the picture.

    fields: 5 x rows x columns, of cells: three slopes and an offset, as in LocalModels, and how far alpha is replaced.
    grid: of the cells over the picture, or over the same picture at a smaller size.
    also_where_sure: whether alpha is replaced as far where it is 0 or 1 already.
    """

    fields: Floats
    grid: Grid
    also_where_sure: bool

    @classmethod
    def of(cls, models: LocalModels, band: Floats, grid: Grid, also_where_sure: bool) -> EdgeModels:
        """Take the models of the cells. band: 0..1 for each cell, how far alpha is replaced there."""
        contrast = np.float32(_CONTRAST)
        offset = models.offset * contrast + (np.float32(1) - contrast) / np.float32(2)
        return cls(np.stack([*(models.slopes * contrast), offset, band * models.trust]), grid, also_where_sure)


class Refinement:
    """Replaces alpha in the band by what local colour models make of a picture's colours (a rendering.EdgeRefiner)."""

    def __init__(self, models: EdgeModels, picture: Layer, check: Callable[[], None], view: View | None = None) -> None:
        """Prepare the models for a picture.

        picture: whose alpha is refined.
        check: called before each block; raises to stop.
        view: the view that `picture` shows; None if it is the whole picture, at whatever size.
        """
        self._picture = picture
        self._also_where_sure = models.also_where_sure
        self._check = check
        self._fields = models.fields
        self._down, self._across = models.grid.spans(view or View.of(picture.width, picture.height))
        share = self._fields[-1]
        self._reaches = [
            [bool(share[down.samples, each.samples].any()) for each in self._across] for down in self._down
        ]

    def reaches(self, row: int, column: int) -> bool:
        """Return whether the band reaches into a block, as `EdgeRefiner.reaches`."""
        return self._reaches[row][column]

    def apply(self, alpha: Floats) -> None:
        """Refine the alpha of the whole picture in place. alpha: height x width, 0..1."""
        for row, down in enumerate(self._down):
            for column, across in enumerate(self._across):
                self.apply_to_block(alpha[down.pixels, across.pixels], row, column)

    def apply_to_block(self, alpha: Floats, row: int, column: int) -> None:
        """Refine the alpha of a block in place, as `EdgeRefiner.apply_to_block`.

        Blends alpha with the models' alpha. The models' share is the band times their trust; it shrinks to 0 where
        alpha is 0 or 1, unless `also_where_sure`.
        """
        self._check()
        if not self._reaches[row][column]:
            return
        down, across = self._down[row], self._across[column]
        cells = self._fields[:, down.samples, across.samples]
        red, green, blue, refined, share = down.weights @ (cells @ across.weights.T)
        samples = self._picture.samples[down.pixels, across.pixels]
        for slope, channel in zip((red, green, blue), self._picture.channels, strict=True):
            slope *= samples[:, :, channel].copy()  # contiguous, which is quicker to multiply by
            refined += slope
        np.clip(refined, 0.0, 1.0, out=refined)
        if not self._also_where_sure:
            share *= _doubt(alpha)
        refined -= alpha
        refined *= share
        alpha += refined


def _doubt(alpha: Floats) -> Floats:
    """Return 1 - (2 alpha - 1)**8: 1 where alpha is a half, still 0.83 at 0.1 and 0.9, and 0 at 0 and 1."""
    certainty: Floats = alpha * np.float32(2) - np.float32(1)
    for _ in range(3):  # squared three times: the eighth power
        certainty *= certainty
    return np.subtract(np.float32(1), certainty, out=certainty)
