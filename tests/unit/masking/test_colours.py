"""Foreground colours: the subject's own where it mixes with the background."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import Any

import numpy as np
import pytest
from matted.inference.layer import Layer
from matted.masking import colours, edges
from matted.masking.colours import band
from PIL import Image

RED, GREEN = (200, 40, 30), (40, 160, 60)
SIZES = [(1, 1), (1, 300), (300, 1), (7, 9), (64, 64), (65, 63), (640, 401)]


def never() -> None:
    pass


def texture(width: int, height: int, seed: int, cell: int, spread: float) -> np.ndarray[Any, Any]:
    """Return colours that change smoothly over about `cell` pixels: height x width x 3, 0..255."""
    random = np.random.default_rng(seed)
    coarse = random.normal(0, spread, (height // cell + 2, width // cell + 2, 3)) + random.uniform(60, 200, 3)
    small = Image.fromarray(np.clip(coarse, 0, 255).astype(np.uint8))
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC), np.float64)


def ring(width: int, height: int, softness: float) -> np.ndarray[Any, Any]:
    """Return the alpha of a round subject whose edge is `softness` pixels wide: height x width, 0..1."""
    y, x = np.ogrid[0:height, 0:width]
    distance = np.hypot(x - width / 2, y - height / 2) - min(width, height) / 3
    return np.clip(0.5 - distance / softness, 0, 1)


def mix(alpha: Any, foreground: Any, background: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    share = alpha[:, :, np.newaxis]
    return np.rint(share * foreground + (1 - share) * background).astype(np.uint8)


def estimate(alpha: Any, picture: Any, format: str = "RGB8", check: Any = never) -> Any:
    height, width = picture.shape[:2]
    full = 255 if alpha.dtype != np.uint16 else 65535
    bits = alpha if alpha.dtype in (np.uint8, np.uint16) else np.rint(alpha * full).astype(np.uint8)
    return colours.estimate(bits, Layer.from_frame(memoryview(picture.tobytes()), width, height, format), check)


def in_format(rgb: Any, format: str) -> Any:
    """Return the same picture in a format; its own alpha channel is noise."""
    hidden = np.random.default_rng(1).integers(0, 256, rgb.shape[:2]).astype(np.uint8)
    red, green, blue = (rgb[:, :, channel] for channel in range(3))
    layers = {"RGBA8": (red, green, blue, hidden), "BGRA8": (blue, green, red, hidden), "RGB8": (red, green, blue)}
    return np.stack({**layers, "GRAYA8": (red, hidden), "GRAY8": (red,)}[format], axis=2)


def test_flat_colours_are_found_again() -> None:
    alpha = ring(200, 160, 20)
    found = estimate(alpha, mix(alpha, RED, GREEN)).astype(int)
    near = np.abs(found - RED).max(axis=2)
    assert near[alpha > 0.3].max() <= 4
    assert near[alpha > 0.05].max() <= 20  # of which the rounding of the picture alone is 10


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(500, 400), (3000, 2000)])
def test_textured_colours_are_at_least_twice_as_near_as_the_pictures(width: int, height: int) -> None:
    alpha = ring(width, height, width / 25)
    foreground, background = texture(width, height, 3, width // 12, 30), texture(width, height, 4, width // 12, 60)
    picture = mix(alpha, foreground, background)
    soft = (alpha > 0.02) & (alpha < 0.98)
    kept = np.abs(picture - foreground)[soft].mean()
    assert np.abs(estimate(alpha, picture) - foreground)[soft].mean() < kept / 2


def test_fine_strands_without_any_sure_pixel_in_them_get_the_colour_of_the_strands() -> None:
    x = np.arange(400)
    alpha = np.tile(0.6 * np.exp(-(((x % 40) - 20) ** 2) / 8.0), (300, 1))
    alpha[:, :60] = 1.0
    picture = mix(alpha, RED, texture(400, 300, 5, 50, 40))
    soft = (alpha > 0.1) & (alpha < 0.98)
    kept = np.abs(picture - np.array(RED, float))[soft].mean()
    assert np.abs(estimate(alpha, picture) - np.array(RED, float))[soft].mean() < kept / 3


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_where_the_subject_is_sure_the_picture_stays(depth: Any) -> None:
    full = np.iinfo(depth).max
    alpha = np.rint(ring(333, 222, 30) * full).astype(depth)
    picture = np.random.default_rng(0).integers(0, 256, (222, 333, 3)).astype(np.uint8)
    sure = alpha == full
    np.testing.assert_array_equal(estimate(alpha, picture)[sure], picture[sure])


@pytest.mark.parametrize("level", [0, 1, 254, 255])
def test_without_a_soft_edge_the_picture_stays(level: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (100, 150, 3)).astype(np.uint8)
    np.testing.assert_array_equal(estimate(np.full((100, 150), level, np.uint8), picture), picture)


def test_the_subjects_colours_reach_just_outside_the_edge() -> None:
    alpha = ring(300, 300, 12)
    found = estimate(alpha, mix(alpha, RED, GREEN)).astype(int)
    inner = alpha > 0.02
    outside = ~inner
    nearby = np.zeros_like(inner)
    nearby[band.BLOCK // 2 :] |= inner[: -band.BLOCK // 2]
    nearby[: -band.BLOCK // 2] |= inner[band.BLOCK // 2 :]
    assert np.abs(found - RED).max(axis=2)[nearby & outside].max() <= 12


@pytest.mark.parametrize(("grow", "feather"), [(60, 0), (0, 25), (20, 15)])
def test_the_estimate_reaches_as_far_as_a_mask_that_was_made_larger_or_softer(grow: int, feather: float) -> None:
    alpha = np.rint(ring(500, 400, 6) * 255).astype(np.uint8)
    tuned = edges.tune(alpha, None, grow, feather, never)
    layer = Layer(mix(alpha / 255, RED, GREEN))
    seen = tuned > 5
    found = [colours.estimate(alpha, layer, never, mask).astype(int) for mask in (alpha, tuned)]
    farthest_off = [np.abs(each - RED).max(axis=2)[seen].max() for each in found]
    assert farthest_off[0] > 100 and farthest_off[1] <= 12


def test_a_mask_that_was_made_smaller_changes_no_colours() -> None:
    alpha = np.rint(ring(500, 400, 6) * 255).astype(np.uint8)
    layer = Layer(mix(alpha / 255, RED, GREEN))
    smaller = edges.tune(alpha, None, -30, 0, never)
    found = [colours.estimate(alpha, layer, never, mask) for mask in (None, smaller)]
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_every_size_is_possible(width: int, height: int) -> None:
    random = np.random.default_rng(2)
    picture = random.integers(0, 256, (height, width, 3)).astype(np.uint8)
    alpha = random.integers(0, 256, (height, width)).astype(np.uint8)
    found = estimate(alpha, picture)
    assert found.shape == (height, width, 3) and found.dtype == np.uint8
    np.testing.assert_array_equal(found[alpha == 255], picture[alpha == 255])


@pytest.mark.parametrize("format", ["RGBA8", "BGRA8"])
def test_the_order_of_the_channels_does_not_matter(format: str) -> None:
    alpha = ring(250, 200, 20)
    picture = mix(alpha, texture(250, 200, 3, 20, 30), texture(250, 200, 4, 20, 60))
    np.testing.assert_array_equal(estimate(alpha, in_format(picture, format), format), estimate(alpha, picture))


@pytest.mark.parametrize("format", ["GRAY8", "GRAYA8"])
def test_a_grey_picture_is_one_with_three_like_channels(format: str) -> None:
    alpha = ring(250, 200, 20)
    grey = mix(alpha, texture(250, 200, 3, 20, 30)[:, :, :1], texture(250, 200, 4, 20, 60)[:, :, :1])
    picture = np.repeat(grey, 3, axis=2)
    np.testing.assert_array_equal(estimate(alpha, in_format(picture, format), format), estimate(alpha, picture))


def test_what_was_learned_serves_both_sides() -> None:
    alpha = np.rint(ring(200, 160, 12.0) * 255).astype(np.uint8)
    picture = mix(alpha / 255, texture(200, 160, 1, 20, 20), texture(200, 160, 2, 20, 20))
    layer = Layer(picture)
    learned = colours.learn(alpha, layer, (0, 0, 200, 160), never)
    for kept, known in ((alpha, learned), (255 - alpha, learned.inverted)):
        difference = colours.estimate(kept, layer, never, learned=lambda known=known: known).astype(
            int
        ) - colours.estimate(kept, layer, never)
        visible = kept > 16
        assert np.abs(difference)[visible].mean() < 0.5 and learned.memory == 200 * 160 * 8


def test_16_bits_of_alpha_give_what_8_bits_give() -> None:
    alpha = np.rint(ring(250, 200, 20) * 255).astype(np.uint8)
    picture = mix(alpha / 255, texture(250, 200, 3, 20, 30), texture(250, 200, 4, 20, 60))
    difference = estimate(alpha.astype(np.uint16) * 257, picture).astype(int) - estimate(alpha, picture)
    assert np.abs(difference).max() <= 1


def test_there_are_no_seams_between_tiles() -> None:
    alpha = np.tile(np.linspace(0.02, 0.98, 512), (256, 1))
    found = estimate(alpha, mix(alpha, texture(512, 256, 3, 128, 30), GREEN)).astype(int)[:, 128:]
    steps = np.abs(np.diff(found, axis=0)).max(axis=(1, 2))
    at_seams = np.zeros(steps.size, bool)
    at_seams[band.TILE - 1 :: band.TILE] = True
    assert steps[at_seams].max() <= steps[~at_seams].max() + 1


@pytest.mark.parametrize("format", ["RGBA8", "BGRA8", "RGB8", "GRAYA8", "GRAY8"])
def test_a_cut_out_in_tiles_has_the_pixels_of_a_whole_one(format: str) -> None:
    alpha = np.rint(ring(250, 200, 12) * 255).astype(np.uint8)
    picture = in_format(mix(alpha / 255, texture(250, 200, 3, 20, 30), texture(250, 200, 4, 20, 60)), format)
    layer = Layer.from_frame(memoryview(picture.tobytes()), 250, 200, format)
    blocks = band.edge_blocks(alpha)
    in_tiles, whole = colours.CutOutInTiles(layer, blocks), colours.CutOut(layer)
    colours.estimate_tiles(alpha, layer, blocks, never, in_tiles.colours)
    colours.estimate(alpha, layer, never, out=whole.colours)
    for each in (in_tiles, whole):
        each.fill_alpha(alpha)
    marked = [
        whole.pixels[row * band.TILE : (row + 1) * band.TILE, column * band.TILE : (column + 1) * band.TILE].reshape(-1)
        for row, column in np.argwhere(in_tiles.marks)
    ]
    np.testing.assert_array_equal(in_tiles.pixels, np.concatenate(marked))
    assert len(marked) < in_tiles.marks.size


def test_it_can_be_stopped_between_tiles() -> None:
    class Stop(Exception):
        pass

    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise Stop

    alpha = ring(600, 600, 20)
    with pytest.raises(Stop):
        estimate(alpha, mix(alpha, RED, GREEN), check=check)
    assert calls == 5


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what the peak of a process was since it started")
def test_the_memory_stays_within_five_times_the_layer() -> None:
    """In a process of its own: the layer, its alpha in 16 bits, the colours, and what it takes to find them."""
    code = """
        import re
        from pathlib import Path
        import numpy as np
        from matted.masking import colours
        from matted.inference.layer import Layer
        def peak():
            return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
        colours.estimate(np.full((99, 99), 99, np.uint8), Layer(np.zeros((99, 99, 3), np.uint8)), lambda: None)
        idle = peak()
        side = 5000
        layer = np.full((side, side, 3), 90, np.uint8)
        alpha = np.zeros((side, side), np.uint16)
        alpha[1000:4000, 1000:4000] = 65535
        alpha[990:1000, 1000:4000] = 30000
        colours.estimate(alpha, Layer(layer), lambda: None)
        print((peak() - idle) / layer.nbytes)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert 1.9 < float(done.stdout) < 5
