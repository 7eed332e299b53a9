"""The ground's colour everywhere: a smooth field, a polynomial of the place for each channel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from matted.inference.layer import Layer

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

MAX_DEGREE = 3  # enough for the light of a lamp on paper, too little to follow a subject
_KNOTS = 65  # a side, of the grid that a varying field is drawn from: within 0.1 of a level for a cubic of 100 levels


@dataclass(frozen=True)
class Field:
    """The colour of the ground at every place of a picture.

    width, height: of the picture, in pixels.
    coefficients: terms x 3, R, G, B in 0..255, in the order of `terms`; one row is one colour everywhere.
    """

    width: int
    height: int
    coefficients: Floats

    @property
    def is_constant(self) -> bool:
        """Whether it is one colour everywhere."""
        return len(self.coefficients) == 1

    @property
    def mean(self) -> tuple[int, int, int]:
        """Its mean colour, R, G, B."""
        red, green, blue = (int(level) for level in np.rint(self._grid.mean(axis=(1, 2))).clip(0, 255))
        return red, green, blue

    @property
    def span(self) -> float:
        """By how many levels of 255 it varies, in the channel that varies most."""
        grid = self._grid
        return float((grid.max(axis=(1, 2)) - grid.min(axis=(1, 2))).max())

    def at(self, rows: NDArray[Any], columns: NDArray[Any]) -> Floats:
        """Return the colours at some places: n x 3, R, G, B.

        rows, columns: of each, in pixels; a fraction lies between two of them.
        """
        if self.is_constant:
            return np.broadcast_to(self.coefficients[0], (len(rows), 3))
        across = (columns.astype(np.float32) + np.float32(0.5)) * np.float32(2 / self.width) - np.float32(1)
        down = (rows.astype(np.float32) + np.float32(0.5)) * np.float32(2 / self.height) - np.float32(1)
        return np.asarray(terms(across, down, degree(len(self.coefficients))) @ self.coefficients).clip(0, 255)

    def sampled(self, box: tuple[float, float, float, float], width: int, height: int) -> Floats:
        """Return the field in a part of the picture: height x width x 3, R, G, B.

        box: left, top, right, bottom of the part, in pixels of the picture.
        width, height: at which it is drawn.
        """
        if self.is_constant:
            return np.broadcast_to(self.coefficients[0], (height, width, 3))
        grid = self._grid.clip(0, 255)
        # A sample of the grid is a place, the middle of a pixel of an image is: hence the half.
        left, top, right, bottom = (
            edge / size * (_KNOTS - 1) + 0.5
            for edge, size in zip(box, (self.width, self.height, self.width, self.height), strict=True)
        )
        planes = [
            Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR, (left, top, right, bottom))
            for plane in grid
        ]
        return np.moveaxis(np.stack([np.asarray(plane) for plane in planes]), 0, -1)

    def beside(self, layer: Layer, side: int) -> tuple[Floats, Floats]:
        """Return a picture and the field in it, each 3 x rows x columns, R, G, B.

        layer: the picture. side: pixels of the longer side to which it is averaged, if it is larger.
        """
        small = layer.averaged(side)
        field = self.sampled((0, 0, self.width, self.height), small.width, small.height)
        return small.planes().astype(np.float32), np.moveaxis(field, -1, 0)

    @cached_property
    def _grid(self) -> Floats:
        """The colours at _KNOTS x _KNOTS places, from edge to edge of the picture: 3 x rows x columns."""
        places = np.linspace(-1, 1, _KNOTS, dtype=np.float32)
        return on_grid(self.coefficients, places, places)


class Drawing:
    """A field, drawn and rounded at the size of its picture, some rows at a time."""

    def __init__(self, field: Field) -> None:
        """Draw the rows of the knots. field: what is drawn."""
        knots = field._grid.clip(0, 255)
        self._height = field.height
        left, share = _between_knots(np.arange(field.width), field.width)
        self._knots = knots.take(left, axis=2) + np.diff(knots).take(left, axis=2) * share
        self._rises = np.diff(self._knots, axis=1)

    def plane(self, channel: int, top: int, bottom: int) -> Bytes:
        """Return the rows top <= y < bottom of a channel, 0 for red: rows x width."""
        above, share = _between_knots(np.arange(top, bottom), self._height)
        levels = np.empty((bottom - top, self._knots.shape[2]), np.float32)
        for knot in range(above[0], above[-1] + 1):
            rows = slice(*np.searchsorted(above, (knot, knot + 1)))
            np.multiply(self._rises[channel, knot], share[rows, np.newaxis], out=levels[rows])
            levels[rows] += self._knots[channel, knot]
        return np.rint(levels, out=levels).astype(np.uint8)


def _between_knots(places: NDArray[Any], size: int) -> tuple[NDArray[Any], Floats]:
    """Return the knot before each place, and how far it is on the way to the next one, 0..1.

    places: columns or rows. size: how many the picture has.
    """
    knots = (places + 0.5) * ((_KNOTS - 1) / size)
    before = knots.astype(np.intp)
    return before, (knots - before).astype(np.float32)


def on_grid(coefficients: Floats, across: Floats, down: Floats) -> Floats:
    """Return the colours of a field on a grid: 3 x rows x columns.

    coefficients: as Field has them. across, down: of the columns and of the rows, -1 to 1 from edge to edge.

    On a grid each term is a column's share times a row's, so that products of small matrices are enough.
    """
    highest = degree(len(coefficients))
    square = np.zeros((3, highest + 1, highest + 1), np.float32)
    for term, (power, other) in enumerate(powers(highest)):
        square[:, other, power] = coefficients[term]
    rows, columns = (np.stack([places**power for power in range(highest + 1)]) for places in (down, across))
    return np.asarray(rows.T @ square @ columns)


def terms(across: Floats, down: Floats, highest: int) -> Floats:
    """Return the terms of a polynomial at some places: the places' shape x terms.

    across, down: of the places, -1 to 1 from edge to edge of the picture.
    highest: the degree.
    """
    return np.stack([across**power * down**other for power, other in powers(highest)], axis=-1)


def powers(highest: int) -> list[tuple[int, int]]:
    """Return for each term of a polynomial the powers of the place across and of that down. highest: the degree."""
    return [(power, other) for power in range(highest + 1) for other in range(highest + 1 - power)]


def count(highest: int) -> int:
    """Return how many terms a polynomial has. highest: the degree."""
    return (highest + 1) * (highest + 2) // 2


def degree(count_of_terms: int) -> int:
    """Return the degree, MAX_DEGREE at most, of a polynomial with so many terms."""
    return next(each for each in range(MAX_DEGREE + 1) if count(each) == count_of_terms)
