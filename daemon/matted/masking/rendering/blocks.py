"""Render a matte as a mask: enlarge it to the picture's size, refine its edge, round it to integers."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from matted.masking.rendering import resampling
from matted.masking.rendering.clearing import Clearing
from matted.masking.view import View, dtype_of


class EdgeRefiner(Protocol):
    """Corrects the alpha of blocks at the subject's edge: edges.Refinement is one.

    row, column: of a block of resampling.BLOCK pixels a side, counted from the top left.
    """

    def reaches(self, row: int, column: int) -> bool:
        """Return whether the block has anything to correct."""

    def apply_to_block(self, alpha: NDArray[np.float32], row: int, column: int) -> None:
        """Correct the alpha, 0..1, of the block in place."""


def render(
    matte: NDArray[np.float32],
    width: int,
    height: int,
    depth: int,
    refiner: EdgeRefiner | None = None,
    clearing: Clearing | None = None,
    view: View | None = None,
) -> NDArray[np.uint8 | np.uint16]:
    """Return the mask of a matte, height x width: uint8, or little-endian uint16.

    matte: float32 in 0..1, of any size.
    width, height: of the mask.
    depth: bits of a pixel, 8 or 16.
    refiner: corrects the alpha at the edge; None leaves it as it is.
    clearing: clears what is too faint to be seen, far from the edge; None leaves it.
    view: of width x height, of the picture that the matte is of; None for the whole picture.

    A block whose samples all have the same level is filled with it, which is most of a picture.
    """
    full = np.float32(2**depth - 1)
    levels = np.rint(matte * full).astype(dtype_of(depth))
    mask = np.empty((height, width), levels.dtype)
    view = view or View.of(width, height)
    columns = resampling.lanczos(matte.shape[1], width, part=view.columns(matte.shape[1]))
    rows = resampling.lanczos(matte.shape[0], height, part=view.rows(matte.shape[0]))
    for row, down in enumerate(rows):
        lowest, highest = levels[down.samples].min(axis=0), levels[down.samples].max(axis=0)
        for column, across in enumerate(columns):
            block = mask[down.pixels, across.pixels]
            if lowest[across.samples].min() == highest[across.samples].max():
                block[...] = lowest[across.samples.start]
                if refiner is None or not refiner.reaches(row, column):
                    continue
            # Overshoot is clipped after each pass, as Pillow does on integers: at a corner it would add up.
            wide = (matte[down.samples, across.samples] @ across.weights.T).clip(0.0, 1.0)
            alpha = down.weights @ wide
            np.clip(alpha, 0.0, 1.0, out=alpha)
            if refiner is not None:
                refiner.apply_to_block(alpha, row, column)
            if clearing is not None:
                clearing.apply_to_block(alpha, row, column)
            alpha *= full
            np.rint(alpha, out=block, casting="unsafe")
    return mask
