"""The threads that turn jobs into replies, and what goes wrong with one into a sentence for a person."""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from matted_client import Rejected, messages
from matted_client.messages import Failure, Load, MaskRequest, Message

from matted.inference.cache import ModelCache
from matted.inference.predictor import Predictor
from matted.inference.timing import Stopwatch
from matted.mask.pipeline import Pipeline
from matted.models.catalogue import Catalogue
from matted.models.spec import ModelSpec
from matted.serving.jobs import Job, JobQueue
from matted.settings.config import Config

log = logging.getLogger(__name__)

WORKERS = 2  # while one infers, the other prepares the next picture or finishes the one before


def _nothing() -> None:
    pass


class Reply(NamedTuple):
    """To `peer`: `message` in answer to its request `id`, with raw frames behind it."""

    peer: bytes
    id: int
    message: Message
    frames: Sequence[Any] = ()


class Setup(NamedTuple):
    """What a reload replaces as a whole."""

    config: Config
    catalogue: Catalogue

    def model_id(self, requested: str) -> str:
        return self.config.model if requested == "default" else requested

    def spec(self, requested: str) -> ModelSpec:
        """Raises Rejected("model_not_found")."""
        return self.catalogue.find(self.model_id(requested))


class Workers:
    """WORKERS threads that make masks, and one more for each model that is being loaded meanwhile.

    So a request for a model in memory never waits for another model to be downloaded or loaded. Requests for a model
    that is being loaded stay in the queue until it is there.
    """

    def __init__(
        self, setup: Setup, queue: JobQueue, cache: ModelCache, predictor: Predictor, on_finished: Callable[[], None]
    ) -> None:
        """on_finished: called from a thread whenever `collect` has something new, and when a thread ends."""
        self.setup = setup
        self._queue = queue
        self._cache = cache
        self._predictor = predictor
        self._on_finished = on_finished
        self._finished: deque[Reply] = deque()
        self._lock = threading.Lock()
        self._loading: set[str] = set()  # ids of models
        self._making = 0  # threads that make a mask, or that have loaded a model and wait to make the mask
        self._may_make = threading.Semaphore(WORKERS)
        self._threads = [
            threading.Thread(target=self._work, name=f"worker {number}", daemon=True) for number in range(WORKERS)
        ]
        for thread in self._threads:
            thread.start()

    def collect(self) -> list[Reply]:
        """Return what was finished since the last call."""
        replies = []
        while self._finished:
            replies.append(self._finished.popleft())
        return replies

    def ended(self) -> bool:
        """Return whether everything was done and collected after the queue was closed."""
        with self._lock:
            working = any(thread.is_alive() for thread in self._threads) or self._queue.alive()
            return not working and not self._finished

    def _work(self) -> None:
        while not self._queue.closed:
            job = self._queue.take(self._cache.expire(), self._ready)
            if job is None:
                continue
            model = self._model(job)
            if self._cache.holds(model):
                self._finish(job)
            else:
                self._loading.add(model)
                threading.Thread(target=self._load, args=(job, model), name=f"loads {model}", daemon=True).start()
            del job  # and its pixels
        self._on_finished()

    def _ready(self, job: Job) -> bool:
        model = self._model(job)
        return model not in self._loading and (self._making < WORKERS or not self._cache.holds(model))

    def _model(self, job: Job) -> str:
        return self.setup.model_id(job.request.model)

    def _load(self, job: Job, model: str) -> None:
        """Do a job whose model has to be loaded first."""
        self._finish(job, lambda: self._loaded(model))
        self._loaded(model)  # also if it could not be loaded: the next job may try

    def _loaded(self, model: str) -> None:
        self._loading.discard(model)
        self._queue.recheck()

    @contextmanager
    def _turn(self, job: Job) -> Iterator[None]:
        """Be one of the WORKERS threads that make masks. Raises Rejected("cancelled")."""
        with self._lock:
            self._making += 1
        try:
            with job.holding(self._may_make):
                yield
        finally:
            with self._lock:
                self._making -= 1
            self._queue.recheck()

    def _finish(self, job: Job, on_loaded: Callable[[], None] = _nothing) -> None:
        reply = self._outcome(job, on_loaded)
        with self._lock:
            self._queue.done(job)  # before the reply is sent: no progress follows it
            self._finished.append(reply)
        self._on_finished()

    def _outcome(self, job: Job, on_loaded: Callable[[], None]) -> Reply:
        request = job.request
        size = f"{request.width} x {request.height}" if isinstance(request, MaskRequest) else f"load {request.model}"
        try:
            return self._done(job, size, on_loaded)
        except Rejected as error:
            log.info("%s: %s", size, error.code)
            failure = Failure(error.code, error.message, error.hint)
        except MemoryError:
            log.warning("%s: out of memory", size)
            message = "There is not enough memory for this picture."
            failure = Failure(messages.OUT_OF_MEMORY, message, "Close other programs or scale it down.")
        except OSError as error:
            log.warning("%s: %s", size, error)
            message = f"The matted daemon was let down by the system: {error.strerror or error}."
            failure = Failure(messages.INTERNAL, message, "Find out more with: matted doctor")
        except Exception:
            log.exception("%s: failed", size)
            failure = internal()
        return Reply(job.peer, job.id, failure)

    def _done(self, job: Job, size: str, on_loaded: Callable[[], None]) -> Reply:
        request, setup = job.request, self.setup
        spec = setup.spec(request.model)
        asked = request.keep_alive if setup.config.client_keep_alive else None
        keep_alive = setup.config.keep_alive if asked is None else asked
        if spec.id == setup.config.preload:
            keep_alive = math.inf
        download = isinstance(request, Load) and request.download
        stopwatch = Stopwatch(job.submitted, self._predictor.clock)
        stopwatch.lap("waiting")
        with self._predictor.hold(job, spec, keep_alive, stopwatch, download) as model:
            on_loaded()
            if isinstance(request, Load):
                return Reply(job.peer, job.id, messages.Done())
            with self._turn(job):
                outcome = Pipeline(model, job, request, job.frames, stopwatch).run()
        stages = ", ".join(f"{stage} {seconds:.3f} s" for stage, seconds in outcome.info.timings.items())
        log.info("%s: %s", size, stages)
        arrays = [array for array in (outcome.mask, outcome.foreground) if array is not None]
        frames = [np.ascontiguousarray(array).reshape(-1).view(np.uint8).data for array in arrays]
        return Reply(job.peer, job.id, outcome.info, frames)


def internal() -> Failure:
    message = "The matted daemon failed on this request and goes on with the next."
    return Failure(
        messages.INTERNAL, message, "The reason is in its log; please report it: matted doctor --report FILE"
    )
