"""Holes: areas of the ground's colour that the subject encloses, and which of them the ground is seen through.

Nothing in the pixels tells a hole from a part of the subject that has the ground's colour. What is around it does.
What a letter, a ring or a lattice encloses is ground. What stays:

- A large hole in something that is painted in shades, or in a drawing that outlines some colours and fills in others.
- A hole whose outline has another colour beyond it, as an eye in a face.
- A hole with nothing but shaded subject around it, as a gloss.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matted.mask.keyer import areas
from matted.mask.keyer.areas import Areas
from matted.mask.keyer.distance import Distances
from matted.mask.keyer.rims import EQUAL, Rims

Floats = NDArray[np.float32]
Marks = NDArray[np.bool_]
Indices = NDArray[np.intp]

SIDE = 2048  # cells of the longer side, at most
AUTO, OPEN, KEEP = "auto", "open", "keep"  # as in matted_client.options
"""What becomes of holes."""
_LARGE = 0.012  # of the picture's area
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
        """Return the number of the area of the background that some pixels belong to; 0 where there is none."""
        rows, columns = distances.places(indices)
        return self.near[rows // self.side, columns // self.side]

    def enlarged(self, marks: Marks, width: int, height: int) -> Marks:
        """Return marked cells as pixels of the picture: height x width."""
        return marks[np.ix_(np.arange(height) // self.side, np.arange(width) // self.side)]

    @property
    def memory(self) -> int:
        """The bytes that it takes."""
        return self.background.labels.nbytes + self.near.nbytes


def divide(background: Marks) -> Cells:
    """Return the cells and their areas. background: height x width, pixels."""
    side = -(-max(background.shape) // SIDE)
    labelled = areas.find(_all_of(background, side))
    return Cells(side, labelled, _spread(labelled))


def kept(
    cells: Cells, holes: str, rims: Rims, drawn: bool, inner: Floats, outline: Callable[[int], tuple[Floats, float]]
) -> Marks:
    """Return which areas of the background are parts of the subject: by number.

    holes: AUTO, OPEN or KEEP.
    rims: what is around each area.
    drawn: whether the subject has even colours; else it is painted in shades.
    inner: n x 3: colours of some pixels inside the subject, R, G, B.
    outline: returns the colour of the stroke around an area, R, G, B, and the share of it that has this colour.
    """
    inside = ~cells.background.outside
    inside[0] = False
    if holes != AUTO or not inside.any():
        return inside & (holes == KEEP)
    if not len(inner):
        return np.zeros_like(inside)  # strokes alone fill nothing in
    large = cells.background.sizes >= _LARGE * cells.near.size
    embedded = rims.embedded > _MOSTLY
    if not drawn:
        return inside & (embedded | large | (rims.thick >= _ALL))
    result = np.zeros_like(inside)
    for number in np.flatnonzero(inside & (embedded | (large & (rims.outlined > _MOSTLY)))):
        colour, share = outline(int(number))
        result[number] = share >= _ONE_INK and (embedded[number] or _has_fills(colour, inner))
    return result


def _has_fills(outline: Floats, inner: Floats) -> bool:
    """Return whether a subject that has an outline is filled in with other colours."""
    return bool((np.abs(inner - outline).max(axis=1) > EQUAL).mean() >= _FILLED)


def _all_of(marks: Marks, side: int) -> Marks:
    """Return which cells are marked throughout."""
    if side == 1:
        return marks
    rows, columns = marks.shape
    for axis, size in ((0, rows), (1, columns)):
        marks = np.logical_and.reduceat(marks, np.arange(0, size, side), axis=axis)
    return marks


def _spread(found: Areas) -> NDArray[np.int32]:
    """Return the labels, and for cells without one that of a cell beside it, of the outside first."""
    labels = found.labels
    if not found.count:
        return labels
    padded = np.pad(labels, 1)
    around = [
        padded[1 + down : padded.shape[0] - 1 + down, 1 + across : padded.shape[1] - 1 + across]
        for down in (-1, 0, 1)
        for across in (-1, 0, 1)
    ]
    result = labels.copy()
    for outside in (True, False):
        for each in around:
            fits = (result == 0) & (each != 0) & (found.outside[each] == outside)
            result[fits] = each[fits]
    return result
