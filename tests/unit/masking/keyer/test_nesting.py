"""What lies in what is told apart, and holes are judged by what is around them, not by what lies in them."""

from __future__ import annotations

import numpy as np
from canvas import Bytes, Canvas, Colour, composed, even, rounded
from keyed_pictures import BLUE, alpha_of, cover
from matted.masking import keyer
from matted.masking.ground import areas
from matted.masking.keyer import nesting
from sheet import BLACK, WHITE

WIDTH, HEIGHT = 300, 220
SKIN: Colour = (250, 210, 170)
RED: Colour = (200, 30, 40)
SHIRT, LETTER_INSIDE, RING_INSIDE, FACE, OUTSIDE = (120, 60), (181, 100), (100, 150), (250, 180), (5, 5)


def test_each_wall_is_counted_and_each_hole_knows_the_area_around_it() -> None:
    labels = np.zeros((11, 11), bool)
    for inset in (0, 2, 4):  # ground, a wall, an area, a wall, and one in the middle
        labels[inset : 11 - inset, inset : 11 - inset] = True
        labels[inset + 1 : 10 - inset, inset + 1 : 10 - inset] = False
    labels[5, 5] = False
    found = areas.find(labels)
    nested = nesting.of(found)
    outer, middle, inner = found.labels[0, 0], found.labels[2, 2], found.labels[4, 4]
    assert [int(nested.walls[each]) for each in (outer, middle, inner)] == [0, 2, 4]
    assert [int(nested.enclosing[each]) for each in (outer, middle, inner)] == [0, outer, middle]
    wall = nested.pieces[1, 1]
    assert nested.are_around(np.array([wall, wall, 0]), np.array([middle, outer, middle])).tolist() == [
        True,
        False,
        False,
    ]


def shirt() -> Bytes:
    """Return a white shirt in a black outline, with a red O and a blue ring on it, beside a face."""
    picture = even(WIDTH, HEIGHT, WHITE)

    def add(ink: Colour, *draws: object) -> None:
        nonlocal picture
        picture = composed(cover(WIDTH, HEIGHT, *draws), ink, picture)  # type: ignore[arg-type]

    add(BLACK, lambda canvas: canvas.box(50, 40, 215, 190), lambda canvas: canvas.box(54, 44, 211, 186, ink=False))
    add(RED, lambda canvas: canvas.ring((181, 100), 24, 12))
    add(BLUE, lambda canvas: canvas.ring((100, 150), 22, 15))
    add(BLACK, lambda canvas: canvas.disc((250, 180), 35))
    add(SKIN, lambda canvas: canvas.disc((250, 180), 31))
    return rounded(picture)


def at(mask: Bytes, *points: tuple[int, int]) -> list[int]:
    return [int(mask[y, x]) for x, y in points]


def test_what_is_on_a_white_shirt_does_not_open_it_and_is_open_nowhere() -> None:
    mask = alpha_of(shirt())
    assert at(mask, SHIRT, LETTER_INSIDE, RING_INSIDE, FACE, OUTSIDE) == [255, 255, 255, 255, 0]


def test_what_lies_in_an_area_goes_with_it_but_for_what_was_said() -> None:
    gone = alpha_of(shirt(), said=keyer.Said(drop=[SHIRT]))
    assert at(gone, SHIRT, LETTER_INSIDE, RING_INSIDE, FACE) == [0, 0, 0, 255]
    one = alpha_of(shirt(), said=keyer.Said(drop=[LETTER_INSIDE]))
    assert at(one, SHIRT, LETTER_INSIDE, RING_INSIDE) == [255, 0, 255]
    kept = alpha_of(shirt(), "open", said=keyer.Said(keep=[SHIRT]))
    assert at(kept, SHIRT, LETTER_INSIDE, RING_INSIDE) == [255, 255, 255]
    assert at(alpha_of(shirt(), "open"), SHIRT, LETTER_INSIDE, RING_INSIDE) == [0, 0, 0]


def test_letters_alone_are_open_as_before() -> None:
    canvas = Canvas(WIDTH, HEIGHT)
    canvas.ring((100, 110), 70, 45)
    canvas.disc((240, 110), 30)
    assert at(
        alpha_of(rounded(composed(canvas.coverage(), BLUE, even(WIDTH, HEIGHT, WHITE)))), (100, 110), (240, 110)
    ) == [0, 255]
