"""Solve closed-form matting near an alpha that is nearly right.

Levin, Lischinski and Weiss, "A Closed-Form Solution to Natural Image Matting" (TPAMI 2008): alpha is taken for a linear
function of the colour in each small window, and the alpha that comes closest to that in all windows solves a linear
system. As in He, Sun and Tang, "Fast Matting Using Large Kernel Matting Laplacian Matrices" (CVPR 2010), the matrix is
never formed: to multiply by it is a regression in each window, computed from sums over windows. A penalty on the change
from the former alpha keeps distant pixels from mattering, so tiles with a margin are solved one by one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from matted.masking.edges import tiles
from matted.masking.edges.laplacian import Laplacian, means, pixels_a_window
from matted.masking.edges.matrices import Floats, invert

_RADIUS = 2  # pixels: windows of 5 x 5
_COUNT = pixels_a_window(_RADIUS)
_NOISE = 4e-6  # variance that is added to each colour, in 0..1: (half a step of an 8-bit sample)², taken for noise
_HOLD = 0.02  # weight of the former alpha for a pixel; all windows that the pixel is in have 1 together
_STEPS = 25  # of conjugate gradients, at most
_PRECISION = 1e-3  # they end when the residual has shrunk to this share of the first


def solve(picture: NDArray[np.uint8], alpha: Floats, unsure: NDArray[np.bool_], check: Callable[[], None]) -> Floats:
    """Return alpha solved where it is unsure, and as it was elsewhere: height x width, 0..1.

    picture: 3 x height x width.
    alpha: height x width, 0..1.
    unsure: height x width.
    check: called between tiles; raises to stop.
    """

    def solve_part(part: tiles.Part) -> Floats:
        if min(alpha[part].shape) <= 2 * _RADIUS:
            return alpha[part]
        return _solve_part(_laplacian(picture[:, part[0], part[1]]), alpha[part], unsure[part].astype(np.float32))

    return tiles.solve(alpha, unsure, solve_part, check)


def _solve_part(laplacian: Laplacian, alpha: Floats, free: Floats) -> Floats:
    """Solve (L + hold) change = -L alpha by conjugate gradients, and return alpha + change in 0..1.

    laplacian: L, of the part.
    alpha: rows x columns, 0..1.
    free: rows x columns: 1 where alpha may change, 0 where the change is 0.
    """
    hold = np.float32(_HOLD * _COUNT)
    change = np.zeros_like(alpha)
    residual = -free * laplacian.multiply(alpha)
    direction = residual.copy()
    left = first = float(np.vdot(residual, residual))
    for _ in range(_STEPS):
        if left <= _PRECISION**2 * first:
            break
        image = free * laplacian.multiply(direction) + hold * direction
        step = np.float32(left / float(np.vdot(direction, image)))
        change += step * direction
        residual -= step * image
        before, left = left, float(np.vdot(residual, residual))
        direction = residual + np.float32(left / before) * direction
    solved: Floats = np.clip(alpha + change, 0.0, 1.0)
    return solved


def _laplacian(picture: NDArray[np.uint8]) -> Laplacian:
    """Return the matting Laplacian of a picture, 3 x height x width."""
    colours = picture * np.float32(1 / 255)
    red, green, blue = colours
    spread = means(np.stack([red * red, red * green, red * blue, green * green, green * blue, blue * blue]), _RADIUS)
    mean = red, green, blue = means(colours, _RADIUS)
    spread -= np.stack([red * red, red * green, red * blue, green * green, green * blue, blue * blue])
    spread[[0, 3, 5]] += np.float32(_NOISE)
    return Laplacian(colours, mean, invert(spread), _RADIUS)
