"""The matting Laplacian of a picture, never formed: multiplying by it is a regression in each window.

Levin, Lischinski and Weiss, "A Closed-Form Solution to Natural Image Matting" (TPAMI 2008), computed as in He, Sun and
Tang, "Fast Matting Using Large Kernel Matting Laplacian Matrices" (CVPR 2010), from sums over windows.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from matted.masking.edges.matrices import Floats, multiply

_Numbers = TypeVar("_Numbers", NDArray[np.float32], NDArray[np.int32])


class Laplacian:
    """L of a picture, over all windows that lie wholly within it.

    windows: height x width: how many windows each pixel lies in.
    """

    def __init__(self, colours: Floats, mean: Floats, inverse: Floats, reach: int) -> None:
        """Take what is known of the windows.

        colours: 3 x height x width.
        mean: 3 x rows x columns, of each window.
        inverse: 6 x rows x columns: the inverse of its covariance, as `matrices.invert` returns it.
        reach: pixels of a window on each side of the middle one.
        """
        self._colours = colours
        self._mean = mean
        self._inverse = inverse
        self._reach = reach
        self.windows: Floats = scattered(np.ones((1, *mean.shape[1:]), np.float32), reach)[0]

    @property
    def diagonal(self) -> Floats:
        """Of L, nearly: what a pixel's own alpha adds to its row, with windows of many colours."""
        diagonal: Floats = self.windows * (1 - np.float32(1 / pixels_a_window(self._reach)))
        return diagonal

    def multiply(self, alpha: Floats) -> Floats:
        """Return L alpha: for each pixel, the sum over its windows of alpha minus the alpha of the window's model."""
        mean, *joint = means(np.concatenate([alpha[np.newaxis], self._colours * alpha]), self._reach)
        slopes = multiply(self._inverse, np.stack(joint) - self._mean * mean)
        offset = mean - (slopes * self._mean).sum(axis=0)
        *slopes_here, offset_here = scattered(np.concatenate([slopes, offset[np.newaxis]]), self._reach)
        modelled = sum(slope * colour for slope, colour in zip(slopes_here, self._colours, strict=True))
        product: Floats = self.windows * alpha - modelled - offset_here
        return product


def pixels_a_window(reach: int) -> int:
    """Return how many pixels a window has."""
    return (2 * reach + 1) ** 2


def sums(fields: _Numbers, reach: int) -> _Numbers:
    """Return the sums over each window that lies wholly within the fields. fields: any number x rows x columns."""
    side = 2 * reach + 1
    rows, columns = (length - side + 1 for length in fields.shape[1:])
    tall = fields[:, :rows].copy()
    for shift in range(1, side):
        tall += fields[:, shift : shift + rows]
    total = tall[:, :, :columns].copy()
    for shift in range(1, side):
        total += tall[:, :, shift : shift + columns]
    return total


def means(fields: Floats, reach: int) -> Floats:
    """Return the means over each window, as `sums`."""
    return sums(fields, reach) * np.float32(1 / pixels_a_window(reach))


def scattered(fields: Floats, reach: int) -> Floats:
    """Return for each pixel the sums over all windows that it lies in: the transpose of `sums`."""
    around = (2 * reach, 2 * reach)
    return sums(np.pad(fields, ((0, 0), around, around)), reach)
