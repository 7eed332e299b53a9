"""Models in the layouts of servers: the graph computes what the engine computes, and the files say what it takes."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest
from graphs import clickable, small, stand_ins
from matted.inference import exporting
from matted.inference.engines import backend, comparison
from matted.inference.engines.kserve import checking
from matted.inference.engines.kserve.connection import Metadata, Tensor
from matted.models import catalogue, weights
from matted.models.spec import DECODER, MODEL
from matted.settings.target import Target
from matted_client import MattedError
from numpy.typing import NDArray

pytestmark = pytest.mark.slow

SPECS = catalogue.load().specs
TARGET = Target("CPU", "f32")
BY_OPENVINO = [each.id for each in exporting.SERVERS.values() if not each.onnx]
GRAPHS: dict[str, Any] = {
    "isnet-general-use": small.isnet_like,
    "background-matting-mobilenetv2": small.keyer,
    "vitmatte-small": small.refiner_like,
    "modnet": small.portrait_like,
}
SIDES = ("inputs", "outputs")
# Models with more than pictures and mattes, or with two graphs.
KINDS = ("rvm-mobilenetv3", "sam2.1-tiny", "mobile-sam", "efficient-sam-ti")
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
    for model in KINDS:
        file = stand_ins.write(SPECS[model], folder / f"{model}.onnx")
        files[model] = folder / model / "model.xml"
        weights.convert(SPECS[model], file, files[model])
        if SPECS[model].takes_clicks:
            weights.convert_decoder(SPECS[model], clickable.decoder_of(file), files[model].with_stem(DECODER))
    return files


def answers(graph: Path, pictures: list[NDArray[np.uint8]]) -> list[NDArray[Any]]:
    """Run an exported graph by the names of its inputs."""
    compiled = openvino.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    given = {name: planes[np.newaxis] for name, planes in zip(("image", "plate"), pictures, strict=False)}
    found = compiled(given)
    return [found[name] for name in ("matte", "foreground")[: len(compiled.outputs)]]


@pytest.mark.parametrize("server", BY_OPENVINO)
@pytest.mark.parametrize("model", GRAPHS)
def test_the_graph_computes_what_the_engine_does(
    installed: dict[str, Path], tmp_path: Path, model: str, server: str
) -> None:
    spec = SPECS[model]
    (made,) = exporting.export(spec, installed[model], tmp_path, exporting.SERVERS[server])
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
    (made,) = exporting.export(SPECS[model], installed[model], tmp_path, exporting.SERVERS["triton"])
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
    (made,) = exporting.export(SPECS[model], installed[model], tmp_path, exporting.SERVERS["mlserver"])
    settings = json.loads((made / "model-settings.json").read_text())
    names = [each["name"] for each in settings["inputs"]], [each["name"] for each in settings["outputs"]]
    assert names == ([*(["image", "plate"][: 1 + SPECS[model].needs_plate])], ["matte", "foreground"][: len(names[1])])
    assert settings["inputs"][0] == {"name": "image", "datatype": "UINT8", "shape": list(IMAGES[model])}
    assert settings["outputs"][0]["datatype"] == "FP32"
    assert (made / f"{settings['implementation'].split('.')[0]}.py").is_file()
    assert (made / settings["parameters"]["uri"]).is_file()


def test_no_server_listens_beyond_this_computer(installed: dict[str, Path], tmp_path: Path) -> None:
    for server in (exporting.SERVERS[each] for each in BY_OPENVINO):
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
    for server in (exporting.SERVERS[each] for each in BY_OPENVINO):
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


def of_pbtxt(text: str, kind: str) -> list[Tensor]:
    """Read the inputs or outputs of a config.pbtxt."""
    found = re.findall(rf'{kind} {{\n  name: "(.*)"\n  data_type: TYPE_(.*)\n  dims: \[ (.*) \]', text)
    return [Tensor(name, datatype, tuple(map(int, dims.split(", ")))) for name, datatype, dims in found]


@pytest.mark.parametrize("model", KINDS)
def test_what_servers_are_told_is_what_is_asked_of_them(installed: dict[str, Path], tmp_path: Path, model: str) -> None:
    spec = SPECS[model]
    for server in ("triton", "triton-python", "mlserver"):
        made = exporting.export(spec, installed[model], tmp_path / server, exporting.SERVERS[server])
        assert [each.name for each in made] == [model, f"{model}-decoder"][: len(spec.graphs)]
        said = []
        for folder in made:
            if server == "mlserver":
                facts = json.loads((folder / "model-settings.json").read_text())
                assert facts["name"] == folder.name
                sides = [[Tensor(**{**each, "shape": tuple(each["shape"])}) for each in facts[side]] for side in SIDES]
            else:
                text = (folder / "config.pbtxt").read_text()
                assert f'name: "{folder.name}"' in text
                sides = [of_pbtxt(text, side[:-1]) for side in SIDES]
            said.append(Metadata(tuple(sides[0]), tuple(sides[1])))
        encoder = checking.check(spec, said[0])
        assert encoder.inputs == said[0].inputs and encoder.outputs == said[0].outputs
        if spec.takes_clicks:
            decoder = checking.check_decoder(spec, said[1], encoder)
            assert [each.name for each in decoder.inputs] == [each.name for each in said[1].inputs]


@pytest.mark.parametrize("server", BY_OPENVINO)
@pytest.mark.parametrize("model", KINDS)
def test_all_graphs_compute_what_the_engine_does(
    installed: dict[str, Path], tmp_path: Path, model: str, server: str
) -> None:
    spec = SPECS[model]
    made = exporting.export(spec, installed[model], tmp_path, exporting.SERVERS[server])
    files = dict(zip(spec.graphs, (each / exporting.SERVERS[server].graph for each in made), strict=True))
    compiled = {
        graph: openvino.Core().compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        for graph, file in files.items()
    }

    def infer(inputs: Sequence[Any], graph: str) -> list[NDArray[Any]]:
        found = compiled[graph]([each[np.newaxis] for each in inputs])
        return [each[0].copy() for each in found.values()]

    engine = backend.load(spec, installed[model], TARGET, None)
    expected = comparison.answer(spec, engine.size, engine.infer)
    found = comparison.answer(spec, engine.size, infer)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert all(np.ptp(each) > 0 for each in expected[:1])


def test_a_decoder_is_asked_to_compute_in_float32(installed: dict[str, Path], tmp_path: Path) -> None:
    spec = replace(SPECS["mobile-sam"], bfloat16=True)
    exporting.export(spec, installed["mobile-sam"], tmp_path, exporting.SERVERS["ovms"])
    listed = json.loads((tmp_path / "config.json").read_text())["model_config_list"]
    asked = {each["config"]["name"]: each["config"]["plugin_config"].get("INFERENCE_PRECISION_HINT") for each in listed}
    assert asked == {"mobile-sam": None, "mobile-sam-decoder": "f32"}


def test_of_two_graphs_none_is_there_if_one_cannot_be_read(installed: dict[str, Path], tmp_path: Path) -> None:
    here = tmp_path / "here"
    shutil.copytree(installed["mobile-sam"].parent, here)
    (here / f"{DECODER}.xml").write_text("no graph")
    with pytest.raises(MattedError, match="mobile-sam could not be exported"):
        exporting.export(SPECS["mobile-sam"], here / f"{MODEL}.xml", tmp_path / "out", exporting.SERVERS["mlserver"])
    assert os.listdir(tmp_path / "out") == []
