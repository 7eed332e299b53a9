"""Finds the ground of pictures that tests draw, and keys them out of it, with what each room needs as it is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from canvas import Bytes, Canvas, Colour, Floats, composed, even, rounded
from matted.inference.layer import Layer
from matted.masking import ground, keyer
from matted.masking.ground import Field, Ground
from matted.masking.keyer import Keyed, climbing, distance
from matted.masking.keyer.climbing import Edges
from matted.masking.keyer.distance import Distances
from numpy.typing import NDArray
from sheet import WHITE

Mask = NDArray[np.uint8 | np.uint16]

BLUE: Colour = (30, 60, 180)
NOISE = 1.5  # levels: that of a picture that a program has drawn
SAID_NOTHING = keyer.Said()


def nothing() -> None:
    """What is called between steps, and never stops them."""


class Stopped(Exception):
    """What `stop` raises."""


def stop() -> None:
    raise Stopped


def cover(width: int, height: int, *draws: Callable[[Canvas], None]) -> Floats:
    """Return how much of each pixel is covered by what is drawn: height x width, 0..1."""
    canvas = Canvas(width, height)
    for draw in draws:
        draw(canvas)
    return canvas.coverage()


def on(colour: Colour, alpha: Floats, ink: Colour | Floats = BLUE) -> Bytes:
    """Return a picture of an ink on an even ground: height x width x 3."""
    return rounded(composed(alpha, ink, even(alpha.shape[1], alpha.shape[0], colour)))


def layer_of(picture: Bytes) -> Layer:
    return Layer(np.ascontiguousarray(picture))


def field_of(picture: Bytes, colour: Colour = WHITE) -> Field:
    """Return a field of one colour for a picture."""
    return Field(picture.shape[1], picture.shape[0], np.array([colour], np.float32))


def ground_of(picture: Bytes) -> Ground:
    """Return the ground that is found; the test fails if there is none."""
    found = ground.find(layer_of(picture))
    assert found is not None
    return found


def keyed(picture: Bytes) -> Keyed:
    return keyer.key(layer_of(picture), ground_of(picture), nothing)


def alpha_of(picture: Bytes, holes: str = "auto", shadow: bool = True, said: keyer.Said = SAID_NOTHING) -> Bytes:
    """Return the mask of a picture, 8 bits."""
    mask = keyed(picture).alpha(8, holes, shadow, said)
    assert mask.dtype == np.uint8
    return mask


@dataclass(frozen=True)
class Climbed:
    """A picture as far as its edges are found.

    background: (height + 2) x (width + 2), False in the frame.
    rest: flat, what is neither background nor edge.
    """

    distances: Distances
    background: NDArray[np.bool_]
    edges: Edges
    rest: NDArray[np.bool_]

    @classmethod
    def of(cls, picture: Bytes, colour: Colour = WHITE, noise: float = NOISE) -> Climbed:
        distances = distance.measure(layer_of(picture), field_of(picture, colour), nothing)
        background = np.zeros(distances.framed.shape, bool)
        background[1:-1, 1:-1] = distances.inner <= int(noise)
        return cls(distances, background, *climbing.climb(distances, background, noise, nothing))

    def with_valleys(self) -> Climbed:
        """Return the same with the pixels between close strokes."""
        rest = self.rest.copy()
        edges = climbing.add_valleys(self.distances, self.edges, self.background, rest, NOISE, nothing)
        return Climbed(self.distances, self.background, edges, rest)

    def index(self, x: int, y: int) -> int:
        """Return the index of a pixel."""
        return (y + 1) * self.distances.stride + x + 1
