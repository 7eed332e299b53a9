"""Layers: the formats of frames, crops, and smaller pictures."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from matted.inference.layer import Layer
from PIL import Image

BOX, LANCZOS = Image.Resampling.BOX, Image.Resampling.LANCZOS
Array = np.ndarray[Any, np.dtype[np.uint8]]


@cache
def soft(width: int, height: int, channels: int = 3) -> Array:
    """Return some waves across and down, with grain: height x width x channels, read-only."""
    y, x = (np.linspace(0, end, side, endpoint=False, dtype=np.float32) for side, end in ((height, 40), (width, 50)))
    waves = np.stack([110 + 80 * np.sin(x + (1 + c / 9) * y[:, None]) for c in range(channels)], axis=2)
    samples = (waves + np.random.default_rng(0).integers(0, 12, waves.shape, np.uint8)).astype(np.uint8)
    samples.flags.writeable = False
    return samples


def difference(one: Any, other: Any) -> float:
    return float(np.abs(one.astype(int) - other.astype(int)).max())


def mean_difference(one: Any, other: Any) -> float:
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_crop_is_the_parts_pixels(channels: int) -> None:
    samples = np.random.default_rng(0).integers(0, 256, (20, 30, channels), np.uint8)
    part = Layer(samples).crop(3, 5, 14, 19)
    assert (part.width, part.height) == (11, 14)
    np.testing.assert_array_equal(part.samples, samples[5:19, 3:14])


def test_a_crop_has_the_channels_of_its_layer() -> None:
    blue_first = Layer.from_frame(memoryview(bytes([3, 2, 1, 9] * 4)), 2, 2, "BGRA8")
    assert blue_first.crop(0, 0, 1, 1).planes().tolist() == [[[1]], [[2]], [[3]]]


@pytest.mark.parametrize(
    ("format", "pixel", "colour"),
    [
        ("RGBA8", (1, 2, 3, 0), (1, 2, 3)),
        ("BGRA8", (3, 2, 1, 0), (1, 2, 3)),
        ("RGB8", (1, 2, 3), (1, 2, 3)),
        ("GRAYA8", (7, 0), (7, 7, 7)),
        ("GRAY8", (7,), (7, 7, 7)),
    ],
)
def test_every_format_has_its_colours(format: str, pixel: tuple[int, ...], colour: tuple[int, ...]) -> None:
    layer = Layer.from_frame(memoryview(bytes(pixel * 12)), 4, 3, format)
    assert layer.planes().shape == layer.resized(4, 3, LANCZOS).planes().shape == (3, 3, 4)
    for shown in (layer, layer.resized(4, 3, LANCZOS), layer.averaged(2)):
        assert (shown.planes() == np.array(colour)[:, np.newaxis, np.newaxis]).all()


def test_a_received_frame_is_not_copied() -> None:
    frame = bytearray(4 * 4 * 4)
    layer = Layer.from_frame(memoryview(frame), 4, 4, "RGBA8")
    frame[0] = 200
    assert layer.samples[0, 0, 0] == 200
    assert layer.planes()[0, 0, 0] == 200


@pytest.mark.parametrize(("width", "height"), [(900, 700), (1700, 1700)])
def test_up_to_three_megapixels_a_resized_layer_is_exact(width: int, height: int) -> None:
    samples = soft(width, height)
    expected = np.asarray(Image.fromarray(samples).resize((320, 256), LANCZOS))
    np.testing.assert_array_equal(Layer(samples).resized(320, 256, LANCZOS).samples, expected)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(4001, 3003), (2600, 1400), (30000, 101), (101, 30000)])
@pytest.mark.parametrize("side", [320, 1024])
def test_a_large_layer_is_resized_nearly_as_exactly(width: int, height: int, side: int) -> None:
    samples = soft(width, height)
    expected = np.asarray(Image.fromarray(samples).resize((side, side), LANCZOS))
    found = Layer(samples).resized(side, side, LANCZOS).samples
    assert difference(found, expected) <= 8
    assert mean_difference(found, expected) < 1


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(900, 700), (4001, 3003), (2600, 1400), (30000, 101), (101, 30000)])
@pytest.mark.parametrize("side", [512, 2048])
def test_an_averaged_layer_has_the_means_of_its_pixels(width: int, height: int, side: int) -> None:
    samples = soft(width, height)
    averaged = Layer(samples).averaged(side).samples
    scale = max(1.0, max(width, height) / side)
    assert averaged.shape == (max(1, round(height / scale)), max(1, round(width / scale)), 3)
    exact = np.asarray(Image.fromarray(samples).resize(averaged.shape[1::-1], BOX))
    assert difference(averaged, exact) <= 16  # where a pixel falls between two, either may have it
    assert mean_difference(averaged, exact) < 5


def test_the_layer_is_left_as_it_was() -> None:
    samples = soft(2500, 1600, channels=4)
    before = samples.copy()
    layer = Layer(samples)
    layer.resized(320, 320, LANCZOS), layer.averaged(512)
    np.testing.assert_array_equal(samples, before)


@pytest.mark.parametrize("size", [(3328, 2496), (2048, 1536), (1400, 1400)])
def test_a_large_layer_loses_no_detail_to_a_model_that_sees_it(size: tuple[int, int]) -> None:
    stripes = np.zeros((3000, 4000, 3), np.uint8)
    stripes[:, np.arange(4000) % 8 < 4] = 255  # 4 pixels wide: gone, if the layer was averaged to half its size before
    exact = np.asarray(Image.fromarray(stripes).resize(size, Image.Resampling.BILINEAR))
    resized = Layer(stripes).resized(*size, Image.Resampling.BILINEAR).samples
    assert resized.std() > 0.95 * exact.std()
