"""The input of a model: how a picture fits into it, and the arithmetic on its pixels."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from matted.inference import model_io
from matted.inference.engines import pixel_graph
from matted.inference.layer import Layer
from matted.models import catalogue
from matted.models.arithmetic import FITS, UNKNOWN, Fit
from PIL import Image

SPEC, REFINER = (catalogue.load().specs[name] for name in ("u2netp", "vitmatte-small"))
SIDE = 320
ANY = dataclasses.replace(SPEC, fit="own", side=0)
SQUARE = Fit((SIDE, SIDE), (SIDE, SIDE))
ROUNDING = 1e-6  # OpenVINO multiplies where NumPy divides
LANCZOS = Image.Resampling.LANCZOS
SIZES = [(1, 1), (1, 40), (40, 1), (1, 1899), (1899, 1), (320, 320), (321, 319), (37, 211), (640, 480), (1899, 1200)]


def photograph(width: int, height: int, channels: int = 3, grain: int = 40) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return soft colours with grain on them: height x width x channels."""
    noise = np.random.default_rng(0).integers(0, grain, (height, width, channels))
    y, x = np.mgrid[0:height, 0:width]
    waves = np.stack([100 + 80 * np.sin(x / (20 + 9 * c) + y / (33 - 5 * c)) for c in range(channels)], axis=2)
    return (waves + noise).astype(np.uint8)


def normalised(pixels: Any, format: str, spec: catalogue.ModelSpec = SPEC) -> np.ndarray[Any, np.dtype[np.float32]]:
    height, width = pixels.shape[:2]
    layer = Layer.from_frame(memoryview(pixels.tobytes()), width, height, format)
    fit = model_io.choose_fit(width, height, spec, (spec.side, spec.side))
    return pixel_graph.normalise(model_io.prepare(layer, spec, fit), spec)


def expected_input(rgb: Any) -> Any:
    """Return what U²-Net's own data loader gives, with the square filled by Lanczos."""
    small = np.asarray(Image.fromarray(rgb).resize((SIDE, SIDE), LANCZOS), np.float32)
    scaled = small / np.float32(small.max())
    mean, std = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    return ((scaled - mean) / std).transpose(2, 0, 1)[None]


# -- the model's input -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_input_is_that_of_the_models_authors(width: int, height: int) -> None:
    rgb = photograph(width, height)
    np.testing.assert_allclose(normalised(rgb, "RGB8"), expected_input(rgb), atol=ROUNDING)


def test_a_large_picture_gives_nearly_the_input_of_the_models_authors() -> None:
    rgb = photograph(3000, 2000, grain=8)
    difference = np.abs(normalised(rgb, "RGB8") - expected_input(rgb)) * 0.23 * 255  # in steps of an 8-bit sample
    assert float(difference.max()) < 4


def test_the_input_has_the_shape_and_type_that_the_model_takes() -> None:
    prepared = normalised(photograph(30, 20), "RGB8")
    assert (prepared.shape, prepared.dtype) == ((1, 3, SIDE, SIDE), np.float32)
    assert prepared.flags.c_contiguous


def test_red_green_and_blue_come_in_this_order() -> None:
    prepared = normalised(np.full((5, 5, 3), (250, 100, 50), np.uint8), "RGB8")[0, :, 160, 160]
    expected = (np.array([1.0, 0.4, 0.2]) - SPEC.mean) / SPEC.std
    np.testing.assert_allclose(prepared, expected, atol=1e-6)


def test_every_colour_format_gives_the_same_input_for_the_same_colours() -> None:
    rgba = photograph(73, 51, 4)
    reference = normalised(rgba[:, :, :3], "RGB8")
    np.testing.assert_array_equal(normalised(rgba, "RGBA8"), reference)
    np.testing.assert_array_equal(normalised(rgba[:, :, [2, 1, 0, 3]], "BGRA8"), reference)


def test_every_grey_format_gives_the_same_input_for_the_same_greys() -> None:
    grey_alpha = photograph(73, 51, 2)
    grey = grey_alpha[:, :, :1]
    reference = normalised(np.repeat(grey, 3, axis=2), "RGB8")
    np.testing.assert_array_equal(normalised(grey, "GRAY8"), reference)
    np.testing.assert_array_equal(normalised(grey_alpha, "GRAYA8"), reference)


@pytest.mark.parametrize(("format", "channels"), [("RGBA8", 4), ("BGRA8", 4), ("GRAYA8", 2)])
def test_the_alpha_channel_is_ignored(format: str, channels: int) -> None:
    pixels = photograph(73, 51, channels)
    hidden = pixels.copy()
    hidden[:, :, -1] = 0
    bright = pixels.copy()
    bright[:, :, -1] = 255
    np.testing.assert_array_equal(normalised(hidden, format), normalised(pixels, format))
    np.testing.assert_array_equal(normalised(bright, format), normalised(pixels, format))


def test_a_darker_picture_gives_the_same_input() -> None:
    bright = np.full((10, 10, 3), 200, np.uint8)
    bright[:5] = 100
    np.testing.assert_allclose(normalised(bright // 2, "RGB8"), normalised(bright, "RGB8"), atol=0.03)


def test_a_black_picture_divides_by_nothing() -> None:
    prepared = normalised(np.zeros((10, 10, 3), np.uint8), "RGB8")
    expected = -np.array(SPEC.mean) / SPEC.std
    np.testing.assert_allclose(prepared[0, :, 0, 0], expected, atol=1e-6)


def test_a_spec_may_divide_by_255() -> None:
    spec = dataclasses.replace(SPEC, scale="255", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    prepared = normalised(np.full((5, 5, 3), 51, np.uint8), "RGB8", spec)
    np.testing.assert_allclose(prepared, 0.2, atol=1e-6)


def test_a_spec_may_ask_for_another_side_and_filter() -> None:
    spec = dataclasses.replace(SPEC, side=64, resample="bilinear", scale="255", mean=(0.0,) * 3, std=(1.0,) * 3)
    rgb = photograph(100, 80)
    small = Image.fromarray(rgb).resize((64, 64), Image.Resampling.BILINEAR)
    expected = (np.asarray(small, np.float32) / np.float32(255)).transpose(2, 0, 1)[None]
    np.testing.assert_allclose(normalised(rgb, "RGB8", spec), expected, atol=ROUNDING)


@pytest.mark.parametrize("format", ["RGBA8", "BGRA8", "RGB8", "GRAYA8", "GRAY8"])
def test_the_pixels_are_left_as_they_were(format: str) -> None:
    channels = {"RGBA8": 4, "BGRA8": 4, "RGB8": 3, "GRAYA8": 2, "GRAY8": 1}[format]
    pixels = bytearray(photograph(50, 40, channels).tobytes())
    before = bytes(pixels)
    model_io.prepare(Layer.from_frame(memoryview(pixels), 50, 40, format), SPEC, SQUARE)
    assert pixels == before


# -- models of any size ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height", "sides"), [(320, 240, (240, 320)), (317, 238, (240, 320)), (1, 1, (4, 4))])
def test_a_picture_keeps_every_pixel_and_is_padded_to_multiples_of_four(
    width: int, height: int, sides: tuple[int, int]
) -> None:
    fit = model_io.choose_fit(width, height, ANY, None)
    assert fit == Fit(sides, (height, width))
    pixels = np.random.default_rng(5).integers(1, 256, (height, width, 3), dtype=np.uint8)
    planes = model_io.prepare(Layer(pixels), ANY, fit)
    assert planes.shape == (3, *sides)
    expected = pixels.transpose(2, 0, 1)
    np.testing.assert_array_equal(model_io.crop(planes, fit), expected)
    np.testing.assert_array_equal(planes[:, :height, width:], np.repeat(expected[:, :, -1:], sides[1] - width, axis=2))


def test_a_picture_that_is_too_large_for_that_is_scaled_down() -> None:
    fit = model_io.choose_fit(12_000, 8_001, ANY, None)
    rows, columns = fit.size
    assert fit.content == fit.size and rows % 4 == columns % 4 == 0
    assert rows * columns < 1.01 * 3840 * 2160
    assert columns / rows == pytest.approx(12_000 / 8_001, rel=0.01)


@pytest.mark.parametrize(
    ("width", "height", "size"), [(4000, 1, (128, 4000)), (20, 2400, (2400, 76)), (60_000, 1, (512, 16_292))]
)
def test_a_thin_strip_is_widened(width: int, height: int, size: tuple[int, int]) -> None:
    fit = model_io.choose_fit(width, height, ANY, None)
    assert fit.size == size and fit.size[0] * fit.size[1] < 1.01 * 3840 * 2160
    assert fit.content == ((height, width) if max(width, height) < 10_000 else (4, 16_292))


def test_a_model_of_one_size_gets_that() -> None:
    for spec in (SPEC, ANY):
        assert model_io.choose_fit(640, 480, spec, (1024, 1024)) == Fit((1024, 1024), (1024, 1024))


def test_a_letterbox_keeps_the_aspect_ratio_and_repeats_the_edge_beyond() -> None:
    spec = dataclasses.replace(SPEC, fit="letterbox", side=64)
    rgb = photograph(200, 100)
    fit = model_io.choose_fit(200, 100, spec, (64, 64))
    assert fit == Fit((64, 64), (32, 64))
    planes = model_io.prepare(Layer(rgb), spec, fit)
    expected = np.asarray(Image.fromarray(rgb).resize((64, 32), LANCZOS)).transpose(2, 0, 1)
    np.testing.assert_array_equal(model_io.crop(planes, fit), expected)
    np.testing.assert_array_equal(planes[:, 32:], np.repeat(expected[:, -1:], 32, axis=1))


@pytest.mark.parametrize(
    ("width", "height", "size"), [(1000, 500, (256, 512)), (500, 1000, (512, 256)), (100, 3, (32, 512))]
)
def test_a_model_of_flexible_size_may_want_a_longer_side_of_its_own(
    width: int, height: int, size: tuple[int, int]
) -> None:
    spec = dataclasses.replace(SPEC, fit="aspect", side=512, multiple=32)
    assert model_io.choose_fit(width, height, spec, None) == Fit(size, size)


def test_a_letterbox_on_black_is_black_beyond_the_picture() -> None:
    spec = dataclasses.replace(SPEC, fit="letterbox-on-black", side=64)
    fit = model_io.choose_fit(100, 200, spec, (64, 64))
    assert (fit.size, fit.content) == ((64, 64), (64, 32))
    planes = model_io.prepare(Layer(photograph(100, 200)), spec, fit)
    assert planes[:, :, :32].min() > 0 and not planes[:, :, 32:].any()


@pytest.mark.parametrize(
    ("width", "height", "size"), [(1000, 500, (512, 1024)), (300, 300, (512, 512)), (10, 4000, (2048, 32))]
)
def test_a_model_may_want_a_shorter_side(width: int, height: int, size: tuple[int, int]) -> None:
    spec = dataclasses.replace(SPEC, fit="shorter", side=512, multiple=32)
    fit = model_io.choose_fit(width, height, spec, None)
    assert fit == Fit(size, size)


@pytest.mark.parametrize("fit", FITS)
def test_a_model_of_any_size_whose_spec_names_none_is_shown_the_picture_s_own(fit: str) -> None:
    spec = dataclasses.replace(SPEC, fit=fit, side=0)
    assert model_io.choose_fit(320, 240, spec, None) == Fit((240, 320), (240, 320))


# -- trimaps -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mean", [(0.0, 0.0, 0.0), (0.485, 0.456, 0.406)])
def test_a_trimap_is_a_fourth_plane_that_is_divided_by_255_alone(mean: tuple[float, float, float]) -> None:
    spec = dataclasses.replace(REFINER, side=64, mean=mean, std=(0.5, 0.25, 0.2))
    pixels = photograph(64, 40)
    trimap = np.repeat(np.array([0, UNKNOWN, 255], np.uint8), [20, 10, 10])[:, np.newaxis] * np.ones((1, 64), np.uint8)
    fit = model_io.choose_fit(64, 40, spec, (64, 64))
    given = pixel_graph.normalise(model_io.prepare(Layer(pixels), spec, fit, trimap), spec)
    assert given.shape == (1, 4, 64, 64)
    colours = (pixels / 255 - np.array(mean)) / np.array(spec.std)
    assert np.allclose(given[0, :3, :40].transpose(1, 2, 0), colours, atol=1e-5)
    assert np.allclose(given[0, 3, :40], trimap / 255, atol=ROUNDING)
    assert np.array_equal(given[0, 3, 40:], given[0, 3, 39:40].repeat(24, axis=0)), "it goes on beyond the picture"


@pytest.mark.parametrize(("width", "height"), [(37, 211), (640, 480)])
def test_a_trimap_keeps_its_three_levels_at_any_size(width: int, height: int) -> None:
    trimap = np.full((height, width), UNKNOWN, np.uint8)
    trimap[: height // 3], trimap[-height // 3 :] = 0, 255
    spec = dataclasses.replace(REFINER, side=96)
    fit = model_io.choose_fit(width, height, spec, (96, 96))
    marks = model_io.prepare(Layer(photograph(width, height)), spec, fit, trimap)[3]
    assert set(np.unique(marks)) == {0, UNKNOWN, 255}
    rows, columns = fit.content
    assert np.abs(marks[:rows, :columns].mean() - trimap.mean()) < 4
