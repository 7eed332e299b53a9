"""Clear a matte of what belongs to nothing: haze far from the subject, and see-through places deep inside it.

Models leave a little alpha all over the background, and are not quite sure of the middle of large things. Nobody sees
it on a canvas, but it keeps the removed background in a file, and lets another background through what is solid.

Four rules; an edge is where alpha crosses a half:

- Near an edge nothing changes: there hair, fur and motion blur are soft.
- Further away, alpha that is too faint to be seen becomes 0, and inside 1 - alpha likewise.
- Outside, a thing that is faint throughout is cleared whole, unless a way of visible alpha leads from it to the
  subject; small gaps do not end the way. That is the hysteresis by which Canny traces edges ("A Computational Approach
  to Edge Detection", TPAMI 1986). Smoke and veils that begin at the subject stay as they are, and so does a thing by
  itself that is clearly seen.
- Inside, what is nearly solid becomes solid where the place is broad. A model's doubt is broad; gaps between twigs or
  fingers are narrow, and models show many of them as faintly. Broad is what a morphological opening leaves (Serra,
  "Image Analysis and Mathematical Morphology", 1982).

All is decided on a grid of cells, by the highest and the lowest alpha of each.
"""

from __future__ import annotations

import copy
import math
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from matted.masking.rendering import resampling
from matted.masking.rendering.regions import Cells, dilated, grown
from matted.masking.rendering.resampling import Span
from matted.masking.view import View

Floats = NDArray[np.float32]
Shape = tuple[int, ...]  # rows, columns

_CELLS = 200  # along the longer side, at most: the distances below are four cells and more
_EDGE = 0.5  # alpha from which a pixel is subject
_FAINT = 9 / 255  # an alpha below it is not seen; nor is the step where it is cut off
# Distances from the edge, as shares of the longer side. Limits grow from 0 at the first to full at the second.
_OUTSIDE = (0.02, 0.04)  # single hairs reach about as far as the first
_INSIDE = (0.032, 0.037)  # thin hair over the background is see-through further in
_CLEAR = 0.25  # alpha of what is clearly seen: a thing that has it somewhere is not faint
_NEARLY_SOLID = 0.25  # 1 - alpha of broad doubt; half of what an edge has, so that glass stays
_NARROW = 2  # cells: what is no wider than twice that is narrow
_ALL = 2.0  # a limit above every alpha


class Clearing:
    """What is to be cleared of a matte, and of the mask that is rendered of it."""

    def __init__(self, matte: Floats, width: int, height: int) -> None:
        """Find it. matte: 0..1, at any size. width, height: of the picture, in pixels."""
        longer = max(width, height)
        # Cells are square in the picture, and no smaller than a sample.
        count = min(_CELLS, matte.shape[0] * longer / height, matte.shape[1] * longer / width)
        shape = max(1, round(count * height / longer)), max(1, round(count * width / longer))
        lowest, highest = _extremes(matte, shape)
        if highest.max() < _EDGE:  # there is no subject, so nothing is far from it
            far, deep = np.zeros((2, *shape), np.float32)
        else:
            far, deep = _remoteness(highest >= _EDGE, _OUTSIDE, count), _remoteness(lowest <= _EDGE, _INSIDE, count)
        faint = np.float32(_FAINT) * np.stack([far, deep])
        stray = _stray(highest >= _FAINT, (highest >= _CLEAR) | (far < 1))
        doubt = np.float32(_NEARLY_SOLID) * deep * _broad(1 - lowest >= _FAINT)
        # Limits of alpha outside and of 1 - alpha inside; for the matte also of what is doubted inside.
        self._limits_of_mask = faint
        self._limits_of_matte = np.stack([np.where(stray, np.float32(_ALL), faint[0]), faint[1], doubt])
        self._spans = _spans(shape, View.of(width, height))

    def seen_in(self, view: View) -> Clearing:
        """Return the same clearing for the blocks of a view of the picture."""
        seen = copy.copy(self)
        seen._spans = _spans(self._limits_of_mask.shape[1:], view)
        return seen

    def apply(self, matte: Floats) -> Floats:
        """Return the matte, cleared. matte: as given at first."""
        cleared = matte.copy()
        height, width = matte.shape
        for down, across in product(*_spans(self._limits_of_matte.shape[1:], View.of(width, height))):
            block = cleared[down.pixels, across.pixels]
            outside, inside, doubt = _interpolated(self._limits_of_matte, down, across)
            _cut(block, outside, inside)
            if doubt is not None:
                # The levels of 1 - alpha from the limit to the edge are stretched to those from 0.
                gap = np.float32(1) - block
                stretched = (gap - doubt) * (np.float32(_EDGE) / (np.float32(_EDGE) - doubt))
                np.copyto(block, np.float32(1) - stretched.clip(0.0), where=stretched < gap)
        return cleared

    def apply_to_block(self, alpha: Floats, row: int, column: int) -> None:
        """Clear a block of the rendered mask in place of what is too faint to be seen, which resampling brings back.

        alpha: 0..1.
        row, column: of the block of resampling.BLOCK pixels a side, counted from the top left.
        """
        _cut(alpha, *_interpolated(self._limits_of_mask, self._spans[0][row], self._spans[1][column]))


def _cut(alpha: Floats, outside: Floats | None, inside: Floats | None) -> None:
    """Set alpha to 0 where it is below the limit outside, and to 1 where 1 - alpha is below the limit inside."""
    if outside is not None:
        alpha *= alpha >= outside
    if inside is not None:
        alpha[alpha > 1 - inside] = 1.0


def _extremes(matte: Floats, shape: Shape) -> tuple[Floats, Floats]:
    """Return the lowest and the highest alpha of each cell. shape: how many rows and columns of cells."""
    rows, columns = (np.arange(cells + 1) * side // cells for cells, side in zip(shape, matte.shape, strict=True))
    strips = [matte[top:bottom] for top, bottom in pairwise(rows)]  # ten times as fast as reduceat along this axis
    lowest = np.stack([strip.min(axis=0) for strip in strips])
    highest = np.stack([strip.max(axis=0) for strip in strips])
    return np.minimum.reduceat(lowest, columns[:-1], axis=1), np.maximum.reduceat(highest, columns[:-1], axis=1)


def _spans(cells: Shape, view: View) -> tuple[list[Span], list[Span]]:
    """Return how to interpolate from cells to the pixels of a view, along rows and along columns."""
    (top, bottom), (left, right) = view.rows(cells[0]), view.columns(cells[1])
    down = resampling.linear(cells[0], view.height, view.height / (bottom - top), begin=top)
    across = resampling.linear(cells[1], view.width, view.width / (right - left), begin=left)
    return down, across


def _interpolated(limits: Floats, down: Span, across: Span) -> list[Floats | None]:
    """Return each of the limits at the pixels of a block: rows x columns, None for one that is 0 throughout."""
    return [
        down.weights @ (cells @ across.weights.T) if cells.any() else None
        for cells in limits[:, down.samples, across.samples]
    ]


def _remoteness(edge: Cells, distances: tuple[float, float], count: float) -> Floats:
    """Return 0 up to the first distance, 1 from the second on, linear in between.

    edge: the cells from which distances are taken.
    distances: shares of the longer side.
    count: cells along the longer side.

    Distances grow by steps to the four neighbours and to the eight in turns: in octagons, which are nearly circles.
    """
    first, second = (share * count for share in distances)
    remoteness = np.ones(edge.shape, np.float32)
    for step in range(math.ceil(second)):
        remoteness[edge] = np.minimum(remoteness[edge], max(0.0, (step - first) / (second - first)))
        edge = dilated(edge, corners=step % 2 == 1)
    return remoteness


def _stray(seen: Cells, kept: Cells) -> Cells:
    """Return which cells belong to a visible thing from which no way leads to what is kept, or touch such a cell.

    seen: cells with visible alpha. One or two others in between do not end a way.
    kept: cells near the subject, and those that are clearly seen. No cell that is returned touches one of them, nor a
        visible one with a way to them: interpolation would carry the limit there.
    """
    reached = grown(kept, dilated(seen, corners=True) | kept)
    return dilated(seen & ~reached, corners=True)


def _broad(cells: Cells) -> Cells:
    """Return the places among the cells that are broad, and their surroundings: the places' narrow ends."""
    for _ in range(_NARROW):
        others = np.pad(~cells, 1, constant_values=True)  # beyond the border, too: a gap may be narrow there
        cells = ~dilated(others, corners=True)[1:-1, 1:-1]
    for _ in range(2 * _NARROW):
        cells = dilated(cells, corners=True)
    return cells
