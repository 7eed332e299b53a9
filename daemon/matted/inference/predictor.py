"""One look of a model at a picture: have the weights, have them in memory, prepare, infer. In a worker thread."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
from matted_client import Rejected, messages
from matted_client.messages import Progress
from numpy.typing import NDArray

from matted.inference import model_io
from matted.inference.backend import complaint
from matted.inference.cache import ModelCache
from matted.inference.compiled import CompiledFiles
from matted.inference.engine import Engine, EngineDied
from matted.inference.layer import Layer
from matted.models.spec import ModelSpec
from matted.models.store import Store
from matted.serving.jobs import Job
from matted.settings.target import Target

log = logging.getLogger(__name__)

# Of raw outputs of a model, for requests that only tune the mask. They stay in the daemon as long as the model does.
REMEMBERED_BYTES = 64_000_000  # 15 of IS-Net
REMEMBERED_SAMPLES = 16_000_000  # of what the model saw; more takes long to compare, and its outputs much room
REMEMBERED = 16  # so that a folder of pictures does not fill the daemon with what nobody will tune

Raw = NDArray[np.float32]


@dataclass(frozen=True)
class Prediction:
    """The raw outputs for a picture, each channels x rows x columns as the model gives them, and what gave them.

    shown: 3 x height x width, what the model was shown of the picture, RGB.
    """

    outputs: list[Raw]
    shown: NDArray[np.uint8]
    device: str
    note: str


class Clock:
    """Seconds by stage, added up. A lap without a name belongs to no stage: it found nothing to do."""

    def __init__(self, start: float) -> None:
        self.laps: dict[str, float] = {}
        self._last = start

    def lap(self, stage: str) -> None:
        now = time.monotonic()
        if stage:
            self.laps[stage] = self.laps.get(stage, 0.0) + now - self._last
        self._last = now


class Pace:
    """How long an inference of each model took lately, to say how far the running one is."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    def record(self, model: str, seconds: float) -> None:
        before = self._seconds.get(model, seconds)
        self._seconds[model] = 0.7 * before + 0.3 * seconds

    def seconds(self, model: str) -> float | None:
        return self._seconds.get(model)

    def progress(self, stage: str, model: str, elapsed: float) -> Progress:
        expected = self._seconds.get(model)
        return Progress(stage, min(0.99, elapsed / expected) if expected else None)


class Predictor:
    """Any number of threads may look at once; loading is done by one of them at a time, and so is inference."""

    def __init__(self, store: Store, cache: ModelCache, compiled: CompiledFiles, target: Target) -> None:
        self.pace = Pace()
        self._store = store
        self._cache = cache
        self.compiled = compiled
        self.target = target
        self._loading = threading.Lock()
        self._inferring = threading.Lock()
        self._memories: WeakKeyDictionary[Engine, _Memory] = WeakKeyDictionary()

    def load(self, job: Job, spec: ModelSpec, keep_alive: float, clock: Clock, wanted: bool) -> None:
        """Have the model in memory; wanted: also if it has to be downloaded. Raises as `look` does."""
        with self._surviving(spec), self._model(job, spec, keep_alive, clock, wanted):
            pass

    def look(
        self,
        job: Job,
        layers: Sequence[Layer],
        spec: ModelSpec,
        keep_alive: float,
        clock: Clock,
        stage: str = "inference",
    ) -> Prediction:
        """Raises Rejected, MemoryError.

        layers: the picture, and a plate if the model needs one. stage: what the inference is called in progress and
        timings.
        """
        with self._surviving(spec):
            try:
                return self._look(job, layers, spec, keep_alive, clock, stage)
            except EngineDied:
                log.warning("the inference of %s crashed, and is tried once more", spec.id)
                self.compiled.forget(spec.id)
            return self._look(job, layers, spec, keep_alive, clock, stage)

    def _look(
        self, job: Job, layers: Sequence[Layer], spec: ModelSpec, keep_alive: float, clock: Clock, stage: str
    ) -> Prediction:
        width, height = layers[0].width, layers[0].height
        with self._model(job, spec, keep_alive, clock) as engine:
            job.progress = Progress("preparing")
            fit = model_io.fit(width, height, engine.size)
            shown = [model_io.show(layer, spec, fit) for layer in layers]
            memory = self._memories.setdefault(engine, _Memory(REMEMBERED_BYTES))
            key = memory.key(shown)
            outputs = memory.get(key)
            inputs = [model_io.normalise(planes, spec) for planes in shown] if outputs is None else []
            clock.lap("preparing")
            if outputs is None:
                outputs = self._infer(job, engine, inputs, clock, stage)
                memory.put(key, outputs)
            cropped = [fit.crop(raw, width, height) for raw in outputs]
            return Prediction(cropped, shown[0], engine.device, engine.note)

    @contextmanager
    def _model(
        self, job: Job, spec: ModelSpec, keep_alive: float, clock: Clock, wanted: bool = False
    ) -> Iterator[Engine]:
        def downloading(fraction: float) -> None:
            job.progress = Progress("downloading", fraction, detail=spec.summary)

        downloaded = self._store.obtain(spec, downloading, job.check, wanted)
        clock.lap("downloading" if downloaded else "")
        with ExitStack() as lease:
            if not self._cache.holds(spec.id):
                job.progress = Progress("loading", detail=spec.id)
            with job.holding(self._loading):
                lend = self._cache.use(spec, keep_alive, lambda: self._load(job, spec))
                engine, loaded = lease.enter_context(lend)
            clock.lap("loading" if loaded else "waiting")
            try:
                yield engine
            finally:
                if not engine.alive():
                    self._cache.discard(engine)

    def _load(self, job: Job, spec: ModelSpec) -> Engine:
        self.compiled.check(spec.id)
        try:
            engine = self._start(job, spec, self.compiled.of(spec.id))
        except (EngineDied, RuntimeError) as error:
            log.warning("%s could not be loaded, and is tried without what was compiled: %s", spec.id, complaint(error))
            self.compiled.forget(spec.id)
            engine = self._start(job, spec, None)
        self.compiled.seal(spec.id)
        self.compiled.trim(spec.id)
        log.info("%s is loaded on %s, in %s. %s", spec.id, engine.device, engine.arithmetic, engine.note)
        return engine

    def _start(self, job: Job, spec: ModelSpec, compiled: Path | None) -> Engine:
        engine = Engine(spec, self._store.path(spec), self.target, compiled)
        try:
            job.run_interruptible(engine.load, engine.kill)
        except BaseException:
            engine.close()
            raise
        return engine

    def _infer(self, job: Job, engine: Engine, inputs: list[Raw], clock: Clock, stage: str) -> list[Raw]:
        job.progress = Progress("waiting")
        with job.holding(self._inferring):
            clock.lap("waiting")
            start = time.monotonic()
            job.estimate = lambda: self.pace.progress(stage, engine.spec.id, time.monotonic() - start)
            outputs: list[Raw] = []
            try:
                job.run_interruptible(lambda: outputs.extend(engine.infer(inputs)), engine.cancel)
            finally:
                job.estimate = None
            self.pace.record(engine.spec.id, time.monotonic() - start)
        clock.lap(stage)
        return outputs

    @contextmanager
    def _surviving(self, spec: ModelSpec) -> Iterator[None]:
        """The end of the inference process, and what OpenVINO complains about, in words."""
        try:
            yield
        except EngineDied as death:
            log.error("%s: %s", spec.id, death)
            if death.killed:
                message = f"The system ended {spec.title} while it worked: it needs more memory than there is."
                hint = "Close other programs, or use a smaller model; see: matted models"
                raise Rejected(messages.OUT_OF_MEMORY, message, hint) from None
            message = f"OpenVINO crashed while it ran {spec.title}."
            raise Rejected(messages.INTERNAL, message, "Try another model or device, and see: matted doctor") from None
        except RuntimeError as error:
            log.exception("%s failed", spec.id)
            message = f"OpenVINO cannot run {spec.title}: {complaint(error)}."
            raise Rejected(messages.INTERNAL, message, "Try another model or device, and see: matted doctor") from None


class _Memory:
    """The latest raw outputs of an engine. What looks the same gives the same, so they are never wrong."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._known: OrderedDict[bytes, list[Raw]] = OrderedDict()
        self._lock = threading.Lock()

    def key(self, shown: Sequence[NDArray[np.uint8]]) -> bytes | None:
        """None for pictures that are too large to be worth it."""
        if sum(each.size for each in shown) > REMEMBERED_SAMPLES:
            return None
        digest = hashlib.blake2b(digest_size=16)
        for each in shown:
            digest.update(str(each.shape).encode())
            digest.update(each.reshape(-1).data)
        return digest.digest()

    def get(self, key: bytes | None) -> list[Raw] | None:
        with self._lock:
            if key is None or key not in self._known:
                return None
            self._known.move_to_end(key)
            return self._known[key]

    def put(self, key: bytes | None, outputs: list[Raw]) -> None:
        if key is None:
            return
        with self._lock:
            self._known[key] = outputs
            while (
                len(self._known) > REMEMBERED
                or sum(raw.nbytes for known in self._known.values() for raw in known) > self._budget
            ):
                self._known.popitem(last=False)
