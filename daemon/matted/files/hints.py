"""What a person says of one picture: a box around the subject, points on it and beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matted_client import MattedError, messages

from matted.files.pictures import PictureError

Point = tuple[int, int]
_POINTS = ("keep", "drop")


@dataclass(frozen=True)
class Hints:
    """Places in pixels of a picture as a person sees it: upright, from 0,0 at the top left.

    box: left, top, right, bottom: the subject lies in left <= x < right, top <= y < bottom.
    keep, drop: points x, y that belong to the subject, or do not.
    """

    box: tuple[int, int, int, int] | None = None
    keep: tuple[Point, ...] = ()
    drop: tuple[Point, ...] = ()

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of a MaskRequest, by name, without those that are not given."""
        fields: dict[str, Any] = {name: [list(point) for point in points] for name, points in self._points() if points}
        if self.box is not None:
            fields["box"] = list(self.box)
        return fields

    def refuse_contradictions(self) -> None:
        """Raise MattedError if no mask can be as they say, or there are too many points."""
        for name, points in self._points():
            if len(points) > messages.MAX_POINTS:
                raise MattedError(f"--{name} was given {len(points)} times; {messages.MAX_POINTS} are possible.")
        for x, y in sorted({*self.keep} & {*self.drop}):
            raise MattedError(f"The point {x},{y} was given with --keep and with --drop.", "It can have one of them.")
        if self.box is not None:
            left, top, right, bottom = self.box
            for x, y in self.keep:
                if not (left <= x < right and top <= y < bottom):
                    message = f"The point {x},{y} of --keep lies outside the box {left},{top},{right},{bottom}."
                    raise MattedError(message, "Nothing outside the box is kept: make it larger.")

    def refuse_outside(self, source: Path, width: int, height: int) -> None:
        """Raise PictureError if something lies outside the picture. source: its file. width, height: in pixels."""
        size = f"{source} has {width} x {height} pixels"
        for name, points in self._points():
            for x, y in points:
                if x >= width or y >= height:
                    hint = f"X is 0 to {width - 1} from the left, Y is 0 to {height - 1} from the top."
                    raise PictureError(f"{size}: the point {x},{y} of --{name} lies outside.", hint)
        if self.box is not None and (self.box[2] > width or self.box[3] > height):
            hint = f"The whole picture is --box 0,0,{width},{height}."
            raise PictureError(f"{size}: the box {','.join(map(str, self.box))} goes beyond.", hint)

    def _points(self) -> Iterator[tuple[str, tuple[Point, ...]]]:
        yield from ((name, getattr(self, name)) for name in _POINTS)
