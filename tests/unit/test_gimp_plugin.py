"""The parts of the GIMP plug-in that know nothing of GIMP: its languages, its list of models, its colours."""

from __future__ import annotations

import ast
import importlib
import json
import re
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

CHECKOUT = Path(__file__).parents[2]
PLUGIN = CHECKOUT / "plugins" / "gimp" / "remove-background"
LANGUAGES = ("de", "es", "fr", "ja", "zh_CN")
WIDE = ("ja", "zh_CN")  # whose characters take twice the room
FACTS = {
    "title": "Title",
    "about": "About.",
    "licence": "MIT",
    "commercial": True,
    "bytes": 5_400_000,
    "plate": False,
    "installed": True,
    "default": False,
}


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


def texts_in(path: Path, names: tuple[str, ...]) -> list[str]:
    """What is handed to the functions with these names."""
    calls = (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call))
    return [
        ast.literal_eval(call.args[0])
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id in names and isinstance(call.args[0], ast.Constant)
    ]


def english() -> set[str]:
    found = {text for path in PLUGIN.glob("*.py") for text in texts_in(path, ("_", "N_"))}
    return found | set(texts_in(CHECKOUT / "shared" / "matted_client" / "progress.py", ("translate",)))


def width(text: str, language: str) -> int:
    return len(text) * (2 if language in WIDE else 1)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated_and_fits(language: str) -> None:
    translated = part("texts").read(str(PLUGIN / "languages" / f"{language}.po"))
    assert set(translated) == english()
    for text, other in translated.items():
        assert re.findall(r"%[a-z]", other) == re.findall(r"%[a-z]", text), text
        assert other.count("_") <= text.count("_"), text
        assert other.endswith("…") == text.endswith("…") or text.endswith("Background…"), text
        assert width(other, language) <= 1.6 * len(text) + 20, f"too long for its place: {other}"


def test_sentences_of_others_are_still_theirs() -> None:
    sources = [*CHECKOUT.glob("shared/matted_client/*.py"), *CHECKOUT.glob("daemon/matted/**/*.py")]
    said = "\n".join(path.read_text("utf-8") for path in sources)
    assert [text for text in part("texts").ELSEWHERE if f'"{text}"' not in said] == []


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({"LANGUAGE": "de_AT:fr", "LANG": "es_ES.UTF-8"}, "Modell"),
        ({"LANGUAGE": "", "LANG": "es_ES.UTF-8"}, "Modelo"),
        ({"LC_ALL": "fr_FR@euro", "LANG": "de_DE"}, "Modèle"),
        ({"LANGUAGE": "nl:ja", "LANG": "nl_NL.UTF-8"}, "モデル"),
        ({"LANG": "zh_CN.UTF-8"}, "模型"),
        ({"LANG": "zh_TW.UTF-8"}, "Model"),
        ({"LANGUAGE": "en:de"}, "Model"),
        ({"LANG": "C.UTF-8"}, "Model"),
        ({}, "Model"),
    ],
)
def test_the_language_is_the_one_of_the_environment(environ: dict[str, str], wanted: str) -> None:
    assert part("texts").load(environ).get("_Model", "_Model").replace("_", "").startswith(wanted)


def test_a_file_of_a_translator(tmp_path: Path) -> None:
    path = tmp_path / "xx.po"
    path.write_text(
        '# somebody\nmsgid ""\nmsgstr ""\n"Language: xx\\n"\n\n#: job.py:3\nmsgid "one \\"two\\""\nmsgstr "eins "\n'
        '"\\"zwei\\""\n\nmsgid "not yet"\nmsgstr ""\n\nmsgid ""\n"long"\nmsgstr ""\n"lang"',
        "utf-8",
    )
    assert part("texts").read(str(path)) == {'one "two"': 'eins "zwei"', "long": "lang"}


# -- models ------------------------------------------------------------------------------------------------------------


def test_models_that_are_here_come_before_those_to_be_fetched() -> None:
    facts = [
        {**FACTS, "id": "far", "installed": False},
        {**FACTS, "id": "asks", "installed": False, "commercial": False},
        {**FACTS, "id": "here", "default": True, "plate": True},
        {**FACTS, "id": "bought", "commercial": False},
    ]
    listed = part("models").entries(facts)
    assert [entry.id for entry in listed] == ["default", "here", "bought", "far"]
    assert [entry.plate for entry in listed] == [True, True, False, False]
    assert listed[0].label == "The default: Title"
    assert listed[0].about.endswith("matted models pull asks")
    assert listed[2].label == "Title (non-commercial only)"
    assert listed[3].label == "Title (download, 5 MB)"


def test_without_a_daemon_there_are_none() -> None:
    assert part("models").entries([]) == []


# -- colours -----------------------------------------------------------------------------------------------------------


def test_the_overlay_is_opaque_only_where_colours_change() -> None:
    random = np.random.default_rng(5)
    pixels = random.integers(0, 256, (40, 30, 4), np.uint8)
    foreground = pixels[:, :, :3].copy()
    foreground[5:20, 3:9] = random.integers(0, 256, (15, 6, 3), np.uint8)
    foreground[0, 0, 2] ^= 1
    different = (foreground != pixels[:, :, :3]).any(axis=2)
    expected = np.dstack([foreground, np.full((40, 30), 255, np.uint8)]) * different[:, :, None]
    made = part("colours").overlay(pixels.tobytes(), bytearray(foreground.tobytes()))
    assert made == expected.tobytes()


# -- the job -----------------------------------------------------------------------------------------------------------


class Layer:
    """A layer of a made-up host: a bright disc, or nothing, on a dark ground."""

    name, depth = "Layer", 8

    def __init__(self, pixels: bytes, width: int, height: int) -> None:
        self._picture = width, height, pixels

    def read(self) -> tuple[int, int, bytes]:
        return self._picture


class Picture:
    plate = None

    def __init__(self, *layers: Layer) -> None:
        self.layers = layers
        self.shown: list[Any] = []
        self.told: list[str] = []
        self.progress: list[tuple[str, float]] = []

    def show_progress(self, text: str, fraction: float) -> None:
        self.progress.append((text, fraction))

    def show(self, cut_outs: list[Any], options: Any) -> None:
        self.shown += cut_outs

    def tell(self, text: str) -> None:
        self.told.append(text)


@pytest.fixture
def folder(daemon: Daemon, tmp_path: Path) -> Path:
    """Where the plug-in was installed, by the version of the daemon."""
    fields = {"connection_file": str(daemon.connection_file), "command": [], "version": matted.__version__}
    (tmp_path / "matted.json").write_text(json.dumps(fields))
    return tmp_path


def work(folder: Path, picture: Picture) -> None:
    part("job").remove_background(str(folder), "tests", picture, part("options").Options())


def test_layers_without_a_subject_are_named(folder: Path) -> None:
    disc, plain = Layer(peers.disc(60, 40), 60, 40), Layer(bytes(60 * 40 * 4), 60, 40)
    picture = Picture(disc, plain, disc)
    work(folder, picture)
    assert [each.layer for each in picture.shown] == [disc, disc]
    assert picture.told == ["Layer: No subject was found in this picture."]


def test_progress_runs_over_all_layers_and_never_back(folder: Path) -> None:
    picture = Picture(*[Layer(peers.disc(60, 40), 60, 40)] * 3)
    work(folder, picture)
    fractions = [fraction for _, fraction in picture.progress]
    assert fractions == sorted(fractions) and all(0 <= fraction <= 1 for fraction in fractions)
    assert all(text.startswith("Layer ") and " of 3: " in text for text, _ in picture.progress)
