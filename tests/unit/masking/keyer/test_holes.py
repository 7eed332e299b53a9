"""Holes are found in cells, and which of them stay follows from what is around them."""

from __future__ import annotations

import numpy as np
import pytest
from canvas import Bytes, Canvas, composed, even, rounded
from keyed_pictures import Climbed, alpha_of, cover, on
from matted.masking.ground import areas
from matted.masking.keyer import holes
from matted.masking.keyer.holes import SIDE, Cells
from matted.masking.keyer.rims import Rims
from matted_client.options import AUTO, KEEP, OPEN
from numpy.typing import NDArray
from sheet import BLACK, WHITE

Floats = NDArray[np.float32]
Marks = NDArray[np.bool_]

WIDTH, HEIGHT = 300, 200
NONE: Floats = np.zeros((0, 3), np.float32)


def ring(canvas: Canvas) -> None:
    canvas.ring((150, 100), 80, 50)


def divided(picture: Bytes) -> Cells:
    climbed = Climbed.of(picture)
    return holes.divide(climbed.distances, climbed.background)


# -- cells -------------------------------------------------------------------------------------------------------------


def test_a_ring_has_an_area_outside_and_one_inside() -> None:
    cells = divided(on(WHITE, cover(WIDTH, HEIGHT, ring)))
    assert cells.side == 1 and cells.background.count == 2
    outside, inside = cells.background.labels[[0, 100], [0, 150]]
    assert cells.background.outside[outside] and not cells.background.outside[inside]
    assert cells.background.sizes[inside] == pytest.approx(np.pi * 50**2, rel=0.03)
    assert cells.background.labels[100, 150 + 65] == 0 == cells.near[100, 150 + 65], "the ring itself"
    assert cells.memory == cells.background.labels.nbytes + cells.near.nbytes


def test_cells_beside_an_area_are_near_it_those_between_two_are_near_the_outside() -> None:
    marks = np.ones((7, 11, 3), np.uint8) * 255
    marks[1:6, 2:9] = 0
    marks[3, 4:7] = 255  # a hole, two cells from the outside on
    cells = divided(marks)
    outside, inside = cells.background.labels[0, 0], cells.background.labels[3, 5]
    assert inside not in (0, outside)
    assert cells.near[2, 5] == inside and cells.near[3, 7] == inside and cells.near[1, 5] == outside
    marks[2, 4:7] = 255  # now a single cell apart
    cells = divided(marks)
    assert cells.near[1, 5] == outside
    np.testing.assert_array_equal(
        cells.near[cells.background.labels != 0], cells.background.labels[cells.background.labels != 0]
    )


def test_a_large_picture_is_divided_into_cells_that_are_background_throughout() -> None:
    picture = np.full((SIDE // 2 + 1, SIDE + 3, 3), 255, np.uint8)
    picture[101, 103] = 0
    picture[-1, -1] = 0
    cells = divided(picture)
    assert cells.side == 2 and cells.background.labels.shape == (SIDE // 4 + 1, SIDE // 2 + 2)
    gone = np.argwhere(cells.background.labels == 0).tolist()
    assert gone == [[50, 51], [SIDE // 4, SIDE // 2 + 1]]
    large = cells.enlarged(cells.background.labels == 0, 0, *picture.shape[:2])
    assert large.shape == picture.shape[:2] and large.sum() == 4 + 1
    assert large[100:102, 102:104].all() and large[-1, -1]


def test_ripples_divide_no_areas() -> None:
    picture = np.full((20, 30, 3), 255, np.uint8)
    picture[:, 10] = 255 - 8
    assert divided(picture).background.count == 1
    picture[:, 10] = 255 - 9
    assert divided(picture).background.count == 2


def test_pixels_know_their_areas() -> None:
    picture = np.full((SIDE // 8, SIDE + 1, 3), 255, np.uint8)
    picture[:, 1000:1010] = 0
    cells, climbed = divided(picture), Climbed.of(picture)
    left, right = (cells.background.labels[5, column] for column in (0, -1))
    found = cells.at(climbed.distances, np.array([climbed.index(x, 77) for x in (0, 999, 1005, 1010, SIDE)]))
    assert found.tolist() == [left, left, 0, right, right]


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1)])
@pytest.mark.parametrize("level", [0, 255])
def test_the_smallest_pictures_have_cells(shape: tuple[int, int], level: int) -> None:
    cells = divided(np.full((*shape, 3), level, np.uint8))
    assert cells.near.shape == shape and cells.background.count == (level == 255)
    assert cells.background.outside[1:].all()


@pytest.mark.parametrize("size", [(WIDTH, HEIGHT), (75, 50), (320, 320)])
def test_the_mean_of_a_matte_in_each_area_does_not_depend_on_its_size(size: tuple[int, int]) -> None:
    cells = divided(on(WHITE, cover(WIDTH, HEIGHT, ring)))
    wide, tall = size
    matte = cover(wide, tall, lambda canvas: canvas.oval((wide / 2, tall / 2), (80 / WIDTH * wide, 80 / HEIGHT * tall)))
    means = holes.means(cells.background, matte.astype(np.float32))
    inside = cells.background.labels[100, 150]
    assert means.shape == (3,) and means[inside] > 0.99 and means[3 - inside] < 0.03


# -- which stay --------------------------------------------------------------------------------------------------------

# The areas of the cells below, by number.
OUTSIDE, LARGE, SMALL, TINY = 1, 2, 3, 4


def example() -> Cells:
    """Return cells of a picture with an outside, a large hole, a small one and a tiny one."""
    marks = np.zeros((100, 100), bool)
    marks[0] = True
    marks[20:40, 20:40] = marks[60:63, 20:25] = marks[80, 80] = True
    found = areas.find(marks)
    assert found.sizes.tolist() == [0, 100, 400, 15, 1]
    return Cells(1, found, found.labels)


def rims(**shares: dict[int, float]) -> Rims:
    """Return rims. shares: of each kind, by the number of the area; 0 for the others."""
    arrays = {name: np.zeros(5, np.float32) for name in ("outlined", "embedded", "thick", "thin")}
    for name, values in shares.items():
        for number, value in values.items():
            arrays[name][number] = value
    return Rims(**arrays)


FILLED = np.array([[200, 40, 40]] * 50 + [[0, 0, 0]] * 50, np.float32)
ONE_INK = np.zeros((100, 3), np.float32)
OUTLINE = np.zeros(3, np.float32)


def kept(holes_: str, around: Rims | None, drawn: bool, inner: Floats = FILLED, share: float = 1.0) -> list[int]:
    return np.flatnonzero(holes.kept(example(), holes_, around, drawn, inner, lambda number: (OUTLINE, share))).tolist()


@pytest.mark.parametrize("drawn", [True, False])
def test_all_that_is_enclosed_opens_or_stays_as_is_said(drawn: bool) -> None:
    around = rims(embedded={LARGE: 1, SMALL: 1})
    assert kept(OPEN, around, drawn) == []
    assert kept(KEEP, around, drawn) == kept(KEEP, rims(), drawn, NONE) == [LARGE, SMALL, TINY]


def test_in_a_drawing_an_embedded_hole_stays_and_a_large_one_with_an_outline_around_other_colours() -> None:
    assert kept(AUTO, rims(embedded={SMALL: 0.6}), True) == [SMALL]
    assert kept(AUTO, rims(embedded={SMALL: 0.4}), True) == []
    assert kept(AUTO, rims(outlined={LARGE: 0.6, SMALL: 0.6}), True) == [LARGE]
    assert kept(AUTO, rims(outlined={LARGE: 0.4}), True) == []
    assert kept(AUTO, rims(outlined={LARGE: 0.6}), True, ONE_INK) == [], "letters are of one ink"
    assert kept(AUTO, rims(outlined={LARGE: 0.6}), True, share=0.7) == [], "an outline has one colour"


def test_in_a_painting_what_is_large_embedded_or_a_gloss_stays() -> None:
    assert kept(AUTO, rims(), False) == [LARGE]
    assert kept(AUTO, rims(embedded={SMALL: 0.6}), False) == [LARGE, SMALL]
    assert kept(AUTO, rims(thick={SMALL: 0.95, TINY: 0.8}), False) == [LARGE, SMALL]
    assert kept(AUTO, rims(thin={LARGE: 0.6}), False) == [], "a loop of a strand encloses ground"


@pytest.mark.parametrize("drawn", [True, False])
def test_the_outside_never_stays_and_strokes_enclose_nothing(drawn: bool) -> None:
    everywhere = {number: 1.0 for number in range(5)}
    around = rims(outlined=everywhere, embedded=everywhere, thick=everywhere)
    assert OUTSIDE not in kept(AUTO, around, drawn) and OUTSIDE not in kept(KEEP, around, drawn)
    assert kept(AUTO, None, drawn, NONE) == []


def test_a_model_may_know_better_about_open_holes_of_some_size_in_a_painting() -> None:
    cells, none = example(), np.zeros(5, bool)
    assert np.flatnonzero(holes.doubtful(cells, none, drawn=False)).tolist() == [LARGE, SMALL]
    stays = none.copy()
    stays[LARGE] = True
    assert np.flatnonzero(holes.doubtful(cells, stays, drawn=False)).tolist() == [SMALL]
    assert not holes.doubtful(cells, none, drawn=True).any()


# -- in whole pictures -------------------------------------------------------------------------------------------------


def letters(canvas: Canvas) -> None:
    canvas.text((20, 50), "Oaa8", 90)


def test_rings_and_letters_are_open() -> None:
    for draw in (ring, letters):
        picture = on(WHITE, cover(WIDTH, HEIGHT, draw))
        np.testing.assert_array_equal(alpha_of(picture), alpha_of(picture, OPEN))
        assert (alpha_of(picture, KEEP) > alpha_of(picture)).sum() > 100


def test_the_white_of_an_eye_stays() -> None:
    face, white, eye = (
        cover(WIDTH, HEIGHT, lambda canvas, size=radius: canvas.disc((150, 100), size)) for radius in (80, 26, 30)
    )
    picture = composed(face, (240, 190, 150), even(WIDTH, HEIGHT, WHITE))
    picture = rounded(composed(white, WHITE, composed(eye, BLACK, picture)))
    alpha = alpha_of(picture)
    assert alpha[100, 150] == alpha[100, 150 + 50] == 255 and not alpha[:10].any()
    assert alpha_of(picture, OPEN)[100, 150] == 0
