"""Predict: get a model's weights, load it, prepare its input of a picture, and infer. In a worker thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TypeVar
from weakref import WeakKeyDictionary, WeakSet

from matted_client import Rejected, messages
from matted_client.messages import Progress

from matted.inference.asking.held import HeldModel, Retry, translated_errors
from matted.inference.cache import ModelCache
from matted.inference.compiled import CompiledFiles
from matted.inference.engines.backend import short_reason
from matted.inference.engines.engine import Engine, EngineDied, EngineFactory, Inference, Input, Output
from matted.inference.engines.kserve.connection import ServerError
from matted.inference.engines.kserve.server import Server
from matted.inference.engines.local import LocalEngine
from matted.inference.paces import Paces
from matted.inference.remembered import RememberedOutputs
from matted.inference.timing import WHOLE_STAGE, Clock, Share, Stopwatch
from matted.models.spec import DECODER, ModelSpec
from matted.models.store import Store
from matted.settings.target import Target
from matted.system.task import Task

log = logging.getLogger(__name__)

T = TypeVar("T")

GRACE_SECONDS = 2.0  # for which a load may be paused even if it has just begun


def _do_nothing(task: Task, spec: ModelSpec) -> None:
    pass


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
        retry = Retry()
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
            with translated_errors(spec):
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
        with self._holding(engine, task, keep_alive, stopwatch, Retry()) as held:
            yield held

    @contextmanager
    def _holding(
        self, engine: Engine, task: Task, keep_alive: float, stopwatch: Stopwatch, retry: Retry, note: str = ""
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
        self, task: Task, spec: ModelSpec, stopwatch: Stopwatch, retry: Retry, failure: ServerError
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

    def lend(self, task: Task, spec: ModelSpec, stopwatch: Stopwatch, retry: Retry) -> Engine:
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

    def _load(self, task: Task, spec: ModelSpec, retry: Retry) -> Engine:
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
