"""Models in the layouts of servers: the graph computes what the engine computes, and the files say what it takes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest
from graphs import small
from matted.inference import exporting
from matted.inference.engines import backend, comparison
from matted.models import catalogue, weights
from matted.models.spec import ModelSpec
from matted.settings.target import Target
from matted_client import MattedError
from numpy.typing import NDArray

pytestmark = pytest.mark.slow

SPECS = catalogue.load().specs
TARGET = Target("CPU", "f32")
GRAPHS: dict[str, Any] = {
    "isnet-general-use": small.isnet_like,
    "background-matting-mobilenetv2": small.keyer,
    "vitmatte-small": small.refiner_like,
    "modnet": small.portrait_like,
}
IMAGES = {
    "isnet-general-use": (1, 3, 32, 32),
    "background-matting-mobilenetv2": (1, 3, -1, -1),
    "vitmatte-small": (1, 4, 1024, 1024),
    "modnet": (1, 3, -1, -1),
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The IR of each model, as `models pull` makes it, of a small graph."""
    folder = tmp_path_factory.mktemp("installed")
    files = {}
    for model, write in GRAPHS.items():
        files[model] = folder / model / "model.xml"
        weights.convert(SPECS[model], write(folder / f"{model}.onnx"), files[model])
    return files


def answers(graph: Path, pictures: list[NDArray[np.uint8]]) -> list[NDArray[Any]]:
    """Run an exported graph by the names of its inputs."""
    compiled = openvino.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    given = {name: planes[np.newaxis] for name, planes in zip(("image", "plate"), pictures, strict=False)}
    found = compiled(given)
    return [found[name] for name in ("matte", "foreground")[: len(compiled.outputs)]]


@pytest.mark.parametrize("server", exporting.SERVERS)
@pytest.mark.parametrize("model", GRAPHS)
def test_the_graph_computes_what_the_engine_does(
    installed: dict[str, Path], tmp_path: Path, model: str, server: str
) -> None:
    spec = SPECS[model]
    made = exporting.export(spec, installed[model], tmp_path, exporting.SERVERS[server])
    assert made == tmp_path / model
    engine = backend.load(spec, installed[model], TARGET, None)
    pictures = comparison.pictures(spec, engine.size)
    expected = [output.copy() for output in engine.infer(pictures)]
    found = answers(made / exporting.SERVERS[server].graph, pictures)
    assert len(found) == len(expected) == len(spec.outputs)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours[0], theirs)


@pytest.mark.parametrize("model", GRAPHS)
def test_triton_is_told_names_types_and_shapes(installed: dict[str, Path], tmp_path: Path, model: str) -> None:
    made = exporting.export(SPECS[model], installed[model], tmp_path, exporting.SERVERS["triton"])
    text = (made / "config.pbtxt").read_text()
    image = ", ".join(map(str, IMAGES[model]))
    assert f'name: "{model}"\nbackend: "openvino"\nmax_batch_size: 0\n' in text
    assert f'input {{\n  name: "image"\n  data_type: TYPE_UINT8\n  dims: [ {image} ]\n}}' in text
    matte = ", ".join(map(str, (1, 1, *IMAGES[model][2:])))
    assert f'output {{\n  name: "matte"\n  data_type: TYPE_FP32\n  dims: [ {matte} ]\n}}' in text
    assert ('name: "plate"' in text) == SPECS[model].needs_plate
    assert ('name: "foreground"\n  data_type: TYPE_UINT8' in text) == (len(SPECS[model].outputs) > 1)
    assert "KIND_CPU" in text, "else Triton takes a GPU of NVIDIA's if there is one, and OpenVINO cannot run there"


@pytest.mark.parametrize("model", GRAPHS)
def test_mlserver_is_told_names_types_and_shapes(installed: dict[str, Path], tmp_path: Path, model: str) -> None:
    made = exporting.export(SPECS[model], installed[model], tmp_path, exporting.SERVERS["mlserver"])
    settings = json.loads((made / "model-settings.json").read_text())
    names = [each["name"] for each in settings["inputs"]], [each["name"] for each in settings["outputs"]]
    assert names == ([*(["image", "plate"][: 1 + SPECS[model].needs_plate])], ["matte", "foreground"][: len(names[1])])
    assert settings["inputs"][0] == {"name": "image", "datatype": "UINT8", "shape": list(IMAGES[model])}
    assert settings["outputs"][0]["datatype"] == "FP32"
    assert (made / f"{settings['implementation'].split('.')[0]}.py").is_file()
    assert (made / settings["parameters"]["uri"]).is_file()


def test_no_server_listens_beyond_this_computer(installed: dict[str, Path], tmp_path: Path) -> None:
    for server in exporting.SERVERS.values():
        folder = tmp_path / server.id
        exporting.export(SPECS["modnet"], installed["modnet"], folder, server)
        *_, start = server.commands(folder)
        if server.id == "mlserver":
            assert json.loads((folder / "settings.json").read_text())["host"] == "127.0.0.1"
        elif server.id == "triton-python":
            assert "--http-address=127.0.0.1" in (folder / "start_triton.py").read_text()
        else:
            assert start.count("-p ") == start.count("-p 127.0.0.1:") == 2


def test_float32_is_asked_for_where_bfloat16_would_change_masks(installed: dict[str, Path], tmp_path: Path) -> None:
    for model in ("isnet-general-use", "modnet"):
        exporting.export(SPECS[model], installed[model], tmp_path, exporting.SERVERS["ovms"])
    listed = json.loads((tmp_path / "config.json").read_text())["model_config_list"]
    asked = {each["config"]["name"]: each["config"]["plugin_config"].get("INFERENCE_PRECISION_HINT") for each in listed}
    assert asked == {"isnet-general-use": None, "modnet": "f32"}


def test_a_folder_takes_several_models(installed: dict[str, Path], tmp_path: Path) -> None:
    """What somebody changed in the files that they have in common stays."""
    for server in exporting.SERVERS.values():
        folder = tmp_path / server.id
        exporting.export(SPECS["modnet"], installed["modnet"], folder, server)
        common = [file for file in folder.glob("*.json")]
        for file in common:
            content = json.loads(file.read_text())
            content["changed"] = True
            file.write_text(json.dumps(content))
        exporting.export(SPECS["isnet-general-use"], installed["isnet-general-use"], folder, server)
        assert {each.name for each in folder.iterdir() if each.is_dir()} == {"modnet", "isnet-general-use"}
        assert all(json.loads(file.read_text())["changed"] for file in common)


@pytest.mark.parametrize("there", ["a folder", "a file", "a dangling link"])
def test_nothing_is_overwritten(installed: dict[str, Path], tmp_path: Path, there: str) -> None:
    target = tmp_path / "modnet"
    if there == "a folder":
        target.mkdir()
    elif there == "a file":
        target.write_text("mine")
    else:
        target.symlink_to(tmp_path / "nowhere")
    before = os.lstat(target)
    with pytest.raises(MattedError, match="is there already"):
        exporting.export(SPECS["modnet"], installed["modnet"], tmp_path, exporting.SERVERS["ovms"])
    assert os.lstat(target) == before and os.listdir(tmp_path) == ["modnet"]


def test_what_cannot_be_read_leaves_nothing(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged" / "model.xml"
    damaged.parent.mkdir()
    damaged.write_text("no graph")
    damaged.with_suffix(".bin").write_bytes(b"")
    with pytest.raises(MattedError, match=r"modnet could not be exported: .*damaged or not an OpenVINO IR model"):
        exporting.export(SPECS["modnet"], damaged, tmp_path / "out", exporting.SERVERS["triton"])
    assert os.listdir(tmp_path / "out") == []


def test_somebody_elses_configuration_is_left_alone(installed: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('["mine"]')
    with pytest.raises(MattedError, match=r"config\.json is no configuration of OpenVINO Model Server"):
        exporting.export(SPECS["modnet"], installed["modnet"], tmp_path, exporting.SERVERS["ovms"])
    assert os.listdir(tmp_path) == ["config.json"] and (tmp_path / "config.json").read_text() == '["mine"]'


@pytest.mark.parametrize(
    ("spec", "why"), [(SPECS["mobile-sam"], "takes clicks"), (SPECS["rvm-mobilenetv3"], "remembers the frames")]
)
def test_what_is_asked_of_no_server_is_not_exported(tmp_path: Path, spec: ModelSpec, why: str) -> None:
    with pytest.raises(MattedError, match=why):
        exporting.export(spec, tmp_path / "model.xml", tmp_path, exporting.SERVERS["ovms"])
