"""Symmetric 3 x 3 matrices, one for each place of a picture, as their upper triangles: 6 x rows x columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_SINGULAR = 1e-18  # determinants are taken for no less; all that are asked for have noise on their diagonal


def inverse(matrices: Floats) -> Floats:
    """By their adjugates. They have to be positive definite."""
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
    adjugate /= np.maximum(determinant, np.float32(_SINGULAR))
    return adjugate


def times(matrices: Floats, vectors: Floats) -> Floats:
    """vectors and result: 3 x rows x columns."""
    rr, rg, rb, gg, gb, bb = matrices
    red, green, blue = vectors
    return np.stack(
        [rr * red + rg * green + rb * blue, rg * red + gg * green + gb * blue, rb * red + gb * green + bb * blue]
    )
