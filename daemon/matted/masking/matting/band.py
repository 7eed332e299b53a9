"""Find the band of a mask that is made anew: near its edge, and wherever it is undecided. Show it in any view."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from matted.inference.layer import Layer
from matted.masking.edges.matrices import Floats
from matted.masking.matting import constraints, distances, likelihood
from matted.masking.rendering.resampling import BLOCK
from matted.masking.view import View, dtype_of, shown

Cells = NDArray[np.bool_]
Mask = NDArray[np.uint8 | np.uint16]

SIDE = 512  # pixels of the longer side of the reduced picture that is solved
_SOFTNESS = 0.008  # share of the longer side that an edge may be wide, beside what the mask is wrong by
_WIDEST = 0.03  # share of the longer side: no more is unknown where nobody says how far
_LEAST_CELLS = 2.0
_CONTRADICTION = 0.8  # difference of mask and probability that counts as wrong
_DISTANCES = 8.0  # a drawn line is off by this many times its mean distance at most, about
_NEAR = 0.1  # share of the longer side: how far from the edge colours are counted
_EXACT = 4.0  # cells: as far it is measured in pixels; further, whole cells count


@dataclass(frozen=True)
class Rough:
    """A layer and a rough mask of its subject, at the size that is solved: all that does not depend on the reach.

    planes: 3 x rows x columns, uint8.
    known: the mask, of rows x columns cells.
    pixels_a_cell: pixels of the layer along a side of a cell.
    """

    planes: NDArray[np.uint8]
    known: constraints.Reduced
    pixels_a_cell: float

    @classmethod
    def of(cls, layer: Layer, mask: Mask) -> Rough:
        """Reduce a layer of any size and its mask, height x width, uint8 or uint16."""
        guide = layer.averaged(SIDE)
        known = constraints.reduce(mask, guide.height, guide.width)
        longer = max(guide.width, guide.height)
        return cls(guide.planes(), known, max(layer.width, layer.height) / longer)

    @property
    def longer(self) -> int:
        """Cells of the longer side."""
        return int(max(self.known.alpha.shape))

    @property
    def memory(self) -> int:
        """The bytes that it takes."""
        return self.planes.nbytes + self.known.alpha.nbytes + self.known.mixed.nbytes + self.known.grey.nbytes


@dataclass(frozen=True)
class Band:
    """Where a mask is made anew.

    unknown: rows x columns of a Rough: where alpha may differ from the mask.
    near: rows x columns: where colours are counted, the unknown ones among them.
    probable: rows x columns: the probability of the subject by colour, where the band depends on it; else None.
    measured: rows x columns: the unknown ones of which only the pixels count that are near enough to the mask's edge.
    exact: how near that is, in pixels of the layer.
    """

    unknown: Cells
    near: Cells
    probable: Floats | None
    measured: Cells
    exact: float

    @property
    def memory(self) -> int:
        """The bytes that it takes."""
        return 3 * self.unknown.nbytes + (0 if self.probable is None else self.probable.nbytes)


def find(rough: Rough, reach: float | None, wider: float = 0.0) -> Band:
    """Find the band.

    reach: pixels of the layer by which white and black may be wrong; None: as far as the picture says. Further from the
        edge they stay as they are.
    wider: share of the layer's longer side that is added to what the picture says.
    """
    known, longer = rough.known, rough.longer
    cells = None if reach is None else reach / rough.pixels_a_cell
    apart = known.contrast(_NEAR * longer if cells is None else cells + 2)
    exact, probable = 0.0, None
    if cells is None:
        whole = measured = apart <= _WIDEST * longer
    else:
        # The cells whose pixels are all that near, and those of which any may be: they are up to √2 from the middles.
        exact = min(cells, _EXACT)
        whole = apart <= (cells - math.sqrt(2) if cells > exact else -1.0)
        measured = apart <= exact + math.sqrt(2)
    unknown = whole | measured
    near = (apart < _NEAR * longer) | unknown
    if cells is None and unknown.any():
        probable = likelihood.probability(rough.planes, known.alpha, known.certainty, unknown, near)
        unknown = apart <= _found_reach(known, apart, probable, longer)
        if wider:  # also around what is grey, which is far from the other side
            unknown = distances.to_nearest(unknown, wider * longer) <= wider * longer
        whole = unknown
    return Band(unknown, near, probable, unknown & ~whole, exact * rough.pixels_a_cell)


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
class MaskInView:
    """A rough mask as it is to be seen in a view.

    levels: rows x columns: of the view, and a margin around it where the picture goes on.
    undecided: rows x columns: where any of it is; None: where it is neither 0 nor full scale.
    top, left: of the view, in pixels of the levels.
    """

    levels: Mask
    undecided: Cells | None
    top: int
    left: int

    @classmethod
    def of(cls, mask: Mask, view: View, rough: Rough) -> MaskInView:
        """See a mask in a view. A pixel that shows several of the mask is their mean."""
        if view.is_whole:
            return cls(mask, None, 0, 0)
        # What is settled near the view's border depends on the mask beyond it.
        wider, down, across = view.widened(math.ceil(_EXACT * rough.pixels_a_cell * view.scale) + 1)
        levels = mask if mask.dtype == np.uint8 else (mask >> 8).astype(np.uint8)
        mean = shown(levels, wider)
        undecided = np.zeros(mean.shape, bool)
        if rough.known.grey.any():
            undecided = shown(np.asarray(Image.fromarray(levels).point([0, *[255] * 254, 0])), wider) > 0
        return cls(mean, undecided, down.start, across.start)

    @property
    def memory(self) -> int:
        """The bytes that it takes."""
        return self.levels.nbytes + (0 if self.undecided is None else self.undecided.nbytes)


class BandInView:
    """A band as it is to be seen in a view, for parts of it."""

    def __init__(self, band: Band, mask: MaskInView, view: View) -> None:
        """See it. mask: that the band is of, in the same view."""
        self._unknown = band.unknown
        self._mask = mask
        rows, columns = band.unknown.shape
        self._rows = _nearest(rows, view.height, view.rows(rows))
        self._columns = _nearest(columns, view.width, view.columns(columns))
        self._measured = band.measured
        self._reach = band.exact * view.scale

    def drawn(self, depth: int, check: Callable[[], None]) -> Mask:
        """Return the band as a mask, of the view's size and `depth` bits: full scale where the mask is made anew.

        check: called all the time; it may raise.
        """
        size = self._rows.size, self._columns.size
        drawn = np.zeros(size, dtype_of(depth))
        parts = ([slice(start, min(start + BLOCK, side)) for start in range(0, side, BLOCK)] for side in size)
        for rows, columns in product(*parts):
            check()
            if self.reaches(rows, columns) or self._mask.undecided is not None:
                drawn[rows, columns][~self.settled(rows, columns)[0]] = np.iinfo(drawn.dtype).max
        return drawn

    def reaches(self, rows: slice, columns: slice) -> bool:
        """Return whether anything is unknown in a part. rows, columns: pixels of the view, within it."""
        down, across = self._rows[rows], self._columns[columns]
        return bool(self._unknown[down[0] : down[-1] + 1, across[0] : across[-1] + 1].any())

    def settled(self, rows: slice, columns: slice) -> tuple[Cells, Mask]:
        """Return which pixels of a part stay as they are, and the mask there. rows, columns: as in `reaches`."""
        mask, undecided = self._mask.levels, self._mask.undecided
        inner = _moved(rows, self._mask.top), _moved(columns, self._mask.left)
        down, across = self._rows[rows], self._columns[columns]
        stays, measured = ~self._unknown[down].take(across, axis=1), self._measured[down].take(across, axis=1)
        if measured.any():
            stays |= measured & constraints.settled(mask, *inner, self._reach)
        levels = mask[inner]
        stays &= (levels == 0) | (levels == np.iinfo(levels.dtype).max) if undecided is None else ~undecided[inner]
        return stays, levels


def _moved(part: slice, by: int) -> slice:
    return slice(part.start + by, part.stop + by)


def _nearest(cells: int, pixels: int, part: tuple[float, float]) -> NDArray[np.intp]:
    """Return which cell of an axis each pixel lies in. part: where the pixels begin and end, in cells."""
    begin, end = part
    places = begin + (np.arange(pixels) + 0.5) / pixels * (end - begin)
    return np.clip(places.astype(np.intp), 0, cells - 1)
