"""The ground is found where there is one, with its colour everywhere, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from canvas import Bytes, Colour, Floats, composed, even, fall_off, grain, jpeg, ramp, rounded
from conftest import PHOTOGRAPHS
from keyed_pictures import BLUE, cover, ground_of, layer_of, on
from matted.inference.layer import Layer
from matted.masking import ground
from matted.masking.ground.finding import COLOUR, KEY, MOST_NOISE, PAPER, RAMP
from numpy.typing import NDArray
from PIL import Image
from sheet import BLACK, WHITE

WIDTH, HEIGHT = 320, 240
GREEN: Colour = (20, 180, 60)
CREAM: Colour = (240, 232, 215)
DISC = cover(WIDTH, HEIGHT, lambda canvas: canvas.disc((160, 120), 70))
EMPTY = np.zeros((HEIGHT, WIDTH))


def noisy(picture: Floats, sigma: float, size: float = 0.6) -> Bytes:
    noise = grain(np.random.default_rng(5), picture.shape[1], picture.shape[0], sigma, size)
    return rounded(picture + noise[..., np.newaxis])


def paper(strength: float = 0.15) -> Floats:
    """Return paper under a lamp: height x width x 3."""
    light: Floats = fall_off(WIDTH, HEIGHT, (0.4, 0.4), strength)[..., np.newaxis] * np.asarray(CREAM)
    return light


def photograph(name: str) -> Bytes:
    with Image.open(PHOTOGRAPHS / f"{name}.jpg") as image:
        return np.asarray(image.convert("RGB"))


# -- kinds -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [EMPTY, DISC], ids=["all ground", "a disc"])
@pytest.mark.parametrize("colour", [WHITE, BLACK, (255, 0, 255), (128, 128, 128), (1, 254, 17)])
def test_one_colour_is_found_exactly(colour: Colour, alpha: Floats) -> None:
    ink = BLUE if max(np.abs(np.subtract(BLUE, colour))) > 100 else WHITE
    found = ground_of(on(colour, alpha, ink))
    assert found.kind == COLOUR and found.is_sure and found.is_clean and found.sureness == 1
    assert found.field.is_constant and found.field.mean == tuple(colour)


@pytest.mark.parametrize("alpha", [EMPTY, DISC], ids=["all ground", "a disc"])
@pytest.mark.parametrize("angle", [0, 0.7, 1.5708, 4])
def test_a_ramp_is_followed_everywhere(angle: float, alpha: Floats) -> None:
    truth = ramp(WIDTH, HEIGHT, (250, 200, 100), (130, 180, 190), angle)
    found = ground_of(rounded(composed(alpha, (20, 20, 30), truth)))
    assert found.kind == RAMP and found.is_sure and found.is_clean
    assert np.abs(found.field.sampled((0, 0, WIDTH, HEIGHT), WIDTH, HEIGHT) - truth).max() <= 0.75


def test_uneven_light_on_paper_is_followed_everywhere() -> None:
    truth = paper(0.3)
    found = ground_of(noisy(composed(DISC, (20, 20, 30), truth), 2))
    assert found.kind == PAPER and found.is_sure and not found.is_clean
    assert np.abs(found.field.sampled((0, 0, WIDTH, HEIGHT), WIDTH, HEIGHT) - truth).max() <= 2.5
    assert 2 * 2 <= found.noise <= 6 * 2, "so many deviations are noise"


@pytest.mark.parametrize("key", [GREEN, (20, 60, 200), (220, 20, 200)])
def test_a_noisy_colour_that_skin_and_skies_lack_is_a_key(key: Colour) -> None:
    found = ground_of(noisy(composed(DISC, (210, 160, 130), even(WIDTH, HEIGHT, key)), 3))
    assert found.kind == KEY and found.is_sure
    assert np.abs(np.subtract(found.field.mean, key)).max() <= 1


@pytest.mark.parametrize("colour", [(90, 140, 200), (90, 60, 40), (60, 60, 60)], ids=["sky", "wood", "dark"])
def test_another_noisy_colour_is_never_sure(colour: Colour) -> None:
    found = ground.find(layer_of(noisy(composed(DISC, WHITE, even(WIDTH, HEIGHT, colour)), 3)))
    assert found is None or (found.sureness == 0 and not found.is_sure)


# -- what is none ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
def test_a_photograph_has_no_sure_ground(name: str) -> None:
    found = ground.find(layer_of(photograph(name)))
    assert found is None or not found.is_sure


def test_two_colours_are_no_ground() -> None:
    halves = even(WIDTH, HEIGHT, WHITE)
    halves[:, : WIDTH // 2] = BLUE
    found = ground.find(layer_of(rounded(halves)))
    assert found is None or not found.is_sure


def test_a_frame_around_everything_is_not_seen_through() -> None:
    """What is at the border is the ground, be it as little as it is; with so little nobody is sure."""
    thin = on(BLACK, cover(WIDTH, HEIGHT, lambda canvas: canvas.box(4, 4, WIDTH - 4, HEIGHT - 4)), WHITE)
    found = ground.find(layer_of(thin))
    assert found is None or not found.is_sure


def test_what_is_noisier_than_noise_is_no_ground() -> None:
    random = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    assert ground.find(layer_of(random)) is None
    assert ground.find(layer_of(noisy(even(WIDTH, HEIGHT, (200, 200, 200)), MOST_NOISE / 2))) is None


def test_a_texture_is_less_sure_than_grain_as_strong() -> None:
    """What is alike some pixels away is something that was photographed."""
    plain = even(WIDTH, HEIGHT, (225, 222, 215))
    grainy, textured = (ground_of(noisy(plain, 2.5, size)) for size in (0.6, 9))
    assert grainy.sureness > 0.95 and textured.sureness < grainy.sureness


# -- how much of it is seen --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.1, 0.2])
def test_a_subject_may_cover_some_of_the_border(share: float) -> None:
    wide = cover(WIDTH, HEIGHT, lambda canvas: canvas.box(-1, HEIGHT * (1 - share) - 60, WIDTH * share * 2, HEIGHT))
    found = ground_of(on(WHITE, wide))
    assert found.is_sure and found.field.mean == (255, 255, 255)


def test_sureness_falls_as_the_subject_covers_the_border() -> None:
    sure = []
    for height in (0, 40, 80, 120, 200):
        picture = on(WHITE, cover(WIDTH, HEIGHT, lambda canvas, tall=height: canvas.box(-1, -1, WIDTH, tall)))
        found = ground.find(layer_of(picture))
        sure.append(0.0 if found is None or found.field.mean != (255, 255, 255) else found.sureness)
    assert sure == sorted(sure, reverse=True) and sure[0] == 1 and sure[-1] == 0


def test_compression_is_noise_and_no_other_ground() -> None:
    found = ground_of(jpeg(on(WHITE, DISC), 80))
    assert found.is_sure and found.field.is_constant and found.field.mean == (255, 255, 255)


# -- all that a client may send ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 2), (3, 3), (1, 300), (300, 1), (2, 900), (15, 15)])
@pytest.mark.parametrize("fill", ["white", "random"])
def test_the_smallest_pictures_have_a_ground_or_none(shape: tuple[int, int], fill: str) -> None:
    random = np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)
    found = ground.find(layer_of(random if fill == "random" else np.full_like(random, 255)))
    if fill == "white" and min(96, shape[0]) * min(96, shape[1]) >= 16:
        assert found is not None and found.is_sure and found.field.mean == (255, 255, 255)
    elif found is not None:
        assert not found.is_sure


@pytest.mark.parametrize("side", [16, 24, 32])
def test_an_icon_has_a_ground(side: int) -> None:
    ring = cover(side, side, lambda canvas: canvas.ring((side / 2, side / 2), side * 0.4, side * 0.2))
    found = ground_of(on((200, 30, 90), ring, WHITE))
    assert found.is_sure and found.is_clean and found.field.mean == (200, 30, 90)


def opacity(share: float) -> NDArray[np.uint8]:
    alpha = np.full((HEIGHT, WIDTH), 255, np.uint8)
    alpha[: round(share * HEIGHT)] = 0
    return alpha


def test_the_order_of_the_channels_does_not_matter() -> None:
    picture = on(GREEN, DISC)
    pixels = np.dstack([picture, opacity(0)])
    rgba, bgra = (
        ground.find(Layer.from_frame(memoryview(pixels[:, :, order].tobytes()), WIDTH, HEIGHT, format))
        for order, format in (([0, 1, 2, 3], "RGBA8"), ([2, 1, 0, 3], "BGRA8"))
    )
    assert rgba is not None and bgra is not None
    assert rgba.field.mean == bgra.field.mean == GREEN and rgba.sureness == bgra.sureness == 1


@pytest.mark.parametrize(("format", "samples"), [("GRAY8", 1), ("GRAYA8", 2)])
def test_a_grey_layer_has_a_grey_ground(format: str, samples: int) -> None:
    grey = np.full((HEIGHT, WIDTH, samples), 255, np.uint8)
    grey[:, :, 0] = on((180, 180, 180), DISC, BLACK)[:, :, 0]
    found = ground.find(Layer.from_frame(memoryview(grey.tobytes()), WIDTH, HEIGHT, format))
    assert found is not None and found.is_sure and found.field.mean == (180, 180, 180)


@pytest.mark.parametrize(("share", "there"), [(0.0, True), (0.01, True), (0.2, True), (1.0, False)])
def test_where_a_layer_is_transparent_its_colours_mean_nothing(share: float, there: bool) -> None:
    pixels = np.dstack([on(WHITE, DISC), opacity(share)])
    found = ground.find(Layer.from_frame(memoryview(pixels.tobytes()), WIDTH, HEIGHT, "RGBA8"))
    assert (found is not None) == there


def test_the_same_picture_has_the_same_ground() -> None:
    picture = noisy(composed(DISC, BLUE, paper()), 3)
    one, other = ground_of(picture), ground_of(picture)
    assert one.sureness == other.sureness and one.noise == other.noise
    np.testing.assert_array_equal(one.field.coefficients, other.field.coefficients)
