"""The tests' own scores of masks, against values that are worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scoring import GRADIENT_SIGMA, composed_again, gradient, scores, share_within, soft_band

RAMP = np.broadcast_to(np.arange(60) / 100, (40, 60))


def square(side: int = 41, of: int = 10) -> np.ndarray:
    truth = np.zeros((side, side))
    truth[:of, :of] = 1
    return truth


def test_a_mask_is_its_own_best() -> None:
    score = scores(square(), square())
    assert (score.iou, score.mad, score.grad, score.band) == (1, 0, 0, 0)


def test_what_is_missing_counts_once() -> None:
    truth, mask = square(40, 20), square(40, 20)
    mask[:10, :20] = 0  # half of the subject
    score = scores(mask, truth)
    assert score.iou == 0.5
    assert score.mad == pytest.approx(1000 * 200 / 1600)
    assert score.band > 0 and score.grad > 0


def test_the_gradient_of_a_ramp_is_its_slope() -> None:
    inner = gradient(np.asarray(RAMP))[10:-10, 10:-10]
    assert inner == pytest.approx(0.01, rel=1e-3)
    assert gradient(np.asarray(RAMP).T)[10:-10, 10:-10] == pytest.approx(0.01, rel=1e-3)


def test_the_gradient_of_a_step_is_a_bell() -> None:
    step = np.zeros((30, 40))
    step[:, 20:] = 1
    row = gradient(step)[15]
    peak = math.exp(-((0.5 / GRADIENT_SIGMA) ** 2) / 2) / (GRADIENT_SIGMA * math.sqrt(2 * math.pi))
    assert row[19] == pytest.approx(row[20]) and row[19] == pytest.approx(peak, rel=0.02)
    assert row.sum() == pytest.approx(1, rel=0.01)
    assert max(row[0], row[-1]) < 1e-12  # a border is no edge


def test_the_gradients_difference_is_squared() -> None:
    flat = np.zeros_like(RAMP)
    doubled = scores(2 * RAMP, flat).grad
    assert doubled == pytest.approx(4 * scores(np.asarray(RAMP), flat).grad)


def test_the_band_is_a_diamond_around_an_edge() -> None:
    truth = np.zeros((41, 41))
    truth[20, 20] = 0.05  # soft, and no step
    band = soft_band(truth)
    rows, columns = np.indices(truth.shape)
    assert np.array_equal(band, abs(rows - 20) + abs(columns - 20) <= 8)
    truth[20, 20] = 1  # a step: its 8 neighbours are edges, too
    assert (
        soft_band(truth).sum() == (np.maximum(abs(rows - 20) - 1, 0) + np.maximum(abs(columns - 20) - 1, 0) <= 8).sum()
    )


def test_the_band_alone_counts_near_edges() -> None:
    truth, mask = square(), square()
    mask[40, 40] = 1  # far from the edge
    score = scores(mask, truth)
    assert score.band == 0 and score.mad == pytest.approx(1000 / 41**2)
    mask[10, 5] = 0.5  # beside the edge
    assert scores(mask, truth).band == pytest.approx(1000 * 0.5 / soft_band(truth).sum())


def test_without_an_edge_there_is_no_band() -> None:
    assert scores(np.ones((5, 5)), np.zeros((5, 5))).band == 0


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_a_cut_out_is_laid_over_a_ground(depth: type[np.uint8] | type[np.uint16]) -> None:
    full = np.iinfo(depth).max
    cut_out = np.array([[[full, 0, 0, 0], [full, 0, 0, full // 5], [full, 0, 0, full]]], depth)
    again = composed_again(cut_out, (0, 100, 200))
    assert again == pytest.approx(np.array([[[0, 100, 200], [51, 80, 160], [255, 0, 0]]]), abs=1e-6)
    field = np.broadcast_to(np.array([0.0, 100, 200]), (1, 3, 3))
    assert np.array_equal(composed_again(cut_out, field), again)


def test_a_pixel_is_as_far_off_as_its_worst_channel() -> None:
    one = np.zeros((1, 4, 3), np.uint8)
    other = np.array([[[0, 0, 0], [2, 2, 2], [0, 3, 0], [255, 0, 0]]], np.uint8)
    assert share_within(one, other, 2) == 0.5
    assert share_within(other, one, 3) == 0.75
