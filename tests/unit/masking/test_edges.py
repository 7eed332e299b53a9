"""Refining the edge of a mask at the size of the picture, and tuning the mask."""

from __future__ import annotations

import tracemalloc
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
from matted.inference.layer import Layer
from matted.masking import edges, rendering
from matted.masking.rendering import resampling
from PIL import Image

Array = np.ndarray[Any, np.dtype[Any]]

SIDE = 320
FOREGROUND, BACKGROUND = (190, 60, 40), (70, 120, 160)
MODES = ["fine", "hair"]


def nothing() -> None:
    pass


@cache
def disc(width: int, height: int, blur: int = 1) -> Array:
    """Return true alpha: a disc in the middle, blur x blur samples a pixel, height x width in 0..1, read-only."""
    y, x = ((np.arange(side * blur, dtype=np.float32) + 0.5) / blur - side / 2 for side in (height, width))
    inside = np.hypot(x, y[:, np.newaxis]) < 0.32 * min(width, height)
    alpha = inside.reshape(height, blur, width, blur).mean(axis=(1, 3), dtype=np.float32)
    alpha.flags.writeable = False
    return alpha


def picture(alpha: Array, grain: int = 3) -> Array:
    """Return the subject over its background: height x width x 3, with grain in it."""
    colours = alpha[:, :, np.newaxis] * np.float32(FOREGROUND) + (1 - alpha[:, :, np.newaxis]) * np.float32(BACKGROUND)
    noise = np.random.default_rng(0).integers(-grain, grain + 1, (*alpha.shape, 1))
    return np.clip(np.rint(colours) + noise, 0, 255).astype(np.uint8)


def as_matte(alpha: Array, side: int = SIDE) -> Array:
    """Return a matte as models give it: squashed to a square and soft at its edge."""
    small = Image.fromarray(alpha).resize((side // 4, side // 4), Image.Resampling.BOX)
    return np.asarray(small.resize((side, side), Image.Resampling.BICUBIC)).clip(0, 1)


def refined(matte: Array, rgb: Array, mode: str = "fine", depth: int = 16, format: str = "RGB8") -> Array:
    height, width = rgb.shape[:2]
    layer = Layer.from_frame(memoryview(np.ascontiguousarray(rgb)).cast("B"), width, height, format)
    models = edges.fit(matte, layer, mode, nothing)
    refinement = edges.Refinement(models, layer, nothing) if models else None
    return rendering.render(matte, width, height, depth, refinement)


def error(mask: Array, truth: Array) -> float:
    return float(np.abs(mask / np.iinfo(mask.dtype).max - truth).mean())


# -- refining ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("width", "height"), [(640, 480), (2000, 1400), (200, 300)])
def test_a_blurred_edge_comes_close_to_the_true_one(mode: str, width: int, height: int) -> None:
    truth = disc(width, height, blur=4)
    matte = as_matte(truth)
    before = error(rendering.render(matte, width, height, 16), truth)
    assert error(refined(matte, picture(truth), mode), truth) < 0.25 * before


@pytest.mark.parametrize("mode", MODES)
def test_what_is_half_transparent_stays_half_transparent(mode: str) -> None:
    """A soft edge 20 pixels wide, which the model has drawn twice as wide."""
    x = np.linspace(-300, 300, 600, dtype=np.float32)
    truth, drawn = (np.tile(np.clip(0.5 + x / wide, 0, 1), (400, 1)).astype(np.float32) for wide in (20, 40))
    matte = np.asarray(Image.fromarray(drawn).resize((SIDE, SIDE), Image.Resampling.BOX))
    mask = refined(matte, picture(truth, grain=0), mode)
    assert error(mask, truth) < 0.5 * error(rendering.render(matte, 600, 400, 16), truth)
    half = mask[200, 294:306] / 65535
    assert 0.05 < half.min() < 0.35 and 0.65 < half.max() < 0.95


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("depth", [8, 16])
def test_where_the_model_is_sure_nothing_changes(mode: str, depth: int) -> None:
    truth = disc(900, 700)
    rgb = np.random.default_rng(1).integers(0, 256, (700, 900, 3), np.uint8)
    matte = as_matte(truth)
    mask = rendering.render(matte, 900, 700, depth)
    changed = refined(matte, rgb, mode, depth) != mask
    y, x = np.mgrid[0:700, 0:900]
    distance = np.abs(np.hypot(x - 450, y - 350) - 0.32 * 700)
    assert changed.any()
    assert not changed[distance > 60].any()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("level", [0.0, 1.0, 0.02])
def test_a_matte_without_an_edge_is_left_alone(mode: str, level: float) -> None:
    matte = np.full((SIDE, SIDE), level, np.float32)
    rgb = np.random.default_rng(2).integers(0, 256, (300, 500, 3), np.uint8)
    assert (refined(matte, rgb, mode) == round(level * 65535)).all()


def test_a_picture_without_colours_to_go_by_keeps_its_mask() -> None:
    matte = as_matte(disc(640, 480))
    flat = np.full((480, 640, 3), 90, np.uint8)
    np.testing.assert_array_equal(refined(matte, flat), rendering.render(matte, 640, 480, 16))


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("depth", [8, 16])
def test_tiles_leave_no_seams(monkeypatch: pytest.MonkeyPatch, mode: str, depth: int) -> None:
    truth = disc(1300, 1100)
    matte, rgb = as_matte(truth), picture(truth, grain=20)
    mask = refined(matte, rgb, mode, depth)
    for name in ("lanczos", "linear"):
        monkeypatch.setattr(resampling, name, partial(getattr(resampling, name), block=5000))
    difference = np.abs(mask.astype(int) - refined(matte, rgb, mode, depth))
    assert difference.max() <= (1 if depth == 8 else 8)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_eight_bits_are_sixteen_rounded(mode: str) -> None:
    truth = disc(700, 500)
    matte, rgb = as_matte(truth), picture(truth, grain=20)
    difference = refined(matte, rgb, mode, 8) - refined(matte, rgb, mode, 16) / 257
    assert np.abs(difference).max() < 0.51


def test_every_format_gives_the_same_mask_for_the_same_colours() -> None:
    truth = disc(301, 203)
    matte, rgb = as_matte(truth), picture(truth, grain=20)
    hidden = np.random.default_rng(3).integers(0, 256, (203, 301, 1), np.uint8)
    expected = refined(matte, rgb)
    np.testing.assert_array_equal(refined(matte, np.dstack([rgb, hidden]), format="RGBA8"), expected)
    np.testing.assert_array_equal(refined(matte, np.dstack([rgb[:, :, ::-1], hidden]), format="BGRA8"), expected)


def test_every_grey_format_gives_the_same_mask_for_the_same_greys() -> None:
    truth = disc(301, 203)
    matte, grey = as_matte(truth), picture(truth, grain=20)[:, :, :1]
    hidden = np.random.default_rng(3).integers(0, 256, grey.shape, np.uint8)
    expected = refined(matte, np.repeat(grey, 3, axis=2))
    np.testing.assert_array_equal(refined(matte, grey, format="GRAY8"), expected)
    np.testing.assert_array_equal(refined(matte, np.dstack([grey, hidden]), format="GRAYA8"), expected)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (2, 2), (7, 2000), (3000, 3), (320, 320)])
def test_any_size_can_be_refined(mode: str, size: tuple[int, int]) -> None:
    height, width = size
    rgb = np.random.default_rng(4).integers(0, 256, (height, width, 3), np.uint8)
    matte = np.random.default_rng(5).random((SIDE, SIDE), np.float32)
    mask = refined(matte, rgb, mode)
    assert mask.shape == size and mask.dtype == np.dtype("<u2")


@pytest.mark.parametrize("mode", MODES)
def test_the_same_again_gives_the_same(mode: str) -> None:
    truth = disc(500, 400)
    matte, rgb = as_matte(truth), picture(truth, grain=20)
    np.testing.assert_array_equal(refined(matte, rgb, mode), refined(matte, rgb, mode))


class Stopped(Exception):
    pass


@pytest.mark.parametrize("mode", MODES)
def test_it_can_be_stopped_again_and_again(mode: str) -> None:
    truth = disc(1500, 1200)
    matte, rgb = as_matte(truth), picture(truth)
    asked = 0

    def check() -> None:
        nonlocal asked
        asked += 1
        if asked == 6:
            raise Stopped

    with pytest.raises(Stopped):
        models = edges.fit(matte, Layer(rgb), mode, check)
        assert models is not None
        rendering.render(matte, 1500, 1200, 8, edges.Refinement(models, Layer(rgb), check))


# -- tuning ------------------------------------------------------------------------------------------------------------


def soft(width: int, height: int, depth: int) -> Array:
    return rendering.render(as_matte(disc(600, 400)), width, height, depth)


def tuned(mask: Array, **asked: Any) -> Array:
    request = {"threshold": None, "grow": 0, "feather": 0.0, **asked}
    before = mask.copy()
    result = edges.tune(mask, **request, check=nothing)
    np.testing.assert_array_equal(mask, before)
    assert (result.shape, result.dtype) == (mask.shape, mask.dtype)
    return result


def test_without_options_nothing_changes() -> None:
    mask = soft(300, 200, 8)
    assert tuned(mask) is mask


@pytest.mark.parametrize(("threshold", "least"), [(0.0, 0), (0.5, 128), (0.498, 127), (1.0, 255)])
def test_a_threshold_leaves_nothing_in_between(threshold: float, least: int) -> None:
    every = np.arange(256, dtype=np.uint8)[np.newaxis]
    assert (tuned(every, threshold=threshold) == np.where(every >= least, 255, 0)).all()
    wide = np.arange(65536, dtype="<u2")[np.newaxis]
    assert (tuned(wide, threshold=threshold) == np.where(wide / 65535 >= threshold, 65535, 0)).all()


def dilated(mask: Array, radius: int) -> Array:
    """Return the dilation by its definition: the maximum of all pixels that are no further away than `radius`."""
    padded = np.pad(mask, radius)
    height, width = mask.shape
    shifts = range(2 * radius + 1)
    near = [(y, x) for y in shifts for x in shifts if (y - radius) ** 2 + (x - radius) ** 2 <= radius**2]
    return np.max([padded[y : y + height, x : x + width] for y, x in near], axis=0)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("radius", [1, 2, 7, 16])
def test_growing_adds_a_disc_around_each_pixel_and_shrinking_takes_it_away(depth: int, radius: int) -> None:
    mask = np.random.default_rng(6).integers(0, 2**depth, (61, 83)).astype("u1" if depth == 8 else "<u2")
    full = mask.dtype.type(2**depth - 1)
    np.testing.assert_array_equal(tuned(mask, grow=radius), dilated(mask, radius))
    np.testing.assert_array_equal(tuned(mask, grow=-radius), full - dilated(full - mask, radius))


def test_growing_leaves_no_seams_between_tiles() -> None:
    mask = soft(700, 600, 8)
    np.testing.assert_array_equal(tuned(mask, grow=9), dilated(mask, 9))


def test_growing_far_makes_a_disc_of_a_dot() -> None:
    mask = np.zeros((301, 401), np.uint8)
    mask[150, 200] = 255
    y, x = np.mgrid[-150:151, -200:201]
    np.testing.assert_array_equal(tuned(mask, grow=100) == 255, x * x + y * y <= 100 * 100)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.9, 7.3, 30.0, 250.0])
@pytest.mark.parametrize(("depth", "tolerance"), [(8, 1.0), (16, 130.0)])
def test_feathering_is_a_gaussian_blur(sigma: float, depth: int, tolerance: float) -> None:
    """Compare with the weighted sum over all pixels, also at the edges."""
    mask = soft(331, 217, depth)
    down, across = (np.exp(-0.5 * ((np.arange(side)[:, None] - np.arange(side)) / sigma) ** 2) for side in mask.shape)
    down, across = (weights / weights.sum(axis=1, keepdims=True) for weights in (down, across))
    exact = down @ mask.astype(np.float64) @ across.T
    assert np.abs(tuned(mask, feather=sigma) - exact).max() < tolerance


def test_feathering_keeps_what_is_far_from_an_edge_and_the_mean() -> None:
    mask = soft(800, 700, 16)
    blurred = tuned(mask, feather=6.0)
    assert (blurred[:60] == 0).all() and (blurred[330:370, 380:420] == 65535).all()
    assert blurred.mean() == pytest.approx(mask.mean(), rel=1e-4)


def test_tuning_is_done_in_the_order_that_the_protocol_says() -> None:
    mask = soft(400, 300, 8)
    step = tuned(tuned(tuned(mask, threshold=0.4), grow=5), feather=3.0)
    np.testing.assert_array_equal(tuned(mask, threshold=0.4, grow=5, feather=3.0), step)


@pytest.mark.parametrize("asked", [{"grow": 3}, {"feather": 2.0}, {"feather": 20.0}, {"grow": -100, "feather": 250.0}])
@pytest.mark.parametrize("size", [(1, 1), (1, 700), (700, 1), (65, 257)])
def test_any_size_can_be_tuned(size: tuple[int, int], asked: dict[str, Any]) -> None:
    assert tuned(np.full(size, 200, np.uint8), **asked).shape == size


# -- memory ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_large_layer_takes_few_times_its_own_memory() -> None:
    """All steps in 16 bits, without the memory of the model and the transport."""
    matte = as_matte(disc(SIDE, SIDE))
    pixels = np.random.default_rng(0).integers(0, 256, (3000, 4000, 4), np.uint8)
    tracemalloc.start()
    try:
        models = edges.fit(matte, Layer(pixels), "fine", nothing)
        assert models is not None
        mask = rendering.render(matte, 4000, 3000, 16, edges.Refinement(models, Layer(pixels), nothing))
        edges.tune(mask, 0.5, 10, 5.0, nothing)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2.5 * pixels.nbytes
