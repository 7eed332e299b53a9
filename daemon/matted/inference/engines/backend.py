"""Compile a model file with OpenVINO, and infer with it. For the daemon, this happens in an engine process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matted.inference.engines import pixel_graph
from matted.inference.engines.engine import Output, Planes
from matted.models.spec import ModelSpec
from matted.settings.target import AUTO, CPU, Target

if TYPE_CHECKING:
    import openvino

_NATIVE_ARITHMETIC = {"GPU": "f16", "NPU": "f16"}  # by kind of device; others compute in f32
_TRIAL_SIDE = 256  # pixels, of the picture of a trial inference if the model takes any size


class Model:
    """A compiled model in memory. For one thread at a time; only `cancel` may be called by another.

    spec: the model.
    device: what it runs on, as OpenVINO names it.
    arithmetic: what it computes in: "f32", "bf16" or "f16".
    note: why it does not run on the device in the settings, a sentence; or empty.
    size: (height, width) of the model's input, None if it takes any.
    """

    def __init__(self, spec: ModelSpec, compiled: openvino.CompiledModel, note: str) -> None:
        self.spec = spec
        self.note = note
        self.device = ", ".join(compiled.get_property("EXECUTION_DEVICES"))
        self.arithmetic = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        shape = compiled.input(0).get_partial_shape()
        self.size = (shape[2].get_length(), shape[3].get_length()) if shape.is_static else None
        self._inputs = len(compiled.inputs)
        self._outputs = len(compiled.outputs)
        self._request = compiled.create_infer_request()

    def infer(self, pictures: Sequence[Planes]) -> list[Output]:
        """Run the model, as `engine.Inference.run`. The outputs are valid until the next inference.

        After `cancel` from another thread it returns early with meaningless arrays, or raises RuntimeError.
        """
        self._request.start_async({index: each[np.newaxis] for index, each in enumerate(pictures)}, share_inputs=True)
        self._request.wait()
        return [self._request.get_output_tensor(index).data[0] for index in range(self._outputs)]

    def cancel(self) -> None:
        """End the running inference, if there is one, at its next operator."""
        self._request.cancel()

    def passes_trial(self) -> bool:
        """Return whether a trial inference gives finite numbers: some devices are listed but cannot compute."""
        height, width = self.size or (_TRIAL_SIDE, _TRIAL_SIDE)
        grey = np.full((3, height, width), 128, np.uint8)
        return all(bool(np.isfinite(output).all()) for output in self.infer([grey] * self._inputs))


def load(spec: ModelSpec, path: Path, target: Target, compiled_cache: Path | None) -> Model:
    """Read a model file and compile it.

    spec: the model.
    path: the model file.
    target: the device and arithmetic to compile for.
    compiled_cache: folder where OpenVINO keeps what it compiled, to load faster next time; None for no folder.

    A device that is missing, cannot compile the model, or fails a trial inference is replaced by the CPU, and the
    model's note says why. Raises MemoryError, or RuntimeError with OpenVINO's own message if the CPU fails too.
    """
    import openvino

    core = openvino.Core()
    graph = core.read_model(path)
    graph = openvino.Model(graph.outputs[: len(spec.outputs)], graph.get_parameters(), spec.id)
    graph = pixel_graph.build(graph, spec)
    available = core.available_devices
    gpus = [name for name in available if name.startswith("GPU")]
    wanted = [*gpus, CPU] if target.device == AUTO else [target.device]

    def compile_for(name: str) -> openvino.CompiledModel:
        properties = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": _arithmetic(core, spec, name, target.arithmetic),
        }
        if compiled_cache:
            properties["CACHE_DIR"] = str(compiled_cache)
        return core.compile_model(graph, name, properties)

    note = ""
    for name in wanted:
        if name == CPU:
            break
        try:
            if name not in available:
                raise RuntimeError(f"this computer has {', '.join(available)}")
            model = Model(spec, compile_for(name), note)
            if model.passes_trial():
                return model
            raise RuntimeError("a trial inference gave no finite numbers")
        except RuntimeError as error:
            note = f"{name} cannot be used ({short_reason(error)}); the CPU is used instead."
    return Model(spec, compile_for(CPU), note)


def _arithmetic(core: openvino.Core, spec: ModelSpec, device: str, wanted: str) -> str:
    """Return the arithmetic of a model on a device, in OpenVINO's terms.

    OpenVINO's own default is bfloat16 on every CPU that has it; u2netp's masks are then off by up to 155 of 255.
    """
    if wanted != AUTO:
        return wanted
    if device == CPU:
        native = "BF16" in core.get_property(CPU, "OPTIMIZATION_CAPABILITIES")
        return "bf16" if spec.bfloat16 and native else "f32"
    return _NATIVE_ARITHMETIC.get(device.split(".")[0], "f32")


def short_reason(error: Exception) -> str:
    """Return the last line of an error of OpenVINO's: the reason, without the places in its source files."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200].rstrip(".") if lines else "it gave no reason"
