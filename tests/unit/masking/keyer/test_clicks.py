"""What a person said of a keyed picture holds, whatever it is, and nothing else changes."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from canvas import Bytes, Canvas
from hypothesis import given, settings
from hypothesis import strategies as st
from keyed_pictures import cover, keyed, on
from matted.masking.ground import areas
from matted.masking.keyer import Keyed, Said
from matted.masking.keyer.holes import SIDE
from numpy.typing import NDArray
from sheet import WHITE

Marks = NDArray[np.bool_]

WIDTH, HEIGHT = 120, 90
HOLE, RING, DISC, OTHER_HOLE, OUTSIDE = (30, 45), (30, 22), (90, 30), (90, 70), (60, 5)  # x, y


def draw(canvas: Canvas) -> None:
    canvas.ring((30, 45), 26, 19)
    canvas.disc((90, 30), 16)
    canvas.ring((90, 70), 14, 9)


PICTURE = on(WHITE, cover(WIDTH, HEIGHT, draw))


@cache
def seen() -> Keyed:
    return keyed(PICTURE)


def alpha(said: Said, holes: str = "auto") -> Bytes:
    mask = seen().alpha(8, holes, True, said)
    assert mask.dtype == np.uint8
    return mask


def area(x: int, y: int) -> int:
    cells = seen().cells
    return int(cells.background.labels[y // cells.side, x // cells.side])


@cache
def pieces() -> areas.Areas:
    """The pieces of the picture: all that is no ground and hangs together."""
    return areas.find(seen().cells.background.labels == 0)


POINTS = st.lists(st.tuples(st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1)), max_size=6)
HOLES = st.sampled_from(["auto", "open", "keep"])


@settings(max_examples=60)
@given(POINTS, POINTS, HOLES)
def test_what_was_said_holds(keep: list[tuple[int, int]], drop: list[tuple[int, int]], holes: str) -> None:
    said, cells = Said(keep, drop), seen().cells
    mask, before = alpha(said, holes), alpha(Said(), holes)
    for x, y in drop:
        assert mask[y, x] == 0, "what is to be dropped is no subject"
    dropped = {area(x, y) for x, y in drop}
    gone = {int(pieces().labels[y, x]) for x, y in drop} - {0}
    for x, y in keep:
        number = area(x, y)
        if number and not cells.background.outside[number] and number not in dropped and not gone:
            assert (mask[cells.background.labels == number] == 255).all(), "a hole is kept as a whole"
    outside = cells.background.outside[cells.background.labels]
    assert not mask[outside].any(), "the ground has no end, and cannot be kept"
    if not drop:
        assert (mask >= before).all(), "to keep takes nothing away"
    if not keep:
        assert (mask <= before).all(), "to drop adds nothing"
    untouched = pieces().labels > 0
    for number in gone:
        untouched &= pieces().labels != number
    core = untouched & (alpha(Said(), "open") == 255)  # without the soft edges of holes
    assert (mask[core] == 255).all(), "other pieces stay"


@settings(max_examples=30)
@given(POINTS, POINTS)
def test_what_is_painted_counts_as_clicks_do(keep: list[tuple[int, int]], drop: list[tuple[int, int]]) -> None:
    hint = np.full((HEIGHT, WIDTH), 128, np.uint8)
    for points, level in ((keep, 255), (drop, 0)):
        for x, y in points:
            hint[y, x] = level
    keep = [(x, y) for x, y in keep if hint[y, x] == 255]  # what is painted over is not said any more
    kept = np.zeros(len(seen().cells.background.sizes), bool)
    np.testing.assert_array_equal(
        Said(hint=hint).decide(kept, seen().cells), Said(keep, drop).decide(kept, seen().cells)
    )


def test_where_both_name_an_area_it_is_dropped() -> None:
    x, y = HOLE
    mask = alpha(Said(keep=[HOLE], drop=[(x + 3, y)]), "keep")
    assert mask[y, x] == 0 and mask[OTHER_HOLE[1], OTHER_HOLE[0]] == 255


def test_clicks_come_before_a_model() -> None:
    count = len(seen().cells.background.sizes)
    solid = np.zeros(count, bool)
    solid[[area(*HOLE), area(*OTHER_HOLE), area(*OUTSIDE)]] = True
    decided = Said(drop=[HOLE], solid=solid).decide(np.zeros(count, bool), seen().cells)
    assert np.flatnonzero(decided).tolist() == [area(*OTHER_HOLE)], "neither what was dropped nor the outside"


def test_nothing_that_was_given_is_changed() -> None:
    kept = np.zeros(len(seen().cells.background.sizes), bool)
    Said(keep=[HOLE]).decide(kept, seen().cells)
    assert not kept.any()


def test_a_dropped_piece_goes_with_its_faint_edge_and_what_it_keeps() -> None:
    mask = alpha(Said(drop=[RING]), "keep")
    x = 62  # between the pieces
    assert not mask[:, :x].any()
    np.testing.assert_array_equal(mask[:, x:], alpha(Said(), "keep")[:, x:])


def test_with_its_hole_open_a_ring_goes_alone() -> None:
    said = Said(drop=[RING])
    kept = np.zeros(len(seen().cells.background.sizes), bool)
    gone = said.gone(kept, seen().cells)
    assert gone is not None and gone[RING[1], RING[0]] and not gone[HOLE[1], HOLE[0]]
    assert Said(drop=[OUTSIDE, HOLE]).gone(kept, seen().cells) is None
    assert Said(keep=[RING]).gone(kept, seen().cells) is None


@pytest.mark.parametrize("corner", [(0, 0), (SIDE + 50, 0), (0, 69), (SIDE + 50, 69)])
def test_clicks_find_their_cells_in_a_large_picture(corner: tuple[int, int]) -> None:
    picture = np.full((70, SIDE + 51, 3), 255, np.uint8)
    picture[:, 400:440] = 0
    picture[10:60, 1200:1260] = 0
    picture[20:50, 1210:1250] = 255
    large = keyed(picture)
    hole = (1230, 35)
    kept = large.alpha(8, "open", True, Said(keep=[hole, corner]))
    assert (kept[20:50, 1210:1250] == 255).all() and kept[corner[1], corner[0]] == 0
    dropped = large.alpha(8, "open", True, Said(drop=[(420, 69), corner]))
    assert not dropped[:, 390:450].any() and dropped[15, 1205] == 255
