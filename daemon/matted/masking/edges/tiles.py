"""Solve alpha tile by tile, each with a margin, on all cores: distant pixels do not matter to a tile."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
from numpy.typing import NDArray

from matted.masking.edges.matrices import Floats
from matted.system import threads

Part = tuple[slice, slice]  # rows and columns

_TILE = 160  # pixels a side
_MARGIN = 24  # pixels around a tile that are solved with it, and dropped


def solve(
    alpha: Floats, unknown: NDArray[np.bool_], solve_part: Callable[[Part], Floats], check: Callable[[], None]
) -> Floats:
    """Return alpha with the tiles solved that have anything unknown: height x width.

    alpha, unknown: height x width.
    solve_part: returns the alpha of a part, of its size; called in several threads.
    check: called before each tile; raises to stop.
    """
    solved = alpha.copy()

    def solve_tile(tile: Part) -> None:
        check()
        around = _widened(tile[0], alpha.shape[0]), _widened(tile[1], alpha.shape[1])
        rows, columns = (
            slice(inner.start - outer.start, inner.stop - outer.start)
            for inner, outer in zip(tile, around, strict=True)
        )
        solved[tile] = solve_part(around)[rows, columns]

    tiles = product(_sides(alpha.shape[0]), _sides(alpha.shape[1]))
    threads.for_each(solve_tile, [tile for tile in tiles if unknown[tile].any()])
    return solved


def _sides(length: int) -> list[slice]:
    return [slice(start, min(start + _TILE, length)) for start in range(0, length, _TILE)]


def _widened(side: slice, length: int) -> slice:
    return slice(max(0, side.start - _MARGIN), min(side.stop + _MARGIN, length))
