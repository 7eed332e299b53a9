"""In the real GIMP: layers that are the frames of one scene, the lowest first.

What every mask has to be is known: the model compares with the plate, by a formula that is computed by hand, too.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from graphs import small
from hosts.gimp.pictures import (
    DIALOG,
    REMOVE,
    SUCCESS,
    WINDOW,
    WITH_DIALOG,
    Picture,
    asked,
    in_a_window,
    photograph,
    without_masks,
)
from hosts.gimp.session import Gimp
from hosts.installed import Installed, until
from hosts.moving import SIZE, frame, scene
from numpy.typing import NDArray

FRAMES = 10


def known(number: int) -> NDArray[np.uint8]:
    """The mask of a frame."""
    return small.keyed_by_hand(np.asarray(frame(number)), np.asarray(scene()))


def as_array(mask: bytes | None, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    assert mask is not None
    return np.frombuffer(mask, np.uint8).reshape(size[1], size[0])


def assert_known(mask: bytes | None, number: int) -> None:
    assert np.abs(as_array(mask).astype(int) - known(number)).max() <= 1


@pytest.fixture(scope="module")
def film_like(installed: Installed) -> Iterator[str]:
    """A model whose answer is more where the frame before was red."""
    model, file = "rvm-mobilenetv3", f"{installed.home}/film.onnx"
    small.film_like(installed.outside(file))
    installed.matted("models", "pull", model, "--from", file, "--trust", "--accept-licence")
    yield model
    installed.matted("models", "remove", model)


def with_frames(gimp: Gimp, installed: Installed, picture: Picture) -> list[int]:
    """Put the frames above the layer, which is the scene. Returns them in the order of time."""
    return [gimp.insert(picture.id, installed.put(frame(number))) for number in range(FRAMES)]


def test_every_frame_gets_its_mask_in_one_undo_step(
    desktop: Gimp, installed: Installed, keyer: str, artefacts: Path
) -> None:
    with in_a_window(desktop, installed, scene()) as picture:
        frames = with_frames(desktop, installed, picture)
        before = picture.clean()
        options = {"frames": True, "model": keyer, "plate": picture.layer, "edges": "off"}
        assert picture.click(*reversed(frames), **options) == SUCCESS
        for number, layer in enumerate(frames):
            assert_known(picture.mask(layer), number)
        assert picture.mask(picture.layer) is None
        assert without_masks(picture.state()) == without_masks(before)
        desktop.screenshot(artefacts / "ten frames.png")
        desktop.press(WINDOW, "ctrl+z")
        until(lambda: picture.mask(frames[0]) is None, "undo")
        assert picture.state() == before  # not dirty: the one step was all there is


def test_frames_of_different_sizes_are_looked_at_where_they_lie(
    gimp: Gimp, installed: Installed, opened: Callable[..., Picture], keyer: str
) -> None:
    picture = opened(scene())
    boxes = [(40, 16, 160, 96), (0, 0, 120, 80), (8, 4, 104, 68)]
    frames = [
        gimp.insert(picture.id, installed.put(frame(number).crop(box)), *box[:2]) for number, box in enumerate(boxes)
    ]
    with installed.overheard() as requests:
        options = {"frames": True, "model": keyer, "plate": picture.layer, "edges": "off", "anyway": True}
        assert picture.click(frames[2], frames[0], frames[1], **options) == SUCCESS
    assert [(request.width, request.height, request.plate) for request in requests] == [
        (*SIZE, True),
        (*SIZE, False),
        (*SIZE, False),
    ]
    for number, (layer, (left, top, right, bottom)) in enumerate(zip(frames, boxes, strict=True)):
        found = as_array(picture.mask(layer), (right - left, bottom - top))
        assert np.abs(found.astype(int) - known(number)[top:bottom, left:right]).max() <= 1


def test_new_layers_of_frames_have_clean_colours(
    gimp: Gimp, installed: Installed, opened: Callable[..., Picture], keyer: str
) -> None:
    picture = opened(scene())
    frames = with_frames(gimp, installed, picture)[:3]
    options = {"frames": True, "model": keyer, "plate": picture.layer, "edges": "off", "output": "layer"}
    assert picture.click(*frames, **options) == SUCCESS
    made = gimp.selected_layers(picture.id)
    assert sorted(made) == sorted(set(made)) and len(made) == 3
    for layer in made:
        shape = next(each for each in picture.state()["layers"] if each["id"] == layer)
        number = next(n for n, each in enumerate(frames) if _name(picture, each) in shape["name"])
        assert_known(base64.b64decode(shape["mask"]), number)


def _name(picture: Picture, layer: int) -> str:
    return next(shape["name"] for shape in picture.state()["layers"] if shape["id"] == layer)


def test_a_frame_without_a_subject_gets_an_empty_mask(
    gimp: Gimp, installed: Installed, opened: Callable[..., Picture], keyer: str
) -> None:
    picture = opened(scene())
    first = gimp.insert(picture.id, installed.put(frame(0)))
    empty = gimp.insert(picture.id, installed.put(scene()))
    last = gimp.insert(picture.id, installed.put(frame(2)))
    options = {"frames": True, "model": keyer, "plate": picture.layer, "edges": "off"}
    assert picture.click(first, empty, last, **options) == SUCCESS
    assert_known(picture.mask(first), 0)
    assert not as_array(picture.mask(empty)).any()
    assert_known(picture.mask(last), 2)


def test_no_frame_with_a_subject_changes_nothing(
    gimp: Gimp, installed: Installed, opened: Callable[..., Picture], keyer: str
) -> None:
    picture = opened(scene())
    frames = [gimp.insert(picture.id, installed.put(scene())) for _ in range(2)]
    before = picture.clean()
    status, error = picture.click(*frames, frames=True, model=keyer, plate=picture.layer, edges="off")
    assert status == "execution-error" and error.startswith("No subject was found on any of the layers.")
    assert picture.state() == before


def remembering(installed: Installed, model: str, numbers: range) -> list[bytes]:
    """The masks of frames, as the daemon makes them of one scene in this order."""
    with installed.session() as session, session.scene(*SIZE, "RGBA8", model=model) as film:
        found = []
        for number in numbers:
            film.send(frame(number).convert("RGBA").tobytes(), edges="off", second_look=False)
            found.append(bytes(film.receive().alpha))
        return found


def test_the_lowest_layer_is_the_first_frame_and_all_are_of_one_scene(
    gimp: Gimp, installed: Installed, opened: Callable[..., Picture], film_like: str
) -> None:
    picture = opened(scene())
    frames = with_frames(gimp, installed, picture)
    options = {"frames": True, "model": film_like, "edges": "off", "second-look": False}
    with installed.overheard() as requests:
        assert picture.click(frames[4], frames[9], *frames[:4], *frames[5:9], **options) == SUCCESS
    assert len({request.sequence for request in requests}) == 1 and requests[0].sequence is not None
    wanted = remembering(installed, film_like, range(FRAMES))
    assert [picture.mask(layer) for layer in frames] == wanted
    assert wanted != list(reversed(remembering(installed, film_like, range(FRAMES)[::-1])))


def test_the_dialog_offers_frames_where_there_are_several_layers(
    desktop: Gimp, installed: Installed, film_like: str, artefacts: Path, forgetful: None
) -> None:
    with in_a_window(desktop, installed, scene()) as picture:
        frames = with_frames(desktop, installed, picture)
        picture.layer = frames[0]
        options = {"model": film_like, "edges": "off", "second-look": False}
        with asked(picture, WITH_DIALOG, also=frames[1:], **options) as called:
            desktop.press(DIALOG, "alt+q")
            desktop.screenshot(artefacts / "frames dialog.png")
            desktop.press(DIALOG, REMOVE)
            assert called.result(60) == SUCCESS
        assert [picture.mask(layer) for layer in frames] == remembering(installed, film_like, range(FRAMES))


def test_one_layer_is_no_scene(
    gimp: Gimp, opened: Callable[..., Picture], photograph_mask: bytes, installed: Installed
) -> None:
    picture = opened(photograph())
    with installed.overheard() as requests:
        assert picture.click(frames=True) == SUCCESS
    assert picture.mask() == photograph_mask
    assert len(requests) == 1
