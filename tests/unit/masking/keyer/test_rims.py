"""Rays from a hole outward tell what is around it: a stroke, a stroke in something else, or nothing but subject."""

from __future__ import annotations

import numpy as np
import pytest
from canvas import Bytes, Canvas, Colour, Floats, composed, even, rounded
from keyed_pictures import BLUE, cover, keyed
from sheet import BLACK, WHITE

WIDTH, HEIGHT = 320, 260
CENTRE = (160, 130)
SKIN: Colour = (240, 190, 150)


def discs(*layers: tuple[float, Colour], ground: Colour = WHITE) -> Bytes:
    """Return a picture of discs over each other, the largest first. layers: radius and colour of each."""
    picture: Floats = even(WIDTH, HEIGHT, ground)
    for radius, colour in layers:
        alpha = cover(WIDTH, HEIGHT, lambda canvas, size=radius: canvas.disc(CENTRE, size))
        picture = composed(alpha, colour, picture)
    return rounded(picture)


def rim(picture: Bytes) -> tuple[float, float, float]:
    """Return the shares of the rays around the hole in the middle: outlined, embedded, thick."""
    seen = keyed(picture)
    number = seen.cells.background.labels[CENTRE[1] // seen.cells.side, CENTRE[0] // seen.cells.side]
    assert number and not seen.cells.background.outside[number]
    rims = seen.rims
    assert rims is not None
    for shares in (rims.outlined, rims.embedded, rims.thick):
        assert shares.shape == seen.cells.background.sizes.shape and 0 <= shares.min() and shares.max() <= 1
        assert shares[0] == 0, "no area"
    return float(rims.outlined[number]), float(rims.embedded[number]), float(rims.thick[number])


@pytest.mark.parametrize("width", [3, 6, 12])
def test_strokes_fill_nothing_in(width: int) -> None:
    assert keyed(discs((60 + width, BLUE), (60, WHITE))).rims is None


@pytest.mark.parametrize("width", [20, 28])
def test_a_ring_is_left_to_the_ground(width: int) -> None:
    outlined, embedded, thick = rim(discs((60 + width, BLUE), (60, WHITE)))
    assert (outlined > 0.95, embedded < 0.05, thick < 0.05) == (True, True, True)


def test_an_outline_in_a_face_has_another_colour_beyond_it() -> None:
    outlined, embedded, thick = rim(discs((110, SKIN), (36, BLACK), (30, WHITE)))
    assert (outlined > 0.95, embedded > 0.95, thick < 0.05) == (True, True, True)


def test_a_hole_in_a_plain_thing_has_nothing_but_it_around() -> None:
    outlined, embedded, thick = rim(discs((120, BLUE), (20, WHITE)))
    assert (outlined < 0.05, embedded < 0.05, thick > 0.95) == (True, True, True)


def test_a_second_ring_is_far_enough_to_be_another_thing() -> None:
    outlined, embedded, _ = rim(discs((125, SKIN), (105, WHITE), (80, BLACK), (60, WHITE)))
    assert outlined > 0.95 and embedded < 0.05


def test_half_a_rim_is_half_the_rays() -> None:
    picture = discs((110, SKIN), (46, BLACK), (40, WHITE))
    beyond = np.asarray(np.hypot(*np.indices((HEIGHT, WIDTH))[::-1] - np.reshape(CENTRE, (2, 1, 1))) > 46)
    picture[: CENTRE[1]][beyond[: CENTRE[1]]] = 255
    outlined, embedded, _ = rim(picture)
    assert outlined > 0.95 and 0.35 < embedded < 0.65


def test_rays_that_leave_the_picture_see_ground() -> None:
    picture = discs((300, BLUE), (110, WHITE))
    picture[:, :3] = picture[:, -3:] = 255
    picture[:3] = picture[-3:] = 255
    _, embedded, _ = rim(picture)
    assert embedded < 0.05


def test_without_holes_there_are_no_rims() -> None:
    seen = keyed(discs((60, BLUE)))
    assert not seen.rims.outlined.any() and not seen.rims.embedded.any() and not seen.rims.thick.any()


def test_a_lattice_has_a_rim_for_each_hole() -> None:
    def draw(canvas: Canvas) -> None:
        for at in range(20, 301, 40):
            canvas.box(at, 20, at + 8, 240)
            if at <= 240:
                canvas.box(20, at, 308, at + 8)

    picture = rounded(composed(cover(WIDTH, HEIGHT, draw), BLUE, even(WIDTH, HEIGHT, WHITE)))
    seen = keyed(picture)
    inside = ~seen.cells.background.outside
    inside[0] = False
    assert inside.sum() == 7 * 5
    assert (seen.rims.outlined[inside] > 0.5).all() and (seen.rims.embedded[inside] < 0.1).all()
