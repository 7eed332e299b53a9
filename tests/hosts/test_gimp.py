"""Remove Background in the real GIMP 3, with the real daemon and the real model behind it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from graphs import stand_ins
from hosts.gimp.pictures import MESSAGE, SUCCESS, WINDOW, Picture, photograph, read_the_message, without_masks
from hosts.gimp.session import Gimp, plugin
from hosts.installed import PATIENCE, REPLY, Installed, until
from matted.models import catalogue
from matted_client import Rejected
from PIL import Image, ImageFilter

NEXT_CLICK_WORKS = SUCCESS
OLD_MASK = 77  # the value of masks that are there before
MENU = {"Layer > Mask": ["alt+l", "m", "c"], "Filters": ["alt+r", "c"]}
CANCEL_BUTTON = (-282, -20)  # of the progress bar in GIMP's window
SHIPPED = catalogue.load().specs


# -- one click ---------------------------------------------------------------------------------------------------------


def test_the_first_click_starts_the_daemon(installed: Installed, opened: Callable[..., Picture]) -> None:
    installed.kill()
    picture = opened()
    assert picture.click() == SUCCESS
    assert installed.pid() is not None
    assert picture.mask() == installed.mask_of(photograph())


def test_the_exported_alpha_is_the_daemons_mask(
    installed: Installed, opened: Callable[..., Picture], photograph_mask: bytes
) -> None:
    assert 0.05 < sum(photograph_mask) / len(photograph_mask) / 255 < 0.95  # it shows something, and hides something
    picture = opened()
    before = picture.state()
    assert picture.click() == SUCCESS
    assert without_masks(picture.state()) == without_masks(before)
    path = f"{installed.home}/exported.png"
    assert picture.gimp.save(picture.id, path)
    with Image.open(installed.outside(path)) as exported:
        assert exported.mode == "RGBA"
        assert exported.getchannel("A").tobytes() == photograph_mask
        shown = Image.frombytes("L", exported.size, photograph_mask).point(lambda alpha: 255 if alpha else 0)
        assert masked(exported.convert("RGB"), shown) == masked(photograph(), shown)


def masked(picture: Image.Image, shown: Image.Image) -> bytes:
    """The colours where `shown` is white; where nothing is left to see, GIMP's export keeps no colour."""
    return Image.composite(picture, Image.new("RGB", picture.size), shown).tobytes()


def test_an_xcf_file_keeps_mask_and_pixels(
    gimp: Gimp, installed: Installed, opened: Callable[..., Picture], photograph_mask: bytes
) -> None:
    picture = opened()
    picture.click()
    assert gimp.save(picture.id, f"{installed.home}/saved.xcf")
    reopened = Picture(gimp, f"{installed.home}/saved.xcf")
    assert reopened.mask() == photograph_mask
    assert reopened.state()["layers"][0]["pixels"] == picture.state()["layers"][0]["pixels"]
    gimp.close_image(reopened.id)


def test_the_layer_stays_what_is_painted_on(opened: Callable[..., Picture]) -> None:
    picture = opened()
    picture.click()
    assert [shape["edits mask"] for shape in picture.state()["layers"]] == [False]


def test_a_tiny_layer(installed: Installed, opened: Callable[..., Picture]) -> None:
    tiny = photograph().resize((60, 40))
    picture = opened(tiny)
    assert picture.click() == SUCCESS
    assert picture.mask() == installed.mask_of(tiny)


# -- what can't be done: one sentence, and nothing changed -------------------------------------------------------------


def test_no_subject_no_mask(installed: Installed, opened: Callable[..., Picture]) -> None:
    plain = Image.new("RGB", (1, 1), "red")
    with pytest.raises(Rejected) as refusal:
        installed.mask_of(plain)
    picture = opened(plain)
    before = picture.state()
    assert picture.click() == ["execution-error", f"{refusal.value.message}\n{refusal.value.hint}"]
    assert picture.state() == before


@pytest.mark.parametrize("part", ["matted.json", "removal.py"])
def test_an_incomplete_plugin_says_so(installed: Installed, opened: Callable[..., Picture], part: str) -> None:
    path = plugin(installed) / part
    aside = path.with_name("aside")
    picture = opened()
    before = picture.state()
    path.rename(aside)
    try:
        status, error = picture.click()
    finally:
        aside.rename(path)
    assert status == "execution-error"
    assert "matted install gimp" in error
    assert picture.state() == before
    assert picture.click() == NEXT_CLICK_WORKS


# -- the daemon dies ---------------------------------------------------------------------------------------------------


def test_after_kill_9_the_next_click_works(
    installed: Installed, opened: Callable[..., Picture], photograph_mask: bytes
) -> None:
    installed.ensure_daemon()
    killed = installed.pid()
    installed.kill()
    picture = opened()
    assert picture.click() == SUCCESS
    assert picture.mask() == photograph_mask
    assert installed.pid() not in (None, killed)


def test_killed_in_the_handshake_it_is_started_again(
    installed: Installed, opened: Callable[..., Picture], photograph_mask: bytes
) -> None:
    picture = opened()

    def kill(way: str, sent: int) -> bool:
        installed.kill()
        return False

    with installed.wire(kill):
        assert picture.click() == SUCCESS
    assert picture.mask() == photograph_mask


@pytest.mark.parametrize("when", ["while pixels are sent", "while it works"])
@pytest.mark.parametrize("masked_before", [False, True], ids=["no mask", "with a mask"])
def test_killed_in_the_middle_nothing_has_changed(
    gimp: Gimp, installed: Installed, opened: Callable[..., Picture], when: str, masked_before: bool
) -> None:
    picture = opened()
    if masked_before:
        gimp.give_mask(picture.layer, OLD_MASK)
    before = picture.clean()
    frame = len(photograph().tobytes())
    killed = threading.Event()

    def kill(way: str, sent: int) -> bool:
        if (when == "while pixels are sent" and sent > frame // 3) or (way == REPLY and sent > frame):
            installed.kill()
            killed.set()
        return not killed.is_set()

    with installed.wire(kill):
        status, error = picture.click()
    assert killed.is_set()
    assert (status, error) == (
        "execution-error",
        "The matted daemon ended in the middle of the work.\nTry again; it will be restarted.",
    )
    assert picture.state() == before
    assert picture.click() == NEXT_CLICK_WORKS


def test_a_daemon_that_cannot_start(opened: Callable[..., Picture], no_daemon_can_start: None) -> None:
    picture = opened()
    before = picture.state()
    status, error = picture.click()
    assert status == "execution-error"
    assert "could not be started" in error and "/opt/gone/python" in error
    assert picture.state() == before


# -- GIMP's own windows and menus --------------------------------------------------------------------------------------


@pytest.mark.parametrize("menu", MENU)
def test_the_menu_entry_and_undo(
    desktop: Gimp, shown: Picture, installed: Installed, photograph_mask: bytes, artefacts: Path, menu: str
) -> None:
    before = shown.state()
    assert before["dirty"] is False
    *way, entry = MENU[menu]
    desktop.press(WINDOW, *way)
    desktop.screenshot(artefacts / f"menu {menu}.png")
    desktop.press(WINDOW, entry)
    until(lambda: shown.mask() is not None, "mask")
    assert shown.mask() == photograph_mask
    desktop.screenshot(artefacts / f"masked by {menu}.png")
    desktop.press(WINDOW, "ctrl+z")
    until(lambda: shown.mask() is None, "undo")
    assert shown.state() == before  # not dirty: the one step was all there is
    assert desktop.windows(MESSAGE) == []


def test_undo_brings_an_existing_mask_back(desktop: Gimp, shown: Picture, photograph_mask: bytes) -> None:
    desktop.give_mask(shown.layer, OLD_MASK)
    before = shown.clean()
    assert shown.click() == SUCCESS
    assert shown.mask() == photograph_mask
    desktop.press(WINDOW, "ctrl+z")
    until(lambda: shown.mask() != photograph_mask, "undo")
    after = shown.state()
    assert shown.mask() == bytes([OLD_MASK]) * len(photograph_mask)
    assert without_masks(after) == without_masks(before)
    assert after["dirty"] is False


def test_the_error_is_seen_once(desktop: Gimp, shown: Picture, artefacts: Path, no_daemon_can_start: None) -> None:
    before = shown.state()
    desktop.press(WINDOW, *MENU["Layer > Mask"])
    assert "/opt/gone/python" in read_the_message(desktop, artefacts / "error.png")
    assert shown.state() == before


# -- what changes while GIMP's user goes on working --------------------------------------------------------------------


def change_size(picture: Picture) -> None:
    picture.gimp.resize_layer(picture.layer, 80, 90)


def lock(picture: Picture) -> None:
    picture.gimp.lock(picture.layer, True)


def delete(picture: Picture) -> None:
    picture.gimp.delete_layer(picture.layer)


@contextmanager
def meanwhile(desktop: Gimp, installed: Installed, screenshot: Path) -> Iterator[Callable[[], None]]:
    """A removal was clicked in the window. The daemon's answer arrives when what this gives is called."""
    asked, go_on = threading.Event(), threading.Event()

    def hold_the_answer(way: str, sent: int) -> bool:
        if way == REPLY and sent > len(photograph().tobytes()):
            asked.set()
            go_on.wait()
        return True

    with installed.wire(hold_the_answer):
        try:
            desktop.press(WINDOW, *MENU["Layer > Mask"])
            assert asked.wait(PATIENCE)
            desktop.screenshot(screenshot)
            yield go_on.set
        finally:
            go_on.set()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (change_size, "changed while"),
        (lock, "are locked"),
        (delete, "was deleted while"),
    ],
)
def test_a_layer_that_changes_meanwhile(
    desktop: Gimp,
    installed: Installed,
    shown: Picture,
    artefacts: Path,
    change: Callable[[Picture], None],
    reason: str,
) -> None:
    with meanwhile(desktop, installed, artefacts / "waiting.png") as answer:
        change(shown)
        before = shown.state()
        answer()
        assert reason in read_the_message(desktop, artefacts / f"{change.__name__}.png")
    assert shown.state() == before


@pytest.mark.parametrize("to", [(200, 50, 170, 140), None], ids=["elsewhere", "nothing"])
def test_a_selection_that_changes_meanwhile(
    desktop: Gimp, installed: Installed, shown: Picture, artefacts: Path, to: tuple[int, int, int, int] | None
) -> None:
    desktop.select(shown.id, 60, 50, 170, 140)
    with meanwhile(desktop, installed, artefacts / "selected otherwise.png") as answer:
        if to is None:
            desktop.select_nothing(shown.id)
        else:
            desktop.select(shown.id, *to)
        before = shown.state()
        answer()
        said = read_the_message(desktop, artefacts / f"selected {'nothing' if to is None else 'elsewhere'}.png")
    assert "The selection changed while the mask was being made." in said
    assert shown.state() == before


@pytest.mark.parametrize("deleted", [0, 1])
def test_one_of_two_layers_is_deleted_meanwhile(
    desktop: Gimp, installed: Installed, shown: Picture, artefacts: Path, deleted: int
) -> None:
    layers = [desktop.insert(shown.id, installed.put(photograph())), shown.layer]
    desktop.choose_layers(shown.id, layers)
    with meanwhile(desktop, installed, artefacts / "two layers.png") as answer:
        desktop.delete_layer(layers[deleted])
        before = shown.state()
        answer()
        said = read_the_message(desktop, artefacts / f"deleted {deleted}.png")
    assert "was deleted while its mask was being made" in said
    assert shown.state() == before


@pytest.mark.parametrize("layers", [1, 2])
def test_a_picture_that_is_closed_meanwhile(desktop: Gimp, installed: Installed, artefacts: Path, layers: int) -> None:
    picture = Picture(desktop, installed.put(photograph()))
    if layers == 2:
        second = desktop.insert(picture.id, installed.put(photograph()))
        desktop.choose_layers(picture.id, [second, picture.layer])
        picture.clean()
    desktop.show(picture.id)
    with meanwhile(desktop, installed, artefacts / "closing.png") as answer:
        desktop.press(WINDOW, "ctrl+w")
        until(lambda: picture.id not in desktop.images(), "end of the picture")
        answer()
        said = read_the_message(desktop, artefacts / f"closed {layers}.png")
    assert "The picture was closed while its background was being removed." in said
    assert "deleted" not in said


# -- what is selected --------------------------------------------------------------------------------------------------


def test_quick_mask_is_called_by_its_name(desktop: Gimp, shown: Picture, artefacts: Path) -> None:
    desktop.press(WINDOW, "shift+q")
    until(lambda: desktop.channels(shown.id), "Quick Mask")
    before = shown.state()
    desktop.press(WINDOW, *MENU["Filters"])
    said = read_the_message(desktop, artefacts / "quick mask.png")
    assert "Quick Mask is on" in said and "Select > Toggle Quick Mask" in said
    assert shown.state() == before
    desktop.press(WINDOW, "shift+q")
    until(lambda: not desktop.channels(shown.id), "end of Quick Mask")
    desktop.press(WINDOW, *MENU["Filters"])
    until(lambda: shown.mask() is not None, "mask")


def test_a_script_gives_a_layer_of_another_picture(opened: Callable[..., Picture]) -> None:
    picture, other = opened(), opened()
    before = [picture.state(), other.state()]
    assert picture.click(other.layer) == ["execution-error", 'The layer "Background" belongs to another picture.']
    assert [picture.state(), other.state()] == before


def test_a_script_gives_a_layer_that_is_in_no_picture_yet(
    gimp: Gimp, opened: Callable[..., Picture], photograph_mask: bytes
) -> None:
    picture = opened()
    for output in ("mask", "layer"):
        assert picture.click(gimp.copy_aside(picture.layer), output=output) == SUCCESS
    copy, original = picture.state()["layers"]
    assert picture.mask(copy["id"]) == photograph_mask and original["mask"] is None


# -- cancel ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def stalled(installed: Installed) -> Iterator[Callable[[], None]]:
    """The daemon's inference does not end until this is called."""
    installed.kill()  # it would know what the model says of the photograph
    installed.mask_of(photograph().rotate(90))
    pid = installed.pid()
    assert pid is not None
    (worker,) = psutil.Process(pid).children()
    worker.suspend()
    yield worker.resume
    worker.resume()


def jobs(installed: Installed) -> list[str]:
    """The stages of the requests that the daemon has."""
    with installed.session() as session:
        return [job["stage"] for job in session.status()["jobs"]]


def ask(installed: Installed) -> None:
    """A request that somebody else has."""
    installed.mask_of(photograph().rotate(180))


@pytest.mark.parametrize("others", [0, 2], ids=["at work", "in line"])
def test_cancel_leaves_nothing_and_the_next_click_works(
    desktop: Gimp,
    installed: Installed,
    shown: Picture,
    stalled: Callable[[], None],
    photograph_mask: bytes,
    artefacts: Path,
    others: int,
) -> None:
    before = shown.state()
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(ask, installed) for _ in range(others)]
        until(lambda: len(jobs(installed)) == others, "requests of others")
        desktop.press(WINDOW, *MENU["Layer > Mask"])
        stages = until(lambda: len(seen := jobs(installed)) > others and seen[-1] != "preparing" and seen, "request")
        assert stages[-1] == ("waiting" if others else "inference")
        desktop.screenshot(artefacts / f"cancel {others}.png")
        clicked = time.monotonic()
        desktop.click(WINDOW, *CANCEL_BUTTON)
        if not others:
            stalled()
        until(lambda: len(jobs(installed)) == others, "end of the request")
        (artefacts / f"cancel {others}.json").write_text(json.dumps({"seconds": time.monotonic() - clicked}))
        stalled()
        for each in asked:
            each.result(PATIENCE)
    until(lambda: jobs(installed) == [], "end of all requests")
    assert shown.state() == before
    assert desktop.windows(MESSAGE) == []
    desktop.press(WINDOW, *MENU["Layer > Mask"])
    until(lambda: shown.mask() is not None, "mask")
    assert shown.mask() == photograph_mask


# -- the model that is chosen ------------------------------------------------------------------------------------------


@pytest.fixture(params=[spec.id for spec in stand_ins.finder_of_each_family(SHIPPED.values())])
def chosen(request: pytest.FixtureRequest, installed: Installed) -> Iterator[str]:
    """A model of each family, which the settings name; u2netp's weights are the real ones."""
    model: str = request.param
    if model != "u2netp":
        file = f"{installed.home}/standin.onnx"
        stand_ins.write(SHIPPED[model], installed.outside(file))
        installed.matted("models", "pull", model, "--from", file, "--trust", "--accept-licence")
    installed.matted("models", "default", model)
    installed.kill()
    yield model
    installed.matted("models", "default", "auto")
    if model != "u2netp":
        installed.matted("models", "remove", model)
    installed.kill()


def test_the_model_of_the_settings_makes_the_mask(
    gimp: Gimp, installed: Installed, opened: Callable[..., Picture], chosen: str
) -> None:
    scene = photograph().filter(ImageFilter.GaussianBlur(4)) if SHIPPED[chosen].needs_plate else None
    picture = opened()
    options = {"plate": gimp.insert(picture.id, installed.put(scene))} if scene else {}
    box = None
    if SHIPPED[chosen].takes_clicks:
        box = [60, 50, 230, 190]
        gimp.select(picture.id, box[0], box[1], box[2] - box[0], box[3] - box[1])
    before = picture.clean()
    assert picture.click(**options) == SUCCESS
    assert picture.mask() == installed.mask_of(photograph(), plate=scene, box=box)
    assert len(set(picture.mask() or b"")) > 2
    assert without_masks(picture.state()) == without_masks(before)
    with installed.session() as session:
        assert [model["id"] for model in session.status()["loaded"]] == [chosen]


@pytest.mark.parametrize("chosen", ["sam2.1-tiny"], indirect=True)
def test_without_anything_to_point_at_the_model_that_takes_clicks_says_so(
    opened: Callable[..., Picture], chosen: str
) -> None:
    picture = opened()
    before = picture.state()
    status, error = picture.click()
    assert status == "execution-error"
    assert "cuts out what a box or clicks point at" in error and "click on it in the preview" in error
    assert picture.state() == before


@pytest.mark.parametrize("chosen", ["background-matting-mobilenetv2"], indirect=True)
def test_without_a_plate_the_model_that_needs_one_says_so(opened: Callable[..., Picture], chosen: str) -> None:
    picture = opened()
    before = picture.state()
    status, error = picture.click()
    assert status == "execution-error"
    assert "compares the picture with a plate" in error and "Choose a layer that shows it" in error
    assert picture.state() == before
