"""What lies in what: the areas of the background, the pieces of the subject in these, the holes in the pieces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matted.masking.ground import areas
from matted.masking.ground.areas import Areas

Marks = NDArray[np.bool_]
Numbers = NDArray[np.int32]

_DEEPEST = 8  # walls that are looked through from the picture's edge: what is enclosed by more of them is not looked at


@dataclass(frozen=True)
class Nesting:
    """How the areas of the background and the pieces of the subject enclose each other.

    pieces: rows x columns, int32: the number of the piece that each cell belongs to; 0 in the background.
    walls: by the number of an area, int8: how many edges lie between the picture's edge and it; -1: too many.
    piece_walls: by the number of a piece, the same.
    enclosing: by the number of an area, that of the area that surrounds what it is a hole of; 0: none.
    """

    pieces: Numbers
    walls: NDArray[np.int8]
    piece_walls: NDArray[np.int8]
    enclosing: Numbers

    def are_around(self, pieces: Numbers, numbers: Numbers) -> Marks:
        """Return which pieces enclose an area, and do not lie in it. numbers: of the area that each touches."""
        return np.asarray((pieces != 0) & (self.piece_walls[pieces] < self.walls[numbers]))

    def spread(self, kept: Marks, decided: Marks) -> Marks:
        """Return which areas are kept where what lies in one that is kept stays with it: by number.

        kept: before that. decided: which of them nothing changes.
        """
        result = kept
        for _ in range(_DEEPEST // 2):
            result = np.where(decided, result, result | result[self.enclosing])
        return result


def of(background: Areas) -> Nesting:
    """Return the nesting of areas. Cells hang together with the four beside them, those of pieces, too."""
    labels = background.labels
    pieces = areas.find(labels == 0)
    pairs = _beside(labels, pieces.labels)
    walls, piece_walls = (np.full(len(each.sizes), -1, np.int8) for each in (background, pieces))
    enclosing, through = (np.zeros(len(each.sizes), np.int32) for each in (background, pieces))
    walls[background.outside] = 0
    piece_walls[pieces.outside] = 1
    for depth in range(0, _DEEPEST, 2):
        one, other = pairs
        entered = (walls[one] == depth) & (piece_walls[other] < 0)
        piece_walls[other[entered]] = depth + 1
        outer = (walls[one] == depth) & (piece_walls[other] == depth + 1)
        through[other[outer]] = one[outer]
        found = (piece_walls[other] == depth + 1) & (walls[one] < 0)
        if not found.any():
            break
        walls[one[found]] = depth + 2
        enclosing[one[found]] = through[other[found]]
    return Nesting(pieces.labels, walls, piece_walls, enclosing)


def _beside(labels: Numbers, pieces: Numbers) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs of an area and a piece that touch."""
    count = int(pieces.max(initial=0)) + 1
    keys = []
    for area, piece in ((labels, pieces), (labels.T, pieces.T)):
        for one, other in ((area[:-1], piece[1:]), (area[1:], piece[:-1])):
            touching = (one != 0) & (other != 0)
            keys.append(one[touching].astype(np.int64) * count + other[touching])
    found = np.unique(np.concatenate(keys))
    return found // count, found % count
