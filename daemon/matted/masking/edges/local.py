"""Fit local colour models: in every neighbourhood of a picture, alpha as a linear function of the colour.

This is the guided filter (He, Sun and Tang, "Guided Image Filtering", TPAMI 2013), on a coarse grid as in the fast
guided filter (He and Sun, arXiv 1505.00996), with two changes:

- The regression is weighted by how sure each alpha is. So the soft edge that the matting model drew has next to no
  weight, and the colours on either side of it decide.
- A regression pulls its predictions towards the mean alpha m, by its coefficient of determination R²: where alphas are
  0 or 1, the mean prediction is m + R² (1 - m) for pixels of alpha 1, and m - R² m for pixels of alpha 0. Dividing the
  slopes by R² undoes that: the mean foreground colour gets alpha 1 and the mean background colour alpha 0, as in
  Fisher's linear discriminant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from matted.masking.edges.matrices import Floats, invert, multiply

_BLOCK = 96  # pixels a side, about, whose products are formed at once, so that they stay in the processor's cache
_ROWS = 32  # that are averaged at once
_TAIL = 3.0  # sigmas at which a Gaussian window is cut off
_NOISE = 1e-4  # variance that is added to each colour, in 0..1: (2.5 steps of an 8-bit sample)², taken for noise
_LEAST_R2 = 0.1  # slopes are divided by no less: colours that explain nothing are not to be amplified


@dataclass(frozen=True)
class LocalModels:
    """A model for each cell of a grid: alpha = slopes[0] R + slopes[1] G + slopes[2] B + offset, samples in 0..255.

    slopes: 3 x rows x columns.
    offset: rows x columns.
    trust: rows x columns, 0..1: R², the share of alpha's variance that the colours explain.
    """

    slopes: Floats
    offset: Floats
    trust: Floats


def fit(
    picture: NDArray[np.uint8], alpha: Floats, weight: Floats, wanted: NDArray[np.bool_], cell: int, sigma: float
) -> LocalModels:
    """Fit a model to the neighbourhood of each wanted cell; the models of other cells have no meaning.

    picture: 3 x height x width.
    alpha: height x width, 0..1.
    weight: height x width, at least 0: of each pixel in the regression.
    wanted: rows x columns, of cells.
    cell: pixels a side of a cell.
    sigma: pixels, standard deviation of the Gaussian window that is the neighbourhood.
    """
    needed = _windowed(wanted[np.newaxis].astype(np.float32), sigma / cell)[0] > 0
    sums = _windowed(_cell_sums(picture, alpha, weight, needed, cell), sigma / cell)
    count, alphas, squares, *others = sums
    count = np.maximum(count, np.float32(1e-4))
    mean = alphas / count
    variance = squares / count - mean * mean
    colours = [total / count for total in others[:3]]
    joint = np.stack([total / count - colour * mean for total, colour in zip(others[3:6], colours, strict=True)])
    spread = [
        total / count - colours[one] * colours[other] + np.float32(_NOISE * (one == other))
        for total, (one, other) in zip(others[6:], combinations_with_replacement(range(3), 2), strict=True)
    ]
    slopes = multiply(invert(np.stack(spread)), joint)
    trust: Floats = np.clip((slopes * joint).sum(axis=0) / np.maximum(variance, np.float32(1e-6)), 0.0, 1.0)
    slopes /= np.maximum(trust, np.float32(_LEAST_R2))
    offset: Floats = mean - (slopes * np.stack(colours)).sum(axis=0)
    # As in the guided filter, a place gets the mean of the models of all windows that it lies in.
    means = _windowed(np.stack([*slopes / np.float32(255), offset, trust]), sigma / cell)
    return LocalModels(means[:3], means[3], means[4])


def _cell_sums(
    picture: NDArray[np.uint8], alpha: Floats, weight: Floats, needed: NDArray[np.bool_], cell: int
) -> Floats:
    """Return the weighted sums over each cell that the regression needs, 15 x rows x columns.

    They are of 1, alpha, alpha², the three colours, each colour times alpha, and the six products of two colours, all
    times the weight. Colours are in 0..1.

    needed: rows x columns, of cells; others may be left 0.
    """
    beyond = [(0, cells * cell - side) for cells, side in zip(needed.shape, alpha.shape, strict=True)]
    picture = np.pad(picture, [(0, 0), *beyond])
    alpha, weight = np.pad(alpha, beyond), np.pad(weight, beyond)
    sums = np.zeros((15, *needed.shape), np.float32)
    count = max(1, _BLOCK // cell)
    for top in range(0, needed.shape[0], count):
        for left in range(0, needed.shape[1], count):
            rows, columns = slice(top, top + count), slice(left, left + count)
            if not needed[rows, columns].any():
                continue
            tall, wide = slice(top * cell, (top + count) * cell), slice(left * cell, (left + count) * cell)
            alphas, colours = alpha[tall, wide], picture[:, tall, wide] * np.float32(1 / 255)
            products = np.empty((15, *alphas.shape), np.float32)
            products[0] = weight[tall, wide]
            np.multiply(products[0], alphas, out=products[1])
            np.multiply(products[1], alphas, out=products[2])
            np.multiply(products[0], colours, out=products[3:6])
            np.multiply(products[3:6], alphas, out=products[6:9])
            np.multiply(products[3], colours, out=products[9:12])
            np.multiply(products[4], colours[1:], out=products[12:14])
            np.multiply(products[5], colours[2], out=products[14])
            sums[:, rows, columns] = _sum_cells(products, cell)
    return sums


def _sum_cells(fields: Floats, cell: int) -> Floats:
    by_rows = fields[:, ::cell].copy()
    for row in range(1, cell):
        by_rows += fields[:, row::cell]
    total = by_rows[:, :, ::cell].copy()
    for column in range(1, cell):
        total += by_rows[:, :, column::cell]
    return total


def _windowed(fields: Floats, sigma: float) -> Floats:
    """Return the means over a Gaussian window around each place.

    fields: any number x rows x columns.
    sigma: of the window, in rows and columns.
    """
    reach = max(1, math.ceil(_TAIL * sigma))
    for _ in range(2):
        size = fields.shape[1]
        means = np.empty_like(fields)
        for start in range(0, size, _ROWS):
            stop = min(size, start + _ROWS)
            first, last = max(0, start - reach), min(size, stop + reach)
            distance = np.arange(start, stop)[:, np.newaxis] - np.arange(first, last)
            weights = np.exp(-0.5 * (distance / max(sigma, 1e-3)) ** 2) * (np.abs(distance) <= reach)
            weights = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
            np.matmul(weights, fields[:, first:last], out=means[:, start:stop])
        fields = means.swapaxes(1, 2)
    return fields
