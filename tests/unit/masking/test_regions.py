"""Regions that grow: a step, or by all that is connected."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matted.masking.rendering.regions import dilated, grown, within


def test_dilated_by_four_neighbours_or_by_eight() -> None:
    cells = np.zeros((5, 6), bool)
    cells[2, 3] = True
    assert dilated(cells, corners=False).sum() == 5
    assert dilated(cells, corners=True)[1:4, 2:5].all() and dilated(cells, corners=True).sum() == 9


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 999))
def test_grown_is_what_single_steps_reach(rows: int, columns: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    passable, seeds = random.random((rows, columns)) < 0.5, random.random((rows, columns)) < 0.1
    expected = seeds & passable
    for _ in range(rows * columns):
        expected = dilated(expected, corners=True) & passable
    assert np.array_equal(grown(seeds, passable), expected)


@pytest.mark.parametrize("radius", [0, 1, 2, 3, 7, 40])
def test_within_a_radius_is_as_many_steps_with_corners(radius: int) -> None:
    cells = np.random.default_rng(radius).random((23, 31)) < 0.01
    cells[0, 5] = True  # at the border
    stepped = cells
    for _ in range(radius):
        stepped = dilated(stepped, corners=True)
    assert np.array_equal(within(cells, radius), stepped)
