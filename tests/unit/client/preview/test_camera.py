"""Which part of a picture is seen, and where on the screen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matted_client.messages import MaskRequest
from matted_client.preview.camera import LARGEST, Camera, View

SIZE = (6000, 4000)


def looking(width: int = 600, height: int = 600, size: tuple[int, int] = SIZE) -> Camera:
    camera = Camera(*size)
    camera.resize(width, height)
    return camera


def test_the_whole_picture_is_seen_at_first_in_the_middle() -> None:
    camera = looking()
    assert camera.view() == View(0, 0, *SIZE, 600, 400)
    assert camera.placed(camera.view()) == (0, 100, 600, 400)


def test_a_small_picture_is_not_enlarged() -> None:
    camera = looking(size=(100, 50))
    assert camera.view() == View(0, 0, 100, 50, 100, 50)
    assert camera.placed(camera.view()) == (250, 275, 100, 50)


def test_it_goes_on_to_fit_when_the_window_grows_and_stays_when_zoomed() -> None:
    camera = looking()
    camera.resize(1200, 800)
    assert camera.view() == View(0, 0, *SIZE, 1200, 800)
    camera.zoom_to(1.0)
    camera.resize(600, 600)
    assert camera.zoom == 1.0 and camera.view() == View(2700, 1700, 3300, 2300, 600, 600)
    camera.fit()
    assert camera.view() == View(0, 0, *SIZE, 600, 400)


def test_what_is_under_the_mouse_stays_there() -> None:
    camera = looking(1000, 800)
    before = camera.on_screen(4000.5, 1500.5)
    camera.zoom_to(2.0, before)
    assert camera.on_screen(4000.5, 1500.5) == pytest.approx(before)
    assert camera.pixel(*before) == (4000, 1500)


def test_zooming_in_stops_at_one_to_one_and_at_the_largest_pixels() -> None:
    camera = looking()
    zooms = []
    for _ in range(60):
        camera.zoom_by(1)
        zooms.append(camera.zoom)
    assert 1.0 in zooms and zooms[-1] == LARGEST and zooms == sorted(zooms)
    for _ in range(80):
        camera.zoom_by(-1)
    assert camera.view() == View(0, 0, *SIZE, 600, 400)


def test_a_view_is_never_larger_than_its_part() -> None:
    camera = looking()
    camera.zoom_to(4.0)
    view = camera.view()
    assert (view.width, view.height) == (view.right - view.left, view.bottom - view.top) == (150, 150)
    assert camera.placed(view)[2:] == (600, 600)


def test_panning_ends_at_the_edge_of_the_picture() -> None:
    camera = looking()
    camera.zoom_to(1.0)
    camera.pan(100, -50)
    assert camera.view() == View(2600, 1750, 3200, 2350, 600, 600)
    camera.pan(1e6, 1e6)
    assert camera.view() == View(0, 0, 600, 600, 600, 600)


def test_a_place_beside_the_picture_has_no_pixel() -> None:
    camera = looking()
    assert camera.pixel(300, 50) is None and camera.nearest(300, 50) == (3000, 0)
    assert camera.pixel(0, 100) == (0, 0) and camera.nearest(900, 900) == (5999, 3999)


def test_showing_a_pixel_pans_as_little_as_needed() -> None:
    camera = looking()
    camera.zoom_to(1.0)
    camera.show(3300, 2000)
    assert camera.view().left in (2701, 2702) and camera.view().top == 1700
    camera.show(3000, 2000)
    assert camera.view().left in (2701, 2702)
    camera.show(0, 3999)
    assert camera.pixel(*camera.on_screen(0.5, 3999.5)) == (0, 3999)


@given(
    size=st.tuples(st.integers(1, 30000), st.integers(1, 30000)),
    window=st.tuples(st.integers(1, 4000), st.integers(1, 3000)),
    moves=st.lists(
        st.tuples(st.floats(-20, 20), st.floats(0, 4000), st.floats(0, 3000), st.floats(-9999, 9999)), max_size=6
    ),
)
def test_every_view_is_one_that_can_be_asked_for_and_lies_in_the_window(
    size: tuple[int, int], window: tuple[int, int], moves: list[tuple[float, float, float, float]]
) -> None:
    camera = looking(*window, size)
    for steps, x, y, way in moves:
        camera.zoom_by(steps, (x, y))
        camera.pan(way, -way)
    view = camera.view()
    request = MaskRequest(*size, "RGBA8", view=view.wire)
    assert request.problem() == request.outside(*size) == ""
    x, y, width, height = camera.placed(view)
    pixel = camera.zoom + 1  # a pixel that is seen in part is in the view
    assert -pixel <= x and -pixel <= y and x + width <= window[0] + pixel and y + height <= window[1] + pixel
    if camera.zoom <= 1:
        assert abs(width - view.width) <= 1 and abs(height - view.height) <= 1
