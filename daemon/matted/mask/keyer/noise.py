"""How far the noise of a ground reaches near the subject, where a compressed picture has more of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matted.mask.keyer.distance import AROUND, Distances

Bytes = NDArray[np.uint8]

_TILE = 64  # pixels a side of what is looked at
_TILES = 160  # of them, at most
_FAINT = 24  # levels: what is further from the ground is no noise of compression
_MOST = 8.0  # levels, of noise that is cleared; what is more of it is rare, and no more than a haze
_APART = 3  # pixels from the subject: what is nearer may be its soft edge
_LEAST, _SHARE = 12, 0.002  # peaks, and of the pixels at edges: fewer are no noise
_CLEARED = 95  # percent of the peaks that are noise


def near_subject(distances: Distances, noise: float) -> float:
    """Return the levels that the noise reaches, at least those that it reaches far from the subject.

    noise: levels that it reaches there.

    Compression leaves ripples in the whole block around an edge. A ripple has peaks of its own; anti-aliased edges and
    soft shadows have none, however faint they are.
    """
    heights: list[Bytes] = []
    edges = 0
    for top, left in _chosen(distances, noise):
        part = distances.framed[top : top + _TILE + 2, left : left + _TILE + 2]
        inner = part[1:-1, 1:-1]
        faint = (inner > noise) & (inner <= _FAINT)
        if not faint.any():
            continue
        around = np.stack([_shifted(part, *each) for each in AROUND]).max(axis=0)
        edges += int(np.count_nonzero(around > inner + _FAINT))
        heights.append(inner[faint & (inner > around) & ~_near(inner > _FAINT)])
    found = np.concatenate(heights) if heights else np.zeros(0, np.uint8)
    if len(found) < max(_LEAST, _SHARE * edges):
        return noise
    return max(noise, min(_MOST, float(np.percentile(found, _CLEARED))))


def _chosen(distances: Distances, noise: float) -> list[list[int]]:
    """Return the top and the left of tiles that are not ground alone, spread over the picture."""
    inner = distances.inner
    rows = np.maximum.reduceat(inner, np.arange(0, inner.shape[0], _TILE), axis=0)
    peaks = np.maximum.reduceat(rows, np.arange(0, inner.shape[1], _TILE), axis=1)
    mixed = np.argwhere(peaks > max(noise, _FAINT))
    chosen: list[list[int]] = (mixed[:: max(1, -(-len(mixed) // _TILES))] * _TILE).tolist()
    return chosen


def _shifted(part: Bytes, down: int, across: int) -> Bytes:
    rows, columns = part.shape
    return part[1 + down : rows - 1 + down, 1 + across : columns - 1 + across]


def _near(marks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what is at most _APART pixels from marks, along rows and columns."""
    for axis in (0, 1):
        padded = np.pad(marks, [(_APART, _APART) if each == axis else (0, 0) for each in (0, 1)])
        size = marks.shape[axis]
        marks = np.logical_or.reduce([padded.take(range(step, step + size), axis) for step in range(2 * _APART + 1)])
    return marks
