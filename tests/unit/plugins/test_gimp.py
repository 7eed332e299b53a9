"""The parts of the GIMP plug-in that know nothing of GIMP: its language, its colours, its job."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import matted
import numpy as np
import peers
import pytest
from conftest import PATIENCE, Daemon, wait_for
from matted_client import MattedError, Rejected, Unavailable, messages
from matted_client.client import Session
from matted_client.filling import Filling
from matted_client.messages import MaskRequest
from matted_client.options import GimpOptions, RefineOptions
from matted_client.pictures import Mask
from matted_client.preview.marks import Marks

CHECKOUT = Path(__file__).parents[3]
PLUGIN = CHECKOUT / "plugins" / "gimp" / "remove-background"


@pytest.fixture(scope="module", autouse=True)
def importable() -> Iterator[None]:
    """The plug-in's modules have short names, which nothing else shall find."""
    before = set(sys.modules)
    sys.path.insert(0, str(PLUGIN))
    yield
    sys.path.remove(str(PLUGIN))
    for name in set(sys.modules) - before:
        if PLUGIN in Path(getattr(sys.modules[name], "__file__", None) or "").parents:
            del sys.modules[name]


def part(name: str) -> Any:
    module: ModuleType = importlib.import_module(name)
    return module


# -- languages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({"LANGUAGE": "de_AT:fr", "LANG": "es_ES.UTF-8"}, ["de_AT", "fr"]),
        ({"LANGUAGE": "", "LANG": "es_ES.UTF-8"}, ["es_ES"]),
        ({"LC_ALL": "fr_FR@euro", "LANG": "de_DE"}, ["fr_FR"]),
        ({"LC_MESSAGES": "ja", "LANG": "de_DE"}, ["ja"]),
        ({"LANG": "C.UTF-8"}, ["C"]),
        ({}, []),
    ],
    ids=str,
)
def test_the_languages_are_those_of_the_environment(environ: dict[str, str], wanted: list[str]) -> None:
    assert part("texts").locales(environ) == wanted


# -- colours -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [3, 4])
def test_the_overlay_is_opaque_only_where_colours_change(channels: int) -> None:
    random = np.random.default_rng(5)
    pixels = random.integers(0, 256, (40, 30, channels), np.uint8)
    foreground = pixels[:, :, :3].copy()
    foreground[5:20, 3:9] = random.integers(0, 256, (15, 6, 3), np.uint8)
    foreground[0, 0, 2] ^= 1
    different = (foreground != pixels[:, :, :3]).any(axis=2)
    expected = np.dstack([foreground, np.full((40, 30), 255, np.uint8)]) * different[:, :, None]
    sent = np.dstack([foreground, random.integers(0, 256, (40, 30), np.uint8)])
    filling = Filling(pixels.size)
    filling.add(pixels)
    made = part("colours").overlay(filling.bytes, bytearray(sent.tobytes()))
    assert made == expected.tobytes()


# -- the start ---------------------------------------------------------------------------------------------------------

WITHOUT_GIMP = """
import sys
from unittest.mock import MagicMock
sys.modules.update({"gi": MagicMock(), "gi.repository": MagicMock()})
import arguments, call, settings
print(*(name for name in sys.modules if name.startswith("matted_client.")))
"""


def test_what_talks_to_the_daemon_is_not_imported_before_a_layer_is_read() -> None:
    script = [sys.executable, "-c", WITHOUT_GIMP]
    done = subprocess.run(script, env={"PYTHONPATH": str(PLUGIN)}, capture_output=True, text=True, check=True)
    imported = {name.partition(".")[2] for name in done.stdout.split()}
    assert imported == {"errors", "fields", "filling", "formats", "options", "selection", "translations"}


# -- the job -----------------------------------------------------------------------------------------------------------


@dataclass
class Reading:
    width: int
    height: int
    format: str
    pixels: Filling
    parts: Iterator[None]


class Layer:
    """A layer of a made-up host: a bright disc, or nothing, on a dark ground. gone: removed when it is half read.

    painted: its mask, one byte a pixel.
    """

    name, depth = "Layer", 8

    def __init__(
        self, pixels: bytes, width: int, height: int, box: list[int] | None = None, gone: bool = False
    ) -> None:
        self._picture = width, height, pixels
        self._box = box
        self._gone = gone
        self.item = object()  # the host's own
        self.size, self.area = (width, height), (0, 0, width, height)
        self.painted = painted(width, height)

    def read(self) -> Reading:
        width, height, pixels = self._picture
        filling = Filling(len(pixels))
        return Reading(width, height, "RGBA8", filling, self._parts(filling, pixels))

    def read_mask(self) -> Reading:
        """The disc is surely subject in its middle, and nothing else is sure."""
        width, height, _pixels = self._picture
        filling = Filling(width * height)
        return Reading(width, height, "GRAY8", filling, self._parts(filling, self.painted))

    def read_plate(self, plate: bytes) -> Reading:
        width, height, _pixels = self._picture
        filling = Filling(len(plate))
        return Reading(width, height, "RGBA8", filling, self._parts(filling, plate))

    def _parts(self, filling: Filling, pixels: bytes) -> Iterator[None]:
        half = len(pixels) // 2
        filling.add(pixels[:half])
        yield
        if self._gone:
            error = MattedError("The layer is gone.")
            filling.fail(error)
            raise error
        filling.add(pixels[half:])
        yield

    def box(self) -> list[int] | None:
        return self._box


def painted(width: int, height: int) -> bytes:
    """A square of white in the middle of black."""
    mask = np.zeros((height, width), np.uint8)
    mask[height // 4 : -(height // 4), width // 4 : -(width // 4)] = 255
    return mask.tobytes()


class Picture:
    plate = None
    are_frames = False

    def __init__(self, *layers: Layer) -> None:
        self.layers = layers
        self.shown: list[Any] = []
        self.told: list[str] = []
        self.progress: list[tuple[str, float]] = []

    def begin_progress(self) -> None:
        assert self.progress == []

    def show_progress(self, text: str, fraction: float) -> None:
        self.progress.append((text, fraction))

    def show(self, cut_outs: list[Any], options: Any) -> list[str]:
        self.shown += cut_outs
        return ["A note."]

    def take(self, refined: list[Any]) -> None:
        self.shown += refined

    def tell(self, text: str) -> None:
        self.told.append(text)


@pytest.fixture
def folder(daemon: Daemon, tmp_path: Path) -> Path:
    """Where the plug-in was installed, by the version of the daemon."""
    fields = {"connection_file": str(daemon.connection_file), "command": [], "version": matted.__version__}
    (tmp_path / "matted.json").write_text(json.dumps(fields))
    return tmp_path


def work(folder: Path, picture: Picture, **options: Any) -> None:
    part("removal").remove_background(str(folder), "tests", picture, GimpOptions(**options))


@pytest.mark.slow
def test_layers_without_a_subject_are_named(folder: Path) -> None:
    disc, plain = Layer(peers.disc(60, 40), 60, 40), Layer(bytes(60 * 40 * 4), 60, 40)
    picture = Picture(disc, plain, disc)
    work(folder, picture)
    assert [each.layer for each in picture.shown] == [disc, disc]
    assert picture.told == ["Layer: No subject was found in this picture.\nA note."]


@pytest.mark.slow
@pytest.mark.parametrize(("code", "asked"), [(messages.OUT_OF_MEMORY, False), (messages.MODEL_NOT_INSTALLED, True)])
def test_facts_are_asked_for_only_where_the_error_is_of_a_model(
    folder: Path, monkeypatch: pytest.MonkeyPatch, code: str, asked: bool
) -> None:
    requests, opened = part("daemon_requests"), []
    session = requests.session
    monkeypatch.setattr(requests, "session", lambda *arguments: opened.append(arguments) or session(*arguments))
    facts = requests.facts(str(folder), "tests", Rejected(code, "No."), "rmbg-1.4")
    assert (bool(opened), facts.get("id")) == (asked, "rmbg-1.4" if asked else None)


@pytest.mark.parametrize("within", [True, False], ids=["within the selection", "whole layers"])
def test_the_daemon_is_told_where_each_layer_is_selected(
    folder: Path, monkeypatch: pytest.MonkeyPatch, within: bool
) -> None:
    boxes: list[list[int] | None] = [[10, 5, 50, 35], None, [0, 0, 60, 39]]
    sent, mask = [], Session.mask

    def watched(session: Session, *picture: Any, **fields: Any) -> Mask:
        sent.append(fields["box"])
        return mask(session, *picture, **fields)

    monkeypatch.setattr(Session, "mask", watched)
    picture = Picture(*(Layer(peers.disc(60, 40), 60, 40, box) for box in boxes))
    work(folder, picture, within_selection=within, anyway=True)
    assert sent == [each.box for each in picture.shown] == (boxes if within else [None] * 3)


def test_progress_runs_over_all_layers_and_never_back(folder: Path) -> None:
    picture = Picture(*[Layer(peers.disc(60, 40), 60, 40)] * 3)
    work(folder, picture)
    fractions = [fraction for _, fraction in picture.progress]
    assert fractions == sorted(fractions) and all(0 <= fraction <= 1 for fraction in fractions)
    assert all(text.startswith("Layer ") and " of 3: " in text for text, _ in picture.progress)


def test_a_layer_that_goes_away_while_it_is_read_ends_the_removal(folder: Path) -> None:
    disc = peers.disc(60, 40)
    picture = Picture(Layer(disc, 60, 40), Layer(disc, 60, 40, gone=True))
    with pytest.raises(MattedError, match="gone"):
        work(folder, picture)
    assert picture.shown == []
    kind = part("request_thread").RequestThread
    wait_for(lambda: not any(isinstance(each, kind) for each in threading.enumerate()), "the end of the thread")


# -- layers that are frames of one scene -------------------------------------------------------------------------------


def in_the_middle_of(area: tuple[int, int, int, int], size: tuple[int, int] = (20, 10)) -> Layer:
    """A layer of this size that is looked at as a part of a larger area. What is around it is clear."""
    (left, top, width, height), (columns, rows) = area, size
    pixels = np.zeros((height, width, 4), np.uint8)
    disc = np.frombuffer(peers.disc(*size), np.uint8).reshape(rows, columns, 4)
    pixels[-top : rows - top, -left : columns - left] = disc
    layer = Layer(pixels.tobytes(), width, height)
    layer.size, layer.area = size, area
    return layer


def test_the_area_of_frames_has_all_of_them_in_it() -> None:
    assert part("frames").around([(3, -2, 10, 9), (-5, 4, 8, 8), (0, 0, 1, 30)]) == (-5, -2, 10, 30)


@pytest.mark.parametrize("each", [1, 2, 4], ids=["8 bits", "16 bits", "RGBA"])
def test_each_frame_gets_its_part_of_the_area(each: int) -> None:
    area = np.arange(12 * 9 * each, dtype=np.uint8).reshape(9, 12, each)
    samples = bytearray(area.tobytes())
    assert part("frames").part(samples, (-3, -2, 12, 9), (5, 4)) == area[2:6, 3:8].tobytes()
    assert part("frames").part(samples, (0, 0, 12, 9), (12, 9)) is samples


def test_frames_are_asked_about_in_their_area_and_get_their_part(folder: Path, daemon: Daemon) -> None:
    layers = [in_the_middle_of((-12, -9, 60, 40)), in_the_middle_of((-30, 0, 60, 40))]
    picture = Picture(*layers)
    picture.are_frames = True
    work(folder, picture, anyway=True, output="layer")
    with daemon.session() as session:
        scene = session.scene(60, 40, "RGBA8")
        for layer in layers:
            scene.send(layer._picture[2], anyway=True, foreground=True)
        answers = [scene.receive() for _ in layers]
    for layer, shown, answer, (left, top) in zip(layers, picture.shown, answers, [(12, 9), (30, 0)], strict=True):
        wanted = np.frombuffer(answer.alpha, np.uint8).reshape(40, 60)[top : top + 10, left : left + 20]
        assert (shown.layer, shown.width, shown.height, bytes(shown.alpha)) == (layer, 20, 10, wanted.tobytes())
        assert len(shown.overlay) == 20 * 10 * 4


@pytest.mark.slow
def test_a_frame_without_a_subject_is_empty(folder: Path) -> None:
    disc, plain = Layer(peers.disc(60, 40), 60, 40), Layer(bytes(60 * 40 * 4), 60, 40)
    picture = Picture(plain, disc)
    picture.are_frames = True
    work(folder, picture, frames=True)
    shown = {id(each.layer): each for each in picture.shown}
    assert not any(shown[id(plain)].alpha) and any(shown[id(disc)].alpha)
    assert picture.told == ["Layer: No subject was found in this picture.\nA note."]
    picture = Picture(plain, plain)
    picture.are_frames = True
    with pytest.raises(Rejected, match="No subject was found on any of the layers"):
        work(folder, picture, frames=True)
    assert picture.shown == []


def test_frames_share_a_sequence_and_marks_lie_where_their_frame_does(
    folder: Path, opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[MaskRequest] = []
    send = Session.send

    def watched(session: Session, question: Any, *rest: Any) -> Any:
        if question.picture is None:
            requests.append(question)
        return send(session, question, *rest)

    monkeypatch.setattr(Session, "send", watched)
    first, second = (in_the_middle_of((left, -5, 90, 60), (WIDTH, HEIGHT)) for left in (0, -30))
    opened.layer.item = second.item
    opened.marks.box((2, 3, 50, 38))
    picture = Picture(first, second)
    picture.are_frames = True
    part("removal").remove_background(str(folder), "tests", picture, GimpOptions(anyway=True), opened)
    assert [(each.keep, each.box) for each in requests] == [([], None), ([[60, 25]], [32, 8, 80, 43])]
    assert requests[0].sequence == requests[1].sequence is not None


# -- with a preview ----------------------------------------------------------------------------------------------------

WIDTH, HEIGHT = 60, 40
DISC = peers.disc(WIDTH, HEIGHT)


@pytest.fixture
def openings(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The sizes of the pictures that are sent to be kept, and of those that are sent with a question."""
    sent: list[tuple[int, int]] = []
    keep, mask = Session.keep, Session.mask

    def watched(session: Session, opening: Any, *rest: Any, **named: Any) -> None:
        sent.append((opening.width, opening.height))
        keep(session, opening, *rest, **named)

    def asked(session: Session, pixels: Any, width: int, height: int, *rest: Any, **named: Any) -> Mask:
        sent.append((width, height))
        return mask(session, pixels, width, height, *rest, **named)

    monkeypatch.setattr(Session, "keep", watched)
    monkeypatch.setattr(Session, "mask", asked)
    return sent


@pytest.fixture
def opened(folder: Path, openings: list[tuple[int, int]]) -> Iterator[Any]:
    """A layer, sent and watched, whose dialog was accepted when half of it had been read and a point had been set."""
    layer = Layer(DISC, WIDTH, HEIGHT)
    hint = layer.read_mask()
    requests = part("daemon_requests")

    def connect(on_progress: Any, cancelled: Any) -> Session:
        session: Session = requests.session(str(folder), "tests", on_progress, cancelled)
        return session

    found = part("preview.opened_layer").OpenedLayer(connect, layer, lambda act: None, hint)
    found.marks = Marks(WIDTH, HEIGHT)
    found.marks.point((30, 20), keep=True)
    found.conversation.start()
    assert found.read_on()
    yield found
    found.close()


def test_a_layer_that_was_previewed_is_not_sent_again_and_its_marks_count(
    folder: Path, daemon: Daemon, opened: Any, openings: list[tuple[int, int]]
) -> None:
    other = Layer(peers.disc(50, 30), 50, 30)
    picture = Picture(opened.layer, other)
    part("removal").remove_background(str(folder), "tests", picture, GimpOptions(anyway=True), opened)
    assert openings == [(WIDTH, HEIGHT), (50, 30)]
    with daemon.session() as session:
        wanted = session.mask(DISC, WIDTH, HEIGHT, "RGBA8", anyway=True, keep=[[30, 20]], hint=painted(WIDTH, HEIGHT))
        plain = session.mask(peers.disc(50, 30), 50, 30, "RGBA8", anyway=True)
    assert [bytes(each.alpha) for each in picture.shown] == [bytes(wanted.alpha), bytes(plain.alpha)]


def refine(folder: Path, picture: Picture, opened: Any = None, **options: Any) -> None:
    part("refinement").refine_masks(str(folder), "tests", picture, RefineOptions(**options), opened)


def test_masks_are_refined_with_the_options_that_were_chosen(folder: Path, daemon: Daemon) -> None:
    picture = Picture(*[Layer(DISC, WIDTH, HEIGHT)] * 2)
    refine(folder, picture, reach=5.0, grow=2)
    with daemon.session() as session:
        wanted = session.refine(DISC, WIDTH, HEIGHT, "RGBA8", painted(WIDTH, HEIGHT), reach=5.0, grow=2)
    assert [bytes(each.alpha) for each in picture.shown] == [bytes(wanted.alpha)] * 2
    assert all(text.startswith("Layer ") for text, _ in picture.progress)


def test_a_mask_that_was_previewed_is_refined_with_its_marks(
    folder: Path, daemon: Daemon, opened: Any, openings: list[tuple[int, int]]
) -> None:
    picture = Picture(opened.layer)
    refine(folder, picture, opened, reach=5.0)
    assert openings == [(WIDTH, HEIGHT)]
    with daemon.session() as session:
        hint = painted(WIDTH, HEIGHT)
        wanted = session.refine(DISC, WIDTH, HEIGHT, "RGBA8", hint, reach=5.0, keep=[[30, 20]])
    assert [bytes(each.alpha) for each in picture.shown] == [bytes(wanted.alpha)]


def test_a_mask_that_was_painted_on_below_the_preview_is_refined_as_it_is_now(
    folder: Path, daemon: Daemon, opened: Any, openings: list[tuple[int, int]]
) -> None:
    now = bytearray(painted(WIDTH, HEIGHT))
    now[: 10 * WIDTH] = bytes([255]) * 10 * WIDTH
    opened.layer.painted = bytes(now)
    picture = Picture(opened.layer)
    refine(folder, picture, opened)
    assert openings == [(WIDTH, HEIGHT)]
    with daemon.session() as session:
        wanted = session.refine(DISC, WIDTH, HEIGHT, "RGBA8", bytes(now), keep=[[30, 20]])
    assert [bytes(each.alpha) for each in picture.shown] == [bytes(wanted.alpha)]


def test_a_plate_that_is_no_longer_chosen_is_not_read_any_further(
    folder: Path, daemon: Daemon, opened: Any, openings: list[tuple[int, int]]
) -> None:
    opened.take_plate(DISC)
    plate = opened.plate_reading.pixels
    while len(plate.bytes) == 0:
        assert opened.read_on()
    opened.conversation.ask(lambda picture, *_rest: picture.mask(), *[lambda *_said: None] * 3)
    wait_for(lambda: len(openings) == 2, "the plate on its way")
    picture = Picture(opened.layer)  # whose plate is none
    part("removal").remove_background(str(folder), "tests", picture, GimpOptions(anyway=True), opened)
    assert 0 < len(plate.bytes) < len(plate)
    with daemon.session() as session:
        wanted = session.mask(DISC, WIDTH, HEIGHT, "RGBA8", anyway=True, keep=[[30, 20]], hint=painted(WIDTH, HEIGHT))
    assert [bytes(each.alpha) for each in picture.shown] == [bytes(wanted.alpha)]


def test_a_previewed_layer_that_goes_away_ends_the_removal(folder: Path, opened: Any) -> None:
    opened.layer._gone = True
    picture = Picture(opened.layer)
    with pytest.raises(MattedError, match="gone"):
        part("removal").remove_background(str(folder), "tests", picture, GimpOptions(), opened)
    assert picture.shown == []


# -- the thread that asks ----------------------------------------------------------------------------------------------


def thread_of(folder: Path) -> Any:
    """The thread of a plug-in that was installed in this folder."""
    requests = part("daemon_requests")
    return part("request_thread").RequestThread(lambda on_progress: requests.session(str(folder), "tests", on_progress))


def test_progress_is_told_where_the_answer_is_waited_for(folder: Path) -> None:
    here, shown = threading.get_ident(), []
    with thread_of(folder) as thread:
        for number in range(3):
            thread.ask(lambda session, on_progress, number=number: (on_progress(number), session.status(), number)[-1])
        for number in range(3):
            assert thread.answer(lambda progress: shown.append((progress, threading.get_ident()))) == number
    assert shown == [(number, here) for number in range(3)]
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_every_question_is_told_why_there_is_no_connection(tmp_path: Path) -> None:
    with thread_of(tmp_path) as thread:
        for _ in range(2):
            thread.ask(lambda session, on_progress: session.status())
            with pytest.raises(Unavailable, match="not completely installed"):
                thread.answer(lambda progress: None)


def test_an_error_ends_one_question_and_not_the_next(folder: Path) -> None:
    with thread_of(folder) as thread:
        thread.ask(lambda session, on_progress: session.load("no-such-model"))
        thread.ask(lambda session, on_progress: session.status())
        with pytest.raises(Rejected):
            thread.answer(lambda progress: None)
        assert thread.answer(lambda progress: None)["protocol"] == messages.PROTOCOL
