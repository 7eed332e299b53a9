"""The rims of holes: what lies beyond the stroke around each, seen along rays from its middle outward."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matted.masking.ground import unmixing
from matted.masking.keyer.distance import Distances

Floats = NDArray[np.float32]
Marks = NDArray[np.bool_]
Indices = NDArray[np.intp]
Numbers = NDArray[np.int32]

_RAYS = 64  # of a hole, at most
_STEPS = 48  # of a ray
_REACH = 0.6  # of a hole's radius, that a ray is long
_SOON = 0.25  # of a ray
_SHORTEST = 0.02  # of the picture's longer side, that a ray is long at least
EQUAL = 12.0  # levels, up to which two colours are one
# Steps in a row that another colour has to be seen in, and one that may be a mixture of stroke and ground: those at
# edges are short.
_PAST, _LONG_PAST = 2, 4


@dataclass(frozen=True)
class Rims:
    """What is around each hole, by the number of its area, as shares of its rays, 0..1.

    outlined: which leave the stroke around the hole.
    embedded: which meet another colour then, before the ground.
    thick: which leave the subject nowhere.
    thin: which leave the stroke in the first quarter of their way.
    """

    outlined: Floats
    embedded: Floats
    thick: Floats
    thin: Floats


def look(
    distances: Distances,
    background: Marks,
    numbers: Numbers,
    indices: Indices,
    subject: Floats,
    sizes: Indices,
    noise: float,
) -> Rims:
    """Return what is around the holes.

    background: the ground and the veils on it, in the frame of `distances`.
    numbers: of the pixels at the subject's edges, the area that each borders on; 0: none.
    indices: of these pixels. subject: n x 3, the colour of the subject there.
    sizes: pixels of each area, by number.
    noise: levels that the noise reaches.
    """
    count = len(sizes)
    rows, columns = (each.astype(np.float32) for each in distances.places(indices))
    many = np.maximum(np.bincount(numbers, minlength=count), 1)
    middle = np.stack([np.bincount(numbers, each, count) / many for each in (rows, columns)]).astype(np.float32)
    chosen = _some(numbers, many)
    start = np.stack([rows[chosen], columns[chosen]])
    of = numbers[chosen]
    way = start - middle[:, of]
    radius = np.hypot(*way)
    way /= np.maximum(radius, np.float32(1))
    layer = distances.layer
    reach = np.float32(_REACH / np.pi**0.5) * np.sqrt(sizes[of].astype(np.float32))
    length = np.maximum(reach, np.float32(_SHORTEST * max(layer.width, layer.height)))
    seen = _follow(distances, background.reshape(-1), start, way, length, subject[chosen], max(EQUAL, noise))
    rays = np.maximum(np.bincount(of, minlength=count), 1)
    return Rims(*((np.bincount(of, each, count) / rays).astype(np.float32) for each in seen))


def _some(numbers: Numbers, many: Indices) -> Indices:
    """Return which pixels of the edges rays begin at: about _RAYS of each area."""
    of_holes = np.flatnonzero(numbers)
    order = of_holes[np.argsort(numbers[of_holes], kind="stable")]
    sorted_ = numbers[order]
    within = np.arange(len(order)) - np.searchsorted(sorted_, sorted_)
    return np.asarray(order[within % np.maximum(1, many[sorted_] // _RAYS) == 0])


def _follow(
    distances: Distances,
    background: Marks,
    start: Floats,
    way: Floats,
    length: Floats,
    colours: Floats,
    equal: float,
) -> tuple[Marks, Marks, Marks, Marks]:
    """Return which rays are of which kind: in the order of the fields of Rims."""
    layer = distances.layer
    left, other, thin = (np.zeros(start.shape[1], bool) for _ in range(3))
    pace = np.maximum(1, length / _STEPS)
    # Most rays end after some steps: only those that go on are followed, by their numbers.
    running = np.arange(start.shape[1])
    before = colours
    others = np.zeros(start.shape[1], np.int8)
    for step in range(1, _STEPS + 1):
        on = step * pace[running] <= length[running]
        running, before, others = running[on], before[on], others[on]
        if not len(running):
            break
        own = colours[running]
        rows, columns = np.rint(start[:, running] + way[:, running] * (pace[running] * step)).astype(np.intp)
        inside = (rows >= 0) & (rows < layer.height) & (columns >= 0) & (columns < layer.width)
        rows, columns = rows.clip(0, layer.height - 1), columns.clip(0, layer.width - 1)
        indices = distances.indices(rows, columns)
        here = distances.colours(indices)
        ground = distances.ground(indices)
        mixed = unmixing.off(here, ground, own, unmixing.along(here, ground, own)) <= equal
        bare = background[indices] | (unmixing.greatest(np.abs(here - ground)) <= equal) | ~inside
        steady = unmixing.greatest(np.abs(here - before)) <= equal
        same = (unmixing.greatest(np.abs(here - own)) <= equal) | (steady & ~left[running])
        others = np.where(steady & ~same & ~bare, others + 1, 0).astype(np.int8)
        left[running] |= ~same
        gone = left[running]
        thin[running] |= gone & (step * pace[running] <= _SOON * length[running])
        meets = ~bare & gone & (others >= np.where(mixed, _LONG_PAST, _PAST))
        other[running] = meets
        on = ~(meets | (bare & gone))
        running, before, others = running[on], here[on], others[on]
    return left, other, ~left, thin
