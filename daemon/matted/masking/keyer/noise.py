"""How far the noise of a ground reaches near the subject, where a compressed picture has more of it."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from matted.masking.keyer.distance import AROUND, Distances
from matted.masking.rendering.regions import within

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
    least = int(noise)  # for whole levels the same, and no comparison in float64
    for row, column in _chosen(distances, noise):
        top, left = row * _TILE, column * _TILE
        part = distances.framed[top : top + _TILE + 2, left : left + _TILE + 2]
        inner = part[1:-1, 1:-1]
        faint = (inner > least) & (inner <= _FAINT)
        if not faint.any():
            continue
        around = functools.reduce(np.maximum, (_shifted(part, *each) for each in AROUND))
        # The neighbour's less the pixel's own: a sum would wrap, and the inside of what is dark on white be all edges.
        edges += int(np.count_nonzero(np.maximum(around, inner) - inner > _FAINT))
        heights.append(inner[faint & (inner > around) & ~within(inner > _FAINT, _APART)])
    found = np.concatenate(heights) if heights else np.zeros(0, np.uint8)
    if len(found) < max(_LEAST, _SHARE * edges):
        return noise
    return max(noise, min(_MOST, float(np.percentile(found, _CLEARED))))


def _chosen(distances: Distances, noise: float) -> list[list[int]]:
    """Return the row and the column of tiles that are not ground alone, spread over the picture."""
    inner = distances.inner
    rows = np.stack([inner[top : top + _TILE].max(axis=0) for top in range(0, inner.shape[0], _TILE)])
    peaks = np.maximum.reduceat(rows, np.arange(0, inner.shape[1], _TILE), axis=1)
    mixed = np.argwhere(peaks > max(noise, _FAINT))
    chosen: list[list[int]] = mixed[:: max(1, -(-len(mixed) // _TILES))].tolist()
    return chosen


def _shifted(part: Bytes, down: int, across: int) -> Bytes:
    rows, columns = part.shape
    return part[1 + down : rows - 1 + down, 1 + across : columns - 1 + across]
