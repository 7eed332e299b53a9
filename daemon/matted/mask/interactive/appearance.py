"""Appearance: which colours the subject has, and which its background has, as two histograms.

Histograms as in Boykov and Jolly, "Interactive Graph Cuts" (ICCV 2001); those of GrabCut (Rother, Kolmogorov and Blake,
SIGGRAPH 2004) are mixtures of Gaussians, which take more time and decided no better.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bins = NDArray[np.int32]

_BINS = 28  # along each axis of the colours
_RANGES = ((0.0, 1.0), (-0.7, 0.7), (-0.6, 0.6))  # of brightness and the two opponent colours that photographs have
_DOUBT = 0.025  # share of the mean of both histograms that is added to each: no colour is certain
_RARE = 2e-5  # share of all pixels that is added to each, too: a colour seen hardly ever says nothing


def opponent_colours(planes: NDArray[np.uint8]) -> Floats:
    """Return brightness, red against blue, and green against both: 3 x rows x columns. planes: red, green, blue."""
    red, green, blue = planes.astype(np.float32) / np.float32(255)
    return np.stack(
        [(red + green + blue) / np.float32(3), np.float32(0.7) * (red - blue), green - np.float32(0.5) * (red + blue)]
    )


def bins(colours: Floats) -> Bins:
    """Return the bin of the histograms that each pixel is in. colours: 3 x rows x columns."""
    brightness, red_blue, green = (
        ((colour - low) * np.float32(_BINS / (high - low))).astype(np.int32).clip(0, _BINS - 1)
        for colour, (low, high) in zip(colours, _RANGES, strict=True)
    )
    return np.asarray((brightness * _BINS + red_blue) * _BINS + green)


class Appearance:
    """The colours of the subject and of the background."""

    def __init__(self, where: Bins, subject: Floats, background: Floats) -> None:
        """Take the colours of a picture.

        where: rows x columns, bins of the pixels.
        subject, background: rows x columns, how much each pixel counts.
        """
        inside, outside = (_frequencies(where, counts) for counts in (subject, background))
        floor = np.float32(_DOUBT) * (inside + outside) + np.float32(_RARE)
        self._odds = np.log((inside + floor) / (outside + floor)).ravel()

    def odds(self, where: Bins) -> Floats:
        """Return the logarithm of the odds that pixels are of the subject, by their bins."""
        return np.asarray(self._odds[where])


def _frequencies(where: Bins, counts: Floats) -> Floats:
    """Return the share of each bin, blurred."""
    histogram = np.bincount(where.ravel(), counts.ravel(), _BINS**3).astype(np.float32).reshape((_BINS,) * 3)
    for axis in (0, 1, 2) * 2:
        moved = np.moveaxis(histogram, axis, 0)
        blurred = np.float32(0.5) * moved
        blurred[1:] += np.float32(0.25) * moved[:-1]
        blurred[:-1] += np.float32(0.25) * moved[1:]
        histogram = np.moveaxis(blurred, 0, axis)
    return np.ascontiguousarray(histogram) / np.float32(histogram.sum() + 1)
