"""Predict: get a model's weights, load it, prepare its input of a picture, and infer. In a worker thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from weakref import WeakKeyDictionary, WeakSet

import numpy as np
from matted_client import Rejected, messages
from matted_client.messages import Progress
from numpy.typing import NDArray

from matted.inference import model_io, prompts
from matted.inference.cache import ModelCache
from matted.inference.compiled import CompiledFiles
from matted.inference.engines.backend import short_reason
from matted.inference.engines.engine import Engine, EngineDied, EngineFactory, Inference, Input, Output, Planes
from matted.inference.engines.kserve.connection import ServerError
from matted.inference.engines.kserve.server import Server
from matted.inference.engines.local import LocalEngine
from matted.inference.layer import Layer
from matted.inference.memory import Memory
from matted.inference.paces import Paces
from matted.inference.prompts import Prompt
from matted.inference.remembered import RememberedOutputs
from matted.inference.timing import WHOLE_STAGE, Clock, Share, Stopwatch
from matted.models.arithmetic import Fit
from matted.models.spec import DECODER, ModelSpec
from matted.models.store import Store
from matted.settings.target import Target
from matted.system.task import Task

log = logging.getLogger(__name__)

T = TypeVar("T")

GRACE_SECONDS = 2.0  # for which a load may be paused even if it has just begun


def _do_nothing(task: Task, spec: ModelSpec) -> None:
    pass


@dataclass(frozen=True)
class Prediction:
    """What a model returned for a picture, at the model's size.

    raw: rows x columns, float32: the matte before its activation.
    foreground: 3 x rows x columns, uint8: the foreground colours, or None from a model that gives none.
    planes: uint8, the model's input, of the picture: 3 x height x width, RGB; with a trimap a fourth plane.
    device: what it ran on, as OpenVINO names it.
    note: why that is not the device in the settings, a sentence; or empty.
    """

    raw: NDArray[np.float32]
    foreground: Planes | None
    planes: Planes
    device: str
    note: str


@dataclass(frozen=True)
class Encoded:
    """What the encoder of a model that takes clicks returned for a picture: any number of prompts can be asked of it.

    features: for the decoder.
    fit: how the picture was shown.
    width, height: of the picture.
    device, note: as of Prediction.
    """

    features: list[Output]
    fit: Fit
    width: int
    height: int
    device: str
    note: str

    @property
    def memory(self) -> int:
        """The bytes that it takes."""
        return sum(each.nbytes for each in self.features)


class _Retry:
    """The one more try that a request has after an engine has died or a load has failed."""

    def __init__(self) -> None:
        self._left = True

    def take(self, error: Exception) -> bool:
        """Return whether to try again after an error.

        Not after the system has killed the engine for want of memory: the next try would need as much, and the system
        might end the picture editor then.
        """
        if isinstance(error, EngineDied) and error.killed:
            return False
        left, self._left = self._left, False
        return left


class _LoadPauser:
    """Pauses the load that is under way while an inference runs, since both would want every core.

    A load waits for at most as long as it has run, and GRACE_SECONDS, so that it ends however many requests come.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._inferring = False
        self._engine: Engine | None = None  # of the load
        self._begun = self._waited = 0.0
        self._paused_at: float | None = None

    @contextmanager
    def load(self, engine: Engine) -> Iterator[None]:
        """Mark a load. It begins paused if an inference runs."""
        with self._lock:
            self._engine, self._begun, self._waited = engine, self._clock(), 0.0
            if self._inferring:
                self._pause(engine)
        try:
            yield
        finally:
            with self._lock:
                self._resume()  # it was ended while it was paused
                self._engine = None

    @contextmanager
    def inference(self) -> Iterator[None]:
        """Mark an inference. One runs at a time."""
        with self._lock:
            self._inferring = True
            if self._engine is not None:
                self._pause(self._engine)
        try:
            yield
        finally:
            with self._lock:
                self._inferring = False
                self._resume()

    def _pause(self, engine: Engine) -> None:
        now = self._clock()
        if self._waited <= now - self._begun - self._waited + GRACE_SECONDS:
            engine.pause()
            self._paused_at = now

    def _resume(self) -> None:
        if self._engine is not None and self._paused_at is not None:
            self._engine.resume()
            self._waited += self._clock() - self._paused_at
        self._paused_at = None


class Predictor:
    """Holds models for requests, and runs them. All methods are thread-safe.

    One model is loaded at a time, and one inference runs at a time, as OpenVINO uses every core for either. An
    inference does not wait for the load of another model: it pauses the load.

    A model that the server of the settings has is asked there: it needs no weights, no load and no turn of this
    computer. Where the server fails, this computer runs the model, if it has it and the settings allow it.

    server: of the settings; None if there is none. Replaced by a reload.
    paces: how long inferences take.
    compiled: what OpenVINO compiled, on disk.
    target: the device and arithmetic for the next loads.
    on_downloaded: called with the task and the model after a download that was asked for, before the model is loaded.
    """

    def __init__(
        self,
        store: Store,
        cache: ModelCache,
        compiled: CompiledFiles,
        paces: Paces,
        target: Target,
        engines: EngineFactory = LocalEngine,
        clock: Clock = time.monotonic,
    ) -> None:
        """Prepare without loading anything.

        store: where the weights are, and how to get them.
        cache: the models in memory.
        compiled: what OpenVINO compiled, on disk.
        paces: how long inferences take, also those before this daemon.
        target: the device and arithmetic to load models for.
        engines: makes the engine of a model.
        clock: monotonic, seconds.
        """
        self.server: Server | None = None
        self.paces = paces
        self.paces.elsewhere = self.place_of
        self.compiled = compiled
        self.target = target
        self.clock = clock
        self.on_downloaded: Callable[[Task, ModelSpec], None] = _do_nothing
        self._store = store
        self._cache = cache
        self._engines = engines
        self._loading = threading.Lock()
        self._inferring = threading.Lock()
        self._load_pauser = _LoadPauser(clock)
        self._distrusted: WeakSet[Engine] = WeakSet()
        self._compile_anew: set[str] = set()  # ids of models
        self._remembered: WeakKeyDictionary[Engine, RememberedOutputs] = WeakKeyDictionary()

    @contextmanager
    def hold(
        self, task: Task, spec: ModelSpec, keep_alive: float, stopwatch: Stopwatch, download: bool = False
    ) -> Iterator[HeldModel]:
        """Hold a model in memory until the end of the block.

        task: its progress is set, and its cancel is heeded.
        spec: the model.
        keep_alive: seconds for which the model stays in memory afterwards.
        stopwatch: records the stages.
        download: whether to download missing weights of any model; without it, only those of the automatic model.

        Raises Rejected, MemoryError; so does `HeldModel.predict`.
        """
        retry = _Retry()
        self.require_licence(spec)
        remote, note = self._elsewhere(spec)
        if remote is not None:
            with self._holding(remote, task, keep_alive, stopwatch, retry) as held:
                yield held
            return
        engine = self._cache.lend(spec)  # first: what is in memory waits for no download, nor for a pull
        if engine is None:
            downloaded = self._obtain(task, spec, download)
            stopwatch.lap("downloading" if downloaded else "")
            if downloaded and download:
                self.on_downloaded(task, spec)
                stopwatch.lap("quantizing")
            with _translated_errors(spec):
                engine = self.lend(task, spec, stopwatch, retry)
        with self._holding(engine, task, keep_alive, stopwatch, retry, note) as held:
            yield held

    @contextmanager
    def hold_loaded(
        self, task: Task, spec: ModelSpec, keep_alive: float, stopwatch: Stopwatch
    ) -> Iterator[HeldModel | None]:
        """Hold a model until the end of the block if it `is_at_hand` and may be used; else None. As `hold`."""
        engine = None
        if self._store.licences.allows(spec):
            engine = (self.server and self.server.engine(spec)) or self._cache.lend(spec)
        if engine is None:
            yield None
            return
        with self._holding(engine, task, keep_alive, stopwatch, _Retry()) as held:
            yield held

    @contextmanager
    def _holding(
        self, engine: Engine, task: Task, keep_alive: float, stopwatch: Stopwatch, retry: _Retry, note: str = ""
    ) -> Iterator[HeldModel]:
        """Hold an engine that was lent until the end of the block.

        note: why it is not the server's, a sentence; or empty. The other parameters are those of `hold`.
        """

        def give_back(last: Engine) -> None:
            if last.turns is None:  # the server's are lent to nobody
                self._cache.give_back(last, keep_alive)

        held = HeldModel(self, engine, task, stopwatch, retry, give_back, note)
        try:
            yield held
        finally:
            held.give_back()

    def is_at_hand(self, spec: ModelSpec) -> bool:
        """Return whether a model can be asked without being loaded: the server has it, or it is in memory."""
        return self.is_elsewhere(spec) or self._cache.holds(spec)

    def is_elsewhere(self, spec: ModelSpec) -> bool:
        """Return whether a model is asked of the server now."""
        return self.server is not None and self.server.engine(spec) is not None

    def is_unsettled(self, spec: ModelSpec) -> bool:
        """Return whether it will be known in a moment whether the server has a model."""
        return self.server is not None and self.server.knows_not_yet() and self.server.may_have(spec)

    def place_of(self, model: str) -> str:
        """Return where the server runs a model, as `Engine.device`; empty if this computer does. model: its id."""
        found = None if self.server is None else self.server.standing.engines.get(model)
        return "" if found is None else found.device

    def remarks(self) -> list[str]:
        """Return why the server is not used, a sentence, if it is to be used and cannot be."""
        failure = None if self.server is None else self.server.standing.failure
        return [] if failure is None else [failure.message]

    def installed_of(self, specs: Iterable[ModelSpec]) -> set[str]:
        """Return the ids of the models that can be used without a download, here or on the server."""
        every = list(specs)
        there = {spec.id for spec in every if self.is_elsewhere(spec)}
        return there | self._store.installed_of(every)

    def damaged_of(self, specs: Iterable[ModelSpec]) -> set[str]:
        """Return the ids of the models that were installed, and have lost a file or a part of one since."""
        return self._store.damaged_of(spec for spec in specs if not self.is_elsewhere(spec))

    def _elsewhere(self, spec: ModelSpec) -> tuple[Engine | None, str]:
        """Return the server's engine of a model, or None and why it is not asked, a sentence, empty if it never is.

        Raises Rejected if the server cannot be asked, and nothing else can.
        """
        if self.server is None:
            return None, ""
        engine = self.server.engine(spec)
        failure = None if engine is not None else self.server.failure(spec)
        return engine, "" if failure is None else self._note_of(spec, failure, spec.automatic)

    def instead(
        self, task: Task, spec: ModelSpec, stopwatch: Stopwatch, retry: _Retry, failure: ServerError
    ) -> tuple[Engine, str]:
        """Lend a local engine in the place of the server's, and return why.

        failure: of the server.

        Raises as `hold`, EngineDied, RuntimeError.
        """
        note = self._note_of(spec, failure)
        log.warning("%s: %s", spec.id, note)
        if not self._cache.holds(spec):  # it may be damaged, or put here by hand and never used
            stopwatch.lap("downloading" if self._obtain(task, spec, download=False) else "")
        return self.lend(task, spec, stopwatch, retry), note

    def _obtain(self, task: Task, spec: ModelSpec, download: bool) -> bool:
        """Make sure that the files of a model are here, as `Store.obtain`. download: as of `hold`."""

        def downloading(fraction: float) -> None:
            task.progress = Progress("downloading", fraction, detail=spec.summary)

        return self._store.obtain(spec, downloading, task.check, download)

    def _note_of(self, spec: ModelSpec, failure: ServerError, fetched: bool = False) -> str:
        """Return what is said where this computer runs a model in the place of the server.

        fetched: whether it is downloaded where it is not here.

        Raises Rejected if it cannot: it does not have the model, or the settings say so.
        """
        assert self.server is not None
        if not self.server.settings.fallback:
            raise Rejected(messages.SERVER_FAILED, failure.message, failure.hint)
        if not (fetched or self._cache.holds(spec) or self._store.installed(spec)):
            message = f"{failure.message} {spec.title} is not on this computer."
            raise Rejected(messages.SERVER_FAILED, message, failure.hint)
        return f"{failure.message} {spec.title} ran on this computer instead."

    def require_licence(self, spec: ModelSpec) -> None:
        """Raise Rejected("licence_not_accepted") unless the model may be used, also for what it saw before."""
        self._store.licences.require(spec)

    def first_usable(self, specs: Sequence[ModelSpec]) -> ModelSpec | None:
        """Return the first of some models that may be used, and that the server has, or this computer.

        On this computer is what has all files, as far as their sizes tell.
        If there is none, the first whose files are damaged: to hold that raises Rejected, which says how to get it
        again. None if there is none of these, either.
        """
        allowed = [spec for spec in specs if self._store.licences.allows(spec)]
        for is_so in (self._is_usable, self._store.damaged):
            for spec in allowed:
                if is_so(spec):
                    return spec
        return None

    def _is_usable(self, spec: ModelSpec) -> bool:
        return self.is_elsewhere(spec) or self._store.installed(spec)

    def renew(self, spec: ModelSpec, keep_alive: float) -> bool:
        """Keep a model that is in memory as if it had been used now. Returns False if it is not `is_at_hand`.

        keep_alive: seconds for which it stays from now on.

        Raises Rejected("licence_not_accepted").
        """
        self.require_licence(spec)
        if self.is_elsewhere(spec):
            return True
        engine = self._cache.lend(spec)
        if engine is not None:
            self._cache.give_back(engine, keep_alive)
        return engine is not None

    def lend(self, task: Task, spec: ModelSpec, stopwatch: Stopwatch, retry: _Retry) -> Engine:
        """Lend an engine of the model, loaded first if there is none. Raises as `hold`, EngineDied, RuntimeError."""
        engine = self._cache.lend(spec)
        if engine is None:
            task.progress = Progress("loading", detail=spec.id)
            with task.holding(self._loading):
                engine = self._cache.lend(spec)  # another request may have loaded it meanwhile
                stopwatch.lap("waiting")
                if engine is None:
                    engine = self._cache.load(spec, lambda: self._load(task, spec, retry), task.check)
                    stopwatch.lap("loading")
        return engine

    def distrust(self, engine: Engine) -> None:
        """Have the next load of a model compile it anew: the compiled files may be why its engine died."""
        if engine not in self._distrusted:  # another request has found it dead before
            self._distrusted.add(engine)
            self._compile_anew.add(engine.spec.id)

    def infer(
        self,
        engine: Engine,
        inputs: list[Input],
        task: Task,
        stopwatch: Stopwatch,
        stage: str,
        share: Share = WHOLE_STAGE,
        fleeting: bool = False,
    ) -> list[Output]:
        """Return the raw outputs for some pictures: remembered ones, or those of an inference, one at a time.

        engine: lent to the caller.
        inputs: as `model_io.inputs` returns them.
        stage: what the inference is called in progress and timings.
        share: of the stage that the inference is.
        fleeting: whether nobody will ask for the same once more: the frames of a film must not fill the memory.

        Raises Rejected("cancelled"), and what `Inference.run` raises.
        """
        remembered = self._remembered.setdefault(engine, RememberedOutputs())
        key = None if fleeting else remembered.key(inputs)
        outputs = remembered.get(key)
        stopwatch.lap("preparing")
        if outputs is not None:
            return outputs
        with self._turn(engine, task, stopwatch, stage):
            outputs = remembered.get(key)  # the question that this one has overtaken may have needed the same
            if outputs is not None:
                return outputs
            start = self.clock()
            task.estimate = lambda: self.paces.progress(stage, engine.spec.id, self.clock() - start, share)
            try:
                outputs = self._run(engine, engine.inference(inputs), task)
            finally:
                task.estimate = None
            seconds = self.clock() - start
            if not fleeting:
                outputs = outputs[: len(outputs) - len(engine.spec.states)]
                remembered.put(key, outputs)  # before the next inference, which may be of the same
        stopwatch.lap(stage)
        self.paces.record(engine.spec, engine.device, engine.arithmetic, seconds)
        return outputs

    def decode(self, engine: Engine, inputs: list[Input], task: Task, stopwatch: Stopwatch) -> list[Output]:
        """Return the raw outputs of the decoder of a model that takes clicks. Raises as `infer`.

        engine: lent to the caller.
        inputs: the decoder's.
        """
        with self._turn(engine, task, stopwatch, "inference"):
            outputs = self._run(engine, engine.inference(inputs, DECODER), task)
        stopwatch.lap("clicks")
        return outputs

    @contextmanager
    def _turn(self, engine: Engine, task: Task, stopwatch: Stopwatch, stage: str) -> Iterator[None]:
        """Hold the turn to infer until the end of the block: that of this computer, or one of the engine's."""
        turns: threading.Lock | threading.Semaphore = engine.turns or self._inferring
        task.progress = Progress(stage, place=int(engine.turns is None and self._inferring.locked()))
        with task.holding(turns):
            task.progress = Progress(stage)
            stopwatch.lap("waiting")
            yield

    def _run(self, engine: Engine, inference: Inference, task: Task) -> list[Output]:
        if not engine.alive():  # the system, or another request's cancel, has ended it
            raise EngineDied("it has died since its last inference", idle=True)
        inferred: list[Output] = []
        with self._load_pauser.inference() if engine.turns is None else nullcontext():
            task.run_interruptible(lambda: inferred.extend(inference.run()), inference.cancel)
        return inferred

    def _load(self, task: Task, spec: ModelSpec, retry: _Retry) -> Engine:
        if spec.id in self._compile_anew:
            self._compile_anew.discard(spec.id)
            self.compiled.forget(spec.id)
        self.compiled.check(spec.id)
        try:
            engine = self._start(task, spec, self.compiled.folder(spec.id))
        except (EngineDied, RuntimeError) as error:
            if not retry.take(error):
                raise
            reason = short_reason(error)
            log.warning("%s could not be loaded; it is tried again without its compiled files: %s", spec.id, reason)
            self.compiled.forget(spec.id)
            engine = self._start(task, spec, None)
        self.paces.learn(engine.device, engine.title, engine.capabilities)
        self.compiled.seal(spec.id)
        self.compiled.trim(spec.id)
        log.info("%s is loaded on %s, in %s. %s", spec.id, engine.device, engine.arithmetic, engine.note)
        return engine

    def _start(self, task: Task, spec: ModelSpec, compiled: Path | None) -> Engine:
        engine = self._engines(spec, self._store.path(spec), self.target, compiled)
        try:
            with self._load_pauser.load(engine):
                task.run_interruptible(engine.load, engine.kill)
        except BaseException:
            engine.close()
            raise
        return engine


class HeldModel:
    """A model that one request holds, from its first prediction to its last. For one thread."""

    def __init__(
        self,
        predictor: Predictor,
        engine: Engine,
        task: Task,
        stopwatch: Stopwatch,
        retry: _Retry,
        on_end: Callable[[Engine], None],
        note: str,
    ) -> None:
        """Take over an engine that was lent.

        on_end: ends the loan of an engine.
        note: why it is not the server's, a sentence; or empty.
        """
        self.spec = engine.spec
        self._engine = engine
        self._predictor = predictor
        self._task = task
        self._stopwatch = stopwatch
        self._retry = retry
        self._on_end = on_end
        self._why_here = note
        self._held = True

    def give_back(self) -> None:
        """End the loan, so that the model can be unloaded. May be called again."""
        if self._held:
            self._held = False
            self._on_end(self._engine)

    def predict(
        self,
        layers: Sequence[Layer],
        stage: str = "inference",
        trimap: NDArray[np.uint8] | None = None,
        share: Share = WHOLE_STAGE,
        memory: Memory | None = None,
    ) -> Prediction:
        """Run the model on the layers.

        layers: the picture, and a plate if the model needs one.
        stage: what the inference is called in progress and timings.
        trimap: height x width of the picture, 0, 128 where alpha is unknown, 255, for a model that refines; else None.
        share: of the stage that this inference is.
        memory: of the scene that the picture is a frame of: what the model remembers is taken from there, and put there
            once the inference is done. None: it is no frame.

        If the engine dies, the model is loaded again and the inference is tried once more; once in a request, and not
        if the system has killed the engine during the inference.

        Raises Rejected, MemoryError.
        """
        return self._tried(lambda: self._predict(layers, stage, trimap, share, memory))

    def encode(self, layer: Layer) -> Encoded:
        """Show a picture to a model that takes clicks. As `predict`."""
        return self._tried(lambda: self._encode(layer))

    def decode(self, encoded: Encoded, prompt: Prompt, earlier: NDArray[np.float32] | None) -> list[Output]:
        """Ask a model that takes clicks for the masks of a prompt. As `predict`.

        encoded: what `encode` returned, also of an engine before.
        earlier: rows x columns: the raw mask of an earlier answer that this one is to improve; None for none.

        Returns raw masks, masks x rows x columns, and a score for each.
        """
        inputs = prompts.inputs(self.spec, encoded.features, prompt, earlier)
        return self._tried(lambda: self._predictor.decode(self._engine, inputs, self._task, self._stopwatch))

    def _tried(self, infer: Callable[[], T]) -> T:
        """Infer; where the server fails, here instead; and once more with another engine if the first one died."""
        with _translated_errors(self.spec):
            try:
                try:
                    return infer()
                except ServerError as failure:
                    self._task.check()
                    self._engine, self._why_here = self._predictor.instead(
                        self._task, self.spec, self._stopwatch, self._retry, failure
                    )
                return infer()
            except EngineDied as error:
                if not self._retry.take(error):
                    raise
                log.warning("%s: %s; the inference is tried once more", self.spec.id, error)
                if not error.idle:
                    self._predictor.distrust(self._engine)
            self.give_back()
            self._engine = self._predictor.lend(self._task, self.spec, self._stopwatch, self._retry)
            self._held = True
            return infer()

    @property
    def _note(self) -> str:
        return " ".join(note for note in (self._why_here, self._engine.note) if note)

    def _encode(self, layer: Layer) -> Encoded:
        features, fit, _ = self._show([layer], "inference", None, WHOLE_STAGE, None)
        return Encoded(features, fit, layer.width, layer.height, self._engine.device, self._note)

    def _predict(
        self,
        layers: Sequence[Layer],
        stage: str,
        trimap: NDArray[np.uint8] | None,
        share: Share,
        memory: Memory | None,
    ) -> Prediction:
        outputs, fit, planes = self._show(layers, stage, trimap, share, memory)
        count = len(self.spec.outputs)
        raw, *others = outputs[:count]
        if memory is not None:
            memory.states = outputs[count:]
        foreground = model_io.crop(others[0], fit) if others else None
        return Prediction(model_io.crop(raw[0], fit), foreground, planes, self._engine.device, self._note)

    def _show(
        self,
        layers: Sequence[Layer],
        stage: str,
        trimap: NDArray[np.uint8] | None,
        share: Share,
        memory: Memory | None,
    ) -> tuple[list[Output], Fit, Planes]:
        """Show layers to the model. Returns its raw outputs, the fit, and the planes of the first layer."""
        self._task.progress = Progress("preparing")
        fit = model_io.choose_fit(layers[0].width, layers[0].height, self.spec, self._engine.size)
        pictures = [model_io.prepare(layer, self.spec, fit, trimap) for layer in layers]
        inputs = model_io.inputs(pictures, self.spec, fit, () if memory is None else memory.states)
        fleeting = memory is not None
        outputs = self._predictor.infer(self._engine, inputs, self._task, self._stopwatch, stage, share, fleeting)
        return outputs, fit, pictures[0]


@contextmanager
def _translated_errors(spec: ModelSpec) -> Iterator[None]:
    """Translate EngineDied and OpenVINO's errors into Rejected, with a message for the user."""
    try:
        yield
    except EngineDied as error:
        log.error("%s: %s", spec.id, error)
        if error.killed or error.idle:
            message = f"The system ended {spec.title} while it ran: it needs more memory than there is."
            hint = "Close other programs, or use a smaller model; see: matted models"
            raise Rejected(messages.OUT_OF_MEMORY, message, hint) from error
        message = f"OpenVINO crashed while it ran {spec.title}."
        raise Rejected(messages.INTERNAL, message, "Try another model or device, and see: matted doctor") from error
    except RuntimeError as error:
        log.exception("%s failed", spec.id)
        message = f"OpenVINO cannot run {spec.title}: {short_reason(error)}."
        raise Rejected(messages.INTERNAL, message, "Try another model or device, and see: matted doctor") from error
