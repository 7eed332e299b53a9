"""Runs an OpenVINO IR in Triton's Python backend. matted has put it here; it needs nothing but OpenVINO.

Of `parameters` in config.pbtxt: `device`, as OpenVINO names it; `arithmetic` on a CPU, "f32", or empty for OpenVINO's
own choice.
"""

import json
from pathlib import Path
from typing import Any

import openvino
import triton_python_backend_utils as triton


class TritonPythonModel:
    """A model that Triton runs, under the name by which it looks for it."""

    def initialize(self, args: dict[str, str]) -> None:
        """Compile the graph."""
        config = json.loads(args["model_config"])
        parameters = {name: each["string_value"] for name, each in config.get("parameters", {}).items()}
        device = parameters.get("device") or "CPU"
        properties = {"PERFORMANCE_HINT": "LATENCY"}
        if device == "CPU" and parameters.get("arithmetic"):
            properties["INFERENCE_PRECISION_HINT"] = parameters["arithmetic"]
        core = openvino.Core()
        # It has the names that were exported; what is compiled may have others, too.
        graph = core.read_model(Path(__file__).with_name("model.xml"))
        self._inputs = [port.get_any_name() for port in graph.inputs]
        self._outputs = [port.get_any_name() for port in graph.outputs]
        self._request = core.compile_model(graph, device, properties).create_infer_request()

    def execute(self, requests: list[Any]) -> list[Any]:
        """Infer for each request. What fails fails for itself."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        try:
            given = {name: triton.get_input_tensor_by_name(request, name).as_numpy() for name in self._inputs}
            self._request.infer(given, share_inputs=True)
        except RuntimeError as error:
            return triton.InferenceResponse(error=triton.TritonError(str(error)))
        found = zip(self._outputs, self._request.output_tensors, strict=True)
        return triton.InferenceResponse([triton.Tensor(name, tensor.data.copy()) for name, tensor in found])
