"""A view: a part of a picture, and the size that it is shown at."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image


@dataclass(frozen=True)
class View:
    """What is to be seen of a picture.

    left, top, right, bottom: of the part, in pixels of the picture; fractions are possible.
    width, height: pixels in which the part is shown, at most as many as it has.
    whole: width and height of the picture.
    """

    left: float
    top: float
    right: float
    bottom: float
    width: int
    height: int
    whole: tuple[int, int]

    @classmethod
    def of(cls, width: int, height: int, view: list[int] | None = None) -> View:
        """Make a view of a picture of width x height pixels. view: as in the protocol; None for all of it as it is."""
        left, top, right, bottom, *size = view or (0, 0, width, height, width, height)
        return cls(left, top, right, bottom, size[0], size[1], (width, height))

    @property
    def is_whole(self) -> bool:
        """Whether it is the whole picture at its own size."""
        return self == View.of(*self.whole)

    @property
    def scale(self) -> float:
        """Pixels of the view for one of the picture, along the axis that has more of them; at most 1."""
        return max(self.width / (self.right - self.left), self.height / (self.bottom - self.top))

    def columns(self, samples: float) -> tuple[float, float]:
        """Return where the view begins and ends across, in samples of which the picture's width has so many."""
        return self.left / self.whole[0] * samples, self.right / self.whole[0] * samples

    def rows(self, samples: float) -> tuple[float, float]:
        """Return where the view begins and ends down, in samples of which the picture's height has so many."""
        return self.top / self.whole[1] * samples, self.bottom / self.whole[1] * samples

    def position(self, x: int, y: int) -> tuple[int, int] | None:
        """Return the column and the row of the view that a pixel of the picture lies in, None if it lies outside."""
        column = math.floor((x + 0.5 - self.left) / (self.right - self.left) * self.width)
        row = math.floor((y + 0.5 - self.top) / (self.bottom - self.top) * self.height)
        return (column, row) if 0 <= column < self.width and 0 <= row < self.height else None

    def widened(self, margin: int) -> tuple[View, slice, slice]:
        """Return a view of more of the picture, and the rows and the columns of it that this view is.

        margin: pixels of the view to be added on each side; fewer where the picture ends.
        """
        across, down = (self.right - self.left) / self.width, (self.bottom - self.top) / self.height
        before, above = min(margin, int(self.left / across)), min(margin, int(self.top / down))
        after = min(margin, int((self.whole[0] - self.right) / across))
        below = min(margin, int((self.whole[1] - self.bottom) / down))
        wider = View(
            max(0.0, self.left - before * across),  # products of fractions may end a hair's breadth outside
            max(0.0, self.top - above * down),
            min(self.whole[0], self.right + after * across),
            min(self.whole[1], self.bottom + below * down),
            self.width + before + after,
            self.height + above + below,
            self.whole,
        )
        return wider, slice(above, above + self.height), slice(before, before + self.width)


def dtype_of(depth: int) -> np.dtype[np.uint8 | np.uint16]:
    """Return the type of a mask's samples. depth: bits of one, 8 or 16; these are little-endian, as on the wire."""
    return np.dtype(np.uint8 if depth == 8 else "<u2")


def shown(mask: NDArray[np.uint8 | np.uint16], view: View) -> NDArray[np.uint8 | np.uint16]:
    """Return a mask of a picture as it is to be seen in a view: the mean of the pixels that each one shows."""
    box, size = (view.left, view.top, view.right, view.bottom), (view.width, view.height)
    if mask.dtype == np.uint8:
        return np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.BOX, box)).copy()
    floats = Image.fromarray(mask.astype(np.float32))
    means = np.rint(np.asarray(floats.resize(size, Image.Resampling.BOX, box)))
    return np.asarray(means, mask.dtype)
