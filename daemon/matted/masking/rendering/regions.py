"""Regions of cells or pixels: grown by some steps, and by all that is connected."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Cells = NDArray[np.bool_]


def grown(seeds: Cells, passable: Cells) -> Cells:
    """Return all cells to which a way leads from a seed, by passable cells that touch, by corners too.

    seeds, passable: rows x columns. Seeds that are not passable are left out.
    """
    reached = seeds & passable
    across, down = _runs(passable), _runs(passable.T)
    before = 0
    while (now := int(np.count_nonzero(reached))) > before:
        before = now
        reached = dilated(reached, corners=True) & passable
        reached = _run_through(reached, across) & passable
        reached = _run_through(reached.T, down).T & passable
    return reached


def dilated(cells: Cells, corners: bool) -> Cells:
    """Return the cells and their four neighbours, or with `corners` their eight."""
    padded = np.pad(cells, 1)
    tall = padded[:-2] | padded[1:-1] | padded[2:]
    if corners:
        return tall[:, :-2] | tall[:, 1:-1] | tall[:, 2:]
    return tall[:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]


def within(cells: Cells, radius: int) -> Cells:
    """Return what is at most so many cells from some, along rows and columns."""
    return within_rows(within_rows(cells.T, radius).T, radius)


def within_rows(cells: Cells, radius: int) -> Cells:
    """Return what is at most so many rows from some cells, in their own columns."""
    reached = 0
    while reached < radius:
        step = min(reached + 1, radius - reached)  # more would leave gaps beside cells at the border
        wider = cells.copy(order="K")
        wider[step:] |= cells[:-step]
        wider[:-step] |= cells[step:]
        cells, reached = wider, reached + step
    return cells


def _runs(cells: Cells) -> NDArray[np.intp]:
    """Return the number of the run along a row that each cell belongs to. Other cells are given some run, too."""
    gaps = np.pad(~cells, ((0, 0), (1, 0)), constant_values=True)
    return np.cumsum(gaps, dtype=np.intp).reshape(gaps.shape)[:, 1:]


def _run_through(marked: Cells, runs: NDArray[np.intp]) -> Cells:
    """Return the cells of all runs that have a marked one."""
    hit = np.zeros(int(runs[-1, -1]) + 1, bool)
    hit[runs[marked]] = True
    return hit[runs]
