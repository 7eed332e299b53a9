"""Where an alpha is soft: the blocks and tiles that have work to do. The rest of a picture costs next to nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

MARGIN = 16  # pixels, the side of a block: the work reaches at least so far beyond a soft edge
TILE = 64  # pixels, a multiple of MARGIN: small enough for the processor's cache, and to follow an edge closely
_BARELY = 2 / 255  # an alpha this close to 0 or 1 does not make an edge: models leave such a haze over whole pictures


def soft_blocks(
    alpha: NDArray[np.uint8 | np.uint16], shown: NDArray[np.uint8 | np.uint16] | None = None
) -> NDArray[np.bool_]:
    """Which blocks of MARGIN x MARGIN pixels have a soft edge in them, or in a neighbour.

    shown: the alpha after tuning; then also those where it shows anything that is not all subject by `alpha`.
    """
    height, width = alpha.shape
    full = np.iinfo(alpha.dtype).max
    barely = round(_BARELY * full)
    starts = np.arange(0, width, MARGIN)
    soft = np.empty((-(-height // MARGIN), starts.size), bool)
    for row in range(soft.shape[0]):
        strip = alpha[row * MARGIN : (row + 1) * MARGIN]
        # Unsigned numbers wrap around, so that one comparison tests both ends.
        inside = (strip - alpha.dtype.type(barely + 1)) < alpha.dtype.type(full - 2 * barely - 1)
        if shown is not None:
            inside |= (strip < full - barely) & (shown[row * MARGIN : (row + 1) * MARGIN] > barely)
        soft[row] = np.logical_or.reduceat(inside.any(axis=0), starts)
    padded = np.pad(soft, 1)
    tall = padded[:-2] | padded[1:-1] | padded[2:]
    near: NDArray[np.bool_] = tall[:, :-2] | tall[:, 1:-1] | tall[:, 2:]
    return near


def surroundings(blocks: NDArray[np.bool_], width: int, height: int) -> tuple[int, int, int, int]:
    """left, top, right, bottom of what there is to learn from: all marked blocks, and some of what is around them."""
    rows, columns = (np.flatnonzero(blocks.any(axis=axis)) for axis in (1, 0))
    more = (rows[-1] - rows[0] + columns[-1] - columns[0]) // 8 + 3
    left, top = (max(0, int(first - more) * MARGIN) for first in (columns[0], rows[0]))
    right, bottom = (int(last + 1 + more) * MARGIN for last in (columns[-1], rows[-1]))
    return left, top, min(width, right), min(height, bottom)


def tiles(blocks: NDArray[np.bool_], width: int, height: int) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of the tiles that have a marked block."""
    count = TILE // MARGIN
    for row in range(0, blocks.shape[0], count):
        for column in range(0, blocks.shape[1], count):
            if blocks[row : row + count, column : column + count].any():
                top, left = row * MARGIN, column * MARGIN
                yield slice(top, min(top + TILE, height)), slice(left, min(left + TILE, width))
