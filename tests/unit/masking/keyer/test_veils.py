"""Shadows and glows are told from glosses, pale fills and smooth things, and photographs from drawings."""

from __future__ import annotations

import numpy as np
import pytest
from canvas import Bytes, Floats, blurred, composed, even, rounded
from keyed_pictures import BLUE, NOISE, alpha_of, cover, ground_of, keyed, layer_of, on
from matted.masking.keyer import veils
from PIL import Image
from sheet import BLACK, WHITE

WIDTH, HEIGHT = 300, 220
DISC = cover(WIDTH, HEIGHT, lambda canvas: canvas.disc((150, 110), 80))


def ball() -> Bytes:
    """Return a grey ball on white with a gloss as white as the ground."""
    down, across = np.mgrid[0:HEIGHT, 0:WIDTH]
    shade = 185.0 - 0.9 * (across - 110)
    gloss = 200 * np.exp(-((across - 125) ** 2 + (down - 85) ** 2) / 350)
    return on(WHITE, DISC, np.repeat((shade + gloss).clip(0, 255)[..., np.newaxis], 3, axis=2))


def test_a_ball_stays_although_its_gloss_has_the_colour_of_the_ground() -> None:
    assert veils.find(layer_of(ball()), ground_of(ball()), NOISE) is None
    mask = alpha_of(ball(), "keep")
    assert mask[DISC == 1].min() >= 250 and (mask[DISC == 0] == 0).all()


def test_a_pale_grey_fill_is_no_shadow() -> None:
    right = cover(WIDTH, HEIGHT, lambda canvas: canvas.box(150, 60, 230, 160))
    left = cover(WIDTH, HEIGHT, lambda canvas: canvas.box(60, 60, 146, 160))
    picture = rounded(composed(left, BLUE, composed(blurred(right, 0.8), (243, 243, 243), even(WIDTH, HEIGHT, WHITE))))
    assert (alpha_of(picture)[64:156, 154:226] == 255).all()


def shadowed(alpha: Floats, strength: float) -> Bytes:
    """Return blue on white with a soft shadow to the right and below."""
    shadow = strength * blurred(np.roll(alpha, (12, 14), (0, 1)), 5)
    return rounded(composed(alpha, BLUE, composed(shadow, BLACK, even(WIDTH, HEIGHT, WHITE))))


def test_a_shadow_stays_one_also_where_it_falls_through_a_hole() -> None:
    ring = cover(WIDTH, HEIGHT, lambda canvas: canvas.ring((130, 100), 80, 60))
    mask = alpha_of(shadowed(ring, 0.4))
    assert 60 <= int(mask[60, 107]) <= 110 and mask[110, 140] == 0, "in the hole: its shadow, and beside that nothing"
    assert 60 <= int(mask[160, 188]) <= 110


def test_the_inside_of_a_ring_glows_as_its_outside_does() -> None:
    ring = cover(WIDTH, HEIGHT, lambda canvas: canvas.ring((150, 110), 80, 74))
    glow = np.clip(ring + 1.5 * blurred(ring, 12), 0, 1)
    picture = rounded(composed(glow, (255, 120, 220), even(WIDTH, HEIGHT, BLACK)))
    seen = keyed(picture)
    assert seen.veil is not None and seen.suffices
    mask = alpha_of(picture)
    assert abs(int(mask[110, 150 - 74 + 12]) - int(glow[110, 150 - 74 + 12] * 255)) <= 12


def test_where_nearly_all_is_as_smooth_as_a_shadow_a_model_is_asked() -> None:
    body = blurred(cover(WIDTH, HEIGHT, lambda canvas: canvas.box(80, 40, 220, 180)), 0.8)
    across = np.arange(WIDTH)
    shade = np.broadcast_to(252 - 50 * ((across - 80) / 140).clip(0, 1) ** 2, (HEIGHT, WIDTH))
    cup = np.repeat(shade[..., np.newaxis], 3, axis=2)
    picture = rounded(composed(body, cup, even(WIDTH, HEIGHT, WHITE)))
    assert not keyed(picture).suffices
    assert keyed(shadowed(DISC, 0.4)).suffices


@pytest.mark.parametrize("times", [1, 3])
def test_a_photograph_with_a_white_margin_is_one_at_any_size(times: int) -> None:
    texture = np.random.default_rng(3).normal(130, 4, (440, 840, 3))
    picture = even(1024, 600, WHITE)
    picture[80:520, 92:932] = texture
    size = 1024 * times, 600 * times
    large = Image.fromarray(rounded(picture)).resize(size, Image.Resampling.BICUBIC)
    assert not keyed(np.asarray(large)).suffices
