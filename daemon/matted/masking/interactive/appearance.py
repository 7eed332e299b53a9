"""Appearance: which colours the subject has, and which its background has.

Histograms, as in Boykov and Jolly, "Interactive Graph Cuts" (ICCV 2001), hold all colours of a whole picture. Mixtures
of Gaussians, as in GrabCut (Rother, Kolmogorov and Blake, SIGGRAPH 2004), tell more of the few pixels of a box.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_Bins = NDArray[np.int32]

# Of histograms.
_BINS = 28  # along each axis of the colours
_RANGES = ((0.0, 1.0), (-0.7, 0.7), (-0.6, 0.6))  # of brightness and the two opponent colours that photographs have
_DOUBT = 0.025  # share of both histograms' sum that is added to each: no colour is certain
_RARE = 2e-5  # share of all pixels that is added to each, too: a colour seen hardly ever says nothing

# Of mixtures.
_GAUSSIANS = 5  # of each
_ROUNDS = 8  # of k-means
_SAMPLES = 6000  # pixels that a mixture is fitted to, about
_FEW = 20  # pixels that are too few to fit a mixture to
_NOISE = 2e-4  # variance that every Gaussian has
_UNSEEN = -4.0  # logarithm of the density that every colour has


class Appearance(Protocol):
    """The colours of the subject and of the background."""

    def odds(self, colours: Floats) -> Floats:
        """Return the logarithm of the odds that pixels are of the subject. colours: 3 x rows x columns."""


def opponent_colours(planes: NDArray[np.uint8]) -> Floats:
    """Return brightness, red against blue, and green against both: 3 x rows x columns. planes: red, green, blue."""
    red, green, blue = planes.astype(np.float32) / np.float32(255)
    return np.stack(
        [(red + green + blue) / np.float32(3), np.float32(0.7) * (red - blue), green - np.float32(0.5) * (red + blue)]
    )


class Histograms:
    """Appearance by two histograms."""

    def __init__(self, colours: Floats, subject: Floats, background: Floats) -> None:
        """Take the colours of a picture.

        colours: 3 x rows x columns, opponent colours.
        subject, background: rows x columns, how much each pixel counts.
        """
        where = _bins(colours)
        inside, outside = (_frequencies(where, counts) for counts in (subject, background))
        floor = np.float32(_DOUBT) * (inside + outside) + np.float32(_RARE)
        self._odds = np.log((inside + floor) / (outside + floor)).ravel()

    def odds(self, colours: Floats) -> Floats:
        """Return the logarithm of the odds. See Appearance."""
        return np.asarray(self._odds[_bins(colours)])


class Mixtures:
    """Appearance by two mixtures of Gaussians. Without pixels of both kinds no colour says anything."""

    def __init__(self, colours: Floats, subject: Floats, background: Floats) -> None:
        """Take the colours of a picture.

        colours: 3 x rows x columns, opponent colours.
        subject, background: rows x columns; pixels with more than a half count.
        """
        self._inside, self._outside = (
            _fitted(colours[:, counts > np.float32(0.5)].T) for counts in (subject, background)
        )

    def odds(self, colours: Floats) -> Floats:
        """Return the logarithm of the odds. See Appearance."""
        if not self._inside or not self._outside:
            return np.zeros(colours.shape[1:], np.float32)
        inside, outside = (_density(gaussians, colours) for gaussians in (self._inside, self._outside))
        return np.asarray(np.logaddexp(inside, np.float32(_UNSEEN)) - np.logaddexp(outside, np.float32(_UNSEEN)))


def _bins(colours: Floats) -> _Bins:
    """Return the bin of the histograms that each pixel is in."""
    brightness, red_blue, green = (
        ((colour - low) * np.float32(_BINS / (high - low))).astype(np.int32).clip(0, _BINS - 1)
        for colour, (low, high) in zip(colours, _RANGES, strict=True)
    )
    return np.asarray((brightness * _BINS + red_blue) * _BINS + green)


def _frequencies(where: _Bins, counts: Floats) -> Floats:
    """Return the share of each bin, blurred."""
    histogram = np.bincount(where.ravel(), counts.ravel(), _BINS**3).astype(np.float32).reshape((_BINS,) * 3)
    for axis in (0, 1, 2) * 2:
        moved = np.moveaxis(histogram, axis, 0)
        blurred = np.float32(0.5) * moved
        blurred[1:] += np.float32(0.25) * moved[:-1]
        blurred[:-1] += np.float32(0.25) * moved[1:]
        histogram = np.moveaxis(blurred, 0, axis)
    return np.ascontiguousarray(histogram) / np.float32(histogram.sum() + 1)


# Of a Gaussian: the logarithm of its greatest density, its mean, and the matrix that makes its ellipsoid a unit sphere.
_Gaussian = tuple[float, Floats, Floats]


def _fitted(pixels: Floats) -> list[_Gaussian]:
    """Return a mixture of Gaussians fitted by k-means; empty where pixels are too few. pixels: pixels x 3."""
    if len(pixels) < _FEW:
        return []
    pixels = pixels[:: len(pixels) // _SAMPLES + 1]
    means = [pixels.mean(axis=0)]
    nearest = np.square(pixels - means[0]).sum(axis=1)
    for _ in range(1, _GAUSSIANS):  # each starts at the pixel that is furthest from those before it
        means.append(pixels[nearest.argmax()])
        nearest = np.minimum(nearest, np.square(pixels - means[-1]).sum(axis=1))
    for _ in range(_ROUNDS):
        own = np.argmin([np.square(pixels - mean).sum(axis=1) for mean in means], axis=0)
        means = [pixels[own == k].mean(axis=0) if (own == k).any() else mean for k, mean in enumerate(means)]
    mixture: list[_Gaussian] = []
    for k, mean in enumerate(means):
        members = pixels[own == k] - mean
        if len(members):
            covariance = members.T.astype(np.float64) @ members / len(members) + np.eye(3) * _NOISE
            whitening = np.linalg.inv(np.linalg.cholesky(covariance))
            height = float(np.log(len(members) / len(pixels)) + np.log(np.diag(whitening)).sum())
            mixture.append((height, mean, whitening.astype(np.float32)))
    return mixture


def _density(mixture: list[_Gaussian], colours: Floats) -> Floats:
    """Return the logarithm of a mixture's density at each pixel, up to a constant. colours: 3 x rows x columns."""
    pixels = colours.reshape(3, -1)
    total: Floats | None = None
    for height, mean, whitening in mixture:
        distance = np.square(whitening @ (pixels - mean[:, np.newaxis])).sum(axis=0)
        density = np.float32(height) - np.float32(0.5) * distance
        total = density if total is None else np.logaddexp(total, density)
    return np.asarray(total, np.float32).reshape(colours.shape[1:])
