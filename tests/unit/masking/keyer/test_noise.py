"""The noise near a subject is that of compression, and no subject is taken for it."""

from __future__ import annotations

import numpy as np
import pytest
from canvas import Bytes, Canvas, Colour, blurred, composed, even, jpeg, rounded
from keyed_pictures import BLUE, cover, field_of, layer_of, nothing, on
from matted.masking.keyer import distance, noise
from numpy.typing import NDArray
from sheet import BLACK, WHITE

SIDE, START = 320, 140
CLEAN = 1.5  # levels: the noise of a ground that a program has filled
MOST = 8.0  # levels that are ever cleared


def shapes(canvas: Canvas) -> None:
    canvas.ring((160, 160), 120, 90)
    canvas.text((110, 130), "Rag", 50)


def near(picture: Bytes, colour: Colour = WHITE, far: float = CLEAN) -> float:
    return noise.near_subject(distance.measure(layer_of(picture), field_of(picture, colour), nothing), far)


DRAWN = cover(SIDE, SIDE, shapes)


@pytest.mark.parametrize("colour", [WHITE, BLACK, (128, 128, 128)])
def test_a_clean_picture_has_no_more_noise_near_the_subject(colour: Colour) -> None:
    assert near(on(colour, DRAWN, (200, 20, 60)), colour) == CLEAN


def test_soft_edges_and_shadows_are_no_noise() -> None:
    shadow = 0.4 * blurred(np.roll(DRAWN, 12, 0), 9)
    assert near(rounded(composed(DRAWN, BLUE, composed(shadow, BLACK, even(SIDE, SIDE, WHITE))))) == CLEAN
    assert near(on(WHITE, blurred(DRAWN, 4))) == CLEAN


def test_ripples_of_compression_are_and_worse_ones_reach_further() -> None:
    fine, coarse = (near(jpeg(on(WHITE, DRAWN), quality)) for quality in (97, 70))
    assert CLEAN < fine <= coarse == MOST


def test_the_noise_is_never_less_than_that_far_from_the_subject() -> None:
    pressed = jpeg(on(WHITE, DRAWN), 85)
    assert near(pressed, far=4.5) >= 4.5 and near(pressed, far=20.0) == 20.0


def with_dots(subject: NDArray[np.uint8], dots: int) -> Bytes:
    """Return a grey picture: a subject's levels from START on, and so many faint dots in the white beside it."""
    picture = np.full((SIDE, SIDE), 255, np.uint8)
    picture[:, START:] = subject
    picture[8 : 8 + 16 * dots : 16, START - 6] = 255 - 5
    return np.repeat(picture[:, :, np.newaxis], 3, axis=2)


SHAPE = (SIDE, SIDE - START)


def test_faint_peaks_are_noise_unless_there_are_many_edges_for_them() -> None:
    """A few peaks beside thousands of edges are chance."""
    plain, lines = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    lines[:, ::2] = 200
    assert near(with_dots(plain, 13)) == 5 and near(with_dots(lines, 13)) == CLEAN
    assert near(with_dots(plain, 11)) == CLEAN, "fewer are no noise, however few edges there are"


@pytest.mark.parametrize("roughness", [1, 20])
def test_the_inside_of_a_subject_that_is_far_from_the_ground_is_no_edge(roughness: int) -> None:
    """Distances above 231 and a faint one more are more than a byte holds: all of a black subject was edges."""
    rough = np.random.default_rng(2).integers(0, roughness, SHAPE, np.uint8)
    assert near(with_dots(rough, 15)) == 5


@pytest.mark.parametrize("shape", [(1, 1), (1, 70), (70, 1), (64, 64), (65, 129)])
@pytest.mark.parametrize("fill", ["ground", "subject", "random"])
def test_any_size_has_a_noise(shape: tuple[int, int], fill: str) -> None:
    random = np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)
    picture = random if fill == "random" else np.full_like(random, 255 if fill == "ground" else 0)
    assert CLEAN <= near(picture) <= MOST
