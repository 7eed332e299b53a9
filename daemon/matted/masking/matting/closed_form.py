"""Solve closed-form matting with a target: alpha that fits the colours, and comes near what else is known of it.

Levin, Lischinski and Weiss, "A Closed-Form Solution to Natural Image Matting" (TPAMI 2008): alpha is taken for a linear
function of the colour in each small window, and the alpha that comes closest to that in all windows solves a linear
system. As in He, Sun and Tang, "Fast Matting Using Large Kernel Matting Laplacian Matrices" (CVPR 2010), the matrix is
never formed: to multiply by it is a regression in each window, computed from sums over windows. A weighted target for
each pixel, as in Wang and Cohen, "Optimized Color Sampling for Robust Matting" (CVPR 2007), keeps distant pixels from
mattering, so tiles with a margin are solved one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matted.masking.edges import tiles
from matted.masking.edges.laplacian import Laplacian, pixels_a_window, sums
from matted.masking.edges.matrices import Floats, invert

_MIDDLE = np.float32(127.5)  # of the samples
_PRECISION = 1e-3  # the steps end when the residual has shrunk to this share of the first


@dataclass(frozen=True)
class Windows:
    """The windows in which alpha is a linear function of the colour.

    reach: pixels on each side of the middle one.
    noise: variance that is added to each colour; samples are in 0..255.
    """

    reach: int
    noise: float


def solve(
    picture: NDArray[np.uint8],
    alpha: Floats,
    unknown: NDArray[np.bool_],
    target: Floats,
    weight: Floats,
    windows: Windows,
    steps: int,
    check: Callable[[], None],
) -> Floats:
    """Return alpha solved where it is unknown, and as it was elsewhere: height x width, 0..1.

    picture: 3 x height x width.
    alpha: height x width, 0..1; where it is unknown, the first guess.
    unknown: height x width.
    target: height x width, 0..1: what alpha is to come near.
    weight: height x width, of the target; each window that a pixel is in has 1.
    windows: what counts as near.
    steps: of conjugate gradients, at most.
    check: called between tiles; raises to stop.
    """

    def solve_part(part: tiles.Part) -> Floats:
        if min(alpha[part].shape) <= 2 * windows.reach:
            return np.where(unknown[part], target[part], alpha[part])
        return _solve_part(
            _laplacian(picture[:, part[0], part[1]], windows),
            alpha[part],
            unknown[part].astype(np.float32),
            target[part],
            weight[part],
            steps,
        )

    return tiles.solve(alpha, unknown, solve_part, check)


def _solve_part(
    laplacian: Laplacian, alpha: Floats, free: Floats, target: Floats, weight: Floats, steps: int
) -> Floats:
    """Solve (L + weight) change = weight (target - alpha) - L alpha by conjugate gradients; return alpha + change.

    laplacian: L, of the part.
    free: rows x columns: 1 where alpha may change, 0 where the change is 0.
    The others: as in `solve`.
    """
    scale: Floats = free / (laplacian.diagonal + weight)
    change = np.zeros_like(alpha)
    residual = free * (weight * (target - alpha) - laplacian.multiply(alpha))
    scaled: Floats = np.multiply(scale, residual)
    direction: Floats = scaled.copy()
    left = first = float(np.vdot(residual, scaled))
    for _ in range(steps):
        if left <= _PRECISION**2 * first:
            break
        image = free * (laplacian.multiply(direction) + weight * direction)
        step = np.float32(left / float(np.vdot(direction, image)))
        change += step * direction
        residual -= step * image
        scaled = np.multiply(scale, residual)
        before, left = left, float(np.vdot(residual, scaled))
        direction = scaled + np.float32(left / before) * direction
    solved: Floats = np.clip(alpha + change, 0.0, 1.0)
    return solved


def _laplacian(picture: NDArray[np.uint8], windows: Windows) -> Laplacian:
    """Return the matting Laplacian of a picture, 3 x height x width."""
    reach, count = windows.reach, pixels_a_window(windows.reach)
    # Whole numbers: a variance that is small against the square of the mean would be lost in single precision.
    red, green, blue = whole = picture.astype(np.int32)
    spread = sums(np.stack([red * red, red * green, red * blue, green * green, green * blue, blue * blue]), reach)
    spread *= count
    total = red, green, blue = sums(whole, reach)
    spread -= np.stack([red * red, red * green, red * blue, green * green, green * blue, blue * blue])
    variances = spread / count**2
    variances[[0, 3, 5]] += windows.noise
    mean = total.astype(np.float32) * np.float32(1 / count) - _MIDDLE
    return Laplacian(picture - _MIDDLE, mean, invert(variances).astype(np.float32), reach)
