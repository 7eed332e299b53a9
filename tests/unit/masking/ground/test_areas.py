"""Connected areas are those that a plain flood fill finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from matted.masking.ground import areas
from matted.masking.ground.areas import Areas
from numpy.typing import NDArray

Marks = NDArray[np.bool_]


def flooded(marks: Marks) -> NDArray[np.int32]:
    """Return the labels, numbered in the order of the first pixel of each area."""
    rows, columns = marks.shape
    labels = np.zeros(marks.shape, np.int32)
    for row, column in np.argwhere(marks).tolist():
        if labels[row, column]:
            continue
        number = labels.max() + 1
        waiting = [(row, column)]
        while waiting:
            y, x = waiting.pop()
            if 0 <= y < rows and 0 <= x < columns and marks[y, x] and not labels[y, x]:
                labels[y, x] = number
                waiting += [(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)]
    return labels


def check(marks: Marks) -> Areas:
    """Compare with the flood fill. How areas are numbered does not matter."""
    found, expected = areas.find(marks), flooded(marks)
    assert found.labels.shape == marks.shape and found.labels.dtype == np.int32
    assert found.count == expected.max(initial=0) == len(found.outside) - 1
    pairs = np.unique(np.stack([found.labels.ravel(), expected.ravel()]), axis=1)
    assert len(set(pairs[0])) == len(set(pairs[1])) == pairs.shape[1], "one label for one area"
    np.testing.assert_array_equal(found.labels != 0, marks)
    assert found.sizes[0] == 0 and not found.outside[0]
    border = np.zeros(marks.shape, bool)
    border[[0, -1]] = border[:, [0, -1]] = True
    for number in range(1, found.count + 1):
        area = found.labels == number
        assert found.sizes[number] == area.sum()
        assert found.outside[number] == (area & border).any()
    return found


@given(arrays.arrays(bool, arrays.array_shapes(min_dims=2, max_dims=2, max_side=14)))
def test_areas_are_those_of_a_flood_fill(marks: Marks) -> None:
    check(marks)


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.floats(0.3, 0.8))
def test_large_ragged_areas_are_those_of_a_flood_fill(seed: int, share: float) -> None:
    check(np.random.default_rng(seed).random((40, 60)) < share)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (5, 7)])
@pytest.mark.parametrize("marked", [False, True])
def test_all_or_nothing_is_one_area_or_none(shape: tuple[int, int], marked: bool) -> None:
    assert check(np.full(shape, marked)).count == marked


def test_diagonal_neighbours_are_apart() -> None:
    assert check(np.eye(6, dtype=bool)).count == 6


def test_a_row_does_not_run_into_the_next_one() -> None:
    marks = np.zeros((3, 5), bool)
    marks[0, -1] = marks[1, 0] = True
    assert check(marks).count == 2


def test_what_is_enclosed_does_not_reach_the_edge() -> None:
    marks = np.ones((7, 9), bool)
    marks[1, 1:8] = marks[5, 1:8] = marks[1:6, 1] = marks[1:6, 7] = False
    found = check(marks)
    inside = found.labels[3, 4]
    assert found.count == 2 and not found.outside[inside] and found.sizes[inside] == 15


def test_a_spiral_and_a_comb_are_one_area_each() -> None:
    """Their runs are joined late: by ways as long as the picture has rows."""
    size = 33
    spiral = np.zeros((size, size), bool)
    y, x, down, across = 0, 0, 0, 1
    spiral[0, 0] = True
    turns = 0
    while turns < 2:
        ahead, beyond = (y + down, x + across), (y + 2 * down, x + 2 * across)
        free = 0 <= ahead[0] < size and 0 <= ahead[1] < size and not spiral[ahead]
        meets = 0 <= beyond[0] < size and 0 <= beyond[1] < size and spiral[beyond]
        if free and not meets:
            (y, x), turns = ahead, 0
            spiral[y, x] = True
        else:
            (down, across), turns = (across, -down), turns + 1
    comb = np.zeros((size, size), bool)
    comb[:, ::2] = comb[-1] = True
    assert spiral.sum() > size * size / 3
    assert check(spiral).count == check(spiral.T).count == check(comb).count == check(comb[::-1]).count == 1
