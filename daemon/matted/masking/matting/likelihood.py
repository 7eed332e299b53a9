"""Tell subject and background apart by colour: how often each colour occurs in either of them, nearby.

The counts are kept in a grid over place and colour, five dimensions, as in the bilateral grid (Chen, Paris and Durand,
"Real-time Edge-Aware Image Processing with the Bilateral Grid", SIGGRAPH 2007): a pixel adds to the cell that it lies
in, the grid is blurred, and each pixel reads off its share. That is a step of mean field inference in a conditional
random field that connects all pixels alike in place and colour (Kraehenbuehl and Koltun, NIPS 2011). A mask whose edge
wobbles is wrong now on one side, now on the other; the majority of the pixels of a colour nearby is right.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from matted.system import threads

Floats = NDArray[np.float32]

_PLACE = 0.04  # side of a cell, as a share of the picture's longer side
_COLOUR = 0.06  # side of a cell; colours are in 0..1
_CELLS = 1 << 20  # of the grid at most; a picture of many colours gets larger cells
_NOISE = np.float32(0.02)  # pixels that all of the picture counts for, where a colour was hardly seen nearby
# Brightness and two opponent colours, orthonormal; colours differ less in photographs, so their cells are smaller.
_OPPONENT = (
    np.array([[1 / 3**0.5] * 3, [1.5 / 2**0.5, 0, -1.5 / 2**0.5], [-1.5 / 6**0.5, 3 / 6**0.5, -1.5 / 6**0.5]]) / 255
)


def probability(
    picture: NDArray[np.uint8],
    alpha: Floats,
    certainty: Floats,
    wanted: NDArray[np.bool_],
    near: NDArray[np.bool_],
) -> Floats:
    """Return the probability of the subject in the wanted pixels by their colours, 0..1; 0.5 elsewhere.

    picture: 3 x height x width.
    alpha: height x width, 0..1: the mask so far.
    certainty: height x width, 0..1: how far each pixel of it counts.
    wanted: height x width: at least one.
    near: height x width: the pixels that are counted, the wanted ones among them. All pixels are where none of these
        has a colour like it.
    """
    sides = np.stack([alpha * certainty, (1 - alpha) * certainty]).reshape(2, -1)
    colours = (_OPPONENT @ picture.reshape(3, -1)).astype(np.float32)
    colours -= colours.min(axis=1, keepdims=True)
    everywhere = _counts(colours / np.float32(_COLOUR), sides, wanted.ravel())
    everywhere += np.float32(1e-6)
    longer = max(alpha.shape)
    counted = np.flatnonzero(near)
    rows, columns = np.divmod(counted, alpha.shape[1])
    colours = colours[:, counted]
    colours -= colours.min(axis=1, keepdims=True)
    places = np.stack([rows - rows.min(), columns - columns.min()]).astype(np.float32) / np.float32(_PLACE * longer)
    extents = [*places.max(axis=1), *colours.max(axis=1)]
    side = _COLOUR
    while math.prod(_cells(extents, side)) > _CELLS:
        side *= 1.1
    features = np.concatenate([places, colours / np.float32(side)])
    sums = _counts(features, sides[:, counted], wanted.ravel()[counted])
    sums += _NOISE * everywhere / everywhere.sum(axis=0)
    found = np.full(alpha.shape, 0.5, np.float32)
    found[wanted] = sums[0] / sums.sum(axis=0)
    return found


def _counts(features: Floats, sides: Floats, asked: NDArray[np.bool_]) -> Floats:
    """Return how often subject and background have features like those of each asked pixel: 2 x the number asked.

    features: dimensions x pixels, at least 0, in cells of the grid.
    sides: 2 x pixels: the share of subject and of background in each pixel.
    asked: pixels.
    """
    shape = tuple(int(extent) + 2 for extent in features.max(axis=1))
    strides = np.array([math.prod(shape[axis + 1 :]) for axis in range(len(shape))])
    cells = strides @ np.rint(features).astype(np.intp)
    grids = np.empty((2, math.prod(shape)), np.float32)

    def count(side: int) -> None:
        counts = np.bincount(cells, sides[side], math.prod(shape)).astype(np.float32)
        grids[side] = _blurred(counts.reshape(shape)).ravel()

    threads.for_each(count, range(2))
    subject, background = grids
    sums = np.zeros((2, int(asked.sum())), np.float32)
    low = np.floor(features[:, asked])
    above = features[:, asked] - low
    below = np.float32(1) - above
    corner = strides @ low.astype(np.intp)
    for number in range(1 << len(shape)):
        uppers = [bool(number >> axis & 1) for axis in range(len(shape))]
        weight = np.multiply.reduce([above[axis] if upper else below[axis] for axis, upper in enumerate(uppers)])
        here = corner + int(strides[uppers].sum())
        sums[0] += weight * subject.take(here)
        sums[1] += weight * background.take(here)
    return sums


def _cells(extents: list[float], side: float) -> tuple[int, ...]:
    """Return the cells of the grid along each axis. extents: of places in cells, and of colours in 0..1."""
    return tuple(int(extent / (1.0 if axis < 2 else side)) + 2 for axis, extent in enumerate(extents))


def _blurred(counts: Floats) -> Floats:
    """Return the counts blurred by (1 2 1) / 4 along each axis."""
    for axis in range(counts.ndim):
        along = counts.swapaxes(0, axis)
        blurred = counts * np.float32(0.5)
        target = blurred.swapaxes(0, axis)
        quarter = along * np.float32(0.25)
        target[1:] += quarter[:-1]
        target[:-1] += quarter[1:]
        counts = blurred
    return counts
