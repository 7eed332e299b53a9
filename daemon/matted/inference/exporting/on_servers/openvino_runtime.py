"""Runs an OpenVINO IR in MLServer. matted has put it here; it needs nothing but MLServer and OpenVINO.

Of `parameters.extra` in model-settings.json: `device`, as OpenVINO names it; `arithmetic` on a CPU, "f32", or empty for
OpenVINO's own choice.

Of numbers that come or go as bytes by gRPC, MLServer makes an object each, which takes half a second for a picture of
1024 x 1024. For the models that this module runs, and no others, they stay bytes: see `_Questions` and `_Answers`.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.errors import InferenceError
from mlserver.grpc import servicers
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput, TensorData
from mlserver.utils import get_model_uri

_DATATYPES = {"UINT8": np.uint8, "FP32": np.float32, "INT64": np.int64}  # those that matted's graphs have
_own: set[str] = set()  # names of models


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
        _own.add(self.name)
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
        encode = _in_bytes if all(_is_in_bytes(each) for each in payload.inputs) else NumpyCodec.encode_output
        outputs = [encode(name, array) for name, array in found.items()]
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=outputs)

    def _infer(self, given: dict[str, Any]) -> dict[str, Any]:
        self._request.infer(given, share_inputs=True)
        return {name: self._request.get_tensor(name).data.copy() for name in self._outputs}


class _Questions(servicers.ModelInferRequestConverter):  # type: ignore[misc]
    """Reads questions by gRPC: the bytes of an input become an array, and no list."""

    @classmethod
    def to_types(cls, pb_object: Any) -> InferenceRequest:
        contents = list(pb_object.raw_input_contents)
        known = all(each.datatype in _DATATYPES for each in pb_object.inputs)
        if pb_object.model_name not in _own or not known or len(contents) != len(pb_object.inputs):
            return super().to_types(pb_object)
        del pb_object.raw_input_contents[:]  # which are what is made into lists
        request = super().to_types(pb_object)
        for each, content in zip(request.inputs, contents, strict=True):
            each.data = TensorData.model_construct(root=np.frombuffer(content, _DATATYPES[each.datatype]))
        return request


class _Answers(servicers.ModelInferResponseConverter):  # type: ignore[misc]
    """Writes answers by gRPC: an array, as `_in_bytes` leaves it, becomes bytes."""

    @classmethod
    def from_types(cls, type_object: InferenceResponse, use_raw: bool = False) -> Any:
        if not use_raw or not all(_is_in_bytes(each) for each in type_object.outputs):
            return super().from_types(type_object, use_raw)
        contents = [each.data.root.tobytes() for each in type_object.outputs]
        for each in type_object.outputs:
            each.data = TensorData.model_construct(root=[])
        answer = super().from_types(type_object)
        answer.raw_output_contents.extend(contents)
        return answer


def _is_in_bytes(tensor: Any) -> bool:
    return isinstance(getattr(tensor.data, "root", None), np.ndarray)


def _in_bytes(name: str, array: Any) -> ResponseOutput:
    """Return an output whose numbers stay an array: for a question whose inputs did, as it came by gRPC."""
    datatype = next(each for each, dtype in _DATATYPES.items() if dtype == array.dtype)
    data = TensorData.model_construct(root=array)
    return ResponseOutput.model_construct(name=name, shape=list(array.shape), datatype=datatype, data=data)


servicers.ModelInferRequestConverter = _Questions
servicers.ModelInferResponseConverter = _Answers
