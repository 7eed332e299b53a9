"""Geodesic distances: how much colour changes on the way from some pixels to every other one.

Bai and Sapiro, "A Geodesic Framework for Fast Interactive Image and Video Segmentation and Matting" (ICCV 2007), by
the raster scans of Toivanen, "New geodesic distance transforms for gray-scale images" (Pattern Recognition Letters
1996): each row takes over what the row before it knows, down, up, to the right and to the left.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

FAR = 1e6  # more than any distance


def distances(features: Floats, seeds: NDArray[np.bool_]) -> Floats:
    """Return the distance of every pixel to each set of seeds: sets x rows x columns, at most FAR.

    features: channels x rows x columns. A step costs the distance of the features of its two pixels.
    seeds: sets x rows x columns.
    """
    down, right = _step(features[:, 1:], features[:, :-1]), _step(features[:, :, 1:], features[:, :, :-1])
    falling = _step(features[:, 1:, 1:], features[:, :-1, :-1])  # from the top left to the bottom right
    rising = _step(features[:, 1:, :-1], features[:, :-1, 1:])  # from the top right to the bottom left
    # The sets are innermost but for the pixels of a row, so that a row of all sets is one array.
    known = np.ascontiguousarray(np.where(seeds, np.float32(0), np.float32(FAR)).transpose(1, 0, 2))
    _scan(known, down, falling, rising)
    _scan(known[::-1], down[::-1], rising[::-1], falling[::-1])
    known = np.ascontiguousarray(known.transpose(2, 1, 0))
    right, falling, rising = (np.ascontiguousarray(costs.T) for costs in (right, falling, rising))
    _scan(known, right, falling, rising)
    _scan(known[::-1], right[::-1], rising[::-1], falling[::-1])
    return np.ascontiguousarray(known.transpose(1, 2, 0))


def steps(seeds: NDArray[np.bool_]) -> Floats:
    """Return the distance of every pixel to the seeds, in pixels. seeds: rows x columns, some of them True.

    It is that in eight directions: at most 8 % more than the straight one.
    """
    rows, columns = seeds.shape
    down, across = np.mgrid[:rows, :columns].astype(np.float32)
    return np.asarray(distances(np.stack([down, across]), seeds[np.newaxis])[0])


def _step(one: Floats, other: Floats) -> Floats:
    """Return the cost of the step from each pixel to the other."""
    return np.asarray(np.sqrt(np.square(one - other).sum(axis=0)))


def _scan(known: Floats, straight: Floats, forward: Floats, backward: Floats) -> None:
    """Let each row take over what the row before it knows, in place.

    known: rows x sets x columns, distances.
    straight: rows - 1 x columns: the cost of a step from the pixel in the row before.
    forward: rows - 1 x columns - 1: from the pixel before that one, to all columns but the first.
    backward: rows - 1 x columns - 1: from the pixel after that one, to all columns but the last.
    """
    for row in range(1, known.shape[0]):
        before, here = known[row - 1], known[row]
        np.minimum(here, before + straight[row - 1], out=here)
        np.minimum(here[:, 1:], before[:, :-1] + forward[row - 1], out=here[:, 1:])
        np.minimum(here[:, :-1], before[:, 1:] + backward[row - 1], out=here[:, :-1])
