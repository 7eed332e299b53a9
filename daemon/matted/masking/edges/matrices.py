"""Invert and multiply symmetric 3 x 3 matrices, one for each place of a picture.

They are kept as their upper triangles, 6 x rows x columns: RR, RG, RB, GG, GB, BB.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_Numbers = TypeVar("_Numbers", NDArray[np.float32], NDArray[np.float64])

_LEAST_DETERMINANT = 1e-18  # against division by 0; callers add a variance of noise to the diagonal


def invert(matrices: _Numbers) -> _Numbers:
    """Return the inverses of positive definite matrices: the adjugate divided by the determinant.

    In double precision if they come so: the determinant of nearly dependent colours is lost in single precision.
    """
    rr, rg, rb, gg, gb, bb = matrices
    adjugate = np.stack(
        [
            gg * bb - gb * gb,
            rb * gb - rg * bb,
            rg * gb - rb * gg,
            rr * bb - rb * rb,
            rg * rb - rr * gb,
            rr * gg - rg * rg,
        ]
    )
    determinant = rr * adjugate[0] + rg * adjugate[1] + rb * adjugate[2]
    adjugate /= np.maximum(determinant, np.float32(_LEAST_DETERMINANT))
    return adjugate


def multiply(matrices: Floats, vectors: Floats) -> Floats:
    """Return the product of each matrix with its vector. vectors and result: 3 x rows x columns."""
    rr, rg, rb, gg, gb, bb = matrices
    red, green, blue = vectors
    return np.stack(
        [rr * red + rg * green + rb * blue, rg * red + gg * green + gb * blue, rb * red + gb * green + bb * blue]
    )
