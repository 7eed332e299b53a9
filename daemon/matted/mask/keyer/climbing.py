"""The edges of a subject: from the ground, pixels climb in distance up to a peak, whose colour is the subject's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matted.mask.ground import unmixing
from matted.mask.keyer.distance import AHEAD, Distances
from matted.system.threads import for_each

Floats = NDArray[np.float32]
Marks = NDArray[np.bool_]
Indices = NDArray[np.intp]

_FURTHEST = 24  # pixels that an edge may be wide
_SLOPE = 0.03  # share of its distance that a pixel has to be further away than the one below it
_LIKE = 6.0  # levels by which pixels around a peak may differ from it and still be one flat place with it
_ROWS = 64  # of a strip


@dataclass(frozen=True)
class Edges:
    """The pixels of the edges.

    indices: of each, rising, as Distances has them.
    peaks: index of the pixel that each climbs to; its own where there is nothing above it.
    feet: index of the pixel of the background that each was reached from.
    """

    indices: Indices
    peaks: Indices
    feet: Indices

    @property
    def memory(self) -> int:
        """The bytes that it takes."""
        return self.indices.nbytes + self.peaks.nbytes + self.feet.nbytes


@dataclass(frozen=True)
class Peaks:
    """What is at the peaks.

    indices: of each, rising and without repetition.
    colours: n x 3, R, G, B: the mean of the flat place around each.
    flat: whether each lies in a place of its colour that is 3 pixels wide at least.
    """

    indices: Indices
    colours: Floats
    flat: Marks


def climb(distances: Distances, background: Marks, noise: float, check: Callable[[], None]) -> Edges:
    """Return the edges.

    background: height + 2 x width + 2: the ground, and the shadow on it; False in the frame.
    noise: levels that the noise reaches.
    check: called between steps; raises to stop.
    """
    levels, flat = distances.flat, background.reshape(-1)
    subject = ~flat
    _clear_frame(subject.reshape(background.shape))
    offsets = distances.offsets()
    front = _beside(background, subject.reshape(background.shape), check)

    def is_above(there: Indices, from_: Indices) -> Marks:
        check()
        return np.asarray(levels[there] > levels[from_] + _least_step(levels[there], noise))

    indices, feet = _spread(subject, front, _lowest(levels, flat, front, offsets), offsets, is_above)
    return Edges(indices, _summits(levels, subject, indices, offsets, noise), feet)


def add_valleys(distances: Distances, edges: Edges, background: Marks, noise: float) -> Edges:
    """Return the edges with the pixels between two strokes that are close together: below both, and no ground.

    The other parameters are those of `climb`.
    """
    levels, subject = distances.flat, ~background.reshape(-1)
    _clear_frame(subject.reshape(background.shape))
    offsets = distances.offsets()
    last = len(levels) - 1

    def is_between(there: Indices, from_: Indices) -> Marks:
        least = levels[there] + _least_step(levels[there], noise)
        between = np.zeros(len(there), bool)
        for offset in distances.offsets(AHEAD):
            sides = [
                np.maximum(levels[there + side], levels[(there + 2 * side).clip(0, last)]) > least
                for side in (offset, -offset)
            ]
            between |= sides[0] & sides[1]
        return between

    indices, feet = _spread(subject, edges.indices, edges.feet, offsets, is_between)
    return Edges(indices, _summits(levels, subject, indices, offsets, noise), feet)


def _spread(
    subject: Marks,
    front: Indices,
    feet: Indices,
    offsets: list[int],
    passes: Callable[[Indices, Indices], Marks],
) -> tuple[Indices, Indices]:
    """Return the pixels that are reached from some, these included, rising, and the foot of each.

    subject: flat, which pixels can be reached.
    front: where to begin. feet: of each.
    passes: tells whether pixels can be reached from others beside them.
    """
    open_ = subject.copy()
    open_[front] = False
    indices, bases = [front], [feet]
    for _ in range(_FURTHEST):
        found, below = [], []
        for offset in offsets:
            there = front + offset
            new = np.flatnonzero(open_[there])
            there, from_ = there[new], front[new]
            good = passes(there, from_)
            there = there[good]
            open_[there] = False  # the first that reaches a pixel has it
            found.append(there)
            below.append(feet[new[good]])
        front, feet = np.concatenate(found), np.concatenate(below)
        if not len(front):
            break
        indices.append(front)
        bases.append(feet)
    joined = np.concatenate(indices)
    order = joined.argsort()
    return joined[order], np.concatenate(bases)[order]


def look(distances: Distances, edges: Edges, background: Marks, noise: float) -> tuple[Peaks, Indices]:
    """Return what is at the peaks, and for each pixel of the edges the number of its peak."""
    indices, numbers = np.unique(edges.peaks, return_inverse=True)
    own = distances.colours(indices)
    sums, counts = own.copy(), np.ones(len(indices), np.float32)
    ground = background.reshape(-1)
    like = max(_LIKE, noise)

    def alike(offset: int) -> tuple[Floats, Marks]:
        """Return the colours of the pixels so far from the peaks, and whether they are those of the peaks."""
        around = _into_picture(indices + offset, distances)
        colours = distances.colours(around)
        return colours, ~ground[around] & (unmixing.greatest(np.abs(colours - own)) <= like)

    wide = []
    for offset in distances.offsets(AHEAD):
        reach = []
        for side in (offset, -offset):
            colours, same = alike(side)
            sums += colours * same[:, np.newaxis]
            counts += same
            reach.append((same, same & alike(2 * side)[1]))
        (ahead, far_ahead), (behind, far_behind) = reach
        wide.append(far_ahead | far_behind | (ahead & behind))
    across, down, falling, rising = wide
    return Peaks(indices, sums / counts[:, np.newaxis], across & down & (falling | rising)), numbers


def _least_step(levels: NDArray[np.uint8], noise: float) -> Floats:
    """Return by how many levels a pixel has to be further from the ground than the one before it, to be above it."""
    return np.asarray(np.maximum(np.float32(_SLOPE) * levels, np.float32(noise / 2)))


def _beside(background: Marks, subject: Marks, check: Callable[[], None]) -> Indices:
    """Return the indices of the subject's pixels that have background among their eight neighbours."""
    height, width = background.shape
    parts: dict[int, Indices] = {}

    def work(top: int) -> None:
        check()
        bottom = min(top + _ROWS, height - 1)
        tall = background[top - 1 : bottom - 1] | background[top:bottom] | background[top + 1 : bottom + 1]
        near = tall[:, :-2] | tall[:, 1:-1] | tall[:, 2:]
        near &= subject[top:bottom, 1:-1]
        rows, columns = np.divmod(np.flatnonzero(near), width - 2)  # many times as fast as nonzero
        parts[top] = (rows + top) * width + columns + 1

    for_each(work, range(1, height - 1, _ROWS))
    return np.concatenate([parts[top] for top in sorted(parts)])


def _lowest(levels: NDArray[np.uint8], background: Marks, front: Indices, offsets: list[int]) -> Indices:
    """Return for each pixel the neighbour of the background that is furthest from the ground: where one is a shadow,
    that is what lies under the edge.
    """
    best, heights = front.copy(), np.full(len(front), -1, np.int16)
    for offset in offsets:
        there = front + offset
        level = np.where(background[there], levels[there].astype(np.int16), np.int16(-1))
        best = np.where(level > heights, there, best)
        heights = np.maximum(level, heights)
    return best


def _summits(levels: NDArray[np.uint8], subject: Marks, indices: Indices, offsets: list[int], noise: float) -> Indices:
    """Return the peak of each pixel of the edges, by the steepest way up."""
    best, heights = indices.copy(), levels[indices]
    for offset in offsets:
        there = indices + offset
        level = np.where(subject[there], levels[there], np.uint8(0))
        best = np.where(level > heights, there, best)
        heights = np.maximum(level, heights)
    best = np.where(heights > levels[indices] + _least_step(heights, noise), best, indices)
    # Each way leads from pixel to pixel; to follow it doubles its length with every step.
    positions = np.searchsorted(indices, best).clip(0, len(indices) - 1)
    onward = np.where(indices[positions] == best, positions, np.arange(len(indices)))
    for _ in range(_FURTHEST.bit_length()):
        best, onward = best[onward], onward[onward]
    return best


def _into_picture(indices: Indices, distances: Distances) -> Indices:
    rows, columns = np.divmod(indices, distances.stride)
    rows = rows.clip(1, distances.layer.height)
    columns = columns.clip(1, distances.layer.width)
    return rows * distances.stride + columns


def _clear_frame(marks: Marks) -> None:
    marks[0] = marks[-1] = False
    marks[:, 0] = marks[:, -1] = False
