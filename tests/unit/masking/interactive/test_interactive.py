"""The subject that a person steers: what was said holds, and the rest stays as it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matted.masking.interactive import WORKING_SIDE, Hints, looks, segment
from matted.masking.interactive.hints import Box, Floats
from numpy.typing import NDArray

ROWS, COLUMNS = 120, 200
GREEN, RED, BLUE = (60, 120, 60), (200, 60, 50), (60, 70, 190)
RED_THING, BLUE_THING = (slice(30, 90), slice(20, 70)), (slice(30, 90), slice(130, 180))
Places = Sequence[tuple[tuple[slice, slice], tuple[int, int, int]]]


def ignore() -> None:
    """Check nothing."""


def picture(things: Places, rows: int = ROWS, columns: int = COLUMNS) -> NDArray[np.uint8]:
    """Return coloured things on a green background, with a little noise: 3 x rows x columns."""
    colours = np.empty((rows, columns, 3))
    colours[:] = GREEN
    for place, colour in things:
        colours[place] = colour
    colours += np.random.default_rng(1).normal(0, 2, colours.shape)
    return np.ascontiguousarray(colours.clip(0, 255).astype(np.uint8).transpose(2, 0, 1))


def matte_of(*places: tuple[slice, slice]) -> Floats:
    matte = np.full((ROWS, COLUMNS), 0.02, np.float32)
    for place in places:
        matte[place] = 0.97
    return matte


def steered(planes: NDArray[np.uint8], matte: Floats, views: Sequence[tuple[Box, Floats]] = (), **said: Any) -> Floats:
    return segment(planes, matte, views, Hints(**said), planes.shape[2], planes.shape[1], ignore)


TWO = picture([(RED_THING, RED), (BLUE_THING, BLUE)])


def share(result: Floats, place: tuple[slice, slice]) -> float:
    return float((result[place] > 0.5).mean())


def test_nothing_said_is_the_matte_of_the_model() -> None:
    matte = np.random.default_rng(2).random((ROWS, COLUMNS)).astype(np.float32)
    assert np.array_equal(steered(TWO, matte), matte)


def test_a_keep_click_adds_a_second_thing_and_keeps_the_first() -> None:
    result = steered(TWO, matte_of(RED_THING), keep=((155, 60),))
    assert share(result, RED_THING) > 0.98 and share(result, BLUE_THING) > 0.95
    assert (result > 0.5).sum() < 1.05 * 2 * 60 * 50


def test_a_drop_click_takes_a_thing_away_and_leaves_the_rest() -> None:
    result = steered(TWO, matte_of(RED_THING, BLUE_THING), drop=((155, 60),))
    assert share(result, RED_THING) > 0.98 and share(result, BLUE_THING) < 0.05


def test_a_click_changes_nothing_far_away() -> None:
    """The red thing's wrong half stays as it was when the blue thing is clicked: that was not meant."""
    half = (slice(30, 90), slice(20, 45))
    before = matte_of(half)
    result = steered(TWO, before, keep=((155, 60),))
    away = result[:, :80]
    assert np.abs(away - before[:, :80]).max() < 0.05


def test_each_of_several_clicks_adds_its_thing() -> None:
    places = [(slice(row, row + 20), slice(column, column + 20)) for row in (20, 80) for column in (20, 90, 160)]
    planes = picture([(place, RED if number % 2 else BLUE) for number, place in enumerate(places)])
    keep = tuple((place[1].start + 10, place[0].start + 10) for place in places)
    result = steered(planes, matte_of(places[0]), keep=keep)
    assert all(share(result, place) > 0.9 for place in places)


@settings(max_examples=40)
@given(data=st.data())
def test_what_was_said_holds(data: st.DataObject) -> None:
    rows, columns = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40))
    scale = data.draw(st.sampled_from([1, 3]))
    width, height = columns * scale, rows * scale
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    planes = random.integers(0, 256, (3, rows, columns), dtype=np.uint8)
    matte = random.random((7, 9)).astype(np.float32)
    point = st.tuples(st.integers(0, width - 1), st.integers(0, height - 1))
    keep, drop = (tuple(data.draw(st.lists(point, max_size=4))) for _ in range(2))
    left, top = data.draw(point)
    box = (left, top, data.draw(st.integers(left + 1, width)), data.draw(st.integers(top + 1, height)))
    boxed = data.draw(st.booleans())
    views = [(part, random.random((5, 5)).astype(np.float32)) for part in looks(Hints(box=box), width, height)]
    hints = Hints(box=box if boxed else None, keep=keep, drop=drop)
    result = segment(planes, matte, views if boxed else [], hints, width, height, ignore)
    assert result.shape == (rows, columns) and result.dtype == np.float32
    assert np.isfinite(result).all() and result.min() >= 0 and result.max() <= 1

    def cell(x: int, y: int) -> tuple[int, int]:
        return y // scale, x // scale

    dropped = {cell(*where) for where in drop}
    assert all(result[where] < 0.5 for where in dropped)
    if boxed:
        outside = np.ones((rows, columns), bool)
        outside[top // scale : -(-box[3] // scale), left // scale : -(-box[2] // scale)] = False
        assert not result[outside].any()
    for x, y in keep:
        inside = not boxed or (box[0] <= x < box[2] and box[1] <= y < box[3])
        assert cell(x, y) in dropped or not inside or result[cell(x, y)] > 0.5


def test_discs_hold() -> None:
    """What is within 1.2 % of the longer side of a click is as the click says, even against all colours."""
    down, across = np.ogrid[:ROWS, :COLUMNS]
    result = steered(TWO, matte_of(RED_THING), keep=((100, 60),), drop=((45, 60),))
    assert (result[np.hypot(across - 100, down - 60) <= 2] > 0.5).all()
    assert (result[np.hypot(across - 45, down - 60) <= 2] < 0.5).all()


@pytest.mark.parametrize("corner", [(0, 0), (COLUMNS - 1, 0), (0, ROWS - 1), (COLUMNS - 1, ROWS - 1)])
def test_clicks_at_the_border(corner: tuple[int, int]) -> None:
    column, row = corner
    assert steered(TWO, matte_of(RED_THING), keep=(corner,))[row, column] > 0.5
    assert steered(TWO, np.ones((ROWS, COLUMNS), np.float32), drop=(corner,))[row, column] < 0.5


def test_a_thousand_clicks_of_each_kind() -> None:
    random = np.random.default_rng(3)
    keep, drop = (
        tuple(zip(random.integers(0, COLUMNS, 1000).tolist(), random.integers(0, ROWS, 1000).tolist(), strict=True))
        for _ in range(2)
    )
    result = steered(TWO, matte_of(RED_THING), keep=keep, drop=drop)
    assert all(result[row, column] < 0.5 for column, row in drop)
    assert all(result[row, column] > 0.5 for column, row in set(keep) - set(drop))


def test_the_model_is_shown_the_box_with_a_margin() -> None:
    assert looks(Hints(box=(100, 200, 300, 300)), 320, 1000) == [(70, 185, 320, 315)]
    assert looks(Hints(keep=((1, 1),), drop=((2, 2),)), 10, 10) == []


def test_a_box_chooses_what_is_in_it() -> None:
    """The model took the red thing and sees the blue one only when it is shown the box."""
    box = (126, 26, 184, 94)
    part = looks(Hints(box=box), COLUMNS, ROWS)[0]
    seen = matte_of(BLUE_THING)[part[1] : part[3], part[0] : part[2]]
    result = steered(TWO, matte_of(RED_THING), [(part, seen)], box=box)
    assert share(result, BLUE_THING) > 0.95
    assert not result[:, :126].any() and not result[:26].any() and not result[94:].any()


def test_in_a_box_a_click_still_decides() -> None:
    box = (10, 20, 190, 100)
    part = looks(Hints(box=box), COLUMNS, ROWS)[0]
    seen = matte_of(RED_THING, BLUE_THING)[part[1] : part[3], part[0] : part[2]]
    result = steered(TWO, matte_of(RED_THING, BLUE_THING), [(part, seen)], box=box, drop=((155, 60),))
    assert share(result, RED_THING) > 0.95 and share(result, BLUE_THING) < 0.1


def test_a_trimap_holds_and_spreads() -> None:
    trimap = np.full((ROWS, COLUMNS), 128, np.uint8)
    trimap[55:65, 140:170] = 255
    trimap[:20] = 0
    trimap[60, 30:60] = 0
    result = steered(TWO, matte_of(RED_THING), trimap=trimap)
    assert (result[trimap == 255] == 1).all() and (result[trimap == 0] == 0).all()
    assert share(result, BLUE_THING) > 0.9


def test_hair_stays_as_soft_as_the_model_sees_it() -> None:
    """Where clicks change nothing, the matte stays, soft or not."""
    matte = matte_of(RED_THING)
    matte[30:90, 70:76] = np.linspace(0.9, 0.1, 6, dtype=np.float32)
    result = steered(TWO, matte, keep=((155, 60),))
    assert np.abs(result - matte)[20:100, :90].max() < 0.05


def test_a_new_edge_is_about_a_pixel_wide() -> None:
    result = steered(TWO, matte_of(RED_THING), keep=((155, 60),))
    soft = (result > 0.1) & (result < 0.9)
    assert soft[:, 120:].sum() < 3 * 2 * (60 + 50)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 3)])
def test_small_and_narrow_pictures(shape: tuple[int, int]) -> None:
    rows, columns = shape
    planes = picture([], rows, columns)
    matte = np.full(shape, 0.3, np.float32)
    middle = (columns // 2, rows // 2)
    assert steered(planes, matte, keep=(middle,))[rows // 2, columns // 2] > 0.5
    box = (0, 0, columns, rows)
    part = looks(Hints(box=box), columns, rows)
    assert part == [box]
    assert steered(planes, matte, [(box, matte)], box=box, drop=(middle,))[rows // 2, columns // 2] < 0.5


def test_at_the_working_side_the_answer_has_the_size_of_the_planes() -> None:
    planes = np.ascontiguousarray(np.repeat(np.repeat(TWO, 2, axis=1), 2, axis=2))
    assert planes.shape[2] == WORKING_SIDE
    said = Hints(keep=((1550, 600),))
    result = segment(planes, matte_of(RED_THING), [], said, 10 * COLUMNS, 10 * ROWS, ignore)
    assert result.shape == planes.shape[1:]
    assert (result[60:180, 260:360] > 0.5).mean() > 0.95


class _Ended(Exception):
    pass


@pytest.mark.parametrize("box", [None, (10, 10, 100, 100)])
def test_what_the_check_raises_ends_the_work(box: Box | None) -> None:
    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise _Ended

    with pytest.raises(_Ended):
        segment(TWO, matte_of(RED_THING), [], Hints(box=box, keep=((50, 50),)), COLUMNS, ROWS, check)
    assert calls == 3
