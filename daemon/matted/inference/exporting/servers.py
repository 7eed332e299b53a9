"""The servers that models are exported for: an object each, with the files that it reads and how it is started."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from matted_client import MattedError

from matted.inference.engines.kserve.connection import Metadata, Tensor
from matted.inference.exporting import graphs, onnx_graphs
from matted.models.spec import MODEL, ModelSpec
from matted.system import atomic_file, subprocess_call

# Commands let nobody but this computer in. Whoever serves others puts a proxy with TLS before the server.
_HERE = "127.0.0.1"
_MESSAGE_BYTES = 1 << 28  # the most in one message: an image, a plate, or both
_OPENVINO_IMAGE = "openvino/model_server:latest"
_TRITON_IMAGE = "tritonserver:25.06-py3"  # in NVIDIA's catalogue, which says its full name
_TRITON_IMAGE_NOTE = f"TRITON_IMAGE is the full name of NVIDIA's image {_TRITON_IMAGE}, or a later one."
_START_TRITON = "start_triton.py"
_ON_SERVERS = "matted.inference.exporting.on_servers"


@dataclass(frozen=True)
class Exported:
    """A graph of a model as servers have it, each a model by itself to them. graph: of the spec's. name: there."""

    spec: ModelSpec
    graph: str
    name: str

    @property
    def arithmetic(self) -> str:
        """The arithmetic to ask OpenVINO for on a CPU; empty for its own choice: bfloat16 where there is any.

        A decoder computes in float32, as on this computer.
        """
        return "" if self.spec.bfloat16 and self.graph == MODEL else "f32"


class Server:
    """A server that models are exported for.

    id: what it is asked for by.
    title: its name, for people.
    graph: where the graph is in a model's folder: the .xml of an IR, or an ONNX file.
    onnx: whether it runs ONNX files, not IRs.
    urls: what to write into `url` of a daemon's settings on this computer.
    """

    id: str
    title: str
    graph: str
    urls: tuple[str, ...]
    onnx = False

    def require(self, spec: ModelSpec) -> None:
        """Raise MattedError for a model that the server cannot run."""

    def write(self, model: Exported, file: Path, target: Path) -> Metadata:
        """Write a graph as the server runs it, and return what the server will say of it. file: as of `export`.

        Raises ValueError, RuntimeError, OSError.
        """
        return subprocess_call.call(graphs.write, model.spec, model.graph, file, target)

    def describe(self, model: Exported, tensors: Metadata, folder: Path) -> None:
        """Write what the server has to know of a graph into its folder, in which that is: nothing, of some.

        Raises OSError.
        """

    def register(self, model: Exported, folder: Path) -> None:
        """Write what the server has to know of all models into their folder: nothing, of some.

        Raises MattedError, OSError.
        """

    def commands(self, folder: Path) -> list[str]:
        """List the commands that start the server with a folder of models, in a shell; the last one runs it."""
        raise NotImplementedError

    def notes(self, spec: ModelSpec) -> list[str]:
        """List sentences about what this server does differently with a model."""
        return []


class _Ovms(Server):
    id = "ovms"
    title = "OpenVINO Model Server"
    graph = "1/model.xml"
    urls = (f"grpc://{_HERE}:9000", f"http://{_HERE}:8000")

    def register(self, model: Exported, folder: Path) -> None:
        path = folder / "config.json"
        config = _read_json(path, {"model_config_list": []})
        listed = config.get("model_config_list")
        if not isinstance(listed, list):
            raise MattedError(f"{path} is no configuration of {self.title}.", "Name another folder.")
        plugin: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        if model.arithmetic:
            plugin["INFERENCE_PRECISION_HINT"] = model.arithmetic
        facts = {"name": model.name, "base_path": f"/models/{model.name}", "target_device": "CPU"}
        others = [each for each in listed if not (isinstance(each, dict) and _name_of(each) == model.name)]
        config["model_config_list"] = [*others, {"config": {**facts, "plugin_config": plugin}}]
        _write_json(path, config)

    def commands(self, folder: Path) -> list[str]:
        ports = f"-p {_HERE}:9000:9000 -p {_HERE}:8000:8000"
        server = f"{_OPENVINO_IMAGE} --config_path /models/config.json --port 9000 --rest_port 8000"
        return [f"docker run --rm {ports} -v {_mounted(folder)} {server}"]


class _Triton(Server):
    """Triton with its OpenVINO backend, as in NVIDIA's container."""

    id = "triton"
    title = "NVIDIA Triton with its OpenVINO backend"
    graph = "1/model.xml"
    urls = (f"grpc://{_HERE}:8001", f"http://{_HERE}:8000")
    docker = "docker run --rm"

    def describe(self, model: Exported, tensors: Metadata, folder: Path) -> None:
        _write_text(folder / "config.pbtxt", _pbtxt(model.name, tensors, "openvino", {}))

    def commands(self, folder: Path) -> list[str]:
        ports = f"-p {_HERE}:8000:8000 -p {_HERE}:8001:8001"
        server = '"$TRITON_IMAGE" tritonserver --model-repository=/models'
        return [f"{self.docker} {ports} -v {_mounted(folder)} {server}"]

    def notes(self, spec: ModelSpec) -> list[str]:
        if all(not Exported(spec, graph, "").arithmetic for graph in spec.graphs):
            return [_TRITON_IMAGE_NOTE]
        return [
            _TRITON_IMAGE_NOTE,
            f"This backend computes in bfloat16 on processors that have it, in which {spec.id} may lose its masks.",
            "On such a processor export it for triton-python.",
        ]


class _TritonPython(Server):
    """Triton with its Python backend: pip's nvidia-pytriton brings that, and no other."""

    id = "triton-python"
    title = "NVIDIA Triton with its Python backend"
    graph = "1/model.xml"
    urls = _Triton.urls

    def describe(self, model: Exported, tensors: Metadata, folder: Path) -> None:
        parameters = {"device": "CPU", "arithmetic": model.arithmetic}
        _write_text(folder / "config.pbtxt", _pbtxt(model.name, tensors, "python", parameters))
        _write_text(folder / "1" / "model.py", _source("triton_model"))

    def register(self, model: Exported, folder: Path) -> None:
        """It looks for models itself; what starts it lies beside them."""
        if not (folder / _START_TRITON).exists():
            _write_text(folder / _START_TRITON, _source("start_triton"))

    def commands(self, folder: Path) -> list[str]:
        start = shlex.quote(str(folder.resolve() / _START_TRITON))
        return ["pip install nvidia-pytriton openvino", f"python {start}"]


class _TritonOnnx(_Triton):
    """Triton with its ONNX Runtime backend, as in NVIDIA's container: the one that runs on NVIDIA's GPUs."""

    id = "triton-onnx"
    title = "NVIDIA Triton with its ONNX Runtime backend"
    graph = "1/model.onnx"
    onnx = True
    docker = "docker run --gpus all --rm"

    def require(self, spec: ModelSpec) -> None:
        onnx_graphs.require(spec)

    def write(self, model: Exported, file: Path, target: Path) -> Metadata:
        return subprocess_call.call(onnx_graphs.write, model.spec, file, target)

    def describe(self, model: Exported, tensors: Metadata, folder: Path) -> None:
        _write_text(folder / "config.pbtxt", _pbtxt(model.name, tensors, "onnxruntime", {}, "KIND_GPU"))

    def notes(self, spec: ModelSpec) -> list[str]:
        return [_TRITON_IMAGE_NOTE, "It runs on a GPU. For a processor, write KIND_CPU into its config.pbtxt."]


class _MlServer(Server):
    id = "mlserver"
    title = "MLServer"
    graph = "model.xml"
    urls = (f"grpc://{_HERE}:8081", f"http://{_HERE}:8080")

    def describe(self, model: Exported, tensors: Metadata, folder: Path) -> None:
        settings = {
            "name": model.name,
            "implementation": "openvino_runtime.OpenVinoRuntime",
            "platform": "openvino",
            "inputs": [_facts(each) for each in tensors.inputs],
            "outputs": [_facts(each) for each in tensors.outputs],
            "parameters": {"uri": "./model.xml", "extra": {"device": "CPU", "arithmetic": model.arithmetic}},
        }
        _write_json(folder / "model-settings.json", settings)
        _write_text(folder / "openvino_runtime.py", _source("openvino_runtime"))

    def register(self, model: Exported, folder: Path) -> None:
        path = folder / "settings.json"
        if path.exists():  # somebody may have changed it
            return
        settings = {
            "host": _HERE,
            "http_port": 8080,
            "grpc_port": 8081,
            "grpc_max_message_length": _MESSAGE_BYTES,
            "metrics_endpoint": None,
            "parallel_workers": 0,  # OpenVINO uses all cores: another process would only copy pictures
            "debug": False,
        }
        _write_json(path, settings)

    def commands(self, folder: Path) -> list[str]:
        return ["pip install mlserver openvino", f"mlserver start {shlex.quote(str(folder.resolve()))}"]


_ALL = (_Ovms(), _Triton(), _TritonPython(), _TritonOnnx(), _MlServer())
SERVERS: dict[str, Server] = {each.id: each for each in _ALL}


def _pbtxt(name: str, tensors: Metadata, backend: str, parameters: dict[str, str], place: str = "KIND_CPU") -> str:
    """Return the text of config.pbtxt, Triton's description of a model: a protobuf message in text.

    place: where it runs. OpenVINO runs on no GPU of NVIDIA's.
    """
    lines = [f'name: "{name}"', f'backend: "{backend}"', "max_batch_size: 0"]
    for kind, listed in (("input", tensors.inputs), ("output", tensors.outputs)):
        for each in listed:
            shape = ", ".join(str(side) for side in each.shape)
            lines += [f"{kind} {{", f'  name: "{each.name}"', f"  data_type: TYPE_{each.datatype}"]
            lines += [f"  dims: [ {shape} ]", "}"]
    lines += [f"instance_group {{ count: 1 kind: {place} }}"]
    lines += [
        f'parameters {{ key: "{name}" value {{ string_value: "{value}" }} }}' for name, value in parameters.items()
    ]
    return "\n".join(lines) + "\n"


def _facts(tensor: Tensor) -> dict[str, Any]:
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}


def _name_of(listed: dict[str, Any]) -> Any:
    config = listed.get("config")
    return config.get("name") if isinstance(config, dict) else None


def _mounted(folder: Path) -> str:
    return shlex.quote(f"{folder.resolve()}:/models:ro")


def _source(module: str) -> str:
    """Return the source of a module that runs on servers."""
    return (resources.files(_ON_SERVERS) / f"{module}.py").read_text("utf-8")


def _read_json(path: Path, missing: dict[str, Any]) -> dict[str, Any]:
    """Read a file that a person may have changed. missing: what it is if it is not there."""
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return missing
    except ValueError as error:
        raise MattedError(f"{path} is no JSON: {error}.", "Correct it, or name another folder.") from error
    return content if isinstance(content, dict) else {}


def _write_json(path: Path, content: Any) -> None:
    _write_text(path, json.dumps(content, indent=2) + "\n")


def _write_text(path: Path, content: str) -> None:
    atomic_file.write(path, content.encode())
