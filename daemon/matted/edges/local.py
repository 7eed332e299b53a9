"""Local colour models: in every neighbourhood of a picture, alpha as a linear function of the colour.

That is the guided filter (He, Sun and Tang, "Guided Image Filtering", TPAMI 2013), on a coarse grid as in the fast
guided filter (He and Sun, arXiv 1505.00996), changed in two respects:

- The regression is weighted by how sure each alpha is. What the model drew as a blur then says nothing, and the colours
  on both sides of it say all.
- A regression pulls its predictions to the mean, by its coefficient of determination R² (the mean prediction for pixels
  whose alpha is 1 is m + R² (1 - m), where m is the mean alpha). Dividing the slopes by R² undoes that: the mean
  foreground colour gets alpha 1 and the mean background colour alpha 0, as in Fisher's linear discriminant.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_STRIP_ROWS = 64  # of pixels whose products are formed at once, which keeps them in the processor's cache
_NOISE = 1e-4  # variance of the colours, in 0..1, below which they are noise: 2.5 steps of an 8-bit sample
_LEAST = 0.1  # R² is not divided by less: where colours explain nothing, nothing should be made of them


@dataclass(frozen=True)
class LocalModels:
    """alpha = slopes[0] * R + slopes[1] * G + slopes[2] * B + offset, for samples in 0..255.

    On a grid: slopes 3 x rows x columns, offset and trust rows x columns. trust: R² in 0..1.
    """

    slopes: Floats
    offset: Floats
    trust: Floats


def fit(picture: NDArray[np.uint8], alpha: Floats, weight: Floats, cell: int, sigma: float) -> LocalModels:
    """Fit one model to the neighbourhood of each cell of cell x cell pixels.

    picture: height x width x 3. alpha: height x width in 0..1. weight: height x width, at least 0. sigma: pixels,
    standard deviation of the Gaussian window.
    """
    rows, columns = (-(-side // cell) for side in alpha.shape)
    down, across = _window(rows, sigma / cell), _window(columns, sigma / cell)
    sums = down @ _cell_sums(picture, alpha, weight, cell) @ across
    count, alphas, squares, *others = sums
    count = np.maximum(count, np.float32(1e-4))
    mean = alphas / count
    variance = squares / count - mean * mean
    colours = [total / count for total in others[:3]]
    joint = [total / count - colour * mean for total, colour in zip(others[3:6], colours, strict=True)]
    spread = [
        total / count - colours[one] * colours[other] + np.float32(_NOISE * (one == other))
        for total, (one, other) in zip(others[6:], combinations_with_replacement(range(3), 2), strict=True)
    ]
    slopes = _solve(spread, joint)
    explained = sum(slope * covariance for slope, covariance in zip(slopes, joint, strict=True))
    trust = np.clip(explained / np.maximum(variance, np.float32(1e-6)), 0.0, 1.0)
    slopes = slopes / np.maximum(trust, np.float32(_LEAST))
    offset = mean - sum(slope * colour for slope, colour in zip(slopes, colours, strict=True))
    # As in the guided filter, a pixel gets the mean of the models of all windows that it lies in.
    down /= down.sum(axis=1, keepdims=True)
    across /= across.sum(axis=0, keepdims=True)
    return LocalModels(down @ slopes @ across / np.float32(255), down @ offset @ across, down @ trust @ across)


def _cell_sums(picture: NDArray[np.uint8], alpha: Floats, weight: Floats, cell: int) -> Floats:
    """Return 15 x rows x columns: the sums over each cell of the weight times 1, alpha, alpha², the three colours, each
    of them times alpha, and the six products of two of them. Colours are in 0..1.
    """
    height, width = alpha.shape
    rows, columns = -(-height // cell), -(-width // cell)
    sums = np.zeros((15, rows, columns), np.float32)
    strip = -(-_STRIP_ROWS // cell)
    for first in range(0, rows, strip):
        here = slice(first * cell, min(height, (first + strip) * cell))
        weights, alphas = weight[here], alpha[here]
        colours = [picture[here, :, channel] * np.float32(1 / 255) for channel in range(3)]
        weighted = [weights * colour for colour in colours]
        weighted_alpha = weights * alphas
        products = [weights, weighted_alpha, weighted_alpha * alphas, *weighted]
        products += [colour * alphas for colour in weighted]
        products += [weighted[one] * colours[other] for one, other in combinations_with_replacement(range(3), 2)]
        for product, total in zip(products, sums, strict=True):
            total[first : first + strip] = _sum_cells(product, cell)
    return sums


def _sum_cells(samples: Floats, cell: int) -> Floats:
    height, width = samples.shape
    if height % cell or width % cell:
        samples = np.pad(samples, ((0, -height % cell), (0, -width % cell)))
    by_rows = samples.reshape(-1, cell, samples.shape[1]).sum(axis=1)
    total: Floats = by_rows.reshape(by_rows.shape[0], -1, cell).sum(axis=2)
    return total


def _window(cells: int, sigma: float) -> Floats:
    """Return cells x cells, symmetric: the weight of each cell in the window around each other one."""
    index = np.arange(cells, dtype=np.float32)
    distance = (index[:, np.newaxis] - index) / np.float32(max(sigma, 1e-3))
    weights: Floats = np.exp(np.float32(-0.5) * distance * distance)
    return weights


def _solve(spread: list[Floats], joint: list[Floats]) -> Floats:
    """Solve a symmetric 3 x 3 system in each cell by its adjugate. spread: its upper triangle, row by row."""
    rr, rg, rb, gg, gb, bb = spread
    cofactors = [
        [gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg],
        [rb * gb - rg * bb, rr * bb - rb * rb, rg * rb - rr * gb],
        [rg * gb - rb * gg, rg * rb - rr * gb, rr * gg - rg * rg],
    ]
    determinant = rr * cofactors[0][0] + rg * cofactors[0][1] + rb * cofactors[0][2]
    rows = [sum(factor * side for factor, side in zip(row, joint, strict=True)) for row in cofactors]
    solution: Floats = np.stack(rows) / np.maximum(determinant, np.float32(_NOISE**3))
    return solution
