"""Remove Background… and the questions that Remove Background asks, in the real GIMP with its windows."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from graphs import small
from hosts.gimp.pictures import (
    DIALOG,
    DIALOG_KEYS,
    MESSAGE,
    ONE_CLICK,
    REFINE,
    REMOVE,
    SUCCESS,
    WINDOW,
    WITH_DIALOG,
    Picture,
    asked,
    photograph,
    read_the_message,
)
from hosts.gimp.session import Gimp, plugin
from hosts.installed import PATIENCE, Installed, until
from hosts.served import MODEL, served
from matted.models import catalogue
from matted_client import messages, sentences
from PIL import Image
from words import words_of

ONE_CLICK_KEYS = ["alt+r", "c"]  # Filters > Remove Background
HELP_BUTTON = 80, -44  # from the dialog's left and lower edge
PLAIN = Image.new("RGB", (40, 30), "red")  # nobody sees a subject in it
WORDS = Path(__file__).parents[2] / "plugins" / "gimp" / "remove-background" / "languages"
LANGUAGES = sorted(path.stem for path in WORDS.iterdir())


def test_what_is_chosen_in_the_dialog_is_done_and_remembered(
    desktop: Gimp, shown: Picture, forgetful: None, photograph_mask: bytes, artefacts: Path
) -> None:
    with asked(shown, WITH_DIALOG) as called:
        desktop.press(DIALOG, "alt+u", "Down")
        desktop.screenshot(artefacts / "dialog.png")
        desktop.press(DIALOG, REMOVE)
        assert called.result(PATIENCE) == SUCCESS
    assert base64.b64decode(desktop.selection(shown.id)) == photograph_mask and shown.mask() is None
    desktop.press(WINDOW, "ctrl+z")
    until(lambda: desktop.selection(shown.id) is None, "undo")
    desktop.press(WINDOW, *ONE_CLICK_KEYS)
    until(lambda: desktop.selection(shown.id), "selection")
    assert base64.b64decode(desktop.selection(shown.id)) == photograph_mask and shown.mask() is None


def test_what_the_dialog_cannot_show_is_as_at_first(
    desktop: Gimp, shown: Picture, forgetful: None, photograph_mask: bytes, artefacts: Path
) -> None:
    """GIMP remembers what another version could do."""
    with asked(shown, WITH_DIALOG, edges="of another version", output="", grow=1000) as called:
        desktop.screenshot(artefacts / "dialog with unusable options.png")
        desktop.press(DIALOG, REMOVE)
        assert called.result(PATIENCE) == SUCCESS
    assert shown.mask() == photograph_mask


def test_a_dialog_that_is_left_changes_nothing(desktop: Gimp, shown: Picture, forgetful: None) -> None:
    before = shown.state()
    with asked(shown, WITH_DIALOG) as called:
        desktop.press(DIALOG, "alt+u", "Down", "Escape")
        assert called.result(PATIENCE)[0] == "cancel"
    assert shown.state() == before
    desktop.press(WINDOW, *ONE_CLICK_KEYS)
    until(lambda: shown.mask(), "mask")


def test_a_picture_that_is_closed_while_the_dialog_is_open(
    desktop: Gimp, installed: Installed, forgetful: None, artefacts: Path
) -> None:
    picture = Picture(desktop, installed.put(photograph()))
    desktop.show(picture.id)
    desktop.press(WINDOW, *DIALOG_KEYS)
    until(lambda: desktop.windows(DIALOG), "dialog")
    desktop.press(WINDOW, "ctrl+w")
    until(lambda: picture.id not in desktop.images(), "end of the picture")
    desktop.press(DIALOG, REMOVE)
    assert "The picture was closed" in read_the_message(desktop, artefacts / "closed below the dialog.png")


def test_a_layer_that_is_deleted_while_the_dialog_is_open(
    desktop: Gimp, shown: Picture, forgetful: None, artefacts: Path
) -> None:
    desktop.press(WINDOW, *DIALOG_KEYS)
    until(lambda: desktop.windows(DIALOG), "dialog")
    desktop.delete_layer(shown.layer)
    before = shown.state()
    desktop.press(DIALOG, REMOVE)
    said = read_the_message(desktop, artefacts / "deleted below the dialog.png")
    assert "A layer that was selected has been deleted." in said
    assert shown.state() == before


def test_a_selection_is_spoken_of_in_the_dialog_and_once_afterwards(
    desktop: Gimp, shown: Picture, forgetful: None, artefacts: Path
) -> None:
    desktop.select(shown.id, 60, 50, 170, 140)
    with asked(shown, WITH_DIALOG) as called:
        desktop.screenshot(artefacts / "dialog with a selection.png")
        desktop.press(DIALOG, REMOVE)
        assert called.result(PATIENCE) == SUCCESS
    said = read_the_message(desktop, artefacts / "selection.png", "There is a selection")
    assert "only what lies in it is kept" in said
    desktop.press(WINDOW, "ctrl+z")
    until(lambda: shown.mask() is None, "undo")
    desktop.press(WINDOW, *ONE_CLICK_KEYS)
    until(lambda: shown.mask(), "mask")
    assert desktop.windows(MESSAGE) == []


def test_the_whole_layer_is_looked_at_where_the_dialog_says_so(
    desktop: Gimp, installed: Installed, shown: Picture, forgetful: None, artefacts: Path
) -> None:
    with asked(shown, WITH_DIALOG) as called:
        desktop.press(DIALOG, "alt+o", REMOVE)  # it is grey as long as nothing is selected
        assert called.result(PATIENCE) == SUCCESS
    assert json.loads(desktop.remembered())["within_selection"] is True
    desktop.select(shown.id, 60, 50, 170, 140)
    with asked(shown, WITH_DIALOG) as called:
        desktop.press(DIALOG, "alt+o")
        desktop.screenshot(artefacts / "dialog with the whole layer.png")
        desktop.press(DIALOG, REMOVE)
        assert called.result(PATIENCE) == SUCCESS
    read_the_message(desktop, artefacts / "whole layer.png", "There is a selection")
    assert json.loads(desktop.remembered())["within_selection"] is False
    with installed.overheard() as requests:  # the one click does as the dialog said
        assert desktop.remove_background(shown.id, [shown.layer], "INTERACTIVE", {}, ONE_CLICK) == SUCCESS
    assert [request.box for request in requests] == [None]


def test_the_model_is_chosen_in_the_dialog(
    desktop: Gimp, installed: Installed, shown: Picture, forgetful: None, artefacts: Path
) -> None:
    file = f"{installed.home}/standin.onnx"
    small.isnet_like(installed.outside(file), side=64)
    installed.matted("models", "add", file, "--like", "isnet-general-use", "--id", "mine")
    installed.matted("start")
    with installed.session() as session:
        session.load()  # the default model is there, and listed before
    try:
        with asked(shown, WITH_DIALOG) as called:
            desktop.press(DIALOG, "alt+m", "space")
            desktop.screenshot(artefacts / "models.png")
            desktop.press(DIALOG, "Down", "Down", "Down", "Return", REMOVE)  # behind u2netp and flat
            assert called.result(PATIENCE) == SUCCESS
        with installed.session() as session:
            assert "mine" in [model["id"] for model in session.status()["loaded"]]
        assert shown.mask() == installed.mask_of(photograph(), model="mine")
    finally:
        installed.matted("models", "remove", "mine")


def test_the_dialog_comes_up_without_a_daemon(
    desktop: Gimp, shown: Picture, artefacts: Path, no_daemon_can_start: None
) -> None:
    before = shown.state()
    with asked(shown, WITH_DIALOG) as called:
        desktop.screenshot(artefacts / "dialog without a daemon.png")
        desktop.press(DIALOG, REMOVE)
        assert called.result(PATIENCE)[0] == "execution-error"
    assert "/opt/gone/python" in read_the_message(desktop, artefacts / "no daemon.png")
    assert shown.state() == before


@pytest.fixture
def another_option(installed: Installed) -> Iterator[None]:
    """One entry more in the installed plug-in."""
    folder = plugin(installed)
    entries, program = folder / "matted_client" / "options.py", folder / "remove-background.py"
    before = entries.read_text("utf-8")
    end = "\n\n\n@dataclass(frozen=True)\nclass SceneOptions"
    assert before.count(end) == 1
    more = '\n    zebra: bool = option(YES_NO, False, "_Zebra stripes", "Paint stripes")'
    try:
        entries.write_text(before.replace(end, more + end), "utf-8")
        os.utime(program)  # GIMP asks a plug-in again when its program has changed
        yield
    finally:
        entries.write_text(before, "utf-8")
        os.utime(program)


def test_another_option_is_there_by_its_entry_alone(
    installed: Installed, another_option: None, artefacts: Path
) -> None:
    logs = artefacts / "another option"
    logs.mkdir(exist_ok=True)
    running = Gimp(installed, windows=True, logs=logs)
    try:
        assert "zebra" in running.arguments()
        picture = Picture(running, installed.put(photograph()))
        running.show(picture.id)
        with asked(picture, WITH_DIALOG) as called:
            running.press(DIALOG, "alt+z")
            running.screenshot(artefacts / "another option.png")
            running.press(DIALOG, REMOVE)
            assert called.result(PATIENCE) == SUCCESS
        assert json.loads(running.remembered())["zebra"] is True
        running.forget()
        running.close_image(picture.id)
    finally:
        running.close()


# -- trouble, and what is offered --------------------------------------------------------------------------------------


@pytest.fixture
def plain(desktop: Gimp, installed: Installed) -> Iterator[Picture]:
    """A picture without a subject, in GIMP's window."""
    picture = Picture(desktop, installed.put(PLAIN))
    desktop.show(picture.id)
    yield picture
    desktop.close_image(picture.id)


def test_no_subject_is_used_only_if_wanted(
    desktop: Gimp, installed: Installed, plain: Picture, artefacts: Path
) -> None:
    before = plain.state()
    with asked(plain, ONE_CLICK) as called:
        desktop.screenshot(artefacts / "no subject.png")
        desktop.press(DIALOG, "Escape")
        assert called.result(PATIENCE)[0] == "cancel"
    assert plain.state() == before
    with asked(plain, ONE_CLICK) as called:
        desktop.press(DIALOG, "alt+u")
        assert called.result(PATIENCE) == SUCCESS
    assert plain.mask() == installed.mask_of(PLAIN, anyway=True)
    assert desktop.windows(MESSAGE) == []


@pytest.fixture
def named(installed: Installed) -> Iterator[Callable[[str], None]]:
    """Write a model that need not be there into the settings by hand, for the next daemon: named("rmbg-1.4")"""
    settings = installed.outside(f"{installed.home}/.config/matted/config.toml")
    before = settings.read_text() if settings.exists() else ""

    def write(model: str) -> None:
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text(f'model = "{model}"\n')
        installed.kill()

    yield write
    settings.write_text(before)
    installed.kill()


def test_a_model_with_a_licence_is_not_fetched_but_can_be_read_of(
    desktop: Gimp, named: Callable[[str], None], shown: Picture, browser: Path, artefacts: Path
) -> None:
    named("rmbg-1.4")
    before = shown.state()
    with asked(shown, ONE_CLICK) as called:
        desktop.screenshot(artefacts / "licence.png")
        desktop.press(DIALOG, "Escape")
        assert called.result(PATIENCE)[0] == "cancel"
    assert not browser.exists()
    with asked(shown, ONE_CLICK) as called:
        desktop.press(DIALOG, "alt+o")
        assert called.result(PATIENCE)[0] == "cancel"
    until(browser.exists, "page in the browser")
    assert browser.read_text().strip() == catalogue.load().find("rmbg-1.4").licence_url
    assert shown.state() == before


def test_a_free_model_is_fetched_on_demand(
    desktop: Gimp, installed: Installed, shown: Picture, forgetful: None, artefacts: Path, tmp_path: Path
) -> None:
    """It is chosen in the dialog, and the daemon is told that it lies on a server of the test."""
    home = installed.outside(installed.home)
    settings = plugin(installed) / "matted.json"
    as_installed = settings.read_text()
    with served(home, small.isnet_like(tmp_path / "net.onnx", side=64)) as server:
        words = ["/usr/bin/python3", f"{installed.home}/matted_with.py", f"{installed.home}/sources.json"]
        settings.write_text(json.dumps({**json.loads(as_installed), "command": words}))
        installed.kill()
        try:
            with asked(shown, WITH_DIALOG, model=MODEL) as called:
                until(installed.pid, "daemon that knows the models")
                dialog = desktop.windows(DIALOG)
                desktop.screenshot(artefacts / "not here.png")
                desktop.press(DIALOG, REMOVE)
                until(lambda: desktop.windows(DIALOG) not in ([], dialog), "question")
                desktop.screenshot(artefacts / "download.png")
                desktop.press(DIALOG, "alt+d")
                until(server.stalling.is_set, "half of the model")
                until(lambda: not desktop.windows(DIALOG), "end of the question")
                desktop.screenshot(artefacts / "downloading.png")
                (home / "seen-half").touch()
                assert called.result(PATIENCE) == SUCCESS
            assert server.downloads() == [("/net.onnx", ""), ("/net.onnx", f"bytes={server.fault.cut}-")]
            assert shown.mask() == installed.mask_of(photograph(), model=MODEL)
        finally:
            settings.write_text(as_installed)
            installed.kill()
            installed.matted("models", "remove", MODEL)


# -- help --------------------------------------------------------------------------------------------------------------


def test_help_opens_the_page_that_came_with_the_plugin(desktop: Gimp, shown: Picture, browser: Path) -> None:
    with asked(shown, WITH_DIALOG):
        desktop.press(DIALOG, "alt+h")
        until(browser.exists, "page in the browser")
    address = browser.read_text().strip()
    assert address.endswith("/plug-ins/remove-background/help/en/remove-background.html")
    assert desktop.installed.outside(address.replace("file://", "")).is_file()


# -- languages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_in_menu_dialog_messages_and_help(
    installed: Installed, browser: Path, artefacts: Path, language: str
) -> None:
    logs = artefacts / language
    logs.mkdir(exist_ok=True)
    words = words_of(language, WORDS).gettext
    title = words("Remove Background")
    running = Gimp(installed, windows=True, logs=logs, language=language)
    try:
        picture, plain = (Picture(running, installed.put(each)) for each in (photograph(), PLAIN))
        running.show(picture.id)
        assert running.menu_label().replace("_", "") == title
        with asked(picture, WITH_DIALOG, f"^{title}$"):
            until(installed.pid, "daemon that knows the models")
            running.screenshot(artefacts / f"dialog {language}.png")
            running.click(f"^{title}$", *HELP_BUTTON)  # GIMP 3.2 does nothing at F1
            until(browser.exists, "page in the browser")
        assert browser.read_text().strip().endswith(f"/help/{language}/remove-background.html")
        with asked(plain, ONE_CLICK, f"^{title}$"):
            running.screenshot(artefacts / f"no subject {language}.png")
        running.give_mask(picture.layer, 128)
        with asked(picture, REFINE, f"^{words('Refine Mask')}$"):
            running.screenshot(artefacts / f"refine {language}.png")
        sentence, hint = sentences.SENTENCES[messages.NO_SUBJECT]
        assert plain.click() == ["execution-error", f"{words(sentence)}\n{words(hint)}"]
        for each in (picture, plain):
            running.close_image(each.id)
    finally:
        running.close()
