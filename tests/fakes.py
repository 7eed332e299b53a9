"""A fake engine, store and clock: the test says what a model does and how long that takes. And fake devices.

Nothing here imitates OpenVINO's results: tests of masks use real models, and fake devices compute on the real CPU.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from conftest import wait_for
from matted.inference.engines.engine import EngineDied
from matted.inference.paces import Paces
from matted.models import catalogue
from matted.models.spec import DECODER, MODEL, Decoder, ModelSpec
from matted.models.store import Store
from matted.settings.target import Target
from matted_client import Rejected, messages
from numpy.typing import NDArray

TARGET = Target("CPU")
SIDE = 32  # pixels: the size that the fake models take
BASE = replace(catalogue.load().find("u2netp"), side=SIDE, scale="255", activation="clip", peak_bytes=1000)


def model(name: str, **fields: Any) -> ModelSpec:
    """Return the spec of a fake model. fields: of ModelSpec, to be other than those of u2netp."""
    return replace(BASE, id=name, title=name.upper(), **fields)


def paces(folder: Path, target: Target = TARGET) -> Paces:
    """Return the paces of a computer with two cores, on which nothing was measured unless `folder` has it."""
    return Paces(folder / "paces.json", target, cores=2, openvino="1.0")


def clickable(name: str) -> ModelSpec:
    """Return the spec of a fake model that takes clicks."""
    decoder = Decoder(
        features=("features",), points="points", labels="labels", earlier=("mask", "there"), outputs=(0, 1)
    )
    return model(name, inputs="image+clicks", side=4 * SIDE, activation="sigmoid", subject_floor=0.0, decoder=decoder)


def decoded(
    features: NDArray[Any], points: NDArray[Any], labels: NDArray[Any], earlier: NDArray[Any], there: NDArray[Any]
) -> list[Any]:
    """Return the answer of a fake decoder: a mask of pixels as red as the first point's, and one of all, and scores."""
    column, row = points[0].astype(int) // 4
    alike = np.abs(features[0, ::4, ::4] - features[0, ::4, ::4][row, column]) < 0.25
    masks = np.where(np.stack([alike, np.ones_like(alike)]), np.float32(9), np.float32(-9))
    return [masks, np.float32([0.9, 0.2])]


class Clock:
    """A clock that only the test sets. now: seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Gate:
    """A point in an engine's work that the test can close, so that the work stops there until it is open again.

    reached: set once the work has come to it.
    """

    def __init__(self) -> None:
        self._open = threading.Event()
        self._open.set()
        self._broken = False
        self.reached = threading.Event()

    def close(self) -> None:
        self.reached.clear()
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    def break_open(self) -> None:
        """Open the gate as a cancel or a kill does."""
        self._broken = True
        self._open.set()

    def wait(self) -> bool:
        """Wait until the gate is open. Returns whether it was broken open."""
        self.reached.set()
        assert self._open.wait(60)
        broken, self._broken = self._broken, False
        return broken


@dataclass
class Engines:
    """An EngineFactory that makes fake engines.

    clock: advanced by every inference.
    made: the engines so far.
    loading, inferring: a gate by model id, passed by its loads and its inferences.
    load_errors, infer_errors: by model id, what its next loads or inferences raise, in this order; None for nothing.
    notes: by model id, why its engines do not run on the device in the settings.
    running, most_running: inferences at this moment, and the most at any moment.
    seen: of each inference that ended well, in order: the highest level of blue in its input, and of its states.
    """

    clock: Clock = field(default_factory=Clock)
    made: list[FakeEngine] = field(default_factory=list)
    loading: dict[str, Gate] = field(default_factory=dict)
    inferring: dict[str, Gate] = field(default_factory=dict)
    load_errors: dict[str, list[Exception | None]] = field(default_factory=dict)
    infer_errors: dict[str, list[Exception | None]] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    running: int = 0
    most_running: int = 0
    seen: list[tuple[int, float]] = field(default_factory=list)

    def __call__(self, spec: ModelSpec, path: Path, target: Target, compiled: Path | None) -> FakeEngine:
        self.loading.setdefault(spec.id, Gate())
        self.inferring.setdefault(spec.id, Gate())
        engine = FakeEngine(spec, target, compiled, self)
        self.made.append(engine)
        return engine

    def close_loading(self, name: str) -> Gate:
        gate = self.loading.setdefault(name, Gate())
        gate.close()
        return gate

    def close_inferring(self, name: str) -> Gate:
        gate = self.inferring.setdefault(name, Gate())
        gate.close()
        return gate

    def next_load(self, name: str) -> None:
        self._next(self.load_errors, name)

    def next_inference(self, name: str) -> None:
        self._next(self.infer_errors, name)

    def _next(self, errors: dict[str, list[Exception | None]], name: str) -> None:
        if errors.get(name) and (error := errors[name].pop(0)) is not None:
            raise error


class FakeEngine:
    """An Engine. Its matte is the red plane of its input, or that is what it gives to its decoder, which answers as
    `decoded`. Its states count the frames. An inference takes a second of the clock.
    """

    def __init__(self, spec: ModelSpec, target: Target, compiled: Path | None, engines: Engines) -> None:
        self.spec = spec
        self.device = self.title = self.arithmetic = self.note = ""
        self.capabilities: Sequence[str] = ()
        self.size: tuple[int, int] | None = None
        self.turns: threading.Semaphore | None = None
        self.compiled = compiled
        self.inferences = self.decodings = 0
        self.closed = self.paused = False
        self.pauses = 0
        self._target = target
        self._engines = engines
        self._alive = True

    def load(self) -> None:
        if self._engines.loading[self.spec.id].wait():
            raise EngineDied("the load was ended")
        try:
            self._engines.next_load(self.spec.id)
        except EngineDied:
            self._alive = False
            raise
        self.device, self.arithmetic, self.size = self._target.device, "f32", (self.spec.side, self.spec.side)
        self.title, self.capabilities = "A processor", ("FP32", "INT8")
        self.note = self._engines.notes.get(self.spec.id, "")

    def inference(self, inputs: Sequence[np.ndarray[Any, np.dtype[Any]]], graph: str = MODEL) -> FakeInference:
        return FakeInference(self, inputs, graph)

    def infer(self, inputs: Sequence[np.ndarray[Any, np.dtype[Any]]], graph: str) -> list[Any]:
        assert not self.closed, "an engine is used after it was closed"
        self.inferences += graph == MODEL
        self.decodings += graph == DECODER
        self._engines.running += 1
        self._engines.most_running = max(self._engines.most_running, self._engines.running)
        try:
            if self._engines.inferring[self.spec.id].wait():
                raise RuntimeError("the inference was cancelled")
            self._engines.next_inference(self.spec.id)
        except EngineDied:
            self._alive = False
            raise
        finally:
            self._engines.running -= 1
        self._engines.clock.now += 1.0
        if graph == DECODER:
            return decoded(*inputs)
        matte = inputs[0][:1].astype(np.float32) / np.float32(255)
        states = list(inputs[len(inputs) - len(self.spec.states) :])
        self._engines.seen.append((int(inputs[0][2].max()), max((float(each.max()) for each in states), default=0.0)))
        return [matte, *([inputs[0]] if len(self.spec.outputs) > 1 else []), *(each + 1 for each in states)]

    def cancel(self) -> None:
        self._engines.inferring[self.spec.id].break_open()

    def die(self) -> None:
        """Die as when the system ends it while it is idle."""
        self._alive = False

    def kill(self) -> None:
        self._alive = False
        self._engines.loading[self.spec.id].break_open()

    def pause(self) -> None:
        self.paused = True
        self.pauses += 1

    def resume(self) -> None:
        self.paused = False

    def close(self) -> None:
        self.closed = True

    def alive(self) -> bool:
        return self._alive and not self.closed

    def memory(self) -> int:
        return 0 if self.closed else 100


@dataclass
class FakeInference:
    """An Inference of a fake engine."""

    engine: FakeEngine
    inputs: Sequence[np.ndarray[Any, np.dtype[Any]]]
    graph: str

    def run(self) -> list[Any]:
        return self.engine.infer(self.inputs, self.graph)

    def cancel(self) -> None:
        self.engine.cancel()


@dataclass
class FakeLicences:
    """Licences that are accepted, except those of the models in `refused`."""

    refused: set[str] = field(default_factory=set)

    def allows(self, spec: ModelSpec) -> bool:
        return spec.id not in self.refused

    def require(self, spec: ModelSpec) -> None:
        if not self.allows(spec):
            raise Rejected(messages.LICENCE_NOT_ACCEPTED, f"The licence of {spec.title} has to be accepted first.")


@dataclass
class FakeStore:
    """A Store in which every model is installed, except those of `missing`: they pass a gate while they download.

    spoilt: those whose files are there, and found out to be damaged when they are to be loaded.
    cut_short: those of whose files only a part is there: they are not installed.
    """

    missing: set[str] = field(default_factory=set)
    spoilt: set[str] = field(default_factory=set)
    cut_short: set[str] = field(default_factory=set)
    downloading: Gate = field(default_factory=Gate)
    licences: FakeLicences = field(default_factory=FakeLicences)

    def obtain(
        self, spec: ModelSpec, on_fraction: Callable[[float], None], check: Callable[[], None], wanted: bool = False
    ) -> bool:
        if spec.id in self.spoilt | self.cut_short:
            raise Rejected(messages.MODEL_NOT_INSTALLED, f"The model {spec.id} is damaged.")
        if spec.id not in self.missing:
            return False
        if not wanted:
            raise Rejected(messages.MODEL_NOT_INSTALLED, f"The model {spec.id} is not on this computer.")
        on_fraction(0.5)
        self.downloading.wait()
        check()
        self.missing.discard(spec.id)
        return True

    def path(self, spec: ModelSpec) -> Path:
        return Path(spec.id)

    def installed(self, spec: ModelSpec) -> bool:
        return spec.id not in self.missing | self.cut_short

    def installed_of(self, specs: Iterable[ModelSpec]) -> set[str]:
        return {spec.id for spec in specs if self.installed(spec)}

    def damaged(self, spec: ModelSpec) -> bool:
        return spec.id in self.cut_short

    def damaged_of(self, specs: Iterable[ModelSpec]) -> set[str]:
        return {spec.id for spec in specs if self.damaged(spec)}

    @property
    def as_store(self) -> Store:
        return cast(Store, self)


def disc(side: int = 96) -> bytes:
    """Return the pixels, RGB8, of a red disc with grain on a dark ground: a subject to the fake models."""
    y, x = np.mgrid[0:side, 0:side]
    inside = np.hypot(x - side / 2, y - side / 2) < side / 3
    noise = np.random.default_rng(1).integers(0, 20, (side, side))
    red = np.where(inside, 235 + noise, 0)
    return np.stack([red, noise + 20 * (x > y), noise], axis=2).astype(np.uint8).tobytes()


def drawn(side: int = 96) -> bytes:
    """Return the pixels, RGB8, of a red disc on white, as a program draws it: a flat ground."""
    y, x = np.mgrid[0:side, 0:side]
    cover = np.clip(side / 3 - np.hypot(x - side / 2, y - side / 2), 0, 1)[..., np.newaxis]
    return np.rint(255 - cover * np.array([55, 225, 215])).astype(np.uint8).tobytes()


@dataclass
class FakeDevice:
    """A device of FakeCore.

    title: FULL_DEVICE_NAME. discrete: DEVICE_TYPE. driver: the version of its driver; None if it does not tell.
    fault: what becomes of each output; None for a sound device.
    error: what compiling a model for it raises.
    """

    title: str = "A graphics chip"
    discrete: bool = False
    driver: str | None = "1.0"
    fault: Callable[[NDArray[Any]], NDArray[Any]] | None = None
    error: Exception | None = None


class FakeCore:
    """Stands for openvino.Core on a computer with these devices beside the CPU. They compute on the real CPU.

    devices: by OpenVINO's names for them.
    compiled: the devices that models were compiled for, in order.
    """

    def __init__(self, **devices: FakeDevice) -> None:
        """devices: "_" stands for the dot in their names."""
        import openvino

        self.devices = {name.replace("_", "."): device for name, device in devices.items()}
        self.compiled: list[str] = []
        self._real = openvino.Core()

    @property
    def available_devices(self) -> list[str]:
        return ["CPU", *self.devices]

    def get_versions(self, name: str) -> Any:
        return self._real.get_versions(name)

    def get_property(self, name: str, key: str) -> Any:
        if name == "CPU":
            return self._real.get_property(name, key)
        device = self.devices[name]
        known = {
            "FULL_DEVICE_NAME": device.title,
            "DEVICE_TYPE": f"Type.{'DISCRETE' if device.discrete else 'INTEGRATED'}",
        }
        if device.driver is not None:
            known[f"{name[:3]}_DRIVER_VERSION"] = device.driver
        if key not in known:
            raise RuntimeError(f"Cannot get unsupported property: {key}")
        return known[key]

    def read_model(self, path: Path) -> Any:
        return self._real.read_model(path)

    def compile_model(self, graph: Any, name: str, properties: dict[str, str]) -> Any:
        self.compiled.append(name)
        if name == "CPU":
            return self._real.compile_model(graph, name, properties)
        device = self.devices[name]
        if device.error is not None:
            raise device.error
        exact = {**properties, "INFERENCE_PRECISION_HINT": "f32"}
        return _FakeCompiled(self._real.compile_model(graph, "CPU", exact), name, properties, device)


class _FakeCompiled:
    """A compiled model on a fake device, and its only request."""

    def __init__(self, real: Any, name: str, properties: dict[str, str], device: FakeDevice) -> None:
        self._real = real
        self._name = name
        self._precision = properties["INFERENCE_PRECISION_HINT"]
        self._device = device
        self.inputs, self.outputs, self.input = real.inputs, real.outputs, real.input

    def get_property(self, key: str) -> Any:
        import openvino

        if key == "EXECUTION_DEVICES":
            return [self._name if "." in self._name else f"{self._name}.0"]
        assert key == "INFERENCE_PRECISION_HINT"
        return {"f16": openvino.Type.f16, "f32": openvino.Type.f32}[self._precision]

    def create_infer_request(self) -> Any:
        return _FakeRequest(self._real.create_infer_request(), self._device)


class _FakeRequest:
    def __init__(self, real: Any, device: FakeDevice) -> None:
        self._device = device
        self.start_async, self.wait, self.cancel = real.start_async, real.wait, real.cancel
        self._output_of = real.get_output_tensor

    def get_output_tensor(self, index: int) -> Any:
        data = self._output_of(index).data
        return SimpleNamespace(data=self._device.fault(data.copy()) if self._device.fault else data)


class Finished:
    """Collects replies until the one that a test waits for has come."""

    def __init__(self, collect: Callable[[], list[Any]]) -> None:
        self._collect = collect
        self.replies: list[Any] = []

    def of(self, request_id: int) -> Any:
        """Wait for the reply to a request, and return it."""

        def look() -> Any:
            self.replies += self._collect()
            return next((reply for reply in self.replies if reply.id == request_id), None)

        return wait_for(look, f"the reply to request {request_id}")


ids = itertools.count(1)
