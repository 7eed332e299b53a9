"""Compile a model's files with OpenVINO, and infer with it. For the daemon, this happens in an engine process."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matted.inference.engines import devices, pixel_graph, verdicts
from matted.inference.engines.devices import Device
from matted.inference.engines.engine import Input, Output
from matted.inference.engines.verdicts import Verdict
from matted.models.spec import DECODER, MODEL, ModelSpec
from matted.settings.target import AUTO, CPU, Target

if TYPE_CHECKING:
    import openvino


class Model:
    """A compiled model in memory. For one thread at a time; only `cancel` may be called by another.

    spec: the model.
    device: what it runs on, as OpenVINO names it.
    title, capabilities: its maker's name of it, and what OpenVINO says it can do.
    arithmetic: what it computes in: "f32", "bf16" or "f16".
    note: why it does not run on the device in the settings, a sentence; or empty.
    size: (height, width) of the model's input, None if it takes any.
    """

    def __init__(
        self,
        spec: ModelSpec,
        compiled: openvino.CompiledModel,
        title: str = "",
        capabilities: Sequence[str] = (),
        decoder: openvino.CompiledModel | None = None,
    ) -> None:
        """Take the compiled graphs. decoder: the second one; None if there is none."""
        self.spec = spec
        self.note = ""
        self.title = title
        self.capabilities = tuple(capabilities)
        self.device = ", ".join(compiled.get_property("EXECUTION_DEVICES"))
        self.arithmetic = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        shape = compiled.input(0).get_partial_shape()
        self.size = (shape[2].get_length(), shape[3].get_length()) if shape.is_static else None
        graphs = {MODEL: compiled} if decoder is None else {MODEL: compiled, DECODER: decoder}
        self._requests = {graph: (each.create_infer_request(), len(each.outputs)) for graph, each in graphs.items()}
        self._request, self._outputs = self._requests[MODEL]  # of the latest inference

    def infer(self, inputs: Sequence[Input], graph: str = MODEL) -> list[Output]:
        """Run the model, as `engine.Inference.run`. The outputs are valid until the next inference.

        After `cancel` from another thread it returns early with meaningless arrays, or raises RuntimeError.
        """
        self.start(inputs, graph)
        return self.outputs()

    def start(self, inputs: Sequence[Input], graph: str = MODEL) -> None:
        """Begin an inference of one of the graphs, which `outputs` waits for. Leave the inputs as they are until then.

        inputs, graph: as of `Engine.inference`.
        """
        self._request, self._outputs = self._requests[graph]
        self._request.start_async({index: each[np.newaxis] for index, each in enumerate(inputs)}, share_inputs=True)

    def outputs(self) -> list[Output]:
        """Wait for the inference that has begun, and return its raw outputs, as `infer`."""
        self._request.wait()
        return [self._request.get_output_tensor(index).data[0] for index in range(self._outputs)]

    def cancel(self) -> None:
        """End the running inference, if there is one, at its next operator."""
        self._request.cancel()


def load(
    spec: ModelSpec, path: Path, target: Target, compiled_cache: Path | None, core: openvino.Core | None = None
) -> Model:
    """Read a model file and compile it.

    spec: the model.
    path: the file of the model's first graph; that of its decoder lies beside it.
    target: the device and arithmetic to compile for.
    compiled_cache: folder where OpenVINO keeps what it compiled, to load faster next time, and where the verdicts on
        devices are remembered; None for no folder.
    core: finds and runs the devices; OpenVINO's own unless a test has another.

    A device that is missing, cannot compile the model, or computes wrong numbers is replaced by the next best, in the
    end by the CPU, and the model's note says why. A decoder is always on the CPU, in float32: it takes
    milliseconds, and another number of clicks from one inference to the next, which not every device does.

    Raises MemoryError, or RuntimeError with OpenVINO's own message if the CPU fails too.
    """
    import openvino

    loader = _Loader(core or openvino.Core(), spec, path, target, compiled_cache)
    found = devices.find(loader.core)
    reasons = []
    to_try = devices.in_order(target.device, found)
    if not to_try and target.device not in (AUTO, CPU):
        reasons.append(f"{target.device} cannot be used (this computer has {', '.join(each.name for each in found)})")
    for device in to_try:
        try:
            model = loader.load_on(device)
        except RuntimeError as error:
            reasons.append(f"{device.name} cannot be used ({short_reason(error)})")
            continue
        model.note = _note(reasons, device.name)
        return model
    model = loader.compile(CPU)
    model.note = _note(reasons, "the CPU")
    return model


def _note(reasons: Sequence[str], used: str) -> str:
    """Say why a better device is not used, in a sentence; empty if there are no reasons."""
    return f"{'; '.join(reasons)}; {used} is used instead." if reasons else ""


class _Loader:
    """Compiles one model for one device or another. core: the devices."""

    def __init__(
        self, core: openvino.Core, spec: ModelSpec, path: Path, target: Target, compiled_cache: Path | None
    ) -> None:
        """Read the model file. The arguments are those of `load`."""
        self.core = core
        self._spec = spec
        self._target = target
        self._compiled_cache = compiled_cache
        self._identity = _identity(spec, path)
        self._graph = pixel_graph.build(core.read_model(path), spec)
        decoder = path.with_stem(DECODER)
        self._decoder = None if spec.decoder is None else core.read_model(decoder)
        self._right: list[Output] | None = None

    def compile(self, device: str) -> Model:
        """Compile the model for the device of this name. Raises RuntimeError, MemoryError."""
        return self._compiled(device, self._arithmetic(device), self._compiled_cache)

    def _compiled(self, device: str, arithmetic: str, cache: Path | None) -> Model:
        def compiled(graph: openvino.Model, device: str, arithmetic: str) -> openvino.CompiledModel:
            properties = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": arithmetic}
            if cache:
                properties["CACHE_DIR"] = str(cache)
            return self.core.compile_model(graph, device, properties)

        decoder = None if self._decoder is None else compiled(self._decoder, CPU, "f32")
        title, capabilities = devices.title(self.core, device), devices.capabilities(self.core, device)
        return Model(self._spec, compiled(self._graph, device, arithmetic), title, capabilities, decoder)

    def load_on(self, device: Device) -> Model:
        """Compile the model for a device, and see whether that computes what the CPU does.

        They are compared once; the verdict is remembered. Raises RuntimeError with the reason if the device cannot be
        used, MemoryError.
        """
        arithmetic = self._arithmetic(device.name)
        verdict = None
        if self._compiled_cache:
            verdict = verdicts.find(self._compiled_cache, device, self._identity, arithmetic)
        if verdict is None:
            verdict = self._compare(device, arithmetic)
            if self._compiled_cache:
                with suppress(OSError):  # the disk is full, say: they are compared again with the next load
                    verdicts.add(self._compiled_cache, verdict)
        if not verdict.right:
            raise RuntimeError(str(verdict))
        model = self.compile(device.name)
        if not all(bool(np.isfinite(output).all()) for output in self._show(model)):
            raise RuntimeError("a trial inference gave no finite numbers")
        return model

    def _arithmetic(self, device: str) -> str:
        able = devices.capabilities(self.core, device) if device == CPU else []
        return devices.arithmetic(self._spec, device, self._target.arithmetic, able)

    def _compare(self, device: Device, arithmetic: str) -> Verdict:
        """Compare the device with the CPU. One of the two models is in memory at a time."""
        from matted.inference.engines import comparison  # here: most computers have a CPU alone, and load faster so

        answer = self._show(self.compile(device.name))
        if self._right is None:
            self._right = self._show(self._compiled(CPU, "f32", None))
        difference = comparison.difference(answer, self._right, self._spec)
        found_on = device.name, device.title, device.driver, device.openvino
        return Verdict(self._identity, *found_on, arithmetic, difference)

    def _show(self, model: Model) -> list[Output]:
        """Return copies of the model's raw outputs for the photograph."""
        from matted.inference.engines import comparison

        return comparison.answer(self._spec, model.size, model.infer)


def _identity(spec: ModelSpec, path: Path) -> str:
    """Return what identifies a model file and what its spec says of it, for verdicts."""
    files = [file.stat() for file in (path, path.with_suffix(".bin")) if file.exists()]
    return f"{zlib.crc32(repr((spec, [(stat.st_size, stat.st_mtime_ns) for stat in files])).encode()):08x}"


def short_reason(error: Exception) -> str:
    """Return the last line of an error of OpenVINO's: the reason, without the places in its source files."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200].rstrip(".") if lines else "it gave no reason"
