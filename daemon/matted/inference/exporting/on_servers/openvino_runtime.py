"""Runs an OpenVINO IR in MLServer. matted has put it here; it needs nothing but MLServer and OpenVINO.

Of `parameters.extra` in model-settings.json: `device`, as OpenVINO names it; `arithmetic` on a CPU, "f32", or empty for
OpenVINO's own choice.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openvino
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.errors import InferenceError
from mlserver.types import InferenceRequest, InferenceResponse
from mlserver.utils import get_model_uri


class OpenVinoRuntime(MLModel):  # type: ignore[misc]
    """A model that MLServer runs. Inferences take turns: each uses all cores."""

    async def load(self) -> bool:
        """Compile the graph."""
        uri = await get_model_uri(self._settings)
        parameters = self._settings.parameters
        extra = (parameters.extra if parameters else None) or {}
        device = extra.get("device") or "CPU"
        properties = {"PERFORMANCE_HINT": "LATENCY"}
        if device == "CPU" and extra.get("arithmetic"):
            properties["INFERENCE_PRECISION_HINT"] = extra["arithmetic"]
        core = openvino.Core()
        graph = core.read_model(Path(uri))  # has the names that were exported; what is compiled may have others, too
        self._inputs = {port.get_any_name(): port for port in graph.inputs}
        self._outputs = [port.get_any_name() for port in graph.outputs]
        self._request = core.compile_model(graph, device, properties).create_infer_request()
        # One thread gives turns. A lock that predict holds would be free too early: a client that goes away ends
        # predict at once, and its inference goes on.
        self._worker = ThreadPoolExecutor(1)
        return True

    async def unload(self) -> bool:
        """End the thread."""
        self._worker.shutdown(wait=False, cancel_futures=True)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Infer. Raises InferenceError for inputs that the graph does not take."""
        given = {each.name: NumpyCodec.decode_input(each) for each in payload.inputs}
        if given.keys() != self._inputs.keys():
            raise InferenceError(f"the inputs are {', '.join(self._inputs)}, not {', '.join(given)}")
        for name, array in given.items():
            dtype, shape = self._inputs[name].element_type.to_dtype(), self._inputs[name].partial_shape
            if array.dtype != dtype or not shape.compatible(openvino.PartialShape(list(array.shape))):
                raise InferenceError(f"{name} has to be {dtype} of shape {shape}")
        found = await asyncio.get_running_loop().run_in_executor(self._worker, self._infer, given)
        outputs = [NumpyCodec.encode_output(name, array) for name, array in found.items()]
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=outputs)

    def _infer(self, given: dict[str, Any]) -> dict[str, Any]:
        self._request.infer(given, share_inputs=True)
        return {name: self._request.get_tensor(name).data.copy() for name in self._outputs}
