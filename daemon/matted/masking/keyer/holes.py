"""Holes: areas of the ground's colour that the subject encloses, and which of them the ground is seen through.

Nothing in the pixels tells a hole from a part of the subject that has the ground's colour. What is around it does.
What a letter, a ring or a lattice encloses is ground. What stays:

- A large hole in something that is painted in shades, but for loops of a strand; or in a drawing that outlines some
  colours and fills in others.
- A hole whose outline has another colour beyond it, as an eye in a face.
- A hole with nothing but shaded subject around it, as a gloss.
- What lies in one of these, as the insides of the letters on a white label.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from matted_client.options import AUTO, KEEP
from numpy.typing import NDArray
from PIL import Image

from matted.masking.ground import areas, unmixing
from matted.masking.ground.areas import Areas
from matted.masking.keyer import nesting
from matted.masking.keyer.distance import Distances
from matted.masking.keyer.nesting import Nesting
from matted.masking.keyer.rims import EQUAL, Rims
from matted.masking.rendering.regions import dilated
from matted.system.threads import for_each

Floats = NDArray[np.float32]
Marks = NDArray[np.bool_]
Indices = NDArray[np.intp]

SIDE = 2048  # cells of the longer side, at most
_FAINT = 8  # levels from the ground up to which pixels divide no areas: ripples of resampling do not
_ROWS = 64  # cells of a strip
_LARGE = 0.012  # of the picture's area
_SMALL = 0.001  # of the picture's area; a model sees nothing in a hole that is smaller
_MOSTLY = 0.5  # share of the rays from which a rim is of a kind
_ALL = 0.9  # share of the rays that meet nothing but subject, around a gloss
_ONE_INK = 0.8  # share of a rim that has one colour: then it is an outline
_FILLED = 0.3  # share of the inside of the subject that has another colour than an outline: then it is filled in


@dataclass(frozen=True)
class Cells:
    """The picture in square cells, and their areas.

    side: pixels a side of a cell.
    background: the areas of cells that are background throughout.
    near: rows x columns, int32: the number of the area that each cell belongs to or touches; 0: none.
    """

    side: int
    background: Areas
    near: NDArray[np.int32]

    def at(self, distances: Distances, indices: Indices) -> NDArray[np.int32]:
        """Return the number of the area of the background that some pixels belong to or touch; 0 for none."""
        rows, columns = distances.places(indices)
        return self.near[rows // self.side, columns // self.side]

    def rims(self, distances: Distances, indices: Indices, borders: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return which hole each pixel of the edges is on the rim of; 0: of none, as what lies in a hole.

        borders: number of the area that each borders on.
        """
        inside = np.where(self.background.outside[borders], 0, borders)
        if not inside.any():
            return inside
        rows, columns = distances.places(indices)
        pieces = self.nesting.pieces[rows // self.side, columns // self.side]
        return np.where(self.nesting.are_around(pieces, inside), inside, 0)

    def enlarged(self, marks: Marks, top: int, bottom: int, width: int) -> Marks:
        """Return marked cells as pixels: the rows top <= y < bottom of the picture, which has this width."""
        return marks[np.ix_(np.arange(top, bottom) // self.side, np.arange(width) // self.side)]

    @cached_property
    def nesting(self) -> Nesting:
        """What lies in what."""
        return nesting.of(self.background)

    @property
    def memory(self) -> int:
        """The bytes that it takes."""
        nested = self.nesting.pieces.nbytes if "nesting" in self.__dict__ else 0
        return self.background.labels.nbytes + self.near.nbytes + nested


def means(found: Areas, matte: Floats) -> Floats:
    """Return the mean of a matte of the whole picture, at any size, in each area, by number."""
    rows, columns = found.labels.shape
    shares = np.asarray(Image.fromarray(matte).resize((columns, rows), Image.Resampling.BOX))
    sums = np.bincount(found.labels.reshape(-1), shares.reshape(-1), len(found.sizes))
    return (sums / np.maximum(found.sizes, 1)).astype(np.float32)


def divide(distances: Distances, background: Marks) -> Cells:
    """Return the cells and their areas. background: the ground and the veils on it, in the frame of `distances`."""
    height, width = distances.inner.shape
    side = -(-max(height, width) // SIDE)
    cells = np.empty((-(-height // side), -(-width // side)), bool)

    def work(top: int) -> None:
        rows = slice(top * side, (top + _ROWS) * side)
        marks = distances.inner[rows] <= _FAINT
        marks |= background[1:-1, 1:-1][rows]
        cells[top : top + _ROWS] = _all_of(marks, side)

    for_each(work, range(0, len(cells), _ROWS))
    labelled = areas.find(cells)
    return Cells(side, labelled, _spread(labelled))


def kept(
    cells: Cells,
    holes: str,
    rims: Rims | None,
    drawn: bool,
    inner: Floats,
    outline: Callable[[int], tuple[Floats, float]],
) -> Marks:
    """Return which areas of the background are parts of the subject: by number.

    holes: AUTO, OPEN or KEEP.
    rims: what is around each area; None where the subject is made of strokes, which fill nothing in.
    drawn: whether the subject has even colours; else it is painted in shades.
    inner: n x 3: colours of some pixels inside the subject, R, G, B.
    outline: returns the colour of the stroke around an area, R, G, B, and the share of it that has this colour.
    """
    inside = ~cells.background.outside
    inside[0] = False
    if holes != AUTO or not inside.any():
        return inside & (holes == KEEP)
    if rims is None:
        return np.zeros_like(inside)
    large = cells.background.sizes >= _LARGE * cells.near.size
    embedded = rims.embedded > _MOSTLY
    if not drawn:
        return inside & (embedded | (large & (rims.thin <= _MOSTLY)) | (rims.thick >= _ALL))
    result = np.zeros_like(inside)
    for number in np.flatnonzero(inside & (embedded | (large & (rims.outlined > _MOSTLY)))):
        colour, share = outline(int(number))
        result[number] = share >= _ONE_INK and (embedded[number] or _has_fills(colour, inner))
    return result


def doubtful(cells: Cells, kept: Marks, drawn: bool) -> Marks:
    """Return about which holes a model may know better: by number. kept: which ones are not open anyway."""
    if drawn:
        return np.zeros_like(kept)
    return ~kept & ~cells.background.outside & (cells.background.sizes >= _SMALL * cells.near.size)


def _has_fills(outline: Floats, inner: Floats) -> bool:
    """Return whether a subject that has an outline is filled in with other colours."""
    return bool((unmixing.greatest(np.abs(inner - outline)) > EQUAL).mean() >= _FILLED)


def _all_of(marks: Marks, side: int) -> Marks:
    """Return which cells are marked throughout."""
    for _ in range(2):
        whole = marks[::side].copy()
        for step in range(1, side):
            part = marks[step::side]
            whole[: len(part)] &= part
        marks = whole.T
    return marks


def _spread(found: Areas) -> NDArray[np.int32]:
    """Return the labels, and for cells without one that of a cell beside it, of the outside first."""
    labels = found.labels
    if not found.count:
        return labels
    padded = np.pad(labels, 1)
    marked = labels != 0
    beside = dilated(marked, corners=True) & ~marked
    rows, columns = np.divmod(np.flatnonzero(beside), beside.shape[1])
    stride = padded.shape[1]
    places = (rows + 1) * stride + columns + 1
    around = [padded.reshape(-1)[places + down * stride + across] for down in (-1, 0, 1) for across in (-1, 0, 1)]
    numbers = np.zeros(len(places), np.int32)
    for outside in (True, False):
        for each in around:
            fits = (numbers == 0) & (each != 0) & (found.outside[each] == outside)
            numbers[fits] = each[fits]
    result = padded[1:-1, 1:-1]
    result[rows, columns] = numbers
    return result
