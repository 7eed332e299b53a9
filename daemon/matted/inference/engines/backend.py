"""Compile a model file with OpenVINO, and infer with it; the daemon does so in the process of a `local` engine."""

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

_MADE_FOR = {"GPU": "f16", "NPU": "f16"}
_TRIAL_SIDE = 256  # of the picture that a device is tried with where the model takes any size


class Model:
    """A compiled model in memory. Used by one thread at a time, but for `cancel`.

    spec: the model.
    device: what it runs on, as OpenVINO names it.
    arithmetic: what it computes in, "f32", "bf16" or "f16".
    note: why it does not run on the device that was asked for, a sentence; or empty.
    size: (height, width) of the input, or None if the model takes any.
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
        """Run the model, as `engine.Engine.infer`. The outputs hold until the next inference.

        After `cancel` from another thread it returns early, with arrays of no meaning, or raises RuntimeError.
        """
        self._request.start_async({index: each[np.newaxis] for index, each in enumerate(pictures)}, share_inputs=True)
        self._request.wait()
        return [self._request.get_output_tensor(index).data[0] for index in range(self._outputs)]

    def cancel(self) -> None:
        """End the inference that runs, if one does, at the next operator."""
        self._request.cancel()

    def works(self) -> bool:
        """Return whether the device really computes: some report themselves and then fail, or give no numbers."""
        height, width = self.size or (_TRIAL_SIDE, _TRIAL_SIDE)
        grey = np.full((3, height, width), 128, np.uint8)
        return all(bool(np.isfinite(output).all()) for output in self.infer([grey] * self._inputs))


def load(spec: ModelSpec, path: Path, target: Target, compiled_cache: Path | None) -> Model:
    """Read and compile a model for `target`.

    compiled_cache: where OpenVINO keeps what it compiled, to be quicker next time; None for nowhere. A device that is
    not there, cannot compile the model, or fails a trial inference is passed over for the CPU; the model's note says
    so. Raises RuntimeError with OpenVINO's own words if the CPU can't run it either, MemoryError.
    """
    import openvino

    core = openvino.Core()
    graph = core.read_model(path)
    graph = openvino.Model(graph.outputs[: len(spec.outputs)], graph.get_parameters(), spec.id)
    graph = pixel_graph.build(graph, spec)
    there = core.available_devices
    gpus = [name for name in there if name.startswith("GPU")]
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
            if name not in there:
                raise RuntimeError(f"this computer has {', '.join(there)}")
            model = Model(spec, compile_for(name), note)
            if model.works():
                return model
            raise RuntimeError("a trial inference gave no numbers")
        except RuntimeError as error:
            note = f"{name} cannot be used ({complaint(error)}); the CPU is."
    return Model(spec, compile_for(CPU), note)


def _arithmetic(core: openvino.Core, spec: ModelSpec, device: str, wanted: str) -> str:
    """What the model is to compute in on a device, as OpenVINO calls it.

    On a CPU with bfloat16 OpenVINO would choose that for every model; u2netp's masks are then up to 155 of 255 off.
    """
    if wanted != AUTO:
        return wanted
    if device == CPU:
        native = "BF16" in core.get_property(CPU, "OPTIMIZATION_CAPABILITIES")
        return "bf16" if spec.bfloat16 and native else "f32"
    return _MADE_FOR.get(device.split(".")[0], "f32")


def complaint(error: Exception) -> str:
    """What OpenVINO says in the end, without where in its sources it says so."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200].rstrip(".") if lines else "it gave no reason"
