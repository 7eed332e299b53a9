"""The real u2netp finds no subject in empty pictures, and the subject in photographs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import PHOTOGRAPHS
from matted.inference import model_io
from matted.inference.engines import backend
from matted.inference.layer import Layer
from matted.masking import subject
from matted.models import catalogue
from matted.settings.target import CPU, Target
from PIL import Image, ImageFilter

SPEC = catalogue.load().find("u2netp")
SIZES = [(400, 300), (640, 480), (1024, 1024)]

Confidence = Callable[[Any], float]


@pytest.fixture(scope="module")
def confidence(u2netp_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Confidence:
    """confidence(rgb) runs the model on a picture, height x width x 3, and returns its confidence of a subject."""
    model = backend.load(SPEC, u2netp_file, Target(CPU), tmp_path_factory.mktemp("compiled"))

    def measure(rgb: Any) -> float:
        planes = model_io.prepare(Layer(rgb), SPEC, model_io.choose_fit(rgb.shape[1], rgb.shape[0], SPEC, model.size))
        raw = model.infer([planes])[0][0]
        return subject.confidence(model_io.probability(raw, SPEC), planes, SPEC)

    return measure


def to_bytes(levels: Any) -> Any:
    return np.rint(np.clip(levels, 0, 255)).astype(np.uint8)


def smooth(width: int, height: int, cells: int, seed: int) -> Any:
    """Make smooth noise with about `cells` waves across: height x width x 1, 0..1."""
    coarse = np.random.default_rng(seed).uniform(0, 1, (cells, cells)).astype(np.float32)
    return np.clip(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC), 0, 1)[:, :, np.newaxis]


def sky(width: int, height: int, clouds: float) -> Any:
    down = np.linspace(0, 1, height)[:, np.newaxis, np.newaxis]
    blue = (1 - down) * [70, 120, 200] + down * [190, 215, 240] + np.zeros((height, width, 1))
    share = clouds * (0.7 * smooth(width, height, 6, 1) + 0.3 * smooth(width, height, 24, 2))
    return to_bytes((1 - share) * blue + share * 250)


def uniform(width: int, height: int, cell: int, channels: int) -> Any:
    random = np.random.default_rng(cell)
    cells = random.integers(0, 256, (-(-height // cell), -(-width // cell), channels)).astype(np.uint8)
    noise = np.repeat(np.repeat(cells, cell, axis=0), cell, axis=1)[:height, :width]
    return np.ascontiguousarray(np.broadcast_to(noise, (height, width, 3)))


def normal(width: int, height: int, deviation: float) -> Any:
    return to_bytes(128 + np.random.default_rng(9).normal(0, deviation, (height, width, 3)))


EMPTY: dict[str, Callable[[int, int], Any]] = {
    "black": lambda width, height: np.zeros((height, width, 3), np.uint8),
    "grey": lambda width, height: np.full((height, width, 3), 128, np.uint8),
    "white": lambda width, height: np.full((height, width, 3), 255, np.uint8),
    "clear sky": lambda width, height: sky(width, height, 0.0),
    "thin clouds": lambda width, height: sky(width, height, 0.3),
    "clouds": lambda width, height: sky(width, height, 0.8),
    "uniform noise": lambda width, height: uniform(width, height, 1, 3),
    "grey noise": lambda width, height: uniform(width, height, 1, 1),
    "coarse noise": lambda width, height: uniform(width, height, 8, 3),
    "weak normal noise": lambda width, height: normal(width, height, 6),
    "normal noise": lambda width, height: normal(width, height, 50),
}


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("name", EMPTY)
def test_where_there_is_nothing_none_is_found(confidence: Confidence, name: str, width: int, height: int) -> None:
    assert not subject.is_present(confidence(EMPTY[name](width, height)), SPEC)


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
@pytest.mark.parametrize("how", ["as it is", "dark", "pale", "grainy", "blurred"])
def test_in_a_photograph_the_subject_is_found(confidence: Confidence, name: str, how: str) -> None:
    with Image.open(PHOTOGRAPHS / f"{name}.jpg") as file:
        levels = np.asarray(file.convert("RGB")).astype(float)
        blurred = np.asarray(file.convert("RGB").filter(ImageFilter.GaussianBlur(file.width / 320))).astype(float)
    grain = np.random.default_rng(6).normal(0, 20, levels.shape)
    changed = {
        "as it is": levels,
        "dark": levels * 0.2,
        "pale": levels * 0.3 + 150,
        "grainy": levels + grain,
        "blurred": blurred,
    }
    assert subject.is_present(confidence(to_bytes(changed[how])), SPEC)
