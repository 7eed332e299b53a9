"""Getting a model in Remove Background… of the real Krita: the button beneath the list, its question, the download.

Krita runs once in each root; hosts/krita/matted_checks/getting.py does there what a person would do.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from graphs import small
from hosts import roots
from hosts.krita.kinds import TITLES
from hosts.krita.session import KritaSession, Results, krita_session
from hosts.seen import artefacts_folder
from hosts.served import BOUND, MODEL, served
from matted.models import catalogue
from mirrors import Mirror
from PIL import Image

PHOTOGRAPH = Path(__file__).parents[1] / "photographs" / "chelsea.jpg"
TESTED = [suite for suite in TITLES if suite in roots.SUITES]
GET, STOP, NOT_YET, LICENCE = "Get… (1 M&B)", "A&bort", "Not &yet", "Apache-2.0"
HALF = 500  # of the bar's steps


class Seen(Results):
    """What Krita saw, the daemon that it left running, and the server that had the models."""

    def __init__(self, session: KritaSession, results: dict[str, dict[str, Any]], server: Mirror) -> None:
        super().__init__(session, results)
        self.server = server

    def mask(self, name: str) -> bytes:
        return (self.session.folder / name).read_bytes()

    def expected(self, model: str) -> bytes:
        with Image.open(PHOTOGRAPH) as image, self.session.ask() as session:
            pixels = image.convert("RGBA").tobytes()
            return bytes(session.mask(pixels, *image.size, "RGBA8", model=model).alpha)


@pytest.fixture(scope="module", params=TESTED, ids=[f"krita-{TITLES[suite]}" for suite in TESTED])
def seen(
    request: pytest.FixtureRequest, wheel: Path, u2netp_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Seen]:
    artefacts, folder = artefacts_folder(tmp_path_factory), tmp_path_factory.mktemp("krita")
    net = small.isnet_like(folder / "net.onnx", side=64)
    with krita_session(roots.get(request.param, wheel), u2netp_file, {}) as session:
        with Image.open(PHOTOGRAPH) as image:
            image.save(session.folder / "photograph.png")
        with served(session.folder, net) as server:
            server.fault = replace(server.fault, times=2)
            session.get_models()
            session.settings("patience = 600\n")  # of somebody who waits for a mask
            results = session.run(folder / "krita.log")
            for shot in [*session.folder.glob("get-*.png"), *session.folder.glob("failure*.png")]:
                shutil.copy(shot, artefacts / f"krita-{TITLES[request.param]}-{shot.name}")
            yield Seen(session, results, server)


def test_a_model_that_is_not_here_has_a_button_with_size_and_licence(seen: Seen) -> None:
    assert seen["got"]["at first"] == {"texts": [LICENCE], "buttons": [GET], "bar": None}


def test_one_question_says_what_there_is_to_know_and_no_changes_nothing(seen: Seen) -> None:
    message, hint, buttons = seen["got"]["question"]
    spec = catalogue.load().find(MODEL)
    assert message == "Get IS-Net general use?" and buttons == ["Cancel", "Download"]
    assert hint.startswith(f"{spec.about} 1 MB will be downloaded. Licence: Apache-2.0 (free).")
    assert f'<a href="{spec.licence_url}">Read the licence</a>' in hint
    assert seen["got"]["after no"] == seen["got"]["at first"]


def test_the_dialog_says_how_far_the_download_is_and_ok_waits_for_it(seen: Seen) -> None:
    half = seen["got"]["half"]
    (text,) = half["texts"]
    assert text == "Downloading IS-Net general use: 0 of 1 MB\nUntil it is here, the background cannot be removed."
    assert half["buttons"] == [STOP] and half["bar"] == pytest.approx(HALF, abs=HALF // 10)
    assert seen["got"]["OK at half"] is False and seen["got"]["clipped"] == []


def test_what_was_stopped_goes_on_where_it_was(seen: Seen) -> None:
    stopped = seen["got"]["stopped"]
    assert stopped["texts"][0].startswith("The download was stopped.") and stopped["buttons"] == [GET]
    assert seen["got"]["OK then"] is True
    cut = seen.server.fault.cut
    of_the_other, *downloads = seen.server.downloads()[:3]
    assert of_the_other == ("/net.onnx", "") and downloads == [("/net.onnx", ""), ("/net.onnx", f"bytes={cut}-")]


def test_the_model_is_used_in_the_preview_and_by_ok(seen: Seen) -> None:
    label, model, status, is_ok = seen["got"]["got"]
    assert model == MODEL and label.startswith("IS-Net general use (free") and "not on this computer" not in label
    assert "of what is seen stays." in status and is_ok
    assert seen["got"]["messages"] == []
    assert seen.mask("got.mask") == seen.expected(MODEL)


def test_the_dialog_keeps_its_size(seen: Seen) -> None:
    assert len(set(map(tuple, seen["got"]["sizes"]))) == 1


def test_a_licence_is_accepted_by_the_button_that_says_so(seen: Seen) -> None:
    spec = catalogue.load().find(BOUND)
    message, hint, buttons = seen["closed"]["question"]
    assert message == f"Get {spec.title}?" and buttons == ["Accept and download", "Cancel"]
    assert "Licence: bria-rmbg-1.4 (non-commercial only). It has to be accepted first." in hint
    with seen.session.ask() as session:
        assert next(facts["accept"] for facts in session.models() if facts["id"] == BOUND) is False


def test_a_download_ends_with_the_dialog(seen: Seen) -> None:
    assert seen["closed"]["messages"] == []


def test_after_an_error_the_dialog_goes_on(seen: Seen) -> None:
    trouble = seen["trouble"]
    text, licence = trouble["trouble"]["texts"]
    assert text.endswith("could not be reached (connection refused).") and licence == "bria-rmbg-1.4"
    assert trouble["trouble"]["buttons"] == [GET] and trouble["OK"] is True and trouble["clipped"] == []
    assert trouble["another"] is None and trouble["messages"] == []
    assert seen.mask("after-trouble.mask") == seen.expected("u2netp")


def test_a_better_model_is_offered_once(seen: Seen) -> None:
    offered = seen["offered"]
    text, licence = offered["offer"]["texts"]
    assert (text, licence) == ("Better masks: IS-Net general use (free).", LICENCE)
    assert offered["offer"]["buttons"] == [GET, NOT_YET] and offered["clipped"] == []
    assert offered["declined"] is None and offered["again"] is None


def test_a_better_model_that_is_got_is_the_default(seen: Seen) -> None:
    offered = seen["offered"]
    label, model = offered["got"]
    assert "IS-Net general use" in label and model == "default"
    assert offered["messages"] == []
    assert seen.mask("better.mask") == seen.expected(MODEL)
