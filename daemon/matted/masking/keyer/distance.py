"""How far each pixel's colour is from the ground, in levels: the map that all else is read from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matted.inference.layer import Layer
from matted.masking.ground.field import Drawing, Field
from matted.masking.ground.finding import SEEN
from matted.system.threads import for_each

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Indices = NDArray[np.intp]

_ROWS = 16  # of a strip: what is in between stays in the processor's cache

AHEAD = ((0, 1), (1, 0), (1, 1), (1, -1))  # neighbours of a pixel, down and across: one of each two opposite ones
AROUND = (*AHEAD, *((-down, -across) for down, across in AHEAD))


@dataclass(frozen=True)
class Distances:
    """The distances of all pixels from the ground, in a frame that spares every look at a neighbour its limits.

    layer: the picture. field: its ground.
    framed: (height + 2) x (width + 2): the channel that differs most; 0 in the frame, and where the picture is
        transparent: there is nothing. Flat, it is what indices are of.
    """

    layer: Layer
    field: Field
    framed: Bytes

    @property
    def stride(self) -> int:
        """From a row to the next, in indices."""
        return self.layer.width + 2

    @property
    def inner(self) -> Bytes:
        """Height x width: without the frame."""
        return self.framed[1:-1, 1:-1]

    @property
    def flat(self) -> Bytes:
        """With the frame, one row behind the other: what indices are of."""
        return self.framed.reshape(-1)

    def offsets(self, neighbours: tuple[tuple[int, int], ...] = AROUND) -> list[int]:
        """Return by how much the index of each neighbour differs."""
        return [down * self.stride + across for down, across in neighbours]

    def places(self, indices: Indices) -> tuple[Indices, Indices]:
        """Return the rows and the columns of some pixels."""
        rows, columns = np.divmod(indices, self.stride)
        return rows - 1, columns - 1

    def pixels(self, indices: Indices) -> Indices:
        """Return the numbers of some pixels in the picture, without a frame, row by row."""
        return np.asarray(indices - indices // self.stride * 2 - (self.stride - 1))

    def samples(self, pixels: Indices) -> Bytes:
        """Return the colours of some pixels, as `pixels` numbers them: 3 x n, R, G, B."""
        samples = self._taken(pixels)
        return np.stack([samples[:, channel] for channel in self.layer.channels])

    def _taken(self, pixels: Indices) -> Bytes:
        """Return the samples of some pixels, in the layer's own order: n x samples."""
        return self.layer.samples.reshape(-1, self.layer.samples.shape[2]).take(pixels, axis=0)

    def indices(self, rows: Indices, columns: Indices) -> Indices:
        """Return the indices of some pixels: what `places` makes of them again."""
        return (rows + 1) * self.stride + columns + 1

    def apart(self, some: Indices, others: Indices) -> Indices:
        """Return how many pixels some are from others, each from its own, along rows and columns."""
        (rows, columns), (there, across) = self.places(some), self.places(others)
        return np.asarray(np.maximum(np.abs(rows - there), np.abs(columns - across)))

    def colours(self, indices: Indices) -> Floats:
        """Return the colours of some pixels: n x 3, R, G, B."""
        samples = self._taken(self.pixels(indices))
        result = np.empty((len(indices), 3), np.float32)
        for channel, sample in enumerate(self.layer.channels):
            result[:, channel] = samples[:, sample]
        return result

    def ground(self, indices: Indices) -> Floats:
        """Return the colours of the ground at some pixels: n x 3, R, G, B."""
        if self.field.is_constant:  # which needs no places
            return self.field.at(indices, indices)
        return self.field.at(*self.places(indices))


def measure(layer: Layer, field: Field, check: Callable[[], None]) -> Distances:
    """Return the distances. check: called between strips; raises to stop."""
    height, width, count = layer.samples.shape
    alpha = layer.alpha
    framed = np.zeros((height + 2, width + 2), np.uint8)
    drawing = None if field.is_constant else Drawing(field)
    # A row is compared many times as fast as a single number.
    colours = [np.full((1, width), level, np.uint8) for level in field.mean]

    def work(top: int) -> None:
        check()
        bottom = min(top + _ROWS, height)
        out = framed[top + 1 : bottom + 1, 1:-1]
        for channel, sample in enumerate(layer.channels[:count]):
            plane = layer.samples[top:bottom, :, sample].copy()
            ground = colours[channel] if drawing is None else drawing.plane(channel, top, bottom)
            # The distance of unsigned numbers is the greater one less the lesser one.
            difference = np.maximum(plane, ground)
            difference -= np.minimum(plane, ground, out=plane)
            np.maximum(out, difference, out=out)
        if alpha is not None:
            own = alpha[top:bottom].copy()
            if own.min() < SEEN:
                np.multiply(out, own >= SEEN, out=out)

    for_each(work, range(0, height, _ROWS))
    return Distances(layer, field, framed)
