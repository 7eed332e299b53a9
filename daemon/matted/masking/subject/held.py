"""Hold what a person said in every pixel of a mask: nothing outside the box, keep points in, drop points out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from matted.masking.view import View

Mask = NDArray[np.uint8 | np.uint16]

_HAIR = 1e-6  # pixels by which products of fractions may be off
# Background and subject stay what they are, all else is undecided: a mean is then decided only where all pixels are.
_LEVELS = [0, *[128] * 254, 255]


class Held:
    """What a person said of a picture, as it is to be seen in a view."""

    def __init__(
        self,
        view: View,
        box: Sequence[int] | None = None,
        keep: Sequence[Sequence[int]] = (),
        drop: Sequence[Sequence[int]] = (),
        hint: NDArray[np.uint8] | None = None,
    ) -> None:
        """Take it.

        box: left, top, right, bottom in pixels of the picture; None: there is none.
        keep, drop: points x, y in pixels of the picture. Where both name a pixel, it is dropped.
        hint: height x width of the view, as `shown` makes it: 0 background, 255 subject, else undecided; None: there is
            none.
        """
        self._box = box
        self._view = view
        self._points = [(where, full) for full in (True, False) for where in _seen(keep if full else drop, view)]
        self._hint = hint

    def apply(self, mask: Mask) -> None:
        """Set the pixels that are decided, in place. mask: height x width of the view."""
        full = np.iinfo(mask.dtype).max
        if self._hint is not None:
            np.copyto(mask, mask.dtype.type(0), where=self._hint == 0)
            np.copyto(mask, mask.dtype.type(full), where=self._hint == 255)
        for (column, row), kept in self._points:
            mask[row, column] = full if kept else 0
        if self._box is not None:
            left, top, right, bottom = self._limits(self._box)
            mask[:top] = 0
            mask[bottom:] = 0
            mask[:, :left] = 0
            mask[:, right:] = 0

    def _limits(self, box: Sequence[int]) -> tuple[int, int, int, int]:
        """Return left, top, right, bottom of the pixels of the view that the box touches."""
        view = self._view
        across = view.width / (view.right - view.left)
        down = view.height / (view.bottom - view.top)
        left, right = (box[0] - view.left) * across, (box[2] - view.left) * across
        top, bottom = (box[1] - view.top) * down, (box[3] - view.top) * down
        first, above = (max(0, math.floor(edge + _HAIR)) for edge in (left, top))
        last, below = (max(0, math.ceil(edge - _HAIR)) for edge in (right, bottom))
        return first, above, last, below


def _seen(points: Sequence[Sequence[int]], view: View) -> list[tuple[int, int]]:
    positions = {view.position(x, y) for x, y in points}
    return [position for position in positions if position is not None]


def shown(hint: NDArray[np.uint8], view: View) -> NDArray[np.uint8]:
    """Return the hint at the view's size: decided where the pixels that one of the view shows agree, but for a few."""
    if view.is_whole:
        return hint
    box = (view.left, view.top, view.right, view.bottom)
    image = Image.fromarray(hint).point(_LEVELS)
    return np.asarray(image.resize((view.width, view.height), Image.Resampling.BOX, box))
