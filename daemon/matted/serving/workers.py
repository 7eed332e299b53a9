"""The threads that carry out jobs and reply to them, with a result or with an error message for the user."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from matted_client import Rejected, messages, options
from matted_client.messages import Failure, Load, MaskRequest, MaskResult, Message, Progress, RefineRequest

from matted.inference.cache import ModelCache
from matted.inference.predictor import Predictor
from matted.inference.timing import Stopwatch
from matted.masking import keying
from matted.masking.finishing import Outcome
from matted.masking.keying import Keying
from matted.masking.picture import Picture
from matted.masking.pipeline import Pipeline
from matted.masking.refiner import Refiner, RefinerModel
from matted.masking.refining import Refining
from matted.masking.subject.finding import ModelNeeded, PipelineModel
from matted.models.spec import ModelSpec
from matted.serving.jobs import Job, JobQueue
from matted.serving.setup import Selection, Setup

log = logging.getLogger(__name__)

# Errors of a model that takes clicks after which the others are asked alone, unless the settings name it.
UNUSABLE = (messages.OUT_OF_MEMORY, messages.MODEL_NOT_INSTALLED, messages.SERVER_FAILED, messages.INTERNAL)
# Errors of a model that was chosen by itself after which another one is chosen for good.
BROKEN = (messages.MODEL_NOT_INSTALLED, messages.INTERNAL)
WORKERS = 2  # while one infers, the other prepares the next picture or finishes the previous mask


def _do_nothing() -> None:
    pass


class _Slots:
    """Places for making masks. count: how many there are. taken: threads that have one, or wait for one."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.taken = 0
        self.places = threading.Semaphore(count)

    @property
    def free(self) -> bool:
        return self.taken < self.count


class Reply(NamedTuple):
    """A message to a client.

    peer: the routing id of the client's connection.
    id: the client's number for the request that is answered.
    frames: bytes-like, sent as raw frames behind the message.
    """

    peer: bytes
    id: int
    message: Message
    frames: Sequence[Any] = ()


class Workers:
    """WORKERS threads that carry out jobs, and one more for each model that is being downloaded or loaded.

    So a request for a model in memory never waits for the load of another. Requests for a model that is being loaded
    stay in the queue until it is in memory.

    Where the settings have a server, there are as many threads more as inferences may be in flight to it, and WORKERS
    that prepare and finish meanwhile. Masks whose models are all asked of it neither wait for others nor let them wait.

    Where a flat ground may make a mask in the place of a model, a worker looks for it first. If there is none, the job
    waits again, for its model.

    setup: replaced by a reload.
    chosen: what made the latest mask, as in `status`; None before the first.
    """

    def __init__(
        self,
        setup: Setup,
        queue: JobQueue,
        cache: ModelCache,
        predictor: Predictor,
        selection: Selection,
        on_finished: Callable[[], None],
    ) -> None:
        """Start the threads.

        on_finished: called from a thread whenever `collect` has something new, and when a thread ends.
        """
        self.setup = setup
        self.chosen: dict[str, Any] | None = None
        self._queue = queue
        self._cache = cache
        self._predictor = predictor
        self._selection = selection
        self._on_finished = on_finished
        self._finished: deque[Reply] = deque()
        self._lock = threading.Lock()
        # The models that are being downloaded or loaded, by id, and whether for a mask.
        self._loading: dict[str, bool] = {}
        self._to_load: dict[Job, str] = {}  # taken from the queue, and the model that has to be loaded for it
        self._to_look: set[Job] = set()  # taken from the queue to look for a flat ground
        self._here = _Slots(WORKERS)
        self._elsewhere = _Slots(0)
        self._threads: list[threading.Thread] = []
        self.fit_to_settings()

    def fit_to_settings(self) -> None:
        """Have as many threads as the settings need, at least: they may be others than before."""
        server = self.setup.config.server
        elsewhere = 0 if server is None else server.max_in_flight + WORKERS
        if elsewhere != self._elsewhere.count:
            self._elsewhere = _Slots(elsewhere)
        for number in range(len(self._threads), WORKERS + elsewhere):
            thread = threading.Thread(target=self._work, name=f"worker {number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def collect(self) -> list[Reply]:
        """Return the replies of the jobs that ended since the last call."""
        replies = []
        while self._finished:
            replies.append(self._finished.popleft())
        return replies

    def renew(self, job: Job) -> bool:
        """Keep the model of a `load` that is in memory as if it had been used now. Returns False if it is to be loaded.

        Raises Rejected("model_not_found", "licence_not_accepted").
        """
        assert isinstance(job.request, Load), "no load"
        entry = self.setup.model(job.request.model, job.chosen)
        if not isinstance(entry, ModelSpec):
            return True
        renewed = self._predictor.renew(entry, self.setup.keep_alive(job))
        if renewed:
            self._queue.wake_worker()  # which waits for the time until which models stay
        return renewed

    def _setup_of(self, job: Job) -> Setup:
        """Return the settings and models for a job: for a frame those of the first one of its sequence."""
        return self.setup if job.sequence is None else job.sequence.setup

    def those_in_the_way_of(self, job: Job) -> Callable[[Job], bool]:
        """Return what tells whether a job has another model at work, or loads it, while this one needs its own."""
        wanted = None if self.setup.takes_flat(job) else self._model_id(job)

        def is_in_the_way(other: Job) -> bool:
            return wanted is not None and self.setup.model_of(other) not in (wanted, None)

        return is_in_the_way

    def ended(self) -> bool:
        """Return whether all threads have ended and all replies are collected, after the queue was closed."""
        with self._lock:
            working = any(thread.is_alive() for thread in self._threads) or self._queue.unfinished()
            return not working and not self._finished

    def _work(self) -> None:
        while not self._queue.drained:
            job = self._queue.take(self._cache.expire(), self._is_ready)
            if job is None:
                continue
            model = self._to_load.pop(job, None)
            if model is None:
                self._finish(job)
            else:
                self._start_load(job, model)
            del job  # frees its pixels before the wait for the next
        self._on_finished()

    def _is_ready(self, job: Job) -> bool:
        """Tell the queue whether to hand out this job. It asks one thread at a time, and hands out the first yes."""
        job.elsewhere = False
        if job.sequence is not None:
            job.chosen = job.sequence.chosen  # another one may have been chosen for a frame before
        flat = self._setup_of(job).takes_flat(job)
        models = self._model_ids(job) if flat is False else []
        if not models:
            ready = self._here.free
            if ready and flat is None:
                self._to_look.add(job)
            return ready
        catalogue = self._setup_of(job).catalogue.specs
        specs = [spec for model in models if (spec := catalogue.get(model)) is not None]
        if any(self._predictor.is_unsettled(spec) for spec in specs):
            return False
        job.elsewhere = len(specs) == len(models) and all(self._predictor.is_elsewhere(spec) for spec in specs)
        if job.elsewhere:
            return self._elsewhere.free
        if any(model in self._loading for model in models):
            return False
        missing = [model for model in models if not self._is_at_hand(job, model)]
        if not missing:
            return self._here.free
        model = missing[0]
        mask = not isinstance(job.request, Load)
        # Each mask holds a model, which cannot make room for others until it is made.
        if mask and sum(list(self._loading.values())) + self._here.taken >= WORKERS:
            return False
        self._loading[model] = mask
        self._to_load[job] = model
        return True

    def _start_load(self, job: Job, model: str) -> None:
        thread = threading.Thread(target=self._load, args=(job, model), name=f"loads {model}", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system has no more threads: this one has to do
            log.warning("no thread could be started to load %s", model)
            self._load(job, model)

    def _is_at_hand(self, job: Job, model: str) -> bool:
        spec = self._setup_of(job).catalogue.specs.get(model)
        return spec is not None and self._predictor.is_at_hand(spec)

    def _model_ids(self, job: Job) -> list[str]:
        """Return the ids of the models that a job needs, as far as it is known before it is carried out."""
        return [model for model in (self._model_id(job), self._refiner_id(job)) if model is not None]

    def _model_id(self, job: Job) -> str | None:
        """Return the id of the model that a job needs to find the subject, None if it needs none."""
        request, picture, setup = job.request, job.picture, self._setup_of(job)
        model = setup.model_of(job)
        if model is None:
            return None
        entry = setup.catalogue.entries.get(model)
        if entry is not None and not isinstance(entry, ModelSpec):
            return None
        if isinstance(request, MaskRequest) and picture is not None and entry is not None:
            try:
                needed = self._pipeline(entry, job, request, picture, Stopwatch(job.submitted)).needed
            except Rejected:  # said when the job is carried out
                return None
            return None if needed is None else needed.id
        return model

    def _pipeline(
        self,
        spec: ModelSpec,
        job: Job,
        request: MaskRequest,
        picture: Picture,
        stopwatch: Stopwatch,
        refiner: Refiner | None = None,
    ) -> Pipeline:
        """Return the steps to a mask. Raises Rejected if the settings name a model that cannot answer clicks."""
        clicks, setup = None, self._setup_of(job)
        if request.box is not None or request.keep:
            clicks = self._helper(job, "clicks", lambda: setup.answers_clicks(spec, self._predictor.first_usable))
        trims = setup.uses_grounds
        return Pipeline(spec, job, request, picture, stopwatch, trims, clicks, refiner, job.frame)

    @staticmethod
    def _helper(job: Job, task: str, find: Callable[[], ModelSpec | None]) -> ModelSpec | None:
        """Return a model that helps with a job; for a frame the one that has helped with those before."""
        return find() if job.sequence is None else job.sequence.helper(task, find)

    def _refiner_id(self, job: Job) -> str | None:
        """Return the id of the model that a job needs to refine an edge, None if it needs none."""
        request, picture, stopwatch = job.request, job.picture, Stopwatch(job.submitted)
        if isinstance(request, Load) or picture is None:
            return None
        try:
            refiner = self._refiner(job, request, stopwatch)
            if refiner is None:
                return None
            if isinstance(request, RefineRequest):
                refining = Refining(job, request, picture, stopwatch, self.setup.uses_grounds, refiner)
                return refiner.spec.id if refining.needs_refiner else None
            setup = self._setup_of(job)
            spec = setup.catalogue.specs.get(setup.model_of(job) or "")
            if spec is None or not self._pipeline(spec, job, request, picture, stopwatch, refiner).needs_refiner:
                return None
            return refiner.spec.id
        except Rejected:  # said when the job is carried out
            return None

    def _refiner(
        self,
        job: Job,
        request: MaskRequest | RefineRequest,
        stopwatch: Stopwatch,
        on_loaded: Callable[[], None] = _do_nothing,
    ) -> Refiner | None:
        """Return the model that refines the edge for a job; None if none does. Raises Rejected.

        on_loaded: called once it is in memory.
        """
        setup = self._setup_of(job)
        spec = self._helper(job, "refiner", lambda: setup.refiner(request, self._predictor.first_usable))
        if spec is None:
            return None
        keep_alive = setup.keep_refiner_alive(spec)

        @contextmanager
        def lend() -> Iterator[RefinerModel]:
            with self._predictor.hold(job, spec, keep_alive, stopwatch) as model:
                on_loaded()
                yield model

        return Refiner(spec, lend, job, stopwatch, named=setup.config.refiner != options.AUTO)

    def _load(self, job: Job, model: str) -> None:
        """Carry out a job whose model has to be loaded first."""
        loading = [model]

        def end_loading() -> None:
            if loading:  # once: another load of the model may be under way by then
                self._loading.pop(loading.pop(), None)
                self._queue.recheck()

        self._finish(job, end_loading)
        end_loading()  # if the load failed: the next job tries again
        self._queue.recheck()  # only now the model is given back, and its time begins

    @contextmanager
    def _mask_slot(self, job: Job) -> Iterator[None]:
        """Hold one of the slots for making a mask. Raises Rejected("cancelled") if a cancel comes meanwhile."""
        slots = self._elsewhere if job.elsewhere else self._here
        with self._lock:
            slots.taken += 1
            job.progress = Progress("preparing", place=max(0, slots.taken - slots.count))
        try:
            with job.holding(slots.places):
                job.progress = Progress("preparing")
                yield
        finally:
            with self._lock:
                slots.taken -= 1
            self._queue.recheck()

    def _finish(self, job: Job, on_loaded: Callable[[], None] = _do_nothing) -> None:
        reply = self._reply(job, on_loaded)
        if reply is None:
            return
        with self._lock:
            self._queue.done(job)  # before the reply can be sent, so that no progress message follows it
            self._finished.append(reply)
        self._on_finished()

    def _reply(self, job: Job, on_loaded: Callable[[], None]) -> Reply | None:
        """Carry out a job; an error becomes a Failure. Returns None if it waits again.

        on_loaded: called once the model is in memory.
        """
        label = _label(job)
        try:
            return self._carry_out(job, label, on_loaded)
        except Rejected as error:
            try:
                if self._choose_again(job, error):
                    return None
            except Rejected as ended:
                error = ended
            log.info("%s: %s", label, error.code)
            failure = Failure(error.code, error.message, error.hint)
        except MemoryError:
            log.warning("%s: out of memory", label)
            message = "There is not enough memory for this picture."
            failure = Failure(messages.OUT_OF_MEMORY, message, "Close other programs or scale it down.")
        except OSError as error:
            log.warning("%s: %s", label, error)
            message = f"The system reported an error to the matted daemon: {error.strerror or error}."
            failure = Failure(messages.INTERNAL, message, "Find out more with: matted doctor")
        except Exception:
            log.exception("%s: failed", label)
            failure = internal_failure()
        return Reply(job.peer, job.id, failure)

    def _choose_again(self, job: Job, error: Rejected) -> bool:
        """Let a job wait again, for another model than the one that was chosen for it. Returns whether there is one.

        error: why it failed: the model cannot be used, or there is not enough memory for it.

        Raises Rejected if the job was cancelled, or the daemon ends.
        """
        if error.code == messages.OUT_OF_MEMORY:
            chosen = self._selection.again(self._setup_of(job), job)
        elif error.code == messages.SERVER_FAILED:
            chosen = self._selection.here(self._setup_of(job), job)
        else:
            chosen = error.code in BROKEN and self._selection.pass_over(self._setup_of(job), job, error)
        if not chosen or job.chosen is None:
            return False
        log.warning("%s is chosen in the place of another for %s: %s", job.chosen.spec.id, _label(job), error.message)
        self._queue.put_back(job)
        return True

    def _carry_out(self, job: Job, label: str, on_loaded: Callable[[], None]) -> Reply | None:
        request, setup = job.request, self._setup_of(job)
        stopwatch = job.stopwatch = job.stopwatch or Stopwatch(job.submitted, self._predictor.clock)
        stopwatch.lap("waiting")  # for the first time, or once more
        job.asked = ""
        if isinstance(request, Load):
            entry = setup.model(request.model, job.chosen)
            if isinstance(entry, ModelSpec):
                job.asked = entry.id
                with self._predictor.hold(job, entry, setup.keep_alive(job), stopwatch, request.download):
                    on_loaded()
                if request.download:
                    self._selection.got(entry.id)
            return Reply(job.peer, job.id, messages.Done())
        outcome = self._answer(job, label, request, on_loaded, stopwatch)
        if outcome is None:
            self._queue.put_back(job)
            return None
        remarks = [*self._selection.remarks(job.chosen), *self._predictor.remarks()]
        info = _with_reason(outcome.info, job, remarks)
        if job.sequence is not None and job.frame is not None:
            job.sequence.answered = True
            info = replace(info, frame=job.frame.number, steadied=job.frame.steadied)
        self.chosen = {name: getattr(info, name) for name in ("model", "ground", "ground_colour", "chosen", "reason")}
        stages = ", ".join(f"{stage} {seconds:.3f} s" for stage, seconds in info.timings.items())
        log.info("%s: %s", label, stages)
        frames = [np.ascontiguousarray(array).reshape(-1).view(np.uint8).data for array in outcome.arrays]
        return Reply(job.peer, job.id, info, frames)

    @contextmanager
    def _lend_default(self, job: Job, keep_alive: float, stopwatch: Stopwatch) -> Iterator[PipelineModel | None]:
        """Lend the settings' model if it is in memory, and finds the subject of a picture alone; else None."""
        default = self.setup.catalogue.specs.get(self.setup.model_id(options.DEFAULT_MODEL, job.chosen))
        # A model may be in memory for one frame and gone for the next: none is asked about frames.
        if default is None or not default.takes_a_picture_alone or job.frame is not None:
            yield None
            return
        with self._predictor.hold_loaded(job, default, keep_alive, stopwatch) as model:
            yield model

    def _answer(
        self,
        job: Job,
        label: str,
        question: MaskRequest | RefineRequest,
        on_loaded: Callable[[], None],
        stopwatch: Stopwatch,
    ) -> Outcome | None:
        """Make the mask that a question is about. Raises Rejected, MemoryError.

        Returns None if a model has to be asked, which the job has to wait for like any other.
        """
        picture = job.picture
        assert picture is not None, "a question without a picture"
        if isinstance(question, RefineRequest):
            refiner = self._refiner(job, question, stopwatch, on_loaded)
            with self._mask_slot(job), refiner or nullcontext():
                return Refining(job, question, picture, stopwatch, self.setup.uses_grounds, refiner).run()
        setup = self._setup_of(job)
        chosen, looks = setup.takes_flat(job) is True, job in self._to_look
        self._to_look.discard(job)
        spec, keep_alive = setup.model(question.model, job.chosen), setup.keep_alive(job)
        if looks or chosen or not isinstance(spec, ModelSpec):
            with self._mask_slot(job):
                if looks:
                    chosen = keying.is_flat(picture, job.check)
                    stopwatch.lap("ground")
                    if job.sequence is not None:
                        job.sequence.flat = chosen
                    if not chosen:
                        return None
                maker = options.FLAT if chosen else spec.id
                lend_default = partial(self._lend_default, job, keep_alive, stopwatch)
                return Keying(maker, job, question, picture, stopwatch, chosen, lend_default, job.frame).run()

        @contextmanager
        def lend(needed: ModelSpec) -> Iterator[PipelineModel]:
            """Lend a model, loaded first if need be, and a slot for making the mask."""
            with self._predictor.hold(job, needed, keep_alive, stopwatch) as model:
                on_loaded()
                with self._mask_slot(job):
                    yield model

        self._predictor.require_licence(spec)
        refiner = self._refiner(job, question, stopwatch, on_loaded)
        pipeline = self._pipeline(spec, job, question, picture, stopwatch, refiner)
        if pipeline.needed is None:
            with self._mask_slot(job), refiner or nullcontext(), suppress(ModelNeeded):
                return pipeline.run(None)
        needed = pipeline.needed or spec
        job.asked = needed.id
        try:
            # Another model is needed: the job waits for that.
            with lend(needed) as model, refiner or nullcontext(), suppress(ModelNeeded):
                return pipeline.run(model)
        except Rejected as error:
            if needed is spec or setup.config.clicks != options.AUTO or error.code not in UNUSABLE:
                raise
            log.warning("%s: %s is not asked: %s", label, needed.id, error.message)
            pipeline.go_without(needed, error)
        return None


def _with_reason(info: MaskResult, job: Job, remarks: list[str]) -> MaskResult:
    """Return what is said of a mask, with why its model was chosen, if it was. remarks: why others were not."""
    if info.chosen or info.model == options.FLAT:  # by its ground, or asked for by its name
        return info
    if job.chosen is None or job.chosen.spec.id != info.model:
        return info
    more = [remark for remark in remarks if not any(remark in warning for warning in info.warnings)]
    return replace(info, chosen=True, reason=job.chosen.reason, warnings=[*info.warnings, *more])


def _label(job: Job) -> str:
    """Describe a job for the log."""
    request, picture = job.request, job.picture
    if isinstance(request, Load) or picture is None:
        return f"load {job.model}"
    if job.frame is not None:
        return f"frame {job.frame.number} {picture.width} x {picture.height}"
    return f"{request.op} {picture.width} x {picture.height}" + (f" at {request.view}" if request.view else "")


def internal_failure() -> Failure:
    """Return the failure of a request that met a fault in matted itself."""
    message = "The matted daemon failed on this request. It still answers others."
    hint = "The reason is in its log; please report it: matted doctor --report FILE"
    return Failure(messages.INTERNAL, message, hint)
