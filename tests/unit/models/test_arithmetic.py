"""The tables of arithmetic by which models differ. How pictures are fitted: unit/inference/test_model_io.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matted.models import catalogue
from matted.models.arithmetic import ACTIVATIONS, FITS, RESAMPLINGS


def matte_of(raw: Any, activation: str = "minmax") -> Any:
    rule = ACTIVATIONS[activation]
    return rule.matte(rule.probability(raw))


@pytest.mark.parametrize("spec", catalogue.load().specs.values(), ids=lambda spec: spec.id)
def test_every_shipped_model_names_entries_that_there_are(spec: catalogue.ModelSpec) -> None:
    assert spec.activation in ACTIVATIONS and spec.fit in FITS and spec.resample in RESAMPLINGS


def test_a_matte_reaches_both_ends() -> None:
    raw = np.linspace(0.1, 0.7, 400, dtype=np.float32).reshape(20, 20)
    matte = matte_of(raw)
    assert (matte.min(), matte.max(), matte.dtype) == (0.0, 1.0, np.float32)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@settings(max_examples=100)
@given(values=st.lists(st.floats(-5, 5, width=32), min_size=4, max_size=4))
def test_a_matte_never_leaves_its_range(activation: str, values: list[float]) -> None:
    matte = matte_of(np.array(values, np.float32).reshape(2, 2), activation)
    assert matte.min() >= 0
    assert matte.max() <= 1


def test_a_flat_output_makes_an_empty_matte() -> None:
    assert not matte_of(np.full((4, 4), 0.5, np.float32)).any()


def test_logits_become_probabilities() -> None:
    raw = np.array([[-1000.0, -1.0, 0.0, 1.0, 1000.0]], np.float32)
    np.testing.assert_allclose(matte_of(raw, "sigmoid"), [[0.0, 0.26894142, 0.5, 0.73105858, 1.0]], atol=1e-6)


def test_what_is_a_matte_already_is_only_clipped() -> None:
    raw = np.array([[-0.1, 0.0, 0.3, 1.0, 1.2]], np.float32)
    np.testing.assert_array_equal(matte_of(raw, "clip"), np.array([[0.0, 0.0, 0.3, 1.0, 1.0]], np.float32))
