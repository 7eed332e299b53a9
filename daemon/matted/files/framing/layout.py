"""Work out where the part of a picture that is shown lies in the result, in pixels of both."""

from __future__ import annotations

from dataclasses import dataclass

Box = tuple[int, int, int, int]  # left, top, right, bottom
Sides = tuple[bool, bool, bool, bool]


@dataclass(frozen=True)
class Margin:
    """How far what is shown reaches beyond the subject's box, on each side.

    amount: in pixels of the picture, or in percent of the longer side of the box.
    """

    amount: float = 0
    percent: bool = False

    def pixels(self, box: Box) -> int:
        """Return it in pixels of the picture, whole ones."""
        longer = max(box[2] - box[0], box[3] - box[1])
        return round(self.amount * longer / 100 if self.percent else self.amount)


@dataclass(frozen=True)
class Found:
    """Where the subject is.

    box: around it: left, top, right, bottom in pixels of the picture.
    cut_off: of the same four sides, which are those where the picture's edge cuts it off.
    """

    box: Box
    cut_off: Sides


@dataclass(frozen=True)
class Layout:
    """Where the picture lies in the result.

    size: width and height of the result.
    view: left, top, right, bottom of the whole result, in pixels of the picture; may reach beyond the picture.
    part: the part of the picture in it. Whole numbers, unless it is resized.
    place: where that part lies, in pixels of the result.
    subject: width and height of the subject's box, in pixels of the result; 0 if there is none.
    """

    size: tuple[int, int]
    view: tuple[float, float, float, float]
    part: tuple[float, float, float, float]
    place: Box
    subject: tuple[float, float]

    @property
    def is_resized(self) -> bool:
        """Whether its pixels are others than those of the picture."""
        left, top, right, bottom = self.place
        whole = all(side == round(side) for side in self.part)
        return not whole or (self.part[2] - self.part[0], self.part[3] - self.part[1]) != (right - left, bottom - top)


def make(
    picture: tuple[int, int],
    found: Found | None,
    crop: Margin | None,
    reach: Box,
    square: bool,
    size: tuple[int, int] | None,
) -> Layout:
    """Lay out a result.

    picture: its width and height.
    found: where its subject is; None if there is none.
    crop: the margin around the subject; None: all of the picture is shown.
    reach: by how much more than the subject its shadow takes, to the left, top, right and bottom.
    square, size: as Frame has them.

    A margin reaches beyond the picture, but not where the picture's edge cuts the subject off: there it ends, and on
    a larger result it lies at that edge. Elsewhere what is shown is in the middle.
    """
    width, height = picture
    cut_off = found.cut_off if found is not None else (False, False, False, False)
    shown: Box = (0, 0, width, height)
    if crop is not None and found is not None:
        shown = _grown(found, crop.pixels(found.box), reach)
    across, down = shown[2] - shown[0], shown[3] - shown[1]
    if square:
        side = max(across, down)
        left = shown[0] - _before(side - across, cut_off[0], cut_off[2])
        top = shown[1] - _before(side - down, cut_off[1], cut_off[3])
        shown = (left, top, left + side, top + side)
        across = down = side
    view: tuple[float, float, float, float] = shown
    scale, result = 1.0, (across, down)
    if size is not None:
        result = size
        scale = min(size[0] / across, size[1] / down)
        # Whole pixels of the result are left over, so that what is shown begins at one.
        before = _before(size[0] - round(across * scale), cut_off[0], cut_off[2])
        above = _before(size[1] - round(down * scale), cut_off[1], cut_off[3])
        left_side, top_side = shown[0] - before / scale, shown[1] - above / scale
        view = (left_side, top_side, left_side + size[0] / scale, top_side + size[1] / scale)
    part = (max(0.0, view[0]), max(0.0, view[1]), min(float(width), view[2]), min(float(height), view[3]))
    left, right = _placed(part[0], part[2], view[0], scale, result[0])
    top, bottom = _placed(part[1], part[3], view[1], scale, result[1])
    box = found.box if found is not None else (0, 0, 0, 0)
    subject = ((box[2] - box[0]) * scale, (box[3] - box[1]) * scale)
    return Layout(result, view, part, (left, top, right, bottom), subject)


def _grown(found: Found, margin: int, reach: Box) -> Box:
    """Return the box with its margin, or with its shadow where that takes more, but for sides that are cut off."""
    by = [0 if cut else max(margin, more) for cut, more in zip(found.cut_off, reach, strict=True)]
    left, top, right, bottom = found.box
    return left - by[0], top - by[1], right + by[2], bottom + by[3]


def _before(rest: int, cut_before: bool, cut_behind: bool) -> int:
    """Return how much of what is left over comes before, by which sides the subject is cut off at."""
    if cut_before != cut_behind:
        return 0 if cut_before else rest
    return rest // 2


def _placed(begin: float, end: float, origin: float, scale: float, most: int) -> tuple[int, int]:
    """Return where a part of the picture begins and ends in the result: a pixel at least."""
    first = min(max(0, round((begin - origin) * scale)), most - 1)
    return first, min(max(first + 1, round((end - origin) * scale)), most)
