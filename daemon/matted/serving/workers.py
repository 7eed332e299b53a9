"""The threads that turn jobs into replies, and what goes wrong with one into a sentence for a person."""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from matted_client import Rejected, messages
from matted_client.messages import Failure, Load, MaskRequest, Message

from matted.inference.cache import ModelCache
from matted.inference.predictor import Clock, Predictor
from matted.mask.pipeline import Pipeline
from matted.models.catalogue import Catalogue
from matted.models.spec import ModelSpec
from matted.serving.jobs import Job, JobQueue
from matted.settings.config import Config

log = logging.getLogger(__name__)

# While one infers, the other prepares the next picture or finishes the one before.
WORKERS = 2


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
    """on_finished is called from a worker thread whenever `collect` has something new, and when a thread ends."""

    def __init__(
        self, setup: Setup, queue: JobQueue, cache: ModelCache, predictor: Predictor, on_finished: Callable[[], None]
    ) -> None:
        self.setup = setup
        self._queue = queue
        self._cache = cache
        self._predictor = predictor
        self._on_finished = on_finished
        self._finished: deque[Reply] = deque()
        self._threads = [
            threading.Thread(target=self._work, name=f"worker {number}", daemon=True) for number in range(WORKERS)
        ]
        for thread in self._threads:
            thread.start()

    def collect(self) -> list[Reply]:
        """What was finished since the last call."""
        replies = []
        while self._finished:
            replies.append(self._finished.popleft())
        return replies

    def ended(self) -> bool:
        """Whether all threads have ended, which they do when the queue is closed, and everything was collected."""
        return not any(thread.is_alive() for thread in self._threads) and not self._finished

    def _work(self) -> None:
        while not self._queue.closed:
            job = self._queue.take(self._cache.expire())
            if job is not None:
                self._finished.append(self._outcome(job))
                self._queue.done(job)
                del job  # and its pixels
                self._on_finished()
        self._on_finished()

    def _outcome(self, job: Job) -> Reply:
        request = job.request
        size = f"{request.width} x {request.height}" if isinstance(request, MaskRequest) else f"load {request.model}"
        try:
            return self._done(job, size)
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

    def _done(self, job: Job, size: str) -> Reply:
        request, setup = job.request, self.setup
        spec = setup.spec(request.model)
        own = request.keep_alive if setup.config.client_keep_alive else None
        keep_alive = setup.config.keep_alive if own is None else own
        if spec.id == setup.config.preload:
            keep_alive = math.inf
        if isinstance(request, Load):
            self._predictor.load(job, spec, keep_alive, Clock(job.submitted), request.download)
            return Reply(job.peer, job.id, messages.Done())
        outcome = Pipeline(self._predictor, job, request, spec, keep_alive).run()
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
