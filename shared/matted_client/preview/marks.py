"""What a person said about a picture: points to keep, points to drop, a box. Each step can be undone."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..messages import MAX_POINTS

ROOM = 10  # a box grows by this part of the picture's longer side around a point outside of it

Point = Tuple[int, int]
Box = Tuple[int, int, int, int]  # left, top, right, bottom


class Said(NamedTuple):
    """Coordinates are pixels of the picture."""

    keep: Tuple[Point, ...] = ()
    drop: Tuple[Point, ...] = ()
    box: Optional[Box] = None


NOTHING = Said()


class Marks:
    """The marks as they are, and all that they were before."""

    def __init__(self, width: int, height: int) -> None:
        """width, height: of the picture."""
        self._size = width, height
        self._steps: List[Said] = [NOTHING]
        self._undone: List[Said] = []

    @property
    def now(self) -> Said:
        return self._steps[-1]

    @property
    def can_undo(self) -> bool:
        return len(self._steps) > 1

    @property
    def can_redo(self) -> bool:
        return bool(self._undone)

    def point(self, at: Point, keep: bool) -> None:
        """Keep or drop what is at a pixel. A second word about the same pixel takes the place of the first.

        The box grows to what is to be kept: nothing outside of it ever is.
        """
        kept = tuple(each for each in self.now.keep if each != at)
        dropped = tuple(each for each in self.now.drop if each != at)
        box = self.now.box
        if not keep:
            dropped = (*dropped, at)[-MAX_POINTS:]
        else:
            kept = (*kept, at)[-MAX_POINTS:]
            if box is not None and not _has(box, at):
                box = self._grown(box, at)
        self._say(Said(kept, dropped, box))

    def box(self, box: Box) -> None:
        """Say where the subject is. It takes the place of an earlier box, and of the points outside."""
        left, top, right, bottom = box

        def inside(points: Tuple[Point, ...]) -> Tuple[Point, ...]:
            return tuple((x, y) for x, y in points if left <= x < right and top <= y < bottom)

        self._say(Said(inside(self.now.keep), inside(self.now.drop), box))

    def clear(self) -> None:
        """Take everything back, in one step."""
        self._say(NOTHING)

    def undo(self) -> bool:
        """Take the last step back. Returns False where there was none."""
        if not self.can_undo:
            return False
        self._undone.append(self._steps.pop())
        return True

    def redo(self) -> bool:
        """Do the step again that was undone last. Returns False where there is none."""
        if not self._undone:
            return False
        self._steps.append(self._undone.pop())
        return True

    def fields(self, within: Optional[List[int]] = None, corner: Point = (0, 0)) -> Dict[str, Any]:
        """Return `box`, `keep` and `drop` of a request.

        within: the box of the host's selection. The subject is looked for in what both boxes have in common; where that
        is nothing, or where there is a point outside, in the person's own.
        corner: where the left upper corner of the picture lies in the one that is asked about, as `within` is.
        """
        keep, drop, box = self._moved(corner)
        found = list(box) if box is not None else within
        if box is not None and within is not None:
            common = [max(box[0], within[0]), max(box[1], within[1]), min(box[2], within[2]), min(box[3], within[3])]
            if common[0] < common[2] and common[1] < common[3]:
                found = common
        if found is not None and any(not _has(found, point) for point in keep):
            found = list(box) if box is not None else None
        return {"box": found, "keep": [list(point) for point in keep], "drop": [list(point) for point in drop]}

    def _moved(self, by: Point) -> Said:
        (x, y), box = by, self.now.box
        keep, drop = (tuple((left + x, top + y) for left, top in points) for points in self.now[:2])
        return Said(keep, drop, None if box is None else (box[0] + x, box[1] + y, box[2] + x, box[3] + y))

    def _grown(self, box: Box, to: Point) -> Box:
        """Return the box with a pixel in it, and with some room around that."""
        (width, height), (x, y) = self._size, to
        room = max(width, height) // ROOM
        return (
            min(box[0], max(0, x - room)),
            min(box[1], max(0, y - room)),
            max(box[2], min(width, x + room + 1)),
            max(box[3], min(height, y + room + 1)),
        )

    def _say(self, said: Said) -> None:
        if said != self.now:
            self._steps.append(said)
            self._undone.clear()


def _has(box: Sequence[int], point: Point) -> bool:
    return box[0] <= point[0] < box[2] and box[1] <= point[1] < box[3]
