"""Holes: areas of the ground's colour that the subject encloses, and which of them the ground is seen through.

Nothing in the pixels tells a hole from a part of the subject that has the ground's colour. What is around it does: a
letter, a ring and a lattice are of one ink, and what they enclose is ground; what is painted in shades, or outlined in
one ink and filled in others, is a thing, and what it encloses is a part of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matted.mask.keyer import areas
from matted.mask.keyer.areas import Areas
from matted.mask.keyer.distance import Distances

Marks = NDArray[np.bool_]
Indices = NDArray[np.intp]

SIDE = 2048  # cells of the longer side, at most
AUTO, OPEN, KEEP = "auto", "open", "keep"  # as in matted_client.options
"""What becomes of holes."""
_LARGE = 0.012  # of the picture's area: a hole in a shaded thing that is larger stays
_SECOND_INK = 0.15  # share of a hole's rim that has another ink than the rest


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


def kept(cells: Cells, holes: str, rims: NDArray[np.int32], inks: Indices | None) -> Marks:
    """Return which areas of the background are parts of the subject: by number.

    holes: AUTO, OPEN or KEEP.
    rims: of each pixel at the subject's edges, the number of the area that it borders on.
    inks: of each, the number of its ink; None where the subject is painted in shades.
    """
    inside = ~cells.background.outside
    inside[0] = False
    if holes != AUTO or not inside.any():
        return inside & (holes == KEEP)
    if inks is None:
        return inside & (cells.background.sizes >= _LARGE * cells.near.size)
    counts = np.zeros((len(inside), int(inks.max(initial=0)) + 1), np.int64)
    np.add.at(counts, (rims, inks), 1)
    total = counts.sum(axis=1)
    return np.asarray(inside & (total - counts.max(axis=1) > _SECOND_INK * total))


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
