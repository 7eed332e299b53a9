"""Models as ONNX files for servers: ONNX Runtime computes from bytes what the engine does, and the rest is refused."""

from __future__ import annotations

import builtins
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from graphs import small
from matted.inference import exporting
from matted.inference.engines import backend, comparison
from matted.inference.exporting import onnx_graphs
from matted.models import catalogue, weights
from matted.models.spec import ModelSpec
from matted.settings.target import Target
from matted_client import MattedError
from numpy.typing import NDArray

pytestmark = pytest.mark.slow

SPECS = catalogue.load().specs
SERVER = exporting.SERVERS["triton-onnx"]
GRAPHS: dict[str, Any] = {
    "isnet-general-use": small.isnet_like,
    "background-matting-mobilenetv2": small.keyer,
    "vitmatte-small": small.refiner_like,
    "modnet": small.portrait_like,
}
LEVEL = 1 / 255


def answers(graph: Path, pictures: list[NDArray[np.uint8]]) -> list[NDArray[Any]]:
    session = onnxruntime.InferenceSession(str(graph))
    given = {name: planes[np.newaxis] for name, planes in zip(("image", "plate"), pictures, strict=False)}
    assert [each.name for each in session.get_inputs()] == list(given)
    found: list[NDArray[Any]] = session.run(None, given)
    return found


@pytest.mark.parametrize("model", GRAPHS)
def test_the_graph_computes_what_the_engine_does(tmp_path: Path, model: str) -> None:
    spec, file = SPECS[model], GRAPHS[model](tmp_path / "published.onnx")
    weights.convert(spec, file, tmp_path / "ir" / "model.xml")
    engine = backend.load(spec, tmp_path / "ir" / "model.xml", Target("CPU", "f32"), None)
    pictures = comparison.pictures(spec, engine.size)
    expected = [output.copy() for output in engine.infer(pictures)]

    (made,) = exporting.export(spec, file, tmp_path / "models", SERVER)

    found = answers(made / "1" / "model.onnx", pictures)
    assert len(found) == len(expected) == len(spec.outputs)
    assert np.abs(found[0][0] - expected[0]).max() <= LEVEL and np.ptp(expected[0]) > 0.2
    for ours, theirs in zip(found[1:], expected[1:], strict=True):
        assert ours.dtype == theirs.dtype == np.uint8
        assert np.abs(ours[0].astype(int) - theirs).max() <= 1


def test_a_dark_picture_is_as_bright_as_the_spec_says(tmp_path: Path) -> None:
    """The brightest sample counts as 1, and black stays black: there is nothing to divide by."""
    spec, file = SPECS["isnet-general-use"], small.isnet_like(tmp_path / "published.onnx")
    assert spec.scale == "max"
    (made,) = exporting.export(spec, file, tmp_path / "models", SERVER)
    (side,) = {each.shape[2] for each in onnxruntime.InferenceSession(made / "1" / "model.onnx").get_inputs()}
    picture = np.random.default_rng(1).integers(0, 64, (3, side, side), np.uint8)
    dark, bright = (answers(made / "1" / "model.onnx", [each]) for each in (picture, 4 * picture))
    np.testing.assert_allclose(dark[0], bright[0], atol=1e-5)
    assert np.isfinite(answers(made / "1" / "model.onnx", [np.zeros_like(picture)])[0]).all()


def test_triton_is_told_names_types_and_shapes(tmp_path: Path) -> None:
    spec = SPECS["background-matting-mobilenetv2"]
    (made,) = exporting.export(spec, small.keyer(tmp_path / "published.onnx"), tmp_path, SERVER)
    text = (made / "config.pbtxt").read_text()
    assert f'name: "{spec.id}"\nbackend: "onnxruntime"\n' in text and "KIND_GPU" in text
    for name, kind, planes in (("image", "UINT8", 3), ("plate", "UINT8", 3), ("matte", "FP32", 1)):
        assert f'name: "{name}"\n  data_type: TYPE_{kind}\n  dims: [ 1, {planes}, -1, -1 ]' in text
    *_, start = SERVER.commands(tmp_path)
    assert "--gpus all" in start and start.count("-p ") == start.count("-p 127.0.0.1:") == 2


@pytest.mark.parametrize("model", ["rvm-mobilenetv3", "mobile-sam"])
def test_what_takes_more_than_pictures_is_refused(tmp_path: Path, model: str) -> None:
    with pytest.raises(MattedError, match="takes more than pictures") as refused:
        exporting.export(SPECS[model], tmp_path / "any.onnx", tmp_path / "models", SERVER)
    assert "another server" in refused.value.hint and not (tmp_path / "models").exists()


def older(path: Path) -> None:
    model = onnx.load(path)
    model.opset_import[0].version = 10
    onnx.save(model, path)


DAMAGE = {
    "no ONNX": lambda path: path.write_text("a web page"),
    "older than version 11": older,
    "not 1 x 3 x": lambda path: small.refiner_like(path),
    "2 inputs, not 1": lambda path: small.keyer(path),
}


@pytest.mark.parametrize("reason", DAMAGE)
def test_another_file_is_refused_with_the_reason(tmp_path: Path, reason: str) -> None:
    file = small.portrait_like(tmp_path / "published.onnx")
    DAMAGE[reason](file)
    with pytest.raises(MattedError, match=f"modnet could not be exported: .*{reason}"):
        exporting.export(SPECS["modnet"], file, tmp_path / "models", SERVER)
    assert os.listdir(tmp_path / "models") == []


def test_an_output_that_is_not_there_is_named(tmp_path: Path) -> None:
    spec: ModelSpec = replace(SPECS["modnet"], outputs=("nowhere",))
    with pytest.raises(ValueError, match="no output nowhere"):
        onnx_graphs.write(spec, small.portrait_like(tmp_path / "published.onnx"), tmp_path / "made.onnx")


def test_without_the_package_it_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = builtins.__import__

    def without(name: str, *others: Any) -> Any:
        if name == "onnx":
            raise ImportError(name)
        return found(name, *others)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MattedError, match="package onnx is needed") as refused:
        exporting.export(SPECS["modnet"], tmp_path / "any.onnx", tmp_path / "models", SERVER)
    assert "matted[onnx]" in refused.value.hint
