"""Bring local colour models from their coarse grid to the pixels of a picture of any size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from matted.inference.layer import Layer
from matted.mask import resampling
from matted.mask.edges.linear import Floats
from matted.mask.edges.local import LocalModels
from matted.mask.resampling import Span

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

    def spans(self, axis: int, pixels: int) -> list[Span]:
        """From cells to the pixels of a picture of the same that has `pixels` along the axis."""
        cells = -(-self.size[axis] // self.cell)
        return resampling.linear(cells, pixels, pixels * self.cell / self.size[axis])


class Refinement:
    """What the colours of a picture say of its alpha, in the band where the model was unsure."""

    def __init__(
        self,
        picture: Layer,
        models: LocalModels,
        band: Floats,
        grid: Grid,
        boldly: bool,
        check: Callable[[], None],
    ) -> None:
        """band: 0..1 for each cell of the grid, which may be that of a smaller picture of the same. boldly: also where
        alpha is nearly 0 or 1. check: called between pieces of the work; raises to stop.
        """
        self._picture = picture
        self._boldly = boldly
        self._check = check
        contrast = np.float32(_CONTRAST)
        offset = models.offset * contrast + (np.float32(1) - contrast) / np.float32(2)
        self._fields = np.stack([*(models.slopes * contrast), offset, band * models.trust])
        self._down = grid.spans(0, picture.height)
        self._across = grid.spans(1, picture.width)
        degree = self._fields[-1]
        self._reached = [[bool(degree[down.seen, across.seen].any()) for across in self._across] for down in self._down]

    def reaches(self, row: int, column: int) -> bool:
        """Whether it has to say anything of a block of the picture."""
        return self._reached[row][column]

    def apply(self, alpha: Floats) -> None:
        """As `apply_to_block`, for the whole picture."""
        for row, down in enumerate(self._down):
            for column, across in enumerate(self._across):
                self.apply_to_block(alpha[down.made, across.made], row, column)

    def apply_to_block(self, alpha: Floats, row: int, column: int) -> None:
        """Replace alpha, 0..1, of a block by what the local models say of the colours: as far as the band goes, and as
        far as they can be trusted.
        """
        self._check()
        if not self._reached[row][column]:
            return
        down, across = self._down[row], self._across[column]
        red, green, blue, answer, degree = down.weights @ (self._fields[:, down.seen, across.seen] @ across.weights.T)
        samples = self._picture.samples[down.made, across.made]
        for slope, channel in zip((red, green, blue), self._picture.channels, strict=True):
            slope *= samples[:, :, channel].copy()  # in one piece: quicker to multiply by
            answer += slope
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
