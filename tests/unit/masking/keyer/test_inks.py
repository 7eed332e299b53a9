"""Inks are the few colours of a drawing, and what is drawn is told from what is painted or photographed."""

from __future__ import annotations

import numpy as np
import pytest
from canvas import Bytes, Canvas, Colour, clouds, grain, ramp, rounded, stacked
from conftest import PHOTOGRAPHS
from keyed_pictures import BLUE, Climbed, cover, field_of, layer_of, nothing, on
from matted.masking.keyer import climbing, distance, inks
from matted.masking.keyer.climbing import Peaks
from matted.masking.keyer.inks import Inks
from numpy.typing import NDArray
from PIL import Image
from sheet import BLACK, WHITE

Floats = NDArray[np.float32]

RED: Colour = (210, 30, 40)
WIDTH, HEIGHT = 240, 200
NONE: Floats = np.zeros((0, 3), np.float32)


def found_in(picture: Bytes, colour: Colour = WHITE, inner: Floats = NONE) -> tuple[Inks, Peaks, Floats]:
    """Return the inks, the peaks, and the colours of the ground at these."""
    climbed = Climbed.of(picture, colour)
    peaks, _ = climbing.look(climbed.distances, climbed.edges, climbed.background, 1.5)
    ground = climbed.distances.ground(peaks.indices)
    below = np.broadcast_to(np.asarray(colour, np.float32), inner.shape)
    return inks.find(peaks, ground, inner, below, 1.5, drawn=False), peaks, ground


def lines(canvas: Canvas, left: int, width: float) -> None:
    for down in range(20, 180, 20):
        canvas.line([(left, down), (left + 80, down + 13.3)], width)


# -- inks --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("colour", [WHITE, BLACK, (120, 160, 90)])
def test_two_inks_are_found(colour: Colour) -> None:
    one, other = (cover(WIDTH, HEIGHT, lambda canvas, at=left: lines(canvas, at, 5)) for left in (20, 130))
    alpha, ink = stacked([(one, RED), (other, BLUE)])
    found, _, _ = found_in(on(colour, alpha, ink), colour)
    assert found.only and len(found.colours) == len(found.ways) == 2
    for each in (RED, BLUE):
        assert np.abs(found.colours - each).max(axis=1).min() <= 3
    np.testing.assert_allclose(np.linalg.norm(found.ways, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("width", [0.5, 1.0])
def test_a_thin_stroke_gets_the_ink_that_a_thick_one_shows(width: float) -> None:
    alpha = cover(WIDTH, HEIGHT, lambda canvas: lines(canvas, 20, 6), lambda canvas: lines(canvas, 130, width))
    found, peaks, ground = found_in(on(WHITE, alpha))
    thin = ~peaks.flat & (np.abs(peaks.colours - BLUE).max(axis=1) > 30)
    assert thin.sum() > 50
    filled = found.filled(peaks, ground)
    assert np.abs(filled[thin] - BLUE).max() <= 3
    np.testing.assert_array_equal(filled[peaks.flat], peaks.colours[peaks.flat], "what shows its colour has it")


def test_a_thin_stroke_keeps_its_colour_where_the_subject_is_of_more_than_inks() -> None:
    alpha = cover(WIDTH, HEIGHT, lambda canvas: lines(canvas, 20, 6), lambda canvas: lines(canvas, 130, 0.6))
    other = np.random.default_rng(1).integers(0, 200, (500, 3)).astype(np.float32)
    found, peaks, ground = found_in(on(WHITE, alpha), inner=other)
    assert not found.only
    np.testing.assert_array_equal(found.filled(peaks, ground), peaks.colours)


def test_shades_are_more_than_the_inks_that_there_may_be() -> None:
    shades = ramp(WIDTH, HEIGHT, RED, (20, 160, 250), 0.3)
    alpha = cover(WIDTH, HEIGHT, *(lambda canvas, at=left: lines(canvas, at, 4) for left in (20, 130)))
    found, _, _ = found_in(on(WHITE, alpha, shades))
    assert 1 <= len(found.colours) <= inks.MOST


def test_without_peaks_there_are_no_inks() -> None:
    found, peaks, ground = found_in(np.full((20, 20, 3), 255, np.uint8))
    assert not found.only and found.colours.shape == found.ways.shape == (0, 3)
    assert found.filled(peaks, ground).shape == (0, 3)


# -- drawn or photographed ---------------------------------------------------------------------------------------------


def inside(picture: Bytes) -> tuple[distance.Distances, NDArray[np.intp]]:
    """Return the distances, and the indices of all pixels with as much around them as is looked at."""
    distances = distance.measure(layer_of(picture), field_of(picture), nothing)
    apart = inks.apart(distances)
    rows, columns = np.indices(picture.shape[:2])[:, apart:-apart, apart:-apart]
    return distances, ((rows + 1) * distances.stride + columns + 1).ravel()


def photograph() -> Bytes:
    with Image.open(PHOTOGRAPHS / "coffee.jpg") as image:
        return np.asarray(image.convert("RGB").crop((100, 100, 100 + WIDTH, 100 + HEIGHT)))


FLAT = np.full((HEIGHT, WIDTH, 3), BLUE, np.uint8)
GRADED = rounded(ramp(WIDTH, HEIGHT, RED, BLUE, 0.8))
SPOTTED = rounded(100 + clouds(np.random.default_rng(3), WIDTH, HEIGHT, 24, 40)[..., np.newaxis].repeat(3, 2))
GRAINY = rounded(120 + grain(np.random.default_rng(3), WIDTH, HEIGHT, 8)[..., np.newaxis].repeat(3, 2))


@pytest.mark.parametrize(
    ("picture", "drawn", "photographed"),
    [
        (FLAT, True, False),
        (GRADED, True, False),
        (SPOTTED, False, False),
        (GRAINY, False, True),
        (photograph(), False, True),
    ],
    ids=["flat", "graded", "painted", "grainy", "photograph"],
)
def test_even_colours_are_drawn_and_texture_is_photographed(picture: Bytes, drawn: bool, photographed: bool) -> None:
    distances, indices = inside(picture)
    assert inks.is_drawn(distances, indices, 1.5) == drawn
    assert inks.is_photographed(distances, indices) == photographed


def test_noise_up_to_that_of_the_picture_does_not_make_a_painting() -> None:
    faint = rounded(
        120 + np.clip(grain(np.random.default_rng(3), WIDTH, HEIGHT, 1), -2, 2)[..., np.newaxis].repeat(3, 2)
    )
    distances, indices = inside(faint)
    assert not inks.is_drawn(distances, indices, 1.5) and inks.is_drawn(distances, indices, 8)


def test_what_has_no_inside_is_drawn() -> None:
    distances, indices = inside(GRAINY)
    assert inks.is_drawn(distances, indices[:0], 1.5) and not inks.is_photographed(distances, indices[:0])


@pytest.mark.parametrize(("shape", "apart"), [((1, 1), 3), ((100, 1000), 15), ((4000, 6000), 90)])
def test_evenness_is_looked_at_over_a_share_of_the_picture(shape: tuple[int, int], apart: int) -> None:
    picture = np.broadcast_to(np.uint8(0), (*shape, 3))
    distances = distance.Distances(layer_of(picture), field_of(picture), np.zeros((1, 1), np.uint8))
    assert inks.apart(distances) == apart
