"""From pixels to the model's input, and from a matte to a mask."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matted.inference import model_io
from matted.inference.layer import Layer
from matted.mask import resampling
from matted.models import catalogue
from PIL import Image

SPEC = catalogue.load().find("u2netp")
SIDE = 320
LANCZOS = Image.Resampling.LANCZOS
SIZES = [(1, 1), (1, 40), (40, 1), (1, 1899), (1899, 1), (320, 320), (321, 319), (37, 211), (640, 480), (1899, 1200)]


def photograph(width: int, height: int, channels: int = 3, grain: int = 40) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Soft colours with grain on them: height x width x channels."""
    noise = np.random.default_rng(0).integers(0, grain, (height, width, channels))
    y, x = np.mgrid[0:height, 0:width]
    waves = np.stack([100 + 80 * np.sin(x / (20 + 9 * c) + y / (33 - 5 * c)) for c in range(channels)], axis=2)
    return (waves + noise).astype(np.uint8)


def prepare(pixels: Any, format: str, spec: catalogue.ModelSpec = SPEC) -> np.ndarray[Any, np.dtype[np.float32]]:
    height, width = pixels.shape[:2]
    layer = Layer.received(memoryview(pixels.tobytes()), width, height, format)
    return model_io.prepare_input(layer, spec, model_io.Fit((spec.side, spec.side)))


def expected_input(rgb: Any) -> Any:
    """What U²-Net's own data loader does, with the square filled by Lanczos."""
    small = np.asarray(Image.fromarray(rgb).resize((SIDE, SIDE), LANCZOS), np.float32)
    scaled = small / np.float32(small.max())
    mean, std = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    return ((scaled - mean) / std).transpose(2, 0, 1)[None]


# -- the model's input -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_input_is_that_of_the_models_authors(width: int, height: int) -> None:
    rgb = photograph(width, height)
    np.testing.assert_array_equal(prepare(rgb, "RGB8"), expected_input(rgb))


def test_a_large_picture_gives_nearly_the_input_of_the_models_authors() -> None:
    rgb = photograph(3000, 2000, grain=8)
    difference = np.abs(prepare(rgb, "RGB8") - expected_input(rgb)) * 0.23 * 255  # in steps of an 8-bit sample
    assert float(difference.max()) < 4


def test_the_input_has_the_shape_and_type_that_the_model_takes() -> None:
    prepared = prepare(photograph(30, 20), "RGB8")
    assert (prepared.shape, prepared.dtype) == ((1, 3, SIDE, SIDE), np.float32)
    assert prepared.flags.c_contiguous


def test_red_green_and_blue_come_in_this_order() -> None:
    prepared = prepare(np.full((5, 5, 3), (250, 100, 50), np.uint8), "RGB8")[0, :, 160, 160]
    expected = (np.array([1.0, 0.4, 0.2]) - SPEC.mean) / SPEC.std
    np.testing.assert_allclose(prepared, expected, atol=1e-6)


def test_every_colour_format_gives_the_same_input_for_the_same_colours() -> None:
    rgba = photograph(73, 51, 4)
    reference = prepare(rgba[:, :, :3], "RGB8")
    np.testing.assert_array_equal(prepare(rgba, "RGBA8"), reference)
    np.testing.assert_array_equal(prepare(rgba[:, :, [2, 1, 0, 3]], "BGRA8"), reference)


def test_every_grey_format_gives_the_same_input_for_the_same_greys() -> None:
    grey_alpha = photograph(73, 51, 2)
    grey = grey_alpha[:, :, :1]
    reference = prepare(np.repeat(grey, 3, axis=2), "RGB8")
    np.testing.assert_array_equal(prepare(grey, "GRAY8"), reference)
    np.testing.assert_array_equal(prepare(grey_alpha, "GRAYA8"), reference)


@pytest.mark.parametrize(("format", "channels"), [("RGBA8", 4), ("BGRA8", 4), ("GRAYA8", 2)])
def test_the_alpha_channel_is_ignored(format: str, channels: int) -> None:
    pixels = photograph(73, 51, channels)
    hidden = pixels.copy()
    hidden[:, :, -1] = 0
    bright = pixels.copy()
    bright[:, :, -1] = 255
    np.testing.assert_array_equal(prepare(hidden, format), prepare(pixels, format))
    np.testing.assert_array_equal(prepare(bright, format), prepare(pixels, format))


def test_a_darker_picture_gives_the_same_input() -> None:
    bright = np.full((10, 10, 3), 200, np.uint8)
    bright[:5] = 100
    np.testing.assert_allclose(prepare(bright // 2, "RGB8"), prepare(bright, "RGB8"), atol=0.03)


def test_a_black_picture_divides_by_nothing() -> None:
    prepared = prepare(np.zeros((10, 10, 3), np.uint8), "RGB8")
    expected = -np.array(SPEC.mean) / SPEC.std
    np.testing.assert_allclose(prepared[0, :, 0, 0], expected, atol=1e-6)


def test_a_row_may_divide_by_255() -> None:
    spec = dataclasses.replace(SPEC, scale="255", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    prepared = prepare(np.full((5, 5, 3), 51, np.uint8), "RGB8", spec)
    np.testing.assert_allclose(prepared, 0.2, atol=1e-6)


def test_a_row_may_ask_for_another_side_and_filter() -> None:
    spec = dataclasses.replace(SPEC, side=64, resample="bilinear", scale="255", mean=(0.0,) * 3, std=(1.0,) * 3)
    rgb = photograph(100, 80)
    small = Image.fromarray(rgb).resize((64, 64), Image.Resampling.BILINEAR)
    expected = (np.asarray(small, np.float32) / np.float32(255)).transpose(2, 0, 1)[None]
    np.testing.assert_array_equal(prepare(rgb, "RGB8", spec), expected)


@pytest.mark.parametrize("format", ["RGBA8", "BGRA8", "RGB8", "GRAYA8", "GRAY8"])
def test_the_pixels_are_left_as_they_were(format: str) -> None:
    channels = {"RGBA8": 4, "BGRA8": 4, "RGB8": 3, "GRAYA8": 2, "GRAY8": 1}[format]
    pixels = bytearray(photograph(50, 40, channels).tobytes())
    before = bytes(pixels)
    model_io.prepare_input(
        Layer.received(memoryview(pixels), 50, 40, format), SPEC, model_io.Fit((SPEC.side, SPEC.side))
    )
    assert pixels == before


# -- the matte -------------------------------------------------------------------------------------------------------


def test_a_matte_reaches_both_ends() -> None:
    raw = np.linspace(0.1, 0.7, 400, dtype=np.float32).reshape(20, 20)
    matte = model_io.make_matte(raw, SPEC)
    assert (matte.min(), matte.max(), matte.dtype) == (0.0, 1.0, np.float32)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.floats(-5, 5, width=32), min_size=4, max_size=4))
def test_a_matte_never_leaves_its_range(values: list[float]) -> None:
    matte = model_io.make_matte(np.array(values, np.float32).reshape(2, 2), SPEC)
    assert matte.min() >= 0
    assert matte.max() <= 1


def test_a_flat_output_makes_an_empty_matte() -> None:
    assert not model_io.make_matte(np.full((4, 4), 0.5, np.float32), SPEC).any()


# -- the mask --------------------------------------------------------------------------------------------------------


def blob(side: int = SIDE) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A disc with a soft edge, 1 inside, 0 outside."""
    y, x = np.mgrid[0:side, 0:side] / side - 0.5
    return np.clip(8 * (0.35 - np.hypot(x, y)) + 0.5, 0, 1).astype(np.float32)


def ragged(side: int = SIDE) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Hard edges and corners everywhere, which make Lanczos overshoot."""
    coarse = np.random.default_rng(3).integers(0, 2, (side // 4, side // 4))
    return np.kron(coarse, np.ones((4, 4))).astype(np.float32)


def test_eight_bits_are_sixteen_divided_by_257_for_every_value() -> None:
    every = np.arange(65536).reshape(256, 256)
    matte = (every / 65535).astype(np.float32)
    np.testing.assert_array_equal(model_io.make_mask(matte, 256, 256, 16), every)
    np.testing.assert_array_equal(model_io.make_mask(matte, 256, 256, 8), np.rint(every / 257))


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 500), (500, 1), (640, 480), (100, 90), (333, 2000)])
@pytest.mark.parametrize("depth", [8, 16])
def test_a_mask_has_the_size_and_type_that_were_asked_for(width: int, height: int, depth: int) -> None:
    mask = model_io.make_mask(blob(), width, height, depth)
    assert mask.shape == (height, width)
    assert mask.dtype == np.dtype("u1" if depth == 8 else "<u2")


def test_a_16_bit_mask_is_little_endian_in_memory() -> None:
    matte = np.full((4, 4), 0x1234 / 65535, np.float32)
    assert model_io.make_mask(matte, 4, 4, 16).tobytes() == b"\x34\x12" * 16


@pytest.mark.parametrize(("width", "height"), [(640, 480), (1500, 1100), (200, 150), (320, 320)])
@pytest.mark.parametrize(("depth", "full"), [(8, 255), (16, 65535)])
def test_background_is_zero_and_the_subject_full_scale(width: int, height: int, depth: int, full: int) -> None:
    mask = model_io.make_mask(blob(), width, height, depth)
    assert mask[0, 0] == 0
    assert mask[height // 2, width // 2] == full


@pytest.mark.parametrize("depth", [8, 16])
def test_overshoot_at_hard_edges_is_cut_off_and_does_not_wrap(depth: int) -> None:
    matte = np.zeros((SIDE, SIDE), np.float32)
    matte[:, 100:200] = 1
    full = 2**depth - 1
    mask = model_io.make_mask(matte, 2000, 1000, depth)
    assert (mask[:, 640:1235] > 0.99 * full).all()
    assert (mask[:, :600] < 0.01 * full).mean() > 0.99


def test_a_soft_edge_follows_the_filter_in_floating_point() -> None:
    matte = 0.2 + 0.6 * blob()  # far enough from both ends that nothing is cut off
    mask = model_io.make_mask(matte, 900, 700, 16)
    exact = np.asarray(Image.fromarray(matte * np.float32(65535)).resize((900, 700), LANCZOS))
    np.testing.assert_allclose(mask, exact, atol=2)


def test_a_16_bit_mask_has_no_steps_in_its_soft_edges() -> None:
    ramp = np.tile(np.linspace(0.2, 0.8, SIDE, dtype=np.float32), (SIDE, 1))
    spec = model_io.make_mask(ramp, 4000, 2, 16)[0].astype(int)
    assert len(np.unique(spec)) > 3500


def test_at_the_models_own_size_a_mask_is_the_matte() -> None:
    matte = blob()
    np.testing.assert_array_equal(model_io.make_mask(matte, SIDE, SIDE, 16), np.rint(matte * 65535.0))


def largest_difference(one: Any, other: Any) -> int:
    return int(np.abs(one.astype(np.int32) - other.astype(np.int32)).max())


@pytest.mark.parametrize("draw", [blob, ragged])
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize(("width", "height"), [(1500, 1500), (700, 900), (257, 255), (9000, 40), (50, 1), (1, 50)])
def test_tiles_leave_no_seams(monkeypatch: pytest.MonkeyPatch, draw: Any, depth: int, width: int, height: int) -> None:
    matte = draw()
    tiled = model_io.make_mask(matte, width, height, depth)
    monkeypatch.setattr(resampling, "lanczos", partial(resampling.lanczos, block=1 << 40))
    assert largest_difference(model_io.make_mask(matte, width, height, depth), tiled) <= 1


@pytest.mark.parametrize("depth", [8, 16])
def test_where_a_matte_has_one_level_its_mask_has_it_too(depth: int) -> None:
    matte = np.full((SIDE, SIDE), 0.25, np.float32)
    matte[:, 200:] = 0.75
    mask = model_io.make_mask(matte, 3000, 2000, depth)
    full = 2**depth - 1
    assert (mask[:, :1700] == round(0.25 * full)).all() and (mask[:, 2050:] == round(0.75 * full)).all()


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 700), st.integers(1, 700))
def test_any_size_can_be_made(width: int, height: int) -> None:
    mask = model_io.make_mask(blob(), width, height, 8)
    assert mask.shape == (height, width)
    if min(width, height) > 8:
        assert mask[height // 2, width // 2] >= 250  # LANCZOS undershoots a little where it makes a mask smaller


# -- models of any size ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height", "sides"), [(320, 240, (240, 320)), (317, 238, (240, 320)), (1, 1, (4, 4))])
def test_a_picture_keeps_every_pixel_and_is_padded_to_multiples_of_four(
    width: int, height: int, sides: tuple[int, int]
) -> None:
    shown = model_io.fit(width, height, None)
    assert shown == model_io.Fit(sides, padded=True)
    pixels = np.random.default_rng(5).integers(1, 256, (height, width, 3), dtype=np.uint8)
    spec = dataclasses.replace(SPEC, scale="255", mean=(0.0,) * 3, std=(1.0,) * 3)
    prepared = model_io.prepare_input(Layer(pixels), spec, shown)[0]
    assert prepared.shape == (3, *sides)
    expected = (pixels / np.float32(255)).astype(np.float32).transpose(2, 0, 1)
    np.testing.assert_array_equal(shown.crop(prepared, width, height), expected)
    np.testing.assert_array_equal(
        prepared[:, :height, width:], np.repeat(expected[:, :, -1:], sides[1] - width, axis=2)
    )


def test_a_picture_that_is_too_large_for_that_is_scaled_down() -> None:
    shown = model_io.fit(12_000, 8_001, None)
    rows, columns = shown.size
    assert not shown.padded and rows % 4 == columns % 4 == 0
    assert rows * columns < 1.01 * 3840 * 2160
    assert columns / rows == pytest.approx(12_000 / 8_001, rel=0.01)


def test_a_model_of_one_size_gets_that() -> None:
    assert model_io.fit(640, 480, (1024, 1024)) == model_io.Fit((1024, 1024), padded=False)
