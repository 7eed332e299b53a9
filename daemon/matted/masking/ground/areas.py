"""Connected areas: which pixels hang together, by runs of them in each row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Marks = NDArray[np.bool_]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Areas:
    """The connected areas of marked pixels. Pixels hang together with the four beside them.

    labels: rows x columns, int32: the number of each pixel's area, from 1 on; 0 where nothing is marked.
    sizes: by number, pixels; [0] is 0.
    outside: by number, whether the area reaches the edge of the picture.
    """

    labels: NDArray[np.int32]
    sizes: Indices
    outside: Marks

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.sizes) - 1


def find(marks: Marks) -> Areas:
    """Return the connected areas. marks: rows x columns.

    Runs that touch are joined until each knows the least number of its area (Shiloach and Vishkin, "An O(log n)
    Parallel Connectivity Algorithm", 1982).
    """
    rows, columns = marks.shape
    apart = np.zeros(rows * (columns + 1) + 1, bool)  # with a pixel before the first, and one that ends each row
    apart[1:].reshape(rows, columns + 1)[:, :-1] = marks
    turns = np.flatnonzero(apart[1:] != apart[:-1])
    begins, ends = turns[::2], turns[1::2]  # of runs; an end is the first pixel behind
    numbers = np.arange(len(begins))
    one, other = _touching(begins, ends, columns + 1)
    while len(one):
        least = np.minimum(numbers[one], numbers[other])
        before = numbers.copy()
        np.minimum.at(numbers, numbers[one], least)
        np.minimum.at(numbers, numbers[other], least)
        while not np.array_equal(further := numbers[numbers], numbers):
            numbers = further
        if np.array_equal(before, numbers):
            break
    firsts_of_areas = numbers == np.arange(len(numbers))
    numbers = np.cumsum(firsts_of_areas)[numbers]
    count = np.count_nonzero(firsts_of_areas) + 1
    sizes = np.bincount(numbers, ends - begins, count).astype(np.intp)
    run_rows, firsts, behinds = begins // (columns + 1), begins % (columns + 1), ends % (columns + 1)
    at_edge = (run_rows == 0) | (run_rows == rows - 1) | (firsts == 0) | (behinds == columns)
    outside = np.zeros(count, bool)
    outside[numbers[at_edge]] = True
    return Areas(_painted(rows, columns, begins, ends, numbers), sizes, outside)


def _touching(begins: Indices, ends: Indices, stride: int) -> tuple[Indices, Indices]:
    """Return the pairs of runs that touch: the upper ones and the lower ones."""
    first = np.searchsorted(ends, begins + stride, "right")
    behind = np.searchsorted(begins, ends + stride, "left")
    counts = np.maximum(0, behind - first)
    upper = np.repeat(np.arange(len(begins)), counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return upper, np.repeat(first, counts) + within


def _painted(rows: int, columns: int, begins: Indices, ends: Indices, numbers: Indices) -> NDArray[np.int32]:
    """Return the runs, painted with their numbers."""
    edges = np.zeros(2 * len(begins) + 2, np.intp)
    edges[1:-1:2], edges[2:-1:2], edges[-1] = begins, ends, rows * (columns + 1)
    values = np.zeros(len(edges) - 1, np.int32)
    values[1::2] = numbers
    return np.repeat(values, np.diff(edges)).reshape(rows, columns + 1)[:, :-1]
