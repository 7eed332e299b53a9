"""The parts of the GIMP plug-in that know nothing of GIMP: its language, its colours, its job."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import matted
import numpy as np
import peers
import pytest
from conftest import Daemon
from matted_client import Mask, Rejected, Session, messages
from matted_client.options import LayerOptions

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
        if Path(getattr(sys.modules[name], "__file__", None) or "").parent == PLUGIN:
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


def test_the_overlay_is_opaque_only_where_colours_change() -> None:
    random = np.random.default_rng(5)
    pixels = random.integers(0, 256, (40, 30, 4), np.uint8)
    foreground = pixels[:, :, :3].copy()
    foreground[5:20, 3:9] = random.integers(0, 256, (15, 6, 3), np.uint8)
    foreground[0, 0, 2] ^= 1
    different = (foreground != pixels[:, :, :3]).any(axis=2)
    expected = np.dstack([foreground, np.full((40, 30), 255, np.uint8)]) * different[:, :, None]
    sent = np.dstack([foreground, random.integers(0, 256, (40, 30), np.uint8)])
    made = part("colours").overlay(pixels.tobytes(), bytearray(sent.tobytes()))
    assert made == expected.tobytes()


# -- the job -----------------------------------------------------------------------------------------------------------


class Layer:
    """A layer of a made-up host: a bright disc, or nothing, on a dark ground."""

    name, depth = "Layer", 8

    def __init__(self, pixels: bytes, width: int, height: int, box: list[int] | None = None) -> None:
        self._picture = width, height, pixels
        self._box = box

    def read(self) -> tuple[int, int, bytes]:
        return self._picture

    def box(self) -> list[int] | None:
        return self._box


class Picture:
    plate = None

    def __init__(self, *layers: Layer) -> None:
        self.layers = layers
        self.shown: list[Any] = []
        self.told: list[str] = []
        self.progress: list[tuple[str, float]] = []

    def show_progress(self, text: str, fraction: float) -> None:
        self.progress.append((text, fraction))

    def show(self, cut_outs: list[Any], options: Any) -> list[str]:
        self.shown += cut_outs
        return ["A note."]

    def tell(self, text: str) -> None:
        self.told.append(text)


@pytest.fixture
def folder(daemon: Daemon, tmp_path: Path) -> Path:
    """Where the plug-in was installed, by the version of the daemon."""
    fields = {"connection_file": str(daemon.connection_file), "command": [], "version": matted.__version__}
    (tmp_path / "matted.json").write_text(json.dumps(fields))
    return tmp_path


def work(folder: Path, picture: Picture, **options: Any) -> None:
    part("removal").remove_background(str(folder), "tests", picture, LayerOptions(**options))


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
