"""MobileSAM's architecture with random weights: the whole path, from the picture to raw masks, gives what torch gives.

`make mobile-sam` makes the files, in an environment with torch, and runs this.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import paces
from matted.inference.asking import prompts
from matted.inference.asking.held import Encoded, HeldModel
from matted.inference.asking.prompts import Prompt
from matted.inference.cache import ModelCache
from matted.inference.compiled import CompiledFiles
from matted.inference.layer import Layer
from matted.inference.predictor import Predictor
from matted.inference.timing import Stopwatch
from matted.masking.interactive import Hints
from matted.masking.picture import Findings
from matted.masking.subject import clicking
from matted.models import catalogue
from matted.models.sources import Monitor, local
from matted.models.store import Store
from matted.settings.target import CPU, Target
from matted.system.task import Task
from PIL import Image

FOLDER = os.environ.get("MATTED_TEST_MOBILE_SAM", "")
pytestmark = pytest.mark.skipif(not FOLDER, reason="needs files that torch makes: make mobile-sam")
SPEC = catalogue.load().specs["mobile-sam"]
SAME = 2e-3  # of raw masks, whose standard deviation is about 5
PROMPTS = range(4)
TARGET = Target(CPU, "f32")


@pytest.fixture(scope="module")
def answers() -> dict[str, Any]:
    return dict(np.load(Path(FOLDER) / "answers.npz"))


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HeldModel]:
    """The model as the daemon has it: pulled, converted, and in a process of its own."""
    folder = tmp_path_factory.mktemp("data")
    store = Store(folder / "models")
    store.pull(SPEC, [local.source(FOLDER, SPEC)], Monitor(), trust=True)
    cache = ModelCache(1 << 40, lambda: 1 << 40)
    predictor = Predictor(store, cache, CompiledFiles(folder / "compiled", 1 << 30), paces(folder), TARGET)
    with predictor.hold(Task(), SPEC, 60.0, Stopwatch(time.monotonic())) as model:
        yield model
    cache.clear()


@pytest.fixture(scope="module")
def encoded(held: HeldModel, answers: dict[str, Any]) -> Encoded:
    return held.encode(Layer(answers["picture"]))


@pytest.mark.parametrize("number", PROMPTS)
def test_raw_masks_are_those_of_torch(held: HeldModel, encoded: Encoded, answers: dict[str, Any], number: int) -> None:
    earlier = int(answers[f"earlier_{number}"])
    prompt = Prompt(answers[f"points_{number}"], answers[f"labels_{number}"])
    given = answers[f"masks_{earlier}"][2] if earlier >= 0 else None
    masks, scores = held.decode(encoded, prompt, given)
    expected = answers[f"masks_{number}"]
    assert expected.std() > 1.0 and masks.shape == expected.shape == (4, 256, 256)
    off = float(np.abs(masks - expected).max())
    print(f"prompt {number}: raw masks {off:.1e} off, scores {np.abs(scores - answers[f'scores_{number}']).max():.1e}")
    assert off <= SAME
    assert float(np.abs(scores - answers[f"scores_{number}"]).max()) <= SAME


def test_what_a_person_says_becomes_the_prompt_of_torch(encoded: Encoded, answers: dict[str, Any]) -> None:
    assert SPEC.decoder is not None
    height, width = answers["picture"].shape[:2]
    said = (
        {"keep": [(300, 200)]},
        {"keep": [(300, 200), (700, 500)], "drop": [(100, 100)]},
        {"box": (200, 100, 900, 700)},
        {"box": (200, 100, 900, 700), "keep": [(500, 400)], "drop": [(250, 150)]},
    )
    for number, fields in enumerate(said):
        prompt = prompts.make(SPEC.decoder, encoded.fit, width, height, **fields)  # type: ignore[arg-type]
        assert np.array_equal(prompt.points, answers[f"points_{number}"]), number
        assert np.array_equal(prompt.labels, answers[f"labels_{number}"]), number


def test_the_matte_of_a_click_is_the_best_of_torchs_masks(held: HeldModel, answers: dict[str, Any]) -> None:
    findings = Findings()
    found, _ = clicking.find(held, Layer(answers["picture"]), Hints(keep=((300, 200),)), findings)
    masks, scores = answers["masks_0"], answers["scores_0"]
    hits = [index for index in (1, 2, 3) if masks[index, 50, 75] > 0] or [1, 2, 3]
    best = max(hits, key=lambda index: float(scores[index]))
    assert found.matte.shape == (384, 512)
    enlarged = np.asarray(Image.fromarray(masks[best]).resize((512, 512), Image.Resampling.BILINEAR))
    probable = 1 / (1 + np.exp(-enlarged))
    assert float(np.abs(found.matte[:380] - probable[:380]).max()) < 5e-3
    encoding, clicking_again = (
        _seconds(lambda: held.encode(Layer(np.roll(answers["picture"], 7, 0)))),
        _seconds(lambda: clicking.find(held, Layer(answers["picture"]), Hints(keep=((310, 220),)), findings)),
    )
    print(f"encoding takes {encoding:.3f} s, another click {clicking_again:.3f} s")


def _seconds(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
