"""Veils are soft shadows and glows: what has an edge or a colour of its own is none."""

from __future__ import annotations

import numpy as np
import pytest
from canvas import Bytes, Colour, Floats, blurred, composed, even, rounded
from keyed_pictures import NOISE, cover, ground_of, layer_of, on
from matted.mask.keyer import veils
from matted.mask.keyer.veils import SIDE
from numpy.typing import NDArray
from sheet import BLACK, WHITE

WIDTH, HEIGHT = 400, 300
BOX = cover(WIDTH, HEIGHT, lambda canvas: canvas.box(120, 90, 280, 210))
SOFT = 0.5 * blurred(BOX, 12)


def found(picture: Bytes, noise: float = NOISE) -> NDArray[np.bool_] | None:
    return veils.find(layer_of(picture), ground_of(picture), noise)


@pytest.mark.parametrize("colour", [WHITE, (220, 200, 120), (150, 160, 170)])
def test_a_shadow_is_found_wherever_it_is_seen(colour: Colour) -> None:
    veil = found(on(colour, SOFT, BLACK))
    assert veil is not None and veil.shape == (HEIGHT, WIDTH)
    assert veil[np.asarray(SOFT > 0.05)].all()
    assert not veil[np.asarray(SOFT < 0.002)].any()


def test_on_a_ramp_a_shadow_is_found() -> None:
    ground = even(WIDTH, HEIGHT, WHITE) - np.linspace(0, 80, WIDTH)[:, np.newaxis]
    veil = found(rounded(composed(SOFT, BLACK, ground)))
    assert veil is not None and veil[np.asarray(SOFT > 0.1)].mean() > 0.99


@pytest.mark.parametrize("light", [WHITE, (255, 120, 30), (40, 90, 255)])
def test_on_a_dark_ground_light_is_a_glow_of_any_colour(light: Colour) -> None:
    veil = found(on((12, 12, 20), SOFT, light))
    assert veil is not None and veil[np.asarray(SOFT > 0.1)].all()


@pytest.mark.parametrize(
    ("colour", "alpha", "ink"),
    [
        (WHITE, SOFT, (200, 30, 30)),
        ((200, 200, 200), SOFT, WHITE),
        (WHITE, BOX, BLACK),
        (WHITE, blurred(BOX, 1), BLACK),
        (WHITE, 0.008 * BOX, BLACK),
        (WHITE, 0 * BOX, BLACK),
    ],
    ids=["tinted", "a light on a light ground", "hard", "an edge", "too faint", "nothing"],
)
def test_what_has_an_edge_or_a_colour_is_no_veil(colour: Colour, alpha: Floats, ink: Colour) -> None:
    veil = found(on(colour, alpha, ink))
    # Where nearly nothing is left of it, nobody can tell a tint.
    assert veil is None or not veil[alpha > 0.08].any()


def test_a_stain_is_no_veil() -> None:
    dot = 0.3 * blurred(cover(WIDTH, HEIGHT, lambda canvas: canvas.disc((200, 150), 1)), 1)
    assert found(on(WHITE, dot, BLACK)) is None


def test_the_shadow_of_a_thing_ends_where_the_thing_begins() -> None:
    thing = np.roll(BOX, (-25, -20), (0, 1))
    picture = rounded(composed(thing, (30, 60, 200), composed(SOFT, BLACK, even(WIDTH, HEIGHT, WHITE))))
    veil = found(picture)
    assert veil is not None
    assert not veil[thing > 0].any() and veil[np.asarray((SOFT > 0.1) & (blurred(thing, 1) < 0.001))].mean() > 0.98


def test_a_shadow_within_the_noise_is_not_seen() -> None:
    assert found(on(WHITE, 0.03 * blurred(BOX, 8), BLACK)) is not None
    assert found(on(WHITE, 0.03 * blurred(BOX, 8), BLACK), noise=6) is None


def test_a_veil_that_touches_no_ground_is_a_part_of_the_subject() -> None:
    """Soft shading inside a thing."""
    light = cover(WIDTH, HEIGHT, lambda canvas: canvas.box(150, 110, 250, 190))
    spot = 0.4 * blurred(cover(WIDTH, HEIGHT, lambda canvas: canvas.disc((200, 150), 20)), 6)
    inks = composed(light, composed(spot, BLACK, even(WIDTH, HEIGHT, (200, 200, 200))), even(WIDTH, HEIGHT, BLACK))
    veil = found(rounded(composed(BOX, inks, even(WIDTH, HEIGHT, WHITE))))
    assert veil is None


def test_large_pictures_are_looked_at_in_small_and_drawn_large() -> None:
    width, height = 2 * SIDE + 7, 900
    soft = 0.4 * blurred(cover(width, height, lambda canvas: canvas.box(700, 300, 1200, 600)), 30)
    veil = found(on(WHITE, soft, BLACK))
    assert veil is not None and max(veil.shape) == SIDE
    large = veils.enlarged(veil, width, height)
    assert large.shape == (height, width) and large.dtype == bool
    assert large[np.asarray(soft > 0.05)].mean() > 0.99 and not large[np.asarray(soft < 0.001)].any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (3, 3)])
def test_the_smallest_pictures_have_no_veil(shape: tuple[int, int]) -> None:
    white = ground_of(np.full((16, 16, 3), 255, np.uint8))
    picture = np.random.default_rng(2).integers(0, 256, (*shape, 3), np.uint8)
    assert veils.find(layer_of(picture), white, NOISE) is None
