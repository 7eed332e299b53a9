"""The comparison of a device's answer with the CPU's: what it shows them, and what counts as the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matted.inference import model_io
from matted.inference.engines import backend, comparison
from matted.inference.engines.verdicts import TOLERANCE
from matted.models import catalogue
from matted.settings.target import CPU, Target

SPECS = catalogue.load().specs
U2NETP, PLATE, LOGITS = SPECS["u2netp"], SPECS["background-matting-mobilenetv2"], SPECS["birefnet-lite"]


def answer(probable: Any, colours: Any = None) -> list[Any]:
    """Return raw outputs: 1 x rows x columns, and the foreground colours."""
    return [np.float32(probable)[np.newaxis], *([] if colours is None else [np.uint8(colours)])]


RIGHT = np.zeros((40, 40))
RIGHT[10:30] = 1.0


def test_a_model_sees_the_photograph_at_the_size_that_it_takes() -> None:
    (squashed,) = comparison.pictures(U2NETP, (320, 320))
    assert squashed.shape == (3, 320, 320) and squashed.dtype == np.uint8 and squashed.std() > 40
    (any_size,) = comparison.pictures(replace(U2NETP, fit="own", side=0), None)
    assert any_size.shape == (3, 320, 320)


def test_a_model_that_compares_sees_the_scene_without_the_subject_too() -> None:
    picture, plate = comparison.pictures(PLATE, (720, 1280))
    assert picture.shape == plate.shape == (3, 720, 1280)
    off = np.abs(picture.astype(int) - plate).mean(axis=0)
    assert off[:, 400:880].mean() > 2 * off[:, :40].mean()


@pytest.mark.parametrize(
    ("given", "low", "high"),
    [
        (RIGHT, 0.0, 0.0),
        (RIGHT + 0.001, 0.0005, 0.002),
        (RIGHT * 0, 0.5, 0.5),
        (1 - RIGHT, 1.0, 1.0),
        (RIGHT * 1000, 1.0, 1.0),
        (RIGHT * np.nan, 1.0, 1.0),
        (RIGHT - np.inf, 1.0, 1.0),
    ],
)
def test_the_difference_is_the_mean_one_of_the_probabilities(given: Any, low: float, high: float) -> None:
    assert low <= comparison.difference(answer(given), answer(RIGHT), U2NETP) <= high


def test_logits_are_compared_as_probabilities() -> None:
    right, other = answer(RIGHT * 40 - 20), answer(RIGHT * 60 - 30)
    assert comparison.difference(other, right, LOGITS) < 1e-6
    assert comparison.difference(answer(RIGHT * 0 - 20), right, LOGITS) == pytest.approx(0.5)


def test_a_model_that_sees_nothing_in_the_photograph_is_not_blamed_on_the_device() -> None:
    faint = np.random.default_rng(1).uniform(0, 0.002, RIGHT.shape)
    assert comparison.difference(answer(faint * 0.9), answer(faint), U2NETP) < TOLERANCE / 10


def test_colours_count_where_there_is_a_subject() -> None:
    right = answer(RIGHT, np.full((3, 40, 40), 200))
    elsewhere, there = np.full((3, 40, 40), 200), np.full((3, 40, 40), 200)
    elsewhere[:, :10] = 0
    there[:, 10:20] = 0
    assert comparison.difference(answer(RIGHT, elsewhere), right, PLATE) == 0.0
    assert comparison.difference(answer(RIGHT, there), right, PLATE) == pytest.approx(0.5 * 200 / 255)


@pytest.mark.slow
def test_the_photograph_tells_right_numbers_from_wrong_ones(u2netp_file: Path) -> None:
    """The real model: its answer on the photograph has much of both, and half precision hardly changes it."""
    shown = comparison.pictures(U2NETP, (320, 320))
    model = backend.load(U2NETP, u2netp_file, Target(CPU, "f32"), None)
    right = [output.copy() for output in model.infer(shown)]
    probable = model_io.probability(right[0][0], U2NETP)
    assert 0.3 < float(probable.mean()) < 0.7 and float(np.ptp(probable)) > 0.95
    halved = [output.astype(np.float16) for output in right]
    assert comparison.difference(halved, right, U2NETP) < TOLERANCE / 20
    noise = np.random.default_rng(2).random(probable.shape, np.float32)
    for wrong in (probable * 0, probable * 0 + 0.5, noise, probable[::-1], probable[:, ::-1], np.roll(probable, 40, 1)):
        assert comparison.difference(answer(wrong), right, U2NETP) > 5 * TOLERANCE
