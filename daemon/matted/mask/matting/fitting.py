"""Fit alpha to a picture and a rough mask of it, at a bounded size; render it at any size and of any part.

The steps, each of which is a module: what of the mask is sure (constraints), how probable the subject is by the colours
nearby (likelihood), the alpha that fits both the colours and that (closed_form), and local colour models of it, which
give alpha at the picture's own pixels (edges.local, edges.refinement).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from matted.inference.layer import Layer
from matted.mask import rendering
from matted.mask.edges import local
from matted.mask.edges.matrices import Floats
from matted.mask.edges.refinement import EdgeModels, Grid, Refinement
from matted.mask.matting import closed_form, constraints, likelihood
from matted.mask.rendering.resampling import BLOCK
from matted.mask.view import View

Check = Callable[[], None]
Mask = NDArray[np.uint8 | np.uint16]

_SIDE = 512  # pixels of the longer side of the reduced picture that is solved
_SOFTNESS = 0.008  # share of the longer side that an edge may be wide, beside what the mask is wrong by
_WIDEST = 0.03  # share of the longer side: no more is unknown where nobody says how far
_LEAST_CELLS = 2.0
_CONTRADICTION = 0.8  # difference of mask and probability that counts as wrong
_DISTANCES = 8.0  # a drawn line is off by this many times its mean distance at most, about
_NEAR = 0.1  # share of the longer side: how far from the edge colours are counted
_WEIGHT = 0.05  # of the probability by colour in the system; a window has 1
_WINDOWS = closed_form.Windows(reach=1, noise=0.07)  # (a quarter of a step of an 8-bit sample)²
_STEPS = 12
_CELLS = 176  # of the grid of models along the longer side, at most
_SIGMA = 0.006  # of the models' Gaussian windows, as a share of the longer side
_EXACT = 4.0  # cells: up to this reach it is measured at the layer's own pixels


def fit(layer: Layer, mask: Mask, reach: float | None, check: Check) -> FittedAlpha:
    """Fit alpha to a layer and a rough mask of it.

    layer: the picture, of any size.
    mask: height x width of the layer, uint8 or uint16: full scale is the subject, 0 the background, anything between is
        undecided.
    reach: pixels of the layer by which white and black may be wrong; None: as far as the picture says. Further from the
        edge they stay as they are.
    check: called between pieces of the work; raises to stop.
    """
    guide = layer.averaged(_SIDE)
    longer = max(guide.width, guide.height)
    known = constraints.reduce(mask, guide.height, guide.width)
    check()
    pixels_a_cell = max(layer.width, layer.height) / longer
    apart = known.contrast(_NEAR * longer if reach is None else reach / pixels_a_cell + 2)
    planes = guide.planes()
    exact = None
    if reach is None:
        unknown = apart <= _WIDEST * longer
    elif reach > _EXACT * pixels_a_cell:
        unknown = apart <= reach / pixels_a_cell - math.sqrt(2)
    else:
        unknown, exact = apart <= reach / pixels_a_cell + math.sqrt(2), reach
    alpha = known.alpha.copy()
    if not unknown.any():
        return FittedAlpha(alpha, unknown, None, exact)
    near = (apart < _NEAR * longer) | unknown
    probable = likelihood.probability(planes, alpha, known.certainty, unknown, near)
    check()
    if reach is None:
        unknown = apart <= _found_reach(known, apart, probable, longer)
    certainty = np.abs(2 * probable - 1)
    weight = np.float32(_WEIGHT) * certainty * certainty
    alpha[unknown] = probable[unknown]
    alpha = closed_form.solve(planes, alpha, unknown, probable, weight, _WINDOWS, _STEPS, check)
    grid = Grid(-(-longer // _CELLS), alpha.shape)
    band = grid.mean(unknown.astype(np.float32))
    models = local.fit(planes, alpha, np.ones_like(alpha), band > 0, grid.cell, _SIGMA * longer)
    return FittedAlpha(alpha, unknown, EdgeModels.of(models, band, grid, True), exact)


def _found_reach(known: constraints.Reduced, apart: Floats, probable: Floats, longer: int) -> float:
    """Return how far the mask's edge may be from the subject's, in cells of the reduced picture.

    It grows with how far it is on average: the area where the colours contradict the mask, a length of edge.

    known: the mask. apart: of its `contrast`.
    probable: the probability by colour.
    longer: cells of the longer side.
    """
    wrong = (np.abs(probable - known.alpha) > _CONTRADICTION) & ~known.mixed & (apart <= _WIDEST * longer)
    edge = np.count_nonzero((apart > 0) & (apart <= 1.5)) / 2  # a cell on either side
    distance = np.count_nonzero(wrong) / max(edge, 1.0)
    return min(_WIDEST * longer, max(_LEAST_CELLS, _SOFTNESS * longer + _DISTANCES * distance))


@dataclass(frozen=True)
class FittedAlpha:
    """The alpha of a layer, fitted at a bounded size, and rendered at any size.

    alpha: rows x columns, 0..1, of the whole layer at a smaller size.
    unknown: rows x columns: where alpha may differ from the mask.
    models: give alpha at the layer's own pixels; None if nothing is unknown.
    exact: pixels of the layer from the mask's edge beyond which it stays, to be measured; None: `unknown` says it.
    """

    alpha: Floats
    unknown: NDArray[np.bool_]
    models: EdgeModels | None
    exact: float | None

    @property
    def memory(self) -> int:
        """The bytes that it takes."""
        return self.alpha.nbytes + self.unknown.nbytes + (0 if self.models is None else self.models.fields.nbytes)

    def render(self, mask: Mask, view: View, picture: Layer, depth: int, check: Check) -> Mask:
        """Return the alpha in a view, height x width: uint8, or little-endian uint16.

        mask: height x width of the layer: the rough mask that it was fitted to.
        picture: the layer as it is to be seen in the view.
        depth: bits of a pixel, 8 or 16.
        check: called between pieces of the work; raises to stop.
        """
        refiner = _Refiner(self, mask, view, picture, check)
        return rendering.render(self.alpha, view.width, view.height, depth, refiner, view=view)


class _Refiner:
    """Refines the blocks of a view (a rendering.EdgeRefiner): colour models first, then what stays as it was."""

    def __init__(self, fitted: FittedAlpha, mask: Mask, view: View, picture: Layer, check: Check) -> None:
        """Prepare a view. The parameters are those of `FittedAlpha.render`."""
        self._check = check
        self._unknown = fitted.unknown
        rows, columns = fitted.unknown.shape
        self._rows = _nearest(rows, view.height, view.rows(rows))
        self._columns = _nearest(columns, view.width, view.columns(columns))
        self._reach = None if fitted.exact is None else fitted.exact * view.scale
        # What is settled near the view's border depends on the mask beyond it.
        wider, down, across = view.widened(0 if self._reach is None else math.ceil(self._reach) + 1)
        self._mask, self._grey = _seen_in(mask, wider)
        self._top, self._left = down.start, across.start
        self._size = view.height, view.width
        self._models = None if fitted.models is None else Refinement(fitted.models, picture, check, view)

    def reaches(self, row: int, column: int) -> bool:
        """Return whether anything is unknown in the block."""
        rows, columns = self._block(row, column)
        down, across = self._rows[rows], self._columns[columns]
        return bool(self._unknown[down[0] : down[-1] + 1, across[0] : across[-1] + 1].any())

    def apply_to_block(self, alpha: Floats, row: int, column: int) -> None:
        """Refine the alpha of the block in place."""
        self._check()
        if self._models is not None:
            self._models.apply_to_block(alpha, row, column)
        rows, columns = self._block(row, column)
        inner = _moved(rows, self._top), _moved(columns, self._left)
        mask = self._mask[inner]
        full = np.iinfo(mask.dtype).max
        kept = ~self._unknown[np.ix_(self._rows[rows], self._columns[columns])]
        if self._reach is not None:
            kept |= self._settled(*inner, self._reach)
        kept &= (mask == 0) | (mask == full) if self._grey is None else ~self._grey[inner]
        alpha[kept] = mask[kept] * np.float32(1 / full)

    def _block(self, row: int, column: int) -> tuple[slice, slice]:
        height, width = self._size
        top, left = row * BLOCK, column * BLOCK
        return slice(top, min(top + BLOCK, height)), slice(left, min(left + BLOCK, width))

    def _settled(self, rows: slice, columns: slice, reach: float) -> NDArray[np.bool_]:
        """Return which pixels are further from the mask's edge than the reach. rows, columns: of the mask."""
        margin = math.ceil(reach) + 1
        above, before = max(0, rows.start - margin), max(0, columns.start - margin)
        around = self._mask[above : rows.stop + margin, before : columns.stop + margin]
        inner = slice(rows.start - above, rows.stop - above), slice(columns.start - before, columns.stop - before)
        return constraints.settled(around, reach)[inner]


def _moved(part: slice, by: int) -> slice:
    return slice(part.start + by, part.stop + by)


def _nearest(cells: int, pixels: int, part: tuple[float, float]) -> NDArray[np.intp]:
    """Return which cell of an axis each pixel lies in. part: where the pixels begin and end, in cells."""
    begin, end = part
    places = begin + (np.arange(pixels) + 0.5) / pixels * (end - begin)
    return np.clip(places.astype(np.intp), 0, cells - 1)


def _seen_in(mask: Mask, view: View) -> tuple[Mask, NDArray[np.bool_] | None]:
    """Return a mask as it is to be seen in a view, and where any of it is undecided; None: where it is neither end.

    A pixel that shows several of the mask is their mean.
    """
    if view.is_whole:
        return mask, None
    levels = mask if mask.dtype == np.uint8 else (mask >> 8).astype(np.uint8)
    image, box = Image.fromarray(levels), (view.left, view.top, view.right, view.bottom)
    size = view.width, view.height
    mean = np.asarray(image.resize(size, Image.Resampling.BOX, box))
    undecided = image.point([0, *[255] * 254, 0]).resize(size, Image.Resampling.BOX, box)
    return mean, np.asarray(undecided) > 0
