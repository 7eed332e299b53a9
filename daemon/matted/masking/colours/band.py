"""Find the band of a mask, where alpha is between 0 and 1: only its blocks and tiles need work on their colours."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from matted_client import messages
from numpy.typing import NDArray

from matted.masking.rendering.regions import dilated

BLOCK = 16  # pixels a side
TILE = messages.TILE  # pixels a side, a multiple of BLOCK: fits into the processor's cache, and follows an edge closely
_HAZE = 2 / 255  # an alpha this close to 0 or 1 is not soft: models leave such a haze over whole pictures


def soft_blocks(
    alpha: NDArray[np.uint8 | np.uint16], tuned: NDArray[np.uint8 | np.uint16] | None = None
) -> NDArray[np.bool_]:
    """Return which blocks of BLOCK x BLOCK pixels have a soft pixel: rows x columns.

    alpha: height x width.
    tuned: the mask after tuning, of the same shape and type. Where it is not 0 and `alpha` is not full, a pixel counts
        as soft too: it will be seen.
    """
    height, width = alpha.shape
    full = np.iinfo(alpha.dtype).max
    haze = round(_HAZE * full)
    starts = np.arange(0, width, BLOCK)
    soft = np.empty((-(-height // BLOCK), starts.size), bool)
    for row in range(soft.shape[0]):
        strip = alpha[row * BLOCK : (row + 1) * BLOCK]
        # Unsigned numbers wrap around, so one comparison tests both limits.
        inside = (strip - alpha.dtype.type(haze + 1)) < alpha.dtype.type(full - 2 * haze - 1)
        if tuned is not None:
            inside |= (strip < full - haze) & (tuned[row * BLOCK : (row + 1) * BLOCK] > haze)
        soft[row] = np.logical_or.reduceat(inside.any(axis=0), starts)
    return soft


def edge_blocks(
    alpha: NDArray[np.uint8 | np.uint16], tuned: NDArray[np.uint8 | np.uint16] | None = None
) -> NDArray[np.bool_]:
    """Return `soft_blocks` and those around them: what reaches at least BLOCK pixels beyond the edge."""
    return dilated(soft_blocks(alpha, tuned), corners=True)


def surroundings(blocks: NDArray[np.bool_], width: int, height: int) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of all marked blocks with a margin, from which their colours can be learned.

    blocks: rows x columns, at least one of them marked.
    width, height: of the picture, in pixels, as the result.
    """
    rows, columns = (np.flatnonzero(blocks.any(axis=axis)) for axis in (1, 0))
    more = (rows[-1] - rows[0] + columns[-1] - columns[0]) // 8 + 3
    left, top = (max(0, int(first - more) * BLOCK) for first in (columns[0], rows[0]))
    right, bottom = (int(last + 1 + more) * BLOCK for last in (columns[-1], rows[-1]))
    return left, top, min(width, right), min(height, bottom)


def tiles(blocks: NDArray[np.bool_], width: int, height: int) -> Iterator[tuple[slice, slice]]:
    """Yield the rows and columns of each tile that has a marked block, as far as marked blocks reach in it.

    width, height: of the picture.
    """
    count = TILE // BLOCK
    for row in range(0, blocks.shape[0], count):
        for column in range(0, blocks.shape[1], count):
            marked = blocks[row : row + count, column : column + count]
            if marked.any():
                down, across = np.flatnonzero(marked.any(axis=1)), np.flatnonzero(marked.any(axis=0))
                top, left = (row + down[0]) * BLOCK, (column + across[0]) * BLOCK
                bottom, right = (row + down[-1] + 1) * BLOCK, (column + across[-1] + 1) * BLOCK
                yield slice(top, min(bottom, height)), slice(left, min(right, width))


def whole_tiles(blocks: NDArray[np.bool_], width: int, height: int) -> Iterator[tuple[slice, slice]]:
    """Yield the rows and columns of each tile that has a marked block, all of it. width, height: of the picture."""
    for rows, columns in tiles(blocks, width, height):
        top, left = rows.start // TILE * TILE, columns.start // TILE * TILE
        yield slice(top, min(top + TILE, height)), slice(left, min(left + TILE, width))
