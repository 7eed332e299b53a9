"""Rendering a matte as a mask of the size of the picture."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matted.masking import rendering
from matted.masking.rendering import resampling
from PIL import Image

SIDE = 320
LANCZOS = Image.Resampling.LANCZOS
SIZES = [(1, 1), (1, 40), (40, 1), (1, 1899), (1899, 1), (320, 320), (321, 319), (37, 211), (640, 480), (1899, 1200)]


def blob(side: int = SIDE) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return a disc with a soft edge, 1 inside, 0 outside."""
    y, x = np.mgrid[0:side, 0:side] / side - 0.5
    return np.clip(8 * (0.35 - np.hypot(x, y)) + 0.5, 0, 1).astype(np.float32)


def ragged(side: int = SIDE) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return hard edges and corners everywhere, which make Lanczos overshoot."""
    coarse = np.random.default_rng(3).integers(0, 2, (side // 4, side // 4))
    return np.kron(coarse, np.ones((4, 4))).astype(np.float32)


def test_eight_bits_are_sixteen_divided_by_257_for_every_value() -> None:
    every = np.arange(65536).reshape(256, 256)
    matte = (every / 65535).astype(np.float32)
    np.testing.assert_array_equal(rendering.render(matte, 256, 256, 16), every)
    np.testing.assert_array_equal(rendering.render(matte, 256, 256, 8), np.rint(every / 257))


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 500), (500, 1), (640, 480), (100, 90), (333, 2000)])
@pytest.mark.parametrize("depth", [8, 16])
def test_a_mask_has_the_size_and_type_that_were_asked_for(width: int, height: int, depth: int) -> None:
    mask = rendering.render(blob(), width, height, depth)
    assert mask.shape == (height, width)
    assert mask.dtype == np.dtype("u1" if depth == 8 else "<u2")


def test_a_16_bit_mask_is_little_endian_in_memory() -> None:
    matte = np.full((4, 4), 0x1234 / 65535, np.float32)
    assert rendering.render(matte, 4, 4, 16).tobytes() == b"\x34\x12" * 16


@pytest.mark.parametrize(("width", "height"), [(640, 480), (1500, 1100), (200, 150), (320, 320)])
@pytest.mark.parametrize(("depth", "full"), [(8, 255), (16, 65535)])
def test_background_is_zero_and_the_subject_full_scale(width: int, height: int, depth: int, full: int) -> None:
    mask = rendering.render(blob(), width, height, depth)
    assert mask[0, 0] == 0
    assert mask[height // 2, width // 2] == full


@pytest.mark.parametrize("depth", [8, 16])
def test_overshoot_at_hard_edges_is_clipped_and_does_not_wrap(depth: int) -> None:
    matte = np.zeros((SIDE, SIDE), np.float32)
    matte[:, 100:200] = 1
    full = 2**depth - 1
    mask = rendering.render(matte, 2000, 1000, depth)
    assert (mask[:, 640:1235] > 0.99 * full).all()
    assert (mask[:, :600] < 0.01 * full).mean() > 0.99


def test_a_soft_edge_follows_the_filter_in_floating_point() -> None:
    matte = 0.2 + 0.6 * blob()  # far enough from both ends that nothing is cut off
    mask = rendering.render(matte, 900, 700, 16)
    exact = np.asarray(Image.fromarray(matte * np.float32(65535)).resize((900, 700), LANCZOS))
    np.testing.assert_allclose(mask, exact, atol=2)


def test_a_16_bit_mask_has_no_steps_in_its_soft_edges() -> None:
    ramp = np.tile(np.linspace(0.2, 0.8, SIDE, dtype=np.float32), (SIDE, 1))
    spec = rendering.render(ramp, 4000, 2, 16)[0].astype(int)
    assert len(np.unique(spec)) > 3500


def test_at_the_models_own_size_a_mask_is_the_matte() -> None:
    matte = blob()
    np.testing.assert_array_equal(rendering.render(matte, SIDE, SIDE, 16), np.rint(matte * 65535.0))


def largest_difference(one: Any, other: Any) -> int:
    return int(np.abs(one.astype(np.int32) - other.astype(np.int32)).max())


@pytest.mark.parametrize("draw", [blob, ragged])
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize(("width", "height"), [(1500, 1500), (700, 900), (257, 255), (9000, 40), (50, 1), (1, 50)])
def test_tiles_leave_no_seams(monkeypatch: pytest.MonkeyPatch, draw: Any, depth: int, width: int, height: int) -> None:
    matte = draw()
    tiled = rendering.render(matte, width, height, depth)
    monkeypatch.setattr(resampling, "lanczos", partial(resampling.lanczos, block=1 << 40))
    assert largest_difference(rendering.render(matte, width, height, depth), tiled) <= 1


@pytest.mark.parametrize("depth", [8, 16])
def test_where_a_matte_has_one_level_its_mask_has_it_too(depth: int) -> None:
    matte = np.full((SIDE, SIDE), 0.25, np.float32)
    matte[:, 200:] = 0.75
    mask = rendering.render(matte, 3000, 2000, depth)
    full = 2**depth - 1
    assert (mask[:, :1700] == round(0.25 * full)).all() and (mask[:, 2050:] == round(0.75 * full)).all()


@pytest.mark.slow
@settings(max_examples=60)
@given(st.integers(1, 700), st.integers(1, 700))
def test_any_size_can_be_made(width: int, height: int) -> None:
    mask = rendering.render(blob(), width, height, 8)
    assert mask.shape == (height, width)
    if min(width, height) > 8:
        assert mask[height // 2, width // 2] >= 250  # LANCZOS undershoots a little where it makes a mask smaller
