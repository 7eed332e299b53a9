"""The preview in Remove Background… of the real GIMP: seen, clicked in, and what OK makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import pytest
from hosts.gimp.pictures import (
    DIALOG,
    DIALOG_KEYS,
    LEFT_ONE,
    REMOVE,
    RIGHT_ONE,
    SUCCESS,
    WALL,
    WINDOW,
    WITH_DIALOG,
    Picture,
    asked,
    in_a_window,
    photograph,
    read_the_message,
    two_subjects,
)
from hosts.gimp.preview import RIGHT, WHEEL_DOWN, WHEEL_UP, Preview, same
from hosts.gimp.session import Gimp
from hosts.installed import PATIENCE, Installed, until
from matted_client.preview.marks import Marks
from matted_client.preview.presenter import CURSOR_STEP, FAR
from PIL import Image

BOTH = two_subjects()
AROUND_THE_CAT = (670, 190, 1280, 620)
SMALL_SCREEN, LEAST_PREVIEW = (1240, 660), (420, 360)


@pytest.fixture
def both(desktop: Gimp, installed: Installed) -> Iterator[Picture]:
    """The picture with two things to choose among, in GIMP's window, and a model that is ready."""
    installed.ensure_daemon()
    with installed.session() as session:
        session.load()
    with in_a_window(desktop, installed, BOTH) as picture:
        yield picture


@contextmanager
def previewed(picture: Picture, artefacts: Path, name: str) -> Iterator[tuple[Future[list[str]], Preview]]:
    """The dialog stands open, and shows both subjects cut out."""
    with asked(picture, WITH_DIALOG) as called:
        preview = Preview(picture.gimp, DIALOG, BOTH.size, artefacts / f"preview {name}.png")
        preview.until_seen(stays=[LEFT_ONE, RIGHT_ONE], goes=[WALL])
        yield called, preview


def pictures_in(installed: Installed) -> int:
    """How many pictures are open in the daemon."""
    with installed.session() as session:
        return int(session.status()["pictures"])


def actual_pixels(preview: Preview) -> Image.Image:
    """What is to be seen where a pixel of the screen is one of the layer."""
    view, wanted = preview.camera.view(), Image.new("RGB", preview.size)
    wanted.paste(BOTH.crop((view.left, view.top, view.right, view.bottom)), preview.camera.placed(view)[:2])
    return wanted


def removed(desktop: Gimp, called: Future[list[str]]) -> None:
    desktop.press(DIALOG, REMOVE)
    assert called.result(PATIENCE) == SUCCESS


def test_what_is_clicked_on_is_seen_and_done(
    desktop: Gimp, installed: Installed, both: Picture, forgetful: None, artefacts: Path
) -> None:
    marks = Marks(*BOTH.size)
    with previewed(both, artefacts, "clicks") as (called, preview):
        assert pictures_in(installed) == 1
        left, top, right, bottom = preview.drag(*AROUND_THE_CAT)
        marks.box((left, top, right, bottom))
        preview.until_seen(stays=[RIGHT_ONE], goes=[LEFT_ONE, WALL])
        marks.point(preview.click(*RIGHT_ONE), keep=True)
        marks.point(preview.click(1250, 230, RIGHT), keep=False)
        with installed.overheard() as requests:
            removed(desktop, called)
        assert requests == []  # the connection of the preview is used, and it was there before
    assert both.mask() == installed.mask_of(BOTH, **marks.fields())
    assert pictures_in(installed) == 0
    desktop.press(WINDOW, "ctrl+z")
    until(lambda: both.mask() is None, "undo")


def test_marks_are_taken_back_and_set_again(
    desktop: Gimp, installed: Installed, both: Picture, forgetful: None, artefacts: Path
) -> None:
    with previewed(both, artefacts, "undo") as (called, preview):
        before = preview.image()
        preview.drag(*AROUND_THE_CAT)
        boxed = preview.until_seen(stays=[RIGHT_ONE], goes=[LEFT_ONE])
        preview.click(*RIGHT_ONE)
        clicked = preview.until_unlike(boxed)
        desktop.press(DIALOG, "ctrl+z")
        preview.until_like(boxed)
        desktop.press(DIALOG, "ctrl+z")
        preview.until_like(before)
        desktop.press(DIALOG, "ctrl+shift+z", "ctrl+y")
        preview.until_like(clicked)
        desktop.press(DIALOG, "Delete")
        preview.until_like(before)
        desktop.press(DIALOG, "ctrl+z")  # all of them in one step
        preview.until_like(clicked)
        desktop.press(DIALOG, "Delete")
        preview.until_like(before)
        removed(desktop, called)
    assert both.mask() == installed.mask_of(BOTH)


def test_cancel_leaves_nothing_behind(
    desktop: Gimp, installed: Installed, both: Picture, forgetful: None, artefacts: Path
) -> None:
    before = both.state()
    with previewed(both, artefacts, "cancelled") as (called, preview):
        preview.click(*RIGHT_ONE)
        desktop.press(DIALOG, "Escape")
        assert called.result(PATIENCE)[0] == "cancel"
    assert both.state() == before
    until(lambda: pictures_in(installed) == 0, "end of the picture in the daemon")
    with installed.session() as session:
        assert session.status()["jobs"] == []


def test_escape_ends_a_drag_before_the_dialog(
    desktop: Gimp, installed: Installed, both: Picture, forgetful: None, artefacts: Path
) -> None:
    with previewed(both, artefacts, "escape") as (called, preview):
        before = preview.image()
        preview.press(*LEFT_ONE)
        preview.move(600, 600)
        preview.move(640, 660)
        desktop.hold("Escape", True)  # xdotool's other way to press a key lets buttons of the mouse go
        desktop.hold("Escape", False)
        preview.let_go()
        preview.until_like(before)
        assert not called.done()
        removed(desktop, called)
    assert both.mask() == installed.mask_of(BOTH)


def test_the_keys_alone_mark_what_is_to_stay(
    desktop: Gimp, installed: Installed, both: Picture, forgetful: None, artefacts: Path
) -> None:
    with previewed(both, artefacts, "keys") as (called, preview):
        before = preview.image()
        # The first arrow sets the cross in the middle. The cat is right of it.
        desktop.press(DIALOG, "Right", "shift+Right", "shift+Right", "shift+Right", "Down", "Return")
        preview.until_unlike(before)
        zoom = preview.camera.zoom
        far, near = (max(1, round(step / zoom)) for step in (CURSOR_STEP * FAR, CURSOR_STEP))
        middle = preview.camera.nearest(*(side / 2 for side in preview.size))
        keep = [middle[0] + 3 * far, middle[1] + near]
        desktop.press(DIALOG, REMOVE)
        assert called.result(PATIENCE) == SUCCESS
    assert both.mask() == installed.mask_of(BOTH, keep=[keep])


def test_the_picture_is_seen_pixel_by_pixel(desktop: Gimp, both: Picture, forgetful: None, artefacts: Path) -> None:
    with previewed(both, artefacts, "zoom") as (_called, preview):
        fitted = preview.image()
        desktop.press(DIALOG, "1")
        preview.camera.zoom_to(1.0)
        actual = preview.until_unlike(fitted)
        desktop.hold("x", True)
        try:
            preview.until_unlike(actual)
            until(lambda: same(preview.image(), actual_pixels(preview)), "the layer's own pixels")
        finally:
            desktop.hold("x", False)
        preview.until_like(actual)
        desktop.press(DIALOG, "0")
        preview.until_like(fitted)
        preview.click(*RIGHT_ONE, WHEEL_UP)
        preview.camera.zoom_by(1, preview.on_screen(*RIGHT_ONE))
        closer = preview.until_unlike(fitted)
        preview.click(*RIGHT_ONE, WHEEL_DOWN)
        preview.until_like(fitted)
        assert not same(closer, fitted)


def test_each_background_looks_different(desktop: Gimp, both: Picture, forgetful: None, artefacts: Path) -> None:
    with previewed(both, artefacts, "backgrounds") as (_called, preview):
        seen = [preview.image()]
        for _ in range(5):
            desktop.press(DIALOG, "f")
            seen.append(preview.until_unlike(seen[-1]))
        at = [each.getpixel(preview.on_screen(*WALL)) for each in seen]
        assert at[1:3] == [(0, 0, 0), (255, 255, 255)] and at[4] == (0, 0, 0) and len(set(map(str, at[3:]))) == 3
        red, _green, blue = at[5]  # over the grey wall
        assert red > blue + 50
        assert all(not same(one, other) for i, one in enumerate(seen) for other in seen[:i])
        desktop.press(DIALOG, "f")
        preview.until_like(seen[0])


def test_what_is_chosen_is_seen_at_once(
    desktop: Gimp, installed: Installed, both: Picture, forgetful: None, artefacts: Path
) -> None:
    with previewed(both, artefacts, "options") as (called, preview):
        before = preview.image()
        desktop.press(DIALOG, "alt+g", *20 * ["Up"])
        grown = preview.until_unlike(before)
        desktop.press(DIALOG, "alt+k")
        preview.until_seen(stays=[WALL], goes=[RIGHT_ONE])
        desktop.press(DIALOG, "alt+k")
        preview.until_like(grown)
        removed(desktop, called)
    assert both.mask() == installed.mask_of(BOTH, grow=20)


def test_clean_colours_are_seen_and_are_those_of_the_new_layer(
    desktop: Gimp, both: Picture, forgetful: None, artefacts: Path
) -> None:
    with previewed(both, artefacts, "clean colours") as (called, preview):
        before = preview.image()
        desktop.press(DIALOG, "alt+u", "Down", "Down")
        clean = preview.until_unlike(before)
        desktop.press(DIALOG, "alt+n")
        preview.until_like(before)
        desktop.press(DIALOG, "alt+n")
        preview.until_like(clean)
        removed(desktop, called)
    made = both.state()["layers"]
    desktop.press(WINDOW, "ctrl+z")
    until(lambda: len(both.state()["layers"]) == 1, "undo")
    assert both.click(output="layer") == SUCCESS
    for shape, wanted in zip(made, both.state()["layers"], strict=True):
        assert {**shape, "id": None} == {**wanted, "id": None}


def test_only_what_is_selected_is_seen_to_stay(
    desktop: Gimp, installed: Installed, both: Picture, forgetful: None, artefacts: Path
) -> None:
    desktop.select(both.id, 660, 180, 640, 520)
    with asked(both, WITH_DIALOG) as called:
        preview = Preview(desktop, DIALOG, BOTH.size, artefacts / "preview selection.png")
        preview.until_seen(stays=[RIGHT_ONE], goes=[LEFT_ONE, WALL])
        removed(desktop, called)
    read_the_message(desktop, artefacts / "preview selection said.png", "There is a selection")
    alone = Image.frombytes("L", BOTH.size, installed.mask_of(BOTH, box=[660, 180, 1300, 700]))
    limited = Image.new("L", BOTH.size)
    limited.paste(alone.crop((660, 180, 1300, 700)), (660, 180))
    assert both.mask() == limited.tobytes()


def test_a_selection_that_gets_a_hole_below_the_preview_is_seen_at_the_next_question(
    desktop: Gimp, installed: Installed, both: Picture, forgetful: None, artefacts: Path
) -> None:
    desktop.select(both.id, 0, 0, *BOTH.size)
    desktop.press(WINDOW, *DIALOG_KEYS)
    until(lambda: desktop.windows(DIALOG), "dialog")
    preview = Preview(desktop, DIALOG, BOTH.size, artefacts / "preview hole.png")
    preview.until_seen(stays=[LEFT_ONE, RIGHT_ONE], goes=[WALL])
    desktop.deselect(both.id, RIGHT_ONE[0] - 40, RIGHT_ONE[1] - 40, 80, 80)
    desktop.press(DIALOG, "alt+g", "Up")
    preview.until_seen(stays=[LEFT_ONE], goes=[RIGHT_ONE, WALL])
    desktop.press(DIALOG, "Escape")
    until(lambda: not desktop.windows(DIALOG), "end of the dialog")


def test_marks_are_for_the_layer_that_is_seen(
    desktop: Gimp, installed: Installed, both: Picture, forgetful: None, artefacts: Path
) -> None:
    other = desktop.insert(both.id, installed.put(photograph()))
    desktop.choose_layers(both.id, [both.layer, other])
    marks = Marks(*BOTH.size)
    with asked(both, WITH_DIALOG, also=[other]) as called:
        preview = Preview(desktop, DIALOG, BOTH.size, artefacts / "preview of several.png")
        preview.until_seen(stays=[LEFT_ONE, RIGHT_ONE], goes=[WALL])
        left, top, right, bottom = preview.drag(*AROUND_THE_CAT)
        marks.box((left, top, right, bottom))
        preview.until_seen(stays=[RIGHT_ONE], goes=[LEFT_ONE])
        removed(desktop, called)
    assert both.mask() == installed.mask_of(BOTH, **marks.fields())
    assert both.mask(other) == installed.mask_of(photograph())


def test_a_layer_that_is_deleted_below_the_preview_is_said(
    desktop: Gimp, both: Picture, forgetful: None, artefacts: Path
) -> None:
    desktop.press(WINDOW, *DIALOG_KEYS)
    until(lambda: desktop.windows(DIALOG), "dialog")
    preview = Preview(desktop, DIALOG, BOTH.size, artefacts / "preview deleted.png")
    preview.until_seen(stays=[LEFT_ONE, RIGHT_ONE], goes=[WALL])
    desktop.delete_layer(both.layer)
    preview.click(*RIGHT_ONE)
    desktop.press(DIALOG, "1", REMOVE)
    said = read_the_message(desktop, artefacts / "preview deleted said.png")
    assert "A layer that was selected has been deleted." in said


def test_a_layer_that_is_resized_below_the_preview_is_said(
    desktop: Gimp, both: Picture, forgetful: None, artefacts: Path
) -> None:
    desktop.press(WINDOW, *DIALOG_KEYS)
    until(lambda: desktop.windows(DIALOG), "dialog")
    preview = Preview(desktop, DIALOG, BOTH.size, artefacts / "preview resized.png")
    preview.until_seen(stays=[LEFT_ONE, RIGHT_ONE], goes=[WALL])
    desktop.resize_layer(both.layer, 80, 90)
    preview.click(*RIGHT_ONE)
    desktop.press(DIALOG, "1", REMOVE)
    said = read_the_message(desktop, artefacts / "preview resized said.png")
    assert "The size of the layer" in said and "changed while its mask was being made." in said
    assert both.mask() is None


def test_a_picture_that_gets_another_precision_below_the_preview_is_seen_as_before(
    desktop: Gimp, installed: Installed, both: Picture, forgetful: None, artefacts: Path
) -> None:
    desktop.press(WINDOW, *DIALOG_KEYS)
    until(lambda: desktop.windows(DIALOG), "dialog")
    preview = Preview(desktop, DIALOG, BOTH.size, artefacts / "preview precision.png")
    fitted = preview.until_seen(stays=[LEFT_ONE, RIGHT_ONE], goes=[WALL])
    desktop.convert(both.id, "U16_NON_LINEAR")
    desktop.press(DIALOG, "1")
    preview.camera.zoom_to(1.0)
    preview.until_unlike(fitted)
    desktop.hold("x", True)
    try:
        until(lambda: same(preview.image(), actual_pixels(preview)), "the layer's own pixels")
    finally:
        desktop.hold("x", False)
    desktop.press(DIALOG, REMOVE)
    wanted = installed.mask_of(BOTH, depth=16)
    until(lambda: both.mask() == wanted, "mask of 16 bits")


@pytest.mark.parametrize(("screen", "scale"), [("1280x720", 1), ("2560x1440", 2)], ids=["small", "hidpi"])
def test_the_dialog_fits_the_screen(installed: Installed, artefacts: Path, screen: str, scale: int) -> None:
    logs = artefacts / f"screen {screen}"
    logs.mkdir(exist_ok=True)
    running = Gimp(installed, windows=True, logs=logs, screen=screen, scale=scale)
    try:
        picture = Picture(running, installed.put(BOTH))
        running.show(picture.id)
        with asked(picture, WITH_DIALOG):
            until(installed.pid, "daemon that knows the models")
            preview = Preview(running, DIALOG, BOTH.size, artefacts / f"dialog on {screen}.png", scale)
            width, height = running.size(DIALOG)
            assert width <= scale * SMALL_SCREEN[0] and height <= scale * SMALL_SCREEN[1]
            assert all(side >= scale * least for side, least in zip(preview.size, LEAST_PREVIEW, strict=True))
            preview.until_seen(stays=[LEFT_ONE, RIGHT_ONE], goes=[WALL])
        running.close_image(picture.id)
    finally:
        running.close()
