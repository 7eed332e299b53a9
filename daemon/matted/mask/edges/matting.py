"""Closed-form matting around an alpha that is nearly right.

Levin, Lischinski and Weiss, "A Closed-Form Solution to Natural Image Matting" (TPAMI 2008): in each small window alpha
is a linear function of the colour, and the alpha that comes closest to that everywhere solves a linear system. As in
He, Sun and Tang, "Fast Matting Using Large Kernel Matting Laplacian Matrices" (CVPR 2010), its matrix is never formed:
a product with it is a regression in each window, made of sums over windows. The alpha that there was holds the solution
in place, so that what is far away has no influence, and tiles with a margin give what the whole picture would.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from matted.mask.edges.linear import Floats, inverse, times

_RADIUS = 2  # pixels: windows of 5 x 5
_COUNT = (2 * _RADIUS + 1) ** 2
_NOISE = 4e-6  # variance of the colours, in 0..1, below which they are noise: half a step of an 8-bit sample
_HOLD = 0.02  # how strongly the former alpha holds a pixel, against 1 for all windows that it is in
_TILE = 160  # pixels
_MARGIN = 24  # pixels around a tile that are solved with it
_STEPS = 25  # of conjugate gradients at most
_PRECISION = 1e-3  # of the first residual, at which they end


def solve(picture: NDArray[np.uint8], alpha: Floats, unsure: NDArray[np.bool_], check: Callable[[], None]) -> Floats:
    """Return `alpha`, height x width in 0..1, changed where it is `unsure`. picture: 3 x height x width."""
    height, width = alpha.shape
    solved = alpha.copy()
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            tile = slice(top, min(top + _TILE, height)), slice(left, min(left + _TILE, width))
            above, before = max(0, top - _MARGIN), max(0, left - _MARGIN)
            around = slice(above, tile[0].stop + _MARGIN), slice(before, tile[1].stop + _MARGIN)
            if min(alpha[around].shape) <= 2 * _RADIUS or not unsure[tile].any():
                continue
            check()
            part = _solve_tile(
                _Laplacian(picture[:, around[0], around[1]]), alpha[around], unsure[around].astype(np.float32)
            )
            rows, columns = slice(top - above, tile[0].stop - above), slice(left - before, tile[1].stop - before)
            solved[tile] = part[rows, columns]
    return solved


def _solve_tile(laplacian: _Laplacian, alpha: Floats, free: Floats) -> Floats:
    """Solve (L + hold) change = -L alpha for the pixels where free is 1, by conjugate gradients; elsewhere it is 0."""
    hold = np.float32(_HOLD * _COUNT)
    change = np.zeros_like(alpha)
    residual = -free * laplacian.times(alpha)
    direction = residual.copy()
    left = first = float(np.vdot(residual, residual))
    for _ in range(_STEPS):
        if left <= _PRECISION**2 * first:
            break
        image = free * laplacian.times(direction) + hold * direction
        step = np.float32(left / float(np.vdot(direction, image)))
        change += step * direction
        residual -= step * image
        before, left = left, float(np.vdot(residual, residual))
        direction = residual + np.float32(left / before) * direction
    solved: Floats = np.clip(alpha + change, 0.0, 1.0)
    return solved


class _Laplacian:
    """The matting Laplacian of a picture, 3 x height x width, with all windows that lie in it as a whole."""

    def __init__(self, picture: NDArray[np.uint8]) -> None:
        self._colours = picture * np.float32(1 / 255)
        red, green, blue = self._colours
        products = np.stack([red * red, red * green, red * blue, green * green, green * blue, blue * blue])
        self._mean = red, green, blue = _means(self._colours)
        spread = _means(products)
        spread -= np.stack([red * red, red * green, red * blue, green * green, green * blue, blue * blue])
        spread[[0, 3, 5]] += np.float32(_NOISE)
        self._inverse = inverse(spread)
        self._windows = _scattered(np.ones((1, *red.shape), np.float32))[0]

    def times(self, alpha: Floats) -> Floats:
        """For each pixel, the sum over its windows of alpha less what the window's linear model says of its colour."""
        mean, *joint = _means(np.concatenate([alpha[np.newaxis], self._colours * alpha]))
        slopes = times(self._inverse, np.stack(joint) - self._mean * mean)
        offset = mean - (slopes * self._mean).sum(axis=0)
        *slopes_here, offset_here = _scattered(np.concatenate([slopes, offset[np.newaxis]]))
        said = sum(slope * colour for slope, colour in zip(slopes_here, self._colours, strict=True))
        product: Floats = self._windows * alpha - said - offset_here
        return product


def _sums(fields: Floats) -> Floats:
    """Fields x rows x columns: the sums over each window that lies in them as a whole."""
    side = 2 * _RADIUS + 1
    rows, columns = (length - side + 1 for length in fields.shape[1:])
    tall = fields[:, :rows].copy()
    for shift in range(1, side):
        tall += fields[:, shift : shift + rows]
    total = tall[:, :, :columns].copy()
    for shift in range(1, side):
        total += tall[:, :, shift : shift + columns]
    return total


def _means(fields: Floats) -> Floats:
    return _sums(fields) * np.float32(1 / _COUNT)


def _scattered(fields: Floats) -> Floats:
    """For each pixel, the sums over all windows that it lies in: the transpose of `_sums`."""
    around = (2 * _RADIUS, 2 * _RADIUS)
    return _sums(np.pad(fields, ((0, 0), around, around)))
