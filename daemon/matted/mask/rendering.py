"""Render a matte as the mask: at the picture's size, with its edge refined, as integers."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from matted.mask import resampling


class Edge(Protocol):
    """Knows better than a matte where the subject ends (edges.study). Blocks are counted from the top left."""

    def reaches(self, row: int, column: int) -> bool: ...

    def apply_to_block(self, alpha: NDArray[np.float32], row: int, column: int) -> None: ...


def render(
    matte: NDArray[np.float32], width: int, height: int, depth: int, edge: Edge | None = None
) -> NDArray[np.uint8 | np.uint16]:
    """Enlarge a matte to height x width, have its edge refined, and round it to `depth` (8 or 16) bits.

    Where the matte has one level of that depth, as it has away from the subject's edge, nothing is computed.
    """
    full = np.float32(2**depth - 1)
    levels = np.rint(matte * full).astype(np.uint8 if depth == 8 else np.dtype("<u2"))
    mask = np.empty((height, width), levels.dtype)
    columns = resampling.lanczos(matte.shape[1], width)
    for row, down in enumerate(resampling.lanczos(matte.shape[0], height)):
        lowest, highest = levels[down.seen].min(axis=0), levels[down.seen].max(axis=0)
        for column, across in enumerate(columns):
            block = mask[down.made, across.made]
            if lowest[across.seen].min() == highest[across.seen].max():
                block[...] = lowest[across.seen.start]
                if edge is None or not edge.reaches(row, column):
                    continue
            # What overshoots is cut off after each pass, as it is on integers: a corner would overshoot twice as far.
            wide = (matte[down.seen, across.seen] @ across.weights.T).clip(0.0, 1.0)
            alpha = down.weights @ wide
            np.clip(alpha, 0.0, 1.0, out=alpha)
            if edge is not None:
                edge.apply_to_block(alpha, row, column)
            alpha *= full
            np.rint(alpha, out=block, casting="unsafe")
    return mask
