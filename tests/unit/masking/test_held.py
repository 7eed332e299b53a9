"""What a person said holds in every pixel, at every size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matted.masking.subject.held import Held, shown
from matted.masking.view import View
from numpy.typing import NDArray

WIDTH, HEIGHT = 60, 40
WHOLE = View.of(WIDTH, HEIGHT)


def held(mask: NDArray[Any], view: View = WHOLE, hint: NDArray[np.uint8] | None = None, **said: Any) -> NDArray[Any]:
    Held(view, hint=None if hint is None else shown(hint, view), **said).apply(mask)
    return mask


def grey(view: View = WHOLE, depth: int = 8) -> NDArray[Any]:
    return np.full((view.height, view.width), 100, np.uint8 if depth == 8 else np.dtype("<u2"))


@pytest.mark.parametrize("depth", [8, 16])
def test_in_the_whole_picture(depth: int) -> None:
    full = 2**depth - 1
    hint = np.full((HEIGHT, WIDTH), 128, np.uint8)
    hint[0], hint[1], hint[2] = 0, 255, 254
    mask = held(grey(depth=depth), box=[10, 0, 50, 30], keep=[[20, 20]], drop=[[21, 20], [20, 1]], hint=hint)
    assert not mask[30:].any() and not mask[:, :10].any() and not mask[:, 50:].any()
    assert (mask[20, 20], mask[20, 21], mask[20, 22]) == (full, 0, 100)
    assert not mask[0].any() and (mask[1, 10:50] == full).sum() == 39 and mask[1, 20] == 0
    assert (mask[2, 10:50] == 100).all()


def test_where_both_are_said_a_point_is_dropped() -> None:
    assert held(grey(), keep=[[5, 5]], drop=[[5, 5]])[5, 5] == 0


def test_nothing_said_changes_nothing() -> None:
    np.testing.assert_array_equal(held(grey()), grey())


@given(st.data())
def test_in_a_view(data: st.DataObject) -> None:
    left, top = data.draw(st.integers(0, WIDTH - 1)), data.draw(st.integers(0, HEIGHT - 1))
    right, bottom = data.draw(st.integers(left + 1, WIDTH)), data.draw(st.integers(top + 1, HEIGHT))
    size = [data.draw(st.integers(1, right - left)), data.draw(st.integers(1, bottom - top))]
    view = View.of(WIDTH, HEIGHT, [left, top, right, bottom, *size])
    points = st.tuples(st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1))
    keep = data.draw(st.lists(points, max_size=3))
    drop = data.draw(st.lists(points, max_size=3))
    mask = held(grey(view), view, keep=keep, drop=drop)
    dropped = {view.position(*point) for point in drop}
    for point in [*keep, *drop]:
        position = view.position(*point)
        if position is not None:
            assert mask[position[1], position[0]] == (0 if position in dropped else 255)
    x, y = data.draw(st.integers(0, WIDTH - 1)), data.draw(st.integers(0, HEIGHT - 1))
    boxed = held(
        grey(view), view, box=[x, y, data.draw(st.integers(x + 1, WIDTH)), data.draw(st.integers(y + 1, HEIGHT))]
    )
    inside = view.position(x, y)
    assert inside is None or boxed[inside[1], inside[0]] == 100


def test_a_hint_is_shown_smaller() -> None:
    hint = np.zeros((HEIGHT, WIDTH), np.uint8)
    hint[:, 30:] = 255
    view = View.of(WIDTH, HEIGHT, [10, 10, 50, 30, 8, 4])
    mask = held(grey(view), view, hint=hint)
    assert not mask[:, :4].any() and (mask[:, 4:] == 255).all()
    odd = View.of(WIDTH, HEIGHT, [15, 10, 45, 30, 5, 4])
    assert (held(grey(odd), odd, hint=hint)[:, 2] == 100).all()


def test_a_box_that_ends_between_two_pixels_of_a_view() -> None:
    """Column 390 shows 1356.5 to 1360, all of it before the box."""
    view = View.of(4000, 40, [0, 0, 4000, 40, 1150, 40])
    mask = held(grey(view), view, box=[1360, 0, 4000, 40])
    assert not mask[:, :391].any() and (mask[:, 391:] == 100).all()


def test_where_a_hint_says_two_things_a_view_is_undecided() -> None:
    hint = np.zeros((HEIGHT, WIDTH), np.uint8)
    hint[:, ::2] = 1
    view = View.of(WIDTH, HEIGHT, [0, 0, WIDTH, HEIGHT, WIDTH // 2, HEIGHT // 2])
    assert (held(grey(view), view, hint=hint) == 100).all()
