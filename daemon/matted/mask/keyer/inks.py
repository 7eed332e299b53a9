"""The inks of a drawing: the few flat colours that it is made of, also of strokes that are too thin to show theirs.

A stroke that is thinner than a pixel never reaches its ink's colour. All its pixels lie on the way from the ground to
the ink, so that the direction tells which ink it is, and the ink how much of the pixel is covered.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matted.mask.keyer.climbing import Peaks

Floats = NDArray[np.float32]
Marks = NDArray[np.bool_]

MOST = 12  # inks
_BINS = 6  # that the components of a direction, -1 to 1, are rounded to a share of
_SAME_WAY = 0.97  # cosine of two directions that are one: 14 degrees
_LEAST = 8  # peaks that show an ink
_SHARE = 0.01  # of all peaks, that show an ink: the others are mixtures of two
_FULL, _THIN = 98, 99  # percent of the peaks that are at most as far from the ground as the ink, flat ones and others
_LEVELS = 10.0  # of 255, by which places of one ink may differ
_DRAWN = 0.85  # share of the inner pixels that have the colour of an ink, from which all is made of inks


@dataclass(frozen=True)
class Inks:
    """The inks that were found.

    colours: n x 3, R, G, B.
    ways: n x 3, unit vectors from the ground to each.
    only: whether the whole subject is made of them, so that its thin strokes are, too.
    """

    colours: Floats
    ways: Floats
    only: bool

    def nearest(self, colours: Floats) -> tuple[NDArray[np.intp], Floats]:
        """Return the number of the ink that is nearest to each colour, and how far it is in levels.

        colours: n x 3. There has to be an ink.
        """
        distances = np.abs(colours[:, np.newaxis] - self.colours).max(axis=2)
        numbers = distances.argmin(axis=1)
        return numbers, distances[np.arange(len(colours)), numbers]

    def filled(self, peaks: Peaks, ground: Floats) -> Floats:
        """Return the colours of peaks, n x 3, with those of their inks where they are too thin to show them.

        ground: n x 3, the ground's at each peak.
        """
        if not self.only or not len(self.colours):
            return peaks.colours
        ways, lengths = _ways(peaks.colours, ground)
        alike = ways @ self.ways.T
        numbers = alike.argmax(axis=1)
        inks = self.colours[numbers]
        thin = ~peaks.flat & (alike.max(axis=1) > _SAME_WAY) & (lengths < _ways(inks, ground)[1])
        return np.where(thin[:, np.newaxis], inks, peaks.colours)


def find(peaks: Peaks, ground: Floats, inner: Floats, noise: float) -> Inks:
    """Return the inks.

    peaks: of the edges. ground: n x 3, the ground's colours at each.
    inner: m x 3: colours of pixels inside the subject, some of all.
    noise: levels that the noise of the picture reaches.
    """
    ways, lengths = _ways(peaks.colours, ground)
    left = lengths > 0
    colours: list[Floats] = []
    found: list[Floats] = []
    while len(colours) < MOST and left.sum() >= max(_LEAST, _SHARE * len(ways)):
        way = _commonest(ways[left])
        same = left & (ways @ way > _SAME_WAY)
        left &= ~same
        if same.sum() < _LEAST:
            break
        full = same & peaks.flat
        length = np.percentile(lengths[full], _FULL) if full.sum() >= _LEAST else np.percentile(lengths[same], _THIN)
        top = same & (lengths >= 0.9 * length)
        colours.append(np.median(peaks.colours[top], axis=0))
        found.append(way)
    inks = Inks(_stacked(colours), _stacked(found), only=False)
    return Inks(inks.colours, inks.ways, only=_are_all(inks, inner, max(_LEVELS, noise)))


def _are_all(inks: Inks, inner: Floats, levels: float) -> bool:
    """Return whether the inside of the subject is made of inks. If it has no inside, it is."""
    if not len(inner):
        return True
    if not len(inks.colours):
        return False
    return bool((inks.nearest(inner)[1] <= levels).mean() >= _DRAWN)


def _commonest(ways: Floats) -> Floats:
    """Return the direction that most of them have."""
    bins = np.rint(ways * _BINS).astype(np.int64) @ np.array([10000, 100, 1])
    values, counts = np.unique(bins, return_counts=True)
    mean = ways[bins == values[counts.argmax()]].mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean))


def _ways(colours: Floats, ground: Floats) -> tuple[Floats, Floats]:
    """Return the directions from the ground to colours, n x 3 unit vectors, and how far they are, in levels."""
    ways = colours - ground
    lengths = np.linalg.norm(ways, axis=1)
    return ways / np.maximum(lengths, 1)[:, np.newaxis], lengths


def _stacked(vectors: list[Floats]) -> Floats:
    return np.asarray(vectors, np.float32).reshape(-1, 3)
