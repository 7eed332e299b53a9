"""Remove Background in the real GIMP 3, with the real daemon and the real model behind it."""

from __future__ import annotations

import base64
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from graphs import small
from hosts import roots
from hosts.gimp.session import PROFILE, Gimp, new_profile
from hosts.installed import PATIENCE, REPLY, Installed, until
from matted_client import Rejected
from PIL import Image

PHOTOGRAPH = Path(__file__).parents[1] / "photographs" / "chelsea.jpg"
SUCCESS = ["success", ""]
NEXT_CLICK_WORKS = SUCCESS
OLD_MASK = 77  # the value of masks that are there before
WINDOW, MESSAGE = "layers?) .* GIMP$", "^GIMP Message$"  # titles
MENU = {"Layer > Mask": ["alt+l", "m", "c"], "Filters": ["alt+r", "c"]}


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots and logs stay."""
    chosen = os.environ.get("MATTED_TEST_ARTEFACTS")
    folder = Path(chosen) / "gimp" if chosen else tmp_path_factory.mktemp("gimp")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def installed(wheel: Path, u2netp_file: Path) -> Iterator[Installed]:
    matted = Installed(roots.get("trixie", wheel), u2netp_file)
    new_profile(matted)
    matted.matted("install", "gimp")
    yield matted
    matted.remove()


@pytest.fixture(scope="module")
def gimp(installed: Installed, artefacts: Path) -> Iterator[Gimp]:
    """GIMP without windows, as in a batch."""
    yield from _running(installed, windows=False, logs=artefacts / "console")


@pytest.fixture(scope="module")
def desktop(installed: Installed, artefacts: Path) -> Iterator[Gimp]:
    """GIMP with its windows. Every error opens one, also when a script was the caller: whoever causes it closes it."""
    yield from _running(installed, windows=True, logs=artefacts / "desktop")


def _running(installed: Installed, windows: bool, logs: Path) -> Iterator[Gimp]:
    logs.mkdir(exist_ok=True)
    running = Gimp(installed, windows, logs)
    yield running
    assert running.close() == 0, running.log()


class Picture:
    """A picture that is open in GIMP, with one layer, unchanged since it was opened."""

    def __init__(self, gimp: Gimp, path: str) -> None:
        self.gimp = gimp
        self.id = gimp.load(path)
        self.layer = gimp.layers(self.id)[0]
        self.clean()

    def clean(self) -> dict[str, Any]:
        """From here on `state()["dirty"]` says whether there is an undo step. Returns the state."""
        self.gimp.clean(self.id)
        return self.state()

    def state(self) -> dict[str, Any]:
        return self.gimp.state(self.id)

    def click(self, *items: int) -> list[str]:
        """Remove Background on these items, or on the layer. Returns GIMP's status and error."""
        return self.gimp.remove_background(self.id, items or [self.layer])

    def mask(self, layer: int | None = None) -> bytes | None:
        shape = next(shape for shape in self.state()["layers"] if shape["id"] == (layer or self.layer))
        return None if shape["mask"] is None else base64.b64decode(shape["mask"])


@pytest.fixture
def opened(gimp: Gimp, installed: Installed) -> Iterator[Callable[..., Picture]]:
    """Open what Pillow made as a PNG: opened(), or opened(picture)."""
    pictures: list[Picture] = []

    def open_in_gimp(picture: Image.Image | None = None) -> Picture:
        path = f"{installed.home}/picture.png"
        (picture or photograph()).save(installed.outside(path), compress_level=1)
        pictures.append(Picture(gimp, path))
        return pictures[-1]

    yield open_in_gimp
    for picture in pictures:
        gimp.close_image(picture.id)


@pytest.fixture(scope="module")
def photograph_mask(installed: Installed) -> bytes:
    return installed.mask_of(photograph())


def photograph() -> Image.Image:
    with Image.open(PHOTOGRAPH) as picture:
        return picture.convert("RGB")


def without_masks(state: dict[str, Any]) -> list[dict[str, Any]]:
    """The layers without what Remove Background may change."""
    return [{**shape, "mask": None, "edits mask": None} for shape in state["layers"]]


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


# -- every kind of picture and layer -----------------------------------------------------------------------------------


def transparent() -> Image.Image:
    """The photograph, fading out from left to right."""
    fade = Image.linear_gradient("L").rotate(90).resize(photograph().size)
    picture = photograph()
    picture.putalpha(fade)
    return picture


PICTURES: dict[str, Callable[[], Image.Image]] = {
    "RGB": photograph,
    "RGB with alpha": transparent,
    "grey": lambda: photograph().convert("L"),
    "grey with alpha": lambda: transparent().convert("LA"),
    "indexed": lambda: photograph().quantize(64),
}


@pytest.mark.parametrize(
    ("name", "base", "precision"),
    [
        ("RGB", "RGB", "U8_NON_LINEAR"),
        ("RGB with alpha", "RGB", "U8_NON_LINEAR"),
        ("grey", "GRAY", "U8_NON_LINEAR"),
        ("grey with alpha", "GRAY", "U8_NON_LINEAR"),
        ("indexed", "INDEXED", "U8_NON_LINEAR"),
        ("RGB", "RGB", "U16_NON_LINEAR"),
        ("RGB", "RGB", "U16_LINEAR"),
        ("grey", "GRAY", "U16_LINEAR"),
        ("RGB", "RGB", "U32_LINEAR"),
        ("RGB", "RGB", "HALF_LINEAR"),
        ("RGB", "RGB", "FLOAT_LINEAR"),
        ("RGB with alpha", "RGB", "FLOAT_NON_LINEAR"),
    ],
)
def test_every_mode_and_precision(
    gimp: Gimp, installed: Installed, opened: Callable[..., Picture], name: str, base: str, precision: str
) -> None:
    picture = opened(PICTURES[name]())
    if gimp.kind(picture.id)[1] != precision:
        gimp.convert(picture.id, precision)
    assert gimp.kind(picture.id) == [base, precision]
    before = picture.clean()
    assert picture.click() == SUCCESS
    assert picture.mask() == installed.mask_of(PICTURES[name]())
    assert without_masks(picture.state()) == without_masks(before)


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
    tiny = photograph().resize((30, 20))
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


def two_layers(picture: Picture) -> list[int]:
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
        (two_layers, "works on one layer"),
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
    path = installed.outside(f"{installed.home}/{PROFILE}/plug-ins/remove-background/{part}")
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


@pytest.fixture
def no_daemon_can_start(installed: Installed) -> Iterator[None]:
    """As after matted was removed without its plug-in."""
    settings = installed.outside(f"{installed.home}/{PROFILE}/plug-ins/remove-background/matted.json")
    before = settings.read_text()
    settings.write_text(json.dumps({**json.loads(before), "command": ["/opt/gone/python", "-m", "matted"]}))
    installed.kill()
    yield
    settings.write_text(before)


def test_a_daemon_that_cannot_start(opened: Callable[..., Picture], no_daemon_can_start: None) -> None:
    picture = opened()
    before = picture.state()
    status, error = picture.click()
    assert status == "execution-error"
    assert "could not be started" in error and "/opt/gone/python" in error
    assert picture.state() == before


# -- GIMP's own windows and menus --------------------------------------------------------------------------------------


@pytest.fixture
def shown(desktop: Gimp, installed: Installed) -> Iterator[Picture]:
    """The photograph in GIMP's window."""
    photograph().save(installed.outside(f"{installed.home}/shown.png"))
    picture = Picture(desktop, f"{installed.home}/shown.png")
    desktop.show(picture.id)
    until(lambda: desktop.windows(WINDOW), "window with the photograph")
    assert desktop.windows(MESSAGE) == []
    yield picture
    desktop.close_image(picture.id)


@pytest.mark.parametrize("menu", MENU)
def test_the_menu_entry_and_undo(
    desktop: Gimp, shown: Picture, installed: Installed, photograph_mask: bytes, artefacts: Path, menu: str
) -> None:
    before = shown.state()
    assert before["dirty"] is False
    desktop.press(WINDOW, *MENU[menu])
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


def read_the_message(desktop: Gimp, screenshot: Path) -> str:
    """What the one message that GIMP shows says; it is closed then."""
    until(lambda: desktop.windows(MESSAGE), "message")
    desktop.screenshot(screenshot)
    assert len(desktop.windows(MESSAGE)) == 1
    desktop.press(MESSAGE, "Tab", "Tab")  # from the button to the title, to the text
    text = until(lambda: re.search("error for .*", desktop.selected_text(), re.DOTALL), "text of the message")[0]
    desktop.press(MESSAGE, "Escape")
    until(lambda: not desktop.windows(MESSAGE), "end of the message")
    return text


def change_size(picture: Picture) -> None:
    picture.gimp.resize_layer(picture.layer, 80, 90)


def lock(picture: Picture) -> None:
    picture.gimp.lock(picture.layer, True)


def delete(picture: Picture) -> None:
    picture.gimp.delete_layer(picture.layer)


@pytest.mark.parametrize(
    ("change", "reason"),
    [(change_size, "size changed while"), (lock, "are locked"), (delete, "was deleted while")],
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


def test_the_model_of_the_settings_makes_the_mask(
    installed: Installed, opened: Callable[..., Picture], photograph_mask: bytes
) -> None:
    file = f"{installed.home}/standin.onnx"
    small.isnet_like(installed.outside(file), side=256)
    installed.matted("models", "add", file, "--like", "isnet-general-use", "--id", "chosen")
    installed.matted("models", "default", "chosen")
    installed.kill()
    try:
        picture = opened()
        assert picture.click() == SUCCESS
        mask = picture.mask()
        assert mask == installed.mask_of(photograph()) and mask != photograph_mask
        with installed.session() as session:
            assert [model["id"] for model in session.status()["loaded"]] == ["chosen"]
    finally:
        installed.matted("models", "default", "u2netp")
        installed.matted("models", "remove", "chosen")
        installed.kill()
