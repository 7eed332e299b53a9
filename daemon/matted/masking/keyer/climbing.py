"""The edges of a subject: from the ground, pixels climb in distance up to a peak, whose colour is the subject's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matted.masking.keyer.distance import AHEAD, Distances
from matted.system.threads import for_each, for_each_slice

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Marks = NDArray[np.bool_]
Indices = NDArray[np.intp]

_FURTHEST = 24  # pixels that an edge may be wide
_SLOPE = 0.03  # share of its distance that a pixel has to be further away than the one below it
_LIKE = 6.0  # levels by which pixels around a peak may differ from it and still be one flat place with it
_ROWS = 64  # of a strip
_SPARSE = 64  # pixels for each that is looked for, from which to search is faster than to fill in a table of them all
_ONE, _WAYS = np.uint16(1), np.uint16(16)  # the ways to the neighbours, and to none, in the lowest bits of a number


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


def climb(distances: Distances, background: Marks, noise: float, check: Callable[[], None]) -> tuple[Edges, Marks]:
    """Return the edges, and which pixels are neither background nor edge: flat, False in the frame.

    background: (height + 2) x (width + 2): the ground, and the shadow on it; False in the frame.
    noise: levels that the noise reaches.
    check: called between steps; raises to stop.
    """
    levels, ground, offsets = distances.flat, background.reshape(-1), distances.offsets()
    above = _above(noise)
    front = _beside(background, check)
    rest = _others(background)
    rest[front] = False

    def is_above(there: Indices, from_: Indices) -> Marks:
        check()
        return np.asarray(levels.take(there) >= above.take(levels.take(from_)))

    indices, feet = _spread(rest, front, _lowest(levels, ground, front, offsets), offsets, is_above)
    return Edges(indices, _summits(levels, ground, indices, offsets, above), feet), rest


def add_valleys(
    distances: Distances, edges: Edges, background: Marks, rest: Marks, noise: float, check: Callable[[], None]
) -> Edges:
    """Return the edges with the pixels between two strokes that are close together: below both, and no ground.

    rest: which pixels are neither background nor edge, flat, False in the frame; changed.
    The other parameters are those of `climb`.
    """
    levels, ground, offsets = distances.flat, background.reshape(-1), distances.offsets()
    last = len(levels) - 1
    every = np.arange(256, dtype=np.uint8)
    higher = np.floor(every + _least_step(every, noise)).astype(np.uint16)

    def is_between(there: Indices, _: Indices) -> Marks:
        check()
        between = np.zeros(len(there), bool)
        least = higher.take(levels.take(there))
        for offset in distances.offsets(AHEAD):
            one, other = (
                np.maximum(levels.take(there + side), levels.take((there + 2 * side).clip(0, last))) > least
                for side in (offset, -offset)
            )
            between |= one & other
        rest[there[~between]] = False  # nor is it when it is reached from elsewhere
        return between

    indices, feet = _spread(rest, edges.indices, edges.feet, offsets, is_between)
    return Edges(indices, _summits(levels, ground, indices, offsets, _above(noise)), feet)


def _spread(
    open_: Marks,
    front: Indices,
    feet: Indices,
    offsets: list[int],
    passes: Callable[[Indices, Indices], Marks],
) -> tuple[Indices, Indices]:
    """Return the pixels that are reached from some, these included, rising, and the foot of each.

    open_: flat, which pixels can be reached; those that are become False.
    front: where to begin. feet: of each.
    passes: tells whether pixels can be reached from others beside them.
    """
    indices, bases = [front], [feet]
    for _ in range(_FURTHEST):
        # The first offset that reaches a pixel has it; by one offset, no pixel is reached from two others.
        reached = [_reached(open_, front, feet, offset, passes) for offset in offsets]
        front, feet = (np.concatenate(each) for each in zip(*reached, strict=True))
        if not len(front):
            break
        indices.append(front)
        bases.append(feet)
    joined = np.concatenate(indices)
    order = joined.argsort()
    return joined[order], np.concatenate(bases)[order]


def _reached(
    open_: Marks, front: Indices, feet: Indices, offset: int, passes: Callable[[Indices, Indices], Marks]
) -> tuple[Indices, Indices]:
    """Return the pixels that are reached from some by one offset, and their feet. Parameters: as `_spread`."""
    parts: dict[int, tuple[Indices, Indices]] = {}

    def work(piece: slice) -> None:
        from_ = front[piece]
        there = from_ + offset
        new = np.flatnonzero(open_.take(there))
        there = there[new]
        good = passes(there, from_[new])
        there = there[good]
        open_[there] = False
        parts[piece.start] = there, feet[piece][new[good]]

    for_each_slice(work, len(front))
    found = [parts[first] for first in sorted(parts)] or [(front, feet)]
    return np.concatenate([there for there, _ in found]), np.concatenate([foot for _, foot in found])


def look(distances: Distances, edges: Edges, background: Marks, noise: float) -> tuple[Peaks, Indices]:
    """Return what is at the peaks, and for each pixel of the edges the number of its peak."""
    indices, numbers = _numbered(edges.peaks)
    width, height, stride = distances.layer.width, distances.layer.height, distances.stride
    ground = background.reshape(-1)
    like = int(max(_LIKE, noise))
    means, flat = np.empty((len(indices), 3), np.float32), np.empty(len(indices), bool)

    def work(piece: slice) -> None:
        here = indices[piece]
        rows, columns = np.divmod(here, stride)
        at_border = np.flatnonzero((rows < 3) | (rows > height - 2) | (columns < 3) | (columns > width - 2))
        pixels = distances.pixels(here)
        own = distances.samples(pixels)
        sums, counts = own.astype(np.uint16), np.ones(len(here), np.uint8)

        def alike(down: int, across: int) -> tuple[Bytes, Marks]:
            """Return the colours of the pixels so far from the peaks, and whether they are those of the peaks."""
            around, there = here + (down * stride + across), pixels + (down * width + across)
            if len(at_border):
                around[at_border] = _into_picture(around[at_border], distances)
                there[at_border] = distances.pixels(around[at_border])
            colours = distances.samples(there)
            same = ~ground.take(around)
            for one, other in zip(colours, own, strict=True):
                same &= np.maximum(one, other) - np.minimum(one, other) <= like
            return colours, same

        wide = []
        for down, across in AHEAD:
            reach = []
            for side in (1, -1):
                colours, same = alike(side * down, side * across)
                sums += colours * same
                counts += same
                reach.append((same, same & alike(2 * side * down, 2 * side * across)[1]))
            (ahead, far_ahead), (behind, far_behind) = reach
            wide.append(far_ahead | far_behind | (ahead & behind))
        across_, down_, falling, rising = wide
        means[piece] = sums.T.astype(np.float32) / counts.astype(np.float32)[:, np.newaxis]
        flat[piece] = across_ & down_ & (falling | rising)

    for_each_slice(work, len(indices))
    return Peaks(indices, means, flat), numbers


def _numbered(peaks: Indices) -> tuple[Indices, Indices]:
    """Return the peaks, rising and without repetition, and for each of those given its number among them."""
    ordered = np.sort(peaks)
    first = np.ones(len(ordered), bool)
    first[1:] = ordered[1:] != ordered[:-1]
    indices, numbers = ordered[first], np.empty(len(peaks), np.intp)

    def work(piece: slice) -> None:
        numbers[piece] = _places_in(indices, peaks[piece])

    for_each_slice(work, len(peaks))
    return indices, numbers


def _places_in(indices: Indices, those: Indices) -> Indices:
    """Return where some pixels are among others; any place for those that are not.

    indices: rising. those: some that are close together.
    """
    low, high = those.min(), those.max()
    first, last = indices.searchsorted((low, high))
    near = indices[first : last + 1]
    if high - low > _SPARSE * len(those):
        return np.asarray((first + near.searchsorted(those)).clip(0, len(indices) - 1))
    near = near[near <= high]
    table = np.zeros(high - low + 1, np.int32)
    table[near - low] = np.arange(len(near))
    return np.asarray(np.minimum(first + table.take(those - low), len(indices) - 1))


def _least_step(levels: Bytes, noise: float) -> Floats:
    """Return by how many levels a pixel has to be further from the ground than the one before it, to be above it."""
    return np.asarray(np.maximum(np.float32(_SLOPE) * levels, np.float32(noise / 2)))


def _above(noise: float) -> NDArray[np.uint16]:
    """Return for each level the least one that is above it; 256 if none is."""
    levels = np.arange(256, dtype=np.uint8)
    higher = levels > levels[:, np.newaxis] + _least_step(levels, noise)
    return np.where(higher.any(axis=1), higher.argmax(axis=1), 256).astype(np.uint16)


def _others(background: Marks) -> Marks:
    """Return what is no background, without the frame; flat."""
    others = np.zeros_like(background)

    def work(top: int) -> None:
        rows = slice(top, min(top + _ROWS, len(background) - 1))
        np.logical_not(background[rows, 1:-1], out=others[rows, 1:-1])

    for_each(work, range(1, len(background) - 1, _ROWS))
    return others.reshape(-1)


def _beside(background: Marks, check: Callable[[], None]) -> Indices:
    """Return the indices of the subject's pixels that have background among their eight neighbours."""
    height, width = background.shape
    parts: dict[int, Indices] = {}

    def work(top: int) -> None:
        check()
        bottom = min(top + _ROWS, height - 1)
        tall = background[top - 1 : bottom - 1] | background[top:bottom] | background[top + 1 : bottom + 1]
        near = tall[:, :-2] | tall[:, 1:-1] | tall[:, 2:]
        np.greater(near, background[top:bottom, 1:-1], out=near)
        rows, columns = np.divmod(np.flatnonzero(near), width - 2)  # many times as fast as nonzero
        parts[top] = (rows + top) * width + columns + 1

    for_each(work, range(1, height - 1, _ROWS))
    return np.concatenate([parts[top] for top in sorted(parts)])


def _lowest(levels: Bytes, background: Marks, front: Indices, offsets: list[int]) -> Indices:
    """Return for each pixel the neighbour of the background that is furthest from the ground: where one is a shadow,
    that is what lies under the edge.
    """
    feet = np.empty_like(front)
    ways = np.array([*reversed(offsets), 0])

    def work(piece: slice) -> None:
        here = front[piece]
        best = np.zeros(len(here), np.uint16)  # the level and one; in the lowest bits the way, the first is greatest
        for way, offset in enumerate(reversed(offsets)):
            there = here + offset
            best = np.maximum(best, ((levels.take(there) + _ONE) * _WAYS + np.uint16(way)) * background.take(there))
        feet[piece] = here + np.where(best > 0, ways.take(best % _WAYS), 0)

    for_each_slice(work, len(front))
    return feet


def _summits(
    levels: Bytes, background: Marks, indices: Indices, offsets: list[int], above: NDArray[np.uint16]
) -> Indices:
    """Return the peak of each pixel of the edges, by the steepest way up. above: as `_above` returns it."""
    best, onward = np.empty_like(indices), np.arange(len(indices))
    ways = np.array([*reversed(offsets), *[0] * (int(_WAYS) - len(offsets))])

    def step(piece: slice) -> None:
        here = indices[piece]
        own = levels.take(here)
        steepest = own * _WAYS + (_WAYS - _ONE)  # as in `_lowest`; to stay is the first way
        for way, offset in enumerate(reversed(offsets)):
            there = here + offset
            level = levels.take(there) * ~background.take(there)
            steepest = np.maximum(steepest, level * _WAYS + np.uint16(way))
        up = np.flatnonzero(steepest // _WAYS >= above.take(own))
        summits = here[up] + ways.take(steepest[up] % _WAYS)
        best[piece] = here
        best[piece][up] = summits
        if len(up):
            positions = _places_in(indices, summits)
            known = indices.take(positions) == summits
            onward[piece][up[known]] = positions[known]

    for_each_slice(step, len(indices))
    # Each way leads from pixel to pixel; to follow it doubles its length with every step.
    for _ in range(_FURTHEST.bit_length()):
        best, onward = _taken(best, onward), _taken(onward, onward)
    return best


def _taken(values: Indices, places: Indices) -> Indices:
    result = np.empty_like(places)

    def work(piece: slice) -> None:
        result[piece] = values.take(places[piece])

    for_each_slice(work, len(places))
    return result


def _into_picture(indices: Indices, distances: Distances) -> Indices:
    """Return the indices of the pixels that are nearest to some, of which a few may lie outside of the picture."""
    rows, columns = np.divmod(indices, distances.stride)
    rows = rows.clip(1, distances.layer.height)
    columns = columns.clip(1, distances.layer.width)
    return rows * distances.stride + columns
