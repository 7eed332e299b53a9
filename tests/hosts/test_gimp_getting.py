"""Getting a model in Remove Background… of the real GIMP: the button beneath the list, its question, the download."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from graphs import small
from hosts.gimp.pictures import DIALOG, REMOVE, SUCCESS, WITH_DIALOG, Picture, asked, photograph
from hosts.gimp.session import Gimp, plugin
from hosts.installed import PATIENCE, Installed, until
from hosts.served import BOUND, MODEL, served
from matted.models import catalogue
from mirrors import Fault, Mirror

GET, STOP, NOT_YET, DOWNLOAD, ACCEPT = "alt+b", "alt+b", "alt+y", "alt+d", "alt+a"
QUESTION = "^Get .*[?]$"

Command = Callable[[str], None]


@pytest.fixture
def mirror(installed: Installed, tmp_path: Path) -> Iterator[Mirror]:
    """A server that has MODEL."""
    with served(installed.outside(installed.home), small.isnet_like(tmp_path / "net.onnx", side=64)) as server:
        yield server


@pytest.fixture
def sources(installed: Installed, mirror: Mirror) -> Iterator[Command]:
    """sources("nowhere.json"): the next daemon gets its models from there."""
    settings = plugin(installed) / "matted.json"
    as_installed = settings.read_text()

    def choose(name: str) -> None:
        words = ["/usr/bin/python3", f"{installed.home}/matted_with.py", f"{installed.home}/{name}"]
        settings.write_text(json.dumps({**json.loads(as_installed), "command": words}))
        installed.kill()

    yield choose
    settings.write_text(as_installed)
    installed.kill()
    for model in (MODEL, BOUND):
        installed.matted("models", "remove", model)


def facts_of(installed: Installed, model: str = MODEL) -> dict[str, Any]:
    with installed.session() as session:
        return next(facts for facts in session.models() if facts["id"] == model)


def jobs(installed: Installed) -> list[str]:
    """The stages of what the daemon works on."""
    with installed.session() as session:
        return [job["stage"] for job in session.status()["jobs"]]


def pictures(installed: Installed) -> int:
    """How many pictures are open in the daemon."""
    with installed.session() as session:
        return int(session.status()["pictures"])


def ask_for_it(desktop: Gimp) -> None:
    """Press the button, as soon as it is there, until the question is."""

    def is_asked() -> bool:
        desktop.press(DIALOG, GET)
        return bool(desktop.windows(QUESTION))

    until(is_asked, "question")


def test_a_model_is_got_in_the_dialog_and_used(
    desktop: Gimp,
    installed: Installed,
    shown: Picture,
    sources: Command,
    mirror: Mirror,
    forgetful: None,
    artefacts: Path,
) -> None:
    sources("sources.json")
    with asked(shown, WITH_DIALOG, model=MODEL) as called:
        ask_for_it(desktop)
        desktop.screenshot(artefacts / "get question.png")
        desktop.press(QUESTION, "Escape")
        until(lambda: not desktop.windows(QUESTION), "end of the question")
        assert mirror.downloads() == []
        desktop.screenshot(artefacts / "get offered.png")
        ask_for_it(desktop)
        desktop.press(QUESTION, DOWNLOAD)
        until(mirror.stalling.is_set, "half of the model")
        until(lambda: "downloading" in jobs(installed), "download")
        desktop.press(DIALOG, REMOVE)  # which waits for the model
        desktop.screenshot(artefacts / "get downloading.png")
        assert not called.done()
        desktop.press(DIALOG, STOP)
        until(lambda: "downloading" not in jobs(installed), "end of the download")
        ask_for_it(desktop)
        desktop.screenshot(artefacts / "get stopped.png")
        installed.outside(f"{installed.home}/seen-half").touch()
        desktop.press(QUESTION, DOWNLOAD)
        until(lambda: facts_of(installed)["installed"] and not jobs(installed), "model, and a preview of it")
        desktop.screenshot(artefacts / "get done.png")
        assert not called.done()
        desktop.press(DIALOG, REMOVE)
        assert called.result(PATIENCE) == SUCCESS
    first, *others = mirror.downloads()
    assert first == ("/net.onnx", "") and set(others) == {("/net.onnx", f"bytes={mirror.fault.cut}-")}
    assert shown.mask() == installed.mask_of(photograph(), model=MODEL)


def test_a_download_ends_with_the_dialog_and_goes_on_with_the_next(
    desktop: Gimp, installed: Installed, shown: Picture, sources: Command, mirror: Mirror, forgetful: None
) -> None:
    sources("sources.json")
    with asked(shown, WITH_DIALOG, model=MODEL) as called:
        ask_for_it(desktop)
        desktop.press(QUESTION, "Return")
        until(mirror.stalling.is_set, "half of the model")
        desktop.press(DIALOG, "Escape")
        assert called.result(PATIENCE)[0] == "cancel"
    until(lambda: not jobs(installed), "end of the download")
    installed.outside(f"{installed.home}/seen-half").touch()
    with asked(shown, WITH_DIALOG, model=MODEL):
        ask_for_it(desktop)
        desktop.press(QUESTION, "Return")
        until(lambda: facts_of(installed)["installed"], "model")
    assert mirror.downloads()[1] == ("/net.onnx", f"bytes={mirror.fault.cut}-")


@pytest.mark.parametrize("trouble", ["nobody", "damaged"])
def test_after_an_error_the_dialog_goes_on(
    desktop: Gimp,
    installed: Installed,
    shown: Picture,
    sources: Command,
    mirror: Mirror,
    forgetful: None,
    artefacts: Path,
    trouble: str,
) -> None:
    mirror.fault = Fault(wrong=True)
    sources("nowhere.json" if trouble == "nobody" else "sources.json")
    with asked(shown, WITH_DIALOG, model=MODEL) as called:
        ask_for_it(desktop)
        desktop.press(QUESTION, DOWNLOAD)
        until(lambda: not desktop.windows(QUESTION), "end of the question")
        ask_for_it(desktop)  # there is no download any more, and another can begin
        desktop.screenshot(artefacts / f"get {trouble}.png")
        desktop.press(QUESTION, "Escape")
        desktop.press(DIALOG, "alt+m", "space", "Home", "Return", REMOVE)  # the list is as it was
        assert called.result(PATIENCE) == SUCCESS
    assert not facts_of(installed)["installed"]
    assert shown.mask() == installed.mask_of(photograph())


def test_a_licence_is_read_and_accepted_in_the_dialog(
    desktop: Gimp,
    installed: Installed,
    shown: Picture,
    sources: Command,
    mirror: Mirror,
    browser: Path,
    forgetful: None,
    artefacts: Path,
) -> None:
    mirror.fault = Fault()
    sources("sources.json")
    with asked(shown, WITH_DIALOG, model=BOUND) as called:
        ask_for_it(desktop)
        desktop.screenshot(artefacts / "get licence.png")
        desktop.press(QUESTION, "shift+Tab", "shift+Tab", "Return")  # the link
        until(browser.exists, "page in the browser")
        assert browser.read_text().strip() == catalogue.load().find(BOUND).licence_url
        assert facts_of(installed, BOUND)["accept"]
        desktop.press(QUESTION, ACCEPT)
        until(lambda: facts_of(installed, BOUND)["installed"] and not jobs(installed), "model, and a preview of it")
        desktop.press(DIALOG, REMOVE)
        assert called.result(PATIENCE) == SUCCESS
    assert not facts_of(installed, BOUND)["accept"]
    record = json.loads(installed.outside(f"{installed.home}/.local/share/matted/licences.json").read_text())
    assert record[BOUND]["licence"] == "bria-rmbg-1.4"
    assert shown.mask() == installed.mask_of(photograph(), model=BOUND)


@pytest.fixture
def patient(installed: Installed) -> Iterator[None]:
    """The settings of somebody who waits for a mask, on a computer where no better model was offered."""
    settings = installed.outside(f"{installed.home}/.config/matted/config.toml")
    before = settings.read_text() if settings.exists() else ""
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text("patience = 600\n")
    installed.offered.unlink()
    yield
    settings.write_text(before)
    installed.offered.write_text("{}")


def test_a_better_model_is_offered_once(
    desktop: Gimp,
    installed: Installed,
    shown: Picture,
    sources: Command,
    patient: None,
    forgetful: None,
    artefacts: Path,
) -> None:
    sources("sources.json")
    for is_first in (True, False):
        with asked(shown, WITH_DIALOG) as called:
            if is_first:
                ask_for_it(desktop)
                desktop.press(QUESTION, "Escape")
                until(lambda: not desktop.windows(QUESTION), "end of the question")
                desktop.screenshot(artefacts / "get better.png")
                desktop.press(DIALOG, NOT_YET)
            until(lambda: pictures(installed) and not jobs(installed), "preview")
            desktop.press(DIALOG, GET, REMOVE)  # the first key means nothing now: no question takes the second
            assert called.result(PATIENCE) == SUCCESS
    assert json.loads(installed.offered.read_text())["model"] == MODEL
    assert not facts_of(installed)["installed"]


def test_a_better_model_that_is_got_is_the_default(
    desktop: Gimp,
    installed: Installed,
    shown: Picture,
    sources: Command,
    mirror: Mirror,
    patient: None,
    forgetful: None,
    artefacts: Path,
) -> None:
    mirror.fault = Fault()
    sources("sources.json")
    with asked(shown, WITH_DIALOG) as called:
        ask_for_it(desktop)
        desktop.press(QUESTION, DOWNLOAD)
        until(lambda: facts_of(installed)["installed"] and not jobs(installed), "model, and a preview of it")
        desktop.screenshot(artefacts / "get better done.png")
        desktop.press(DIALOG, REMOVE)
        assert called.result(PATIENCE) == SUCCESS
    assert shown.mask() == installed.mask_of(photograph(), model=MODEL)
