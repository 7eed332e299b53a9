"""Remove Background in the real GIMP 3, with the real daemon and the real model behind it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from graphs import small
from hosts.gimp.pictures import MESSAGE, SUCCESS, WINDOW, Picture, photograph, read_the_message, without_masks
from hosts.gimp.session import Gimp, plugin
from hosts.installed import PATIENCE, REPLY, Installed, until
from matted.models import catalogue
from matted_client import Rejected
from PIL import Image, ImageFilter

NEXT_CLICK_WORKS = SUCCESS
OLD_MASK = 77  # the value of masks that are there before
MENU = {"Layer > Mask": ["alt+l", "m", "c"], "Filters": ["alt+r", "c"]}
SHIPPED = catalogue.load().shipped


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


# -- which layer is meant, and which part of it ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("width", "height", "x", "y"),
    [(900, 700, 200, 100), (200, 150, -50, -60), (300, 300, 280, -290), (100, 100, -2000, 500)],
    ids=["smaller than the canvas", "larger", "partly outside", "all outside"],
)
def test_the_whole_layer_wherever_it_lies(
    gimp: Gimp, opened: Callable[..., Picture], photograph_mask: bytes, width: int, height: int, x: int, y: int
) -> None:
    picture = opened()
    gimp.resize_canvas(picture.id, width, height, x, y)
    before = picture.clean()
    assert before["layers"][0]["offsets"] == [x, y]
    assert picture.click() == SUCCESS
    assert picture.mask() == photograph_mask
    assert without_masks(picture.state()) == without_masks(before)


def test_a_layer_group(gimp: Gimp, opened: Callable[..., Picture], photograph_mask: bytes) -> None:
    picture = opened()
    group = gimp.group(picture.id, [picture.layer])
    before = picture.clean()
    assert picture.click(group) == SUCCESS
    assert picture.mask(group) == photograph_mask
    assert picture.mask() is None
    assert without_masks(picture.state()) == without_masks(before)


def test_a_layer_in_a_group(gimp: Gimp, opened: Callable[..., Picture], photograph_mask: bytes) -> None:
    picture = opened()
    group = gimp.group(picture.id, [picture.layer])
    assert picture.click() == SUCCESS
    assert picture.mask() == photograph_mask
    assert picture.mask(group) is None


def test_a_tiny_layer(installed: Installed, opened: Callable[..., Picture]) -> None:
    tiny = photograph().resize((60, 40))
    picture = opened(tiny)
    assert picture.click() == SUCCESS
    assert picture.mask() == installed.mask_of(tiny)


def test_an_existing_mask_is_replaced(gimp: Gimp, opened: Callable[..., Picture], photograph_mask: bytes) -> None:
    picture = opened()
    gimp.give_mask(picture.layer, OLD_MASK)
    assert picture.click() == SUCCESS
    assert picture.mask() == photograph_mask


def test_a_selected_mask_means_its_layer(gimp: Gimp, opened: Callable[..., Picture], photograph_mask: bytes) -> None:
    picture = opened()
    mask = gimp.give_mask(picture.layer, OLD_MASK)
    assert picture.click(mask) == SUCCESS
    assert picture.mask() == photograph_mask
    assert picture.state()["layers"][0]["edits mask"] is False


# -- what can't be done: one sentence, and nothing changed -------------------------------------------------------------


def a_layer_and_an_empty_group(picture: Picture) -> list[int]:
    return [picture.layer, picture.gimp.group(picture.id, [])]


def channel(picture: Picture) -> list[int]:
    return [picture.gimp.add_channel(picture.id)]


def locked_layer(picture: Picture) -> list[int]:
    picture.gimp.lock(picture.layer, True)
    return [picture.layer]


def layer_in_locked_group(picture: Picture) -> list[int]:
    picture.gimp.lock(picture.gimp.group(picture.id, [picture.layer]), True)
    return [picture.layer]


def locked_layer_by_its_mask(picture: Picture) -> list[int]:
    mask = picture.gimp.give_mask(picture.layer, OLD_MASK)
    picture.gimp.lock(picture.layer, True)
    return [mask]


def empty_group(picture: Picture) -> list[int]:
    return [picture.gimp.group(picture.id, [])]


def floating_selection(picture: Picture) -> list[int]:
    return [picture.gimp.float_selection(picture.id, picture.layer)]


def layer_below_a_floating_selection(picture: Picture) -> list[int]:
    picture.gimp.give_mask(picture.layer, OLD_MASK)
    picture.gimp.float_selection(picture.id, picture.layer)
    return [picture.layer]


@pytest.mark.parametrize(
    ("selected", "reason"),
    [
        (a_layer_and_an_empty_group, "The layer group is empty"),
        (channel, "a channel is selected"),
        (locked_layer, 'The pixels of "Background" are locked'),
        (layer_in_locked_group, 'The pixels of "Group" are locked'),
        (locked_layer_by_its_mask, 'The pixels of "Background" are locked'),
        (empty_group, "The layer group is empty"),
        (floating_selection, "floating selection"),
        (layer_below_a_floating_selection, "floating selection"),
    ],
)
def test_refused_with_a_reason(
    opened: Callable[..., Picture], selected: Callable[[Picture], list[int]], reason: str
) -> None:
    picture = opened()
    items = selected(picture)
    before = picture.clean()
    status, error = picture.click(*items)
    assert status == "execution-error"
    assert reason in error
    assert picture.state() == before


def test_no_subject_no_mask(installed: Installed, opened: Callable[..., Picture]) -> None:
    plain = Image.new("RGB", (1, 1), "red")
    with pytest.raises(Rejected) as refusal:
        installed.mask_of(plain)
    picture = opened(plain)
    before = picture.state()
    assert picture.click() == ["execution-error", f"{refusal.value.message}\n{refusal.value.hint}"]
    assert picture.state() == before


@pytest.mark.parametrize("part", ["matted.json", "job.py"])
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
    frame = photograph().width * photograph().height * 4
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


def change_size(picture: Picture) -> None:
    picture.gimp.resize_layer(picture.layer, 80, 90)


def lock(picture: Picture) -> None:
    picture.gimp.lock(picture.layer, True)


def delete(picture: Picture) -> None:
    picture.gimp.delete_layer(picture.layer)


@pytest.mark.parametrize(
    ("change", "reason"),
    [(change_size, "changed while"), (lock, "are locked"), (delete, "was deleted while")],
)
def test_a_layer_that_changes_meanwhile(
    desktop: Gimp,
    installed: Installed,
    shown: Picture,
    artefacts: Path,
    change: Callable[[Picture], None],
    reason: str,
) -> None:
    """GIMP lets its user go on working while a plug-in waits."""
    asked, go_on = threading.Event(), threading.Event()

    def hold_the_answer(way: str, sent: int) -> bool:
        if way == REPLY and sent > photograph().width * photograph().height * 4:
            asked.set()
            go_on.wait()
        return True

    with installed.wire(hold_the_answer):
        try:
            desktop.press(WINDOW, *MENU["Layer > Mask"])
            assert asked.wait(PATIENCE)
            desktop.screenshot(artefacts / "waiting.png")
            change(shown)
            before = shown.state()
        finally:
            go_on.set()
        assert reason in read_the_message(desktop, artefacts / f"{change.__name__}.png")
    assert shown.state() == before


# -- the model that is chosen ------------------------------------------------------------------------------------------


def stand_in(model: str, file: Path) -> None:
    """Write a small graph with the inputs, outputs and operators of the model."""
    family = SHIPPED[model].family
    if family == "plate":
        small.keyer(file)
    elif family == "birefnet":
        small.birefnet_like(file, "native", size=(64, 64))
    else:
        small.isnet_like(file, side=64)


@pytest.fixture(params=list(SHIPPED))
def chosen(request: pytest.FixtureRequest, installed: Installed) -> Iterator[str]:
    """A model of the catalogue that the settings name; u2netp's weights are the real ones."""
    model: str = request.param
    if model != "u2netp":
        file = f"{installed.home}/standin.onnx"
        stand_in(model, installed.outside(file))
        installed.matted("models", "pull", model, "--from", file, "--trust", "--accept-licence")
    installed.matted("models", "default", model)
    installed.kill()
    yield model
    installed.matted("models", "default", "u2netp")
    if model != "u2netp":
        installed.matted("models", "remove", model)
    installed.kill()


def test_every_model_of_the_settings_makes_the_mask(
    gimp: Gimp, installed: Installed, opened: Callable[..., Picture], chosen: str
) -> None:
    scene = photograph().filter(ImageFilter.GaussianBlur(4)) if SHIPPED[chosen].needs_plate else None
    picture = opened()
    options = {"plate": gimp.insert(picture.id, installed.put(scene))} if scene else {}
    before = picture.clean()
    assert picture.click(**options) == SUCCESS
    assert picture.mask() == installed.mask_of(photograph(), plate=scene)
    assert len(set(picture.mask() or b"")) > 2
    assert without_masks(picture.state()) == without_masks(before)
    with installed.session() as session:
        assert [model["id"] for model in session.status()["loaded"]] == [chosen]


@pytest.mark.parametrize("chosen", ["background-matting-mobilenetv2"], indirect=True)
def test_without_a_plate_the_model_that_needs_one_says_so(opened: Callable[..., Picture], chosen: str) -> None:
    picture = opened()
    before = picture.state()
    status, error = picture.click()
    assert status == "execution-error"
    assert "compares the picture with a plate" in error and "Remove Background…" in error
    assert picture.state() == before
