"""Robust Video Matting with its real weights: what OpenVINO makes of them is what ONNX Runtime does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from conftest import PHOTOGRAPHS, Daemon, real_weights
from matted.inference import model_io
from matted.inference.engines import backend
from matted.inference.engines.comparison import PHOTOGRAPH
from matted.inference.layer import Layer
from matted.models import catalogue, weights
from matted.settings.target import CPU, Target
from numpy.typing import NDArray
from PIL import Image

MODEL = "rvm-mobilenetv3"
SPEC = catalogue.load().specs[MODEL]
SAME = 2e-3
COARSE = 512  # pixels of the longer side in the coarse pass, as the network's authors advise


@pytest.fixture(scope="module")
def file() -> Path:
    return real_weights(MODEL)


@pytest.fixture(scope="module")
def model(file: Path, tmp_path_factory: pytest.TempPathFactory) -> backend.Model:
    folder = tmp_path_factory.mktemp("rvm")
    weights.convert(SPEC, file, folder / "model.xml")
    return backend.load(SPEC, folder / "model.xml", Target(CPU, "f32"), None)


def right(file: Path, planes: NDArray[np.uint8]) -> Any:
    """Return alpha as ONNX Runtime computes it, given all inputs of the file. planes: 3 x rows x columns."""
    session = onnxruntime.InferenceSession(str(file))
    nothing = np.zeros((1, 1, 1, 1), np.float32)
    states = {name: nothing for name in ("r1i", "r2i", "r3i", "r4i")}
    ratio = np.float32([min(1.0, COARSE / max(planes.shape[1:]))])
    given = {"src": planes[np.newaxis].astype(np.float32) / 255, **states, "downsample_ratio": ratio}
    return session.run(["pha"], given)[0][0]


@pytest.mark.parametrize(("width", "height"), [(320, 320), (1280, 960), (600, 900), (40, 24), (700, 3), (5, 7)])
def test_alpha_is_that_of_the_published_network_at_any_size(
    file: Path, model: backend.Model, width: int, height: int
) -> None:
    assert model.size is None
    with Image.open(PHOTOGRAPH) as image:
        layer = Layer(np.asarray(image.convert("RGB").resize((width, height))))
    fit = model_io.choose_fit(width, height, SPEC, model.size)
    assert fit.content == (height, width), "every pixel is shown"
    planes = model_io.prepare(layer, SPEC, fit)
    alpha, *states = model.infer(model_io.inputs([planes], SPEC, fit))
    expected = right(file, planes)
    assert alpha.shape == expected.shape == (1, *fit.size) and len(states) == len(SPEC.states)
    assert float(np.abs(alpha - expected).max()) <= SAME
    if min(width, height) >= 320:
        assert expected.min() < 0.01 and expected.max() > 0.99, "it shows a person"


def test_a_person_is_cut_out_and_a_cat_is_not(file: Path, new_daemon: Any, tmp_path: Path) -> None:
    daemon: Daemon = new_daemon(weights=None)
    pulled = daemon.run("models", "pull", MODEL, "--from", str(file))
    assert pulled.returncode == 0 and "GPL-3.0" in pulled.stdout and "under the GPL" in pulled.stdout
    done = daemon.run(
        "remove", str(PHOTOGRAPHS / "astronaut.jpg"), "--mask", "--model", MODEL, "-o", str(tmp_path / "a.png")
    )
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "a.png") as image:
        mask = np.asarray(image.convert("L"))
    rows, columns = mask.shape
    assert 0.2 < (mask > 127).mean() < 0.7
    assert (mask[rows // 2 :, columns // 3 : columns // 2] > 250).mean() > 0.9, "her suit"
    nobody = daemon.run(
        "remove", str(PHOTOGRAPHS / "chelsea.jpg"), "--mask", "--model", MODEL, "-o", str(tmp_path / "c.png")
    )
    assert nobody.returncode == 1 and "No subject" in nobody.stderr
