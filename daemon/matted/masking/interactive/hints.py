"""Hints: what a person said of a picture, and where that is on a smaller grid of its pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]
Marks = NDArray[np.bool_]
Point = tuple[int, int]
Box = tuple[int, int, int, int]
Shape = tuple[int, int]  # rows, columns

BACKGROUND, SUBJECT = 0, 255  # of a trimap

_DISC = 0.012  # radius of what a click marks, as a share of the longer side: about a finger's precision


@dataclass(frozen=True)
class Hints:
    """What a person said of a picture, in its pixels.

    box: left, top, right, bottom: the subject is inside; None: nothing is said.
    keep: points x, y of the subject, in the order of the clicks.
    drop: points x, y of the background, in the order of the clicks. Where keep and drop meet, drop counts.
    trimap: of the whole picture, at its size or smaller: 0 background, 255 subject, else undecided; None: nothing is
        said.
    """

    box: Box | None = None
    keep: tuple[Point, ...] = ()
    drop: tuple[Point, ...] = ()
    trimap: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Grid:
    """A grid of cells over a picture.

    shape: rows and columns of cells.
    width, height: of the picture, in pixels.
    """

    shape: Shape
    width: int
    height: int

    @property
    def radius(self) -> float:
        """Of the disc that a click marks, in cells."""
        return max(0.8, _DISC * max(self.shape))

    def position(self, point: Point) -> tuple[float, float]:
        """Return where the centre of a pixel is, in cells: x and y; 0 is the centre of the first."""
        rows, columns = self.shape
        return (point[0] + 0.5) * columns / self.width - 0.5, (point[1] + 0.5) * rows / self.height - 0.5

    def cell(self, point: Point) -> tuple[int, int]:
        """Return the row and the column of the cell that a pixel of the picture is in."""
        rows, columns = self.shape
        return point[1] * rows // self.height, point[0] * columns // self.width

    def apart(self, points: Sequence[Point]) -> list[Point]:
        """Return the last point of each cell, in their order."""
        return list(reversed({self.cell(point): point for point in reversed(points)}.values()))

    def limits(self, box: Box) -> tuple[slice, slice]:
        """Return the rows and the columns of cells that a box touches."""
        rows, columns = self.shape
        down, across = rows / self.height, columns / self.width
        return (
            slice(max(0, math.floor(box[1] * down)), max(0, math.ceil(box[3] * down))),
            slice(max(0, math.floor(box[0] * across)), max(0, math.ceil(box[2] * across))),
        )

    def nearly(self, box: Box) -> tuple[slice, slice]:
        """Return the rows and the columns of cells that a box covers most nearly, one at least."""
        spans = []
        for begin, end, cells, size in zip(box[:2], box[2:], self.shape[::-1], (self.width, self.height), strict=True):
            first = min(round(begin * cells / size), cells - 1)
            spans.append(slice(first, max(first + 1, round(end * cells / size))))
        return spans[1], spans[0]

    def distance(self, point: Point) -> Floats:
        """Return the distance of every cell to a point, in cells."""
        x, y = self.position(point)
        down, across = np.ogrid[: self.shape[0], : self.shape[1]]
        return np.asarray(np.hypot(down.astype(np.float32) - np.float32(y), across.astype(np.float32) - np.float32(x)))

    def disc(self, point: Point) -> Marks:
        """Return the cells that a click marks."""
        marked = np.zeros(self.shape, bool)
        rows, columns, distance = self._around(point)
        marked[rows, columns] = distance <= self.radius
        marked[self.cell(point)] = True
        return marked

    def nearest(self, points: Sequence[Point]) -> Floats:
        """Return the distance to the nearest point in cells, where that is a disc's radius at most; else infinity."""
        result = np.full(self.shape, np.inf, np.float32)
        for point in points:
            rows, columns, distance = self._around(point)
            part = result[rows, columns]
            np.minimum(part, np.where(distance <= self.radius, distance, np.inf), out=part)
            result[self.cell(point)] = 0
        return result

    def _around(self, point: Point) -> tuple[slice, slice, Floats]:
        """Return the rows and columns around a point that its disc may reach, and their distances to it, in cells."""
        x, y = self.position(point)
        reach = self.radius
        rows = slice(max(0, math.floor(y - reach)), math.ceil(y + reach) + 1)
        columns = slice(max(0, math.floor(x - reach)), math.ceil(x + reach) + 1)
        down, across = np.ogrid[: self.shape[0], : self.shape[1]]
        return rows, columns, np.hypot(down[rows] - y, across[:, columns] - x).astype(np.float32)


@dataclass(frozen=True)
class Marked:
    """The cells of a grid that a person decided.

    subject, background: rows x columns; no cell is both.
    """

    subject: Marks
    background: Marks

    def impose(self, values: Floats, low: float, high: float) -> Floats:
        """Return the values with the low one in the background and the high one in the subject."""
        return np.where(self.subject, np.float32(high), np.where(self.background, np.float32(low), values))


def marked(hints: Hints, grid: Grid) -> Marked:
    """Return the cells that the hints decide: a disc around each click, the trimap, and all that is outside the box.

    Where discs overlap, the nearer click decides. A cell of which the trimap decides a part is decided.
    """
    keep, drop = grid.nearest(hints.keep), grid.nearest(hints.drop)
    subject, background = keep < drop, (drop <= keep) & (drop < np.inf)
    if hints.trimap is not None:
        said_subject, said_background = (_share(hints.trimap == level, grid) for level in (SUBJECT, BACKGROUND))
        clicked = subject | background
        subject |= ~clicked & (said_subject > said_background)
        background |= ~clicked & (said_background >= said_subject) & (said_background > 0)
    if hints.box is not None:
        outside = np.ones(grid.shape, bool)
        outside[grid.limits(hints.box)] = False
        subject &= ~outside
        background |= outside
    return Marked(subject, background)


def averaged(values: Floats, shape: Shape) -> Floats:
    """Return a picture of floats at a smaller size: the mean of the pixels of each cell."""
    return np.asarray(Image.fromarray(values).resize(shape[::-1], Image.Resampling.BOX))


def _share(marks: Marks, grid: Grid) -> Floats:
    """Return the share of each cell that is marked. marks: at the picture's size."""
    return averaged(marks.astype(np.float32), grid.shape)
