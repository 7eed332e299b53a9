"""`matted models export` for servers that others wrote: started by the printed command, they compute the same."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from conftest import PHOTOGRAPHS, Daemon
from graphs import small
from matted.inference import exporting, model_io
from matted.inference.engines import backend, comparison
from matted.models import catalogue, weights
from matted.models.store import Store
from matted.settings.target import Target
from real_servers import STARTABLE, PlainClient, RealServer, environment, running

SPECS = catalogue.load().specs
KEYER = "background-matting-mobilenetv2"
ISNET = "isnet-general-use"  # of a graph whose outputs OpenVINO calls by other names, too
MODELS = ("u2netp", KEYER, ISNET)
IMAGE_SIDES = {"u2netp": [320, 320], KEYER: [-1, -1], ISNET: [1024, 1024]}
LEVEL = 1 / 255


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, u2netp_file: Path) -> Daemon:
    """The folders of a daemon that does not run, with the models."""
    here = Daemon(tmp_path_factory.mktemp("installed"), u2netp_file)
    graphs = {KEYER: small.keyer(here.folder / "keyer.onnx"), ISNET: small.isnet_like(here.folder / "isnet.onnx", 1024)}
    for model, graph in graphs.items():
        done = here.run("models", "pull", model, "--from", str(graph), "--trust", "--no-int8")
        assert done.returncode == 0, done.stderr
    return here


@pytest.fixture(scope="module")
def exported(installed: Daemon, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder of models for each server, and what the command says of it."""
    folders = {}
    for server in (each.id for each in exporting.SERVERS.values() if not each.onnx):
        folders[server] = tmp_path_factory.mktemp("exported") / "models"
        for model in MODELS:
            done = installed.run("models", "export", model, str(folders[server]), "--for", server, "--json")
            assert done.returncode == 0, done.stdout + done.stderr
            facts = json.loads(done.stdout)
            assert facts["commands"] == exporting.SERVERS[server].commands(folders[server])
            assert Path(facts["folder"]) == folders[server] / model
    return folders


@pytest.fixture(scope="module")
def servers(exported: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, RealServer]]:
    with ExitStack() as stack:
        logs = tmp_path_factory.mktemp("logs")
        yield {each: stack.enter_context(running(each, exported[each], logs)) for each in STARTABLE}


@pytest.fixture(params=[(server, protocol) for server in STARTABLE for protocol in ("http", "grpc")], ids="-".join)
def client(request: pytest.FixtureRequest, servers: dict[str, RealServer], tmp_path: Path) -> PlainClient:
    server, protocol = request.param
    return PlainClient(servers[server], protocol, tmp_path)


def described(tensors: list[dict[str, Any]]) -> dict[str, tuple[str, list[int]]]:
    return {each["name"]: (each["datatype"], [int(side) for side in each["shape"]]) for each in tensors}


@pytest.mark.parametrize("model", MODELS)
def test_a_server_says_and_computes_what_matted_does(client: PlainClient, installed: Daemon, model: str) -> None:
    spec = SPECS[model]
    engine = backend.load(spec, Store(installed.data / "models").path(spec), Target("CPU"), None)
    pictures = comparison.pictures(spec, engine.size)
    expected = [output.copy() for output in engine.infer(pictures)]
    named = dict(zip(("image", "plate"), (planes[np.newaxis] for planes in pictures), strict=False))

    metadata, outputs, error = client.ask(model, **named)

    assert not error
    sides = IMAGE_SIDES[model]
    assert described(metadata["inputs"]) == {name: ("UINT8", [1, 3, *sides]) for name in named}
    shapes = {"matte": ("FP32", [1, 1, *sides]), "foreground": ("UINT8", [1, 3, *sides])}
    assert described(metadata["outputs"]) == dict(list(shapes.items())[: len(spec.outputs)])
    mattes = [model_io.matte(model_io.probability(raw[0], spec), spec) for raw in (outputs["matte"][0], expected[0])]
    assert np.abs(mattes[0] - mattes[1]).max() <= LEVEL
    assert np.ptp(mattes[1]) > 0.9, "the photograph has a subject"
    if len(expected) > 1:
        assert np.abs(outputs["foreground"][0].astype(int) - expected[1]).max() <= 1


def test_an_onnx_file_computes_what_matted_does(installed: Daemon, u2netp_file: Path, tmp_path: Path) -> None:
    """Triton's ONNX Runtime backend is in NVIDIA's container alone: ONNX Runtime itself runs the file here."""
    export = ("models", "export", "u2netp", str(tmp_path / "models"), "--for", "triton-onnx")
    done = installed.run(*export)
    assert done.returncode != 0 and "Name it with --from" in done.stderr
    done = installed.run(*export, "--from", str(PHOTOGRAPHS / "coffee.jpg"))
    assert done.returncode != 0 and "none of the files that are known as this model" in done.stderr
    assert not (tmp_path / "models").exists()
    done = installed.run(*export, "--from", str(u2netp_file))
    assert done.returncode == 0 and "--gpus all" in done.stdout and "Apache-2.0" in done.stdout

    spec = SPECS["u2netp"]
    weights.convert(spec, u2netp_file, tmp_path / "ir" / "model.xml")
    engine = backend.load(spec, tmp_path / "ir" / "model.xml", Target("CPU", "f32"), None)
    pictures = comparison.pictures(spec, engine.size)
    (expected,) = (output.copy() for output in engine.infer(pictures))
    session = onnxruntime.InferenceSession(str(tmp_path / "models" / "u2netp" / "1" / "model.onnx"))
    (found,) = session.run(["matte"], {"image": pictures[0][np.newaxis]})
    mattes = [model_io.matte(model_io.probability(raw, spec), spec) for raw in (found[0], expected)]
    assert np.abs(mattes[0] - mattes[1]).max() <= LEVEL and np.ptp(mattes[1]) > 0.9


def test_a_wrong_input_is_refused_and_the_server_goes_on(client: PlainClient) -> None:
    _, outputs, error = client.ask("u2netp", image=np.zeros((1, 3, 16, 16), np.uint8))
    assert error and not outputs
    _, outputs, error = client.ask("u2netp", image=np.zeros((1, 3, 320, 320), np.uint8))
    assert not error and outputs["matte"].shape == (1, 1, 320, 320)


def test_numbers_stay_bytes_on_the_way_through_mlserver(exported: dict[str, Path]) -> None:
    """Of u2netp's, and of no other model's there: MLServer itself makes a list of them, in half a second."""
    script = Path(__file__).parents[1] / "mlserver_numbers.py"
    command = [environment() / "bin" / "python", script, exported["mlserver"] / "u2netp"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout.splitlines()[-1])
    assert (facts["u2netp"]["input"], facts["u2netp"]["output"]) == ("ndarray", "ndarray")
    assert (facts["another"]["input"], facts["another"]["output"]) == ("list", "list")
    for each in facts.values():
        assert each["sum"] == 3 * 320 * 320 * 7
        assert each["described"] == [["matte", "FP32", [1, 1, 320, 320]]]
        assert len(each["bytes"]) == 2 * 4 * 320 * 320
    assert facts["u2netp"]["bytes"] == facts["another"]["bytes"]


def test_a_model_that_is_not_here_is_not_downloaded(new_daemon: Any, tmp_path: Path) -> None:
    done = new_daemon(weights=None).run("models", "export", "u2netp", str(tmp_path / "out"), "--for", "ovms")
    assert done.returncode != 0 and "matted models pull u2netp" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_licence_that_was_not_accepted_is_said(new_daemon: Any, tmp_path: Path) -> None:
    done = new_daemon(weights=None).run("models", "export", "rmbg-1.4", str(tmp_path / "out"), "--for", "triton")
    assert done.returncode != 0 and "licence" in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_command_says_the_licence_and_how_to_start(installed: Daemon, tmp_path: Path) -> None:
    done = installed.run("models", "export", "u2netp", str(tmp_path), "--for", "mlserver")
    assert "Apache-2.0" in done.stdout and f"mlserver start {tmp_path}" in done.stdout
    again = installed.run("models", "export", "u2netp", str(tmp_path), "--for", "mlserver")
    assert again.returncode != 0 and "is there already" in again.stderr
