"""What clicks say of a keyed picture: holes that stay or open, and pieces of the subject that go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matted.masking.ground import areas
from matted.masking.keyer import holes
from matted.masking.keyer.holes import Cells
from matted.masking.rendering.regions import dilated

Marks = NDArray[np.bool_]
Point = Sequence[int]

_HALF = 0.5  # mean of a rough mask over a piece, below which the piece goes


@dataclass(frozen=True)
class Said:
    """What a person said, in pixels of the picture.

    keep: points x, y of the subject. drop: points that are not of it. Where both name an area, it is dropped.
    hint: height x width: 0 background, 255 subject, else undecided; None: there is none.
    solid: which areas of the background a model calls subject, by number; None: none was asked. Clicks come first.
    rough: height x width, 0..1: a rough mask of the subject. Pieces of which it covers less than half go. None: there
        is none.
    """

    keep: Sequence[Point] = ()
    drop: Sequence[Point] = ()
    hint: NDArray[np.uint8] | None = None
    solid: Marks | None = None
    rough: NDArray[np.float32] | None = None

    def decide(self, kept: Marks, cells: Cells) -> Marks:
        """Return which areas of the background are parts of the subject, as it was said.

        kept: by number, before that. Only what is enclosed can be kept: the rest of the ground has no end. What lies in
            an area that is kept stays with it, unless somebody said otherwise.
        """
        result = kept.copy() if self.solid is None else kept | self.solid
        said = np.zeros_like(result)
        for numbers, stays in ((self._areas(cells, self.keep, 255), True), (self._areas(cells, self.drop, 0), False)):
            result[numbers] = stays
            said[numbers] = True
        result &= ~cells.background.outside
        return cells.nesting.spread(result, said | cells.background.outside) if result.any() else result

    def gone(self, kept: Marks, cells: Cells) -> Marks | None:
        """Return which cells belong to pieces of the subject that go; None for none.

        kept: which areas of the background are parts of the subject: they go with the piece around them.
        """
        points = [(y // cells.side, x // cells.side) for x, y in self.drop]
        solid = (cells.background.labels == 0) | kept[cells.background.labels]
        hit = [point for point in points if solid[point]]
        if not hit and self.rough is None:
            return None
        pieces = areas.find(solid)
        dropped = np.zeros(len(pieces.sizes), bool)
        if self.rough is not None:
            dropped |= holes.means(pieces, self.rough) < _HALF
            dropped[0] = False
        dropped[[pieces.labels[point] for point in hit]] = True
        going = dropped[pieces.labels]
        # With the cells around them, where the faint end of their edge is, but for other pieces.
        return np.asarray(dilated(going, corners=True) & (going | ~solid))

    def _areas(self, cells: Cells, points: Sequence[Point], level: int) -> NDArray[np.int32]:
        """Return the numbers of the areas of the background that points are in, or painted pixels of a level."""
        found = [cells.background.labels[y // cells.side, x // cells.side] for x, y in points]
        if self.hint is not None:
            rows, columns = np.nonzero(self.hint == level)
            found.extend(np.unique(cells.background.labels[rows // cells.side, columns // cells.side]))
        return np.array([number for number in found if number], np.int32)
