"""The scores against hand-made cases and against the published reference implementation's values."""

from __future__ import annotations

import numpy as np
import pytest
from matted.evaluation import scores


def disc(shift: int = 0) -> scores.Mask:
    y, x = np.mgrid[:80, :100]
    return ((y - 40) ** 2 + (x - 50 - shift) ** 2 < 400).astype(np.float64)


def test_a_perfect_mask_scores_best() -> None:
    truth = disc()
    assert scores.iou(truth, truth) == 1.0
    assert scores.s_measure(truth, truth) == pytest.approx(1.0, abs=1e-6)
    assert scores.mean_absolute_error(truth, truth) == 0.0


def test_an_inverted_mask_scores_worst() -> None:
    truth = disc()
    assert scores.iou(1 - truth, truth) == 0.0
    assert scores.s_measure(1 - truth, truth) < 0.05
    assert scores.mean_absolute_error(1 - truth, truth) == 1.0


def test_every_score_gets_worse_as_a_mask_drifts_away() -> None:
    truth = disc()
    drifts = [0, 3, 8, 20, 39]
    assert np.all(np.diff([scores.iou(disc(drift), truth) for drift in drifts]) < 0)
    assert np.all(np.diff([scores.s_measure(disc(drift), truth) for drift in drifts]) < 0)
    assert np.all(np.diff([scores.mean_absolute_error(disc(drift), truth) for drift in drifts]) > 0)


def test_half_of_a_subject_is_half_of_its_union() -> None:
    truth = np.zeros((10, 10))
    truth[:, :4] = 1
    half = np.zeros((10, 10))
    half[:, :2] = 1
    assert scores.iou(half, truth) == 0.5
    assert scores.mean_absolute_error(half, truth) == pytest.approx(0.2)


def test_pictures_without_a_subject_or_full_of_it() -> None:
    empty, full = np.zeros((5, 5)), np.ones((5, 5))
    assert scores.s_measure(empty, empty) == 1.0 and scores.s_measure(full, empty) == 0.0
    assert scores.s_measure(full, full) == 1.0 and scores.s_measure(empty, full) == 0.0
    assert scores.iou(empty, empty) == 1.0
