"""Requests in, replies out. No sockets: the server carries the bytes, a worker thread makes the masks."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import psutil
from matted_client import ProtocolError, Rejected, messages
from matted_client.messages import Failure, Hello, Load, MaskRequest, Message, Progress, Unload

from matted import __version__, backend
from matted.backend import Model
from matted.config import Config
from matted.jobs import Job, JobQueue
from matted.models.cache import ModelCache
from matted.models.catalogue import Catalogue, Row
from matted.models.compiled import CompiledFiles
from matted.models.store import Store
from matted.pipeline import Outcome, Pipeline

log = logging.getLogger(__name__)

MEMORY_PERCENT = 60  # of the machine's memory, for models, where the settings say nothing else


class Reply(NamedTuple):
    """To `peer`: `message` in answer to its request `id`, with raw frames behind it."""

    peer: bytes
    id: int
    message: Message
    frames: Sequence[Any] = ()


@dataclass(frozen=True)
class Identity:
    """Who this daemon is: what status and hello tell."""

    endpoint: str
    connection_file: str
    key: bytes


class Service:
    """`handle` answers at once or queues; `collect` gives what the worker finished since the last call.

    on_finished is called from the worker thread whenever `collect` has something new.
    """

    def __init__(
        self, config: Config, catalogue: Catalogue, identity: Identity, on_finished: Callable[[], None]
    ) -> None:
        self.stopping = False
        self._config = config
        self._catalogue = catalogue
        self._identity = identity
        self._on_finished = on_finished
        self._store = Store(config.models)
        self._compiled = CompiledFiles(config.compiled, config.compiled_limit)
        budget = config.memory or psutil.virtual_memory().total * MEMORY_PERCENT // 100
        self._cache = ModelCache(self._load, budget, lambda: psutil.virtual_memory().available, backend.release_memory)
        self._pipeline = Pipeline(self._store, self._cache)
        self._queue = JobQueue(config.queue)
        self._finished: deque[Reply] = deque()
        self._started = time.monotonic()
        self._requests = 0
        self._process = psutil.Process()
        self._worker = threading.Thread(target=self._work, name="worker", daemon=True)
        self._worker.start()

    # -- the event loop's side ---------------------------------------------------------------------------------------

    def handle(self, peer: bytes, frames: Sequence[memoryview]) -> list[Reply]:
        """One message of a client, header first. Returns the replies that are due now. Never raises."""
        request_id = 0
        self._requests += 1
        try:
            op, request_id, header = messages.split_header(bytes(frames[0][: messages.MAX_HEADER_BYTES + 1]))
            return self._dispatch(peer, request_id, op, header, frames[1:])
        except ProtocolError as error:
            return [Reply(peer, request_id, Failure(messages.BAD_REQUEST, error.message, "See docs/protocol.md."))]
        except Rejected as error:
            return [Reply(peer, request_id, Failure(error.code, error.message, error.hint))]
        except Exception:
            log.exception("a request failed")
            return [Reply(peer, request_id, _internal())]

    def collect(self) -> list[Reply]:
        replies = []
        while self._finished:
            replies.append(self._finished.popleft())
        return replies

    def working(self) -> bool:
        return bool(self._queue.alive())

    def progress(self) -> list[Reply]:
        """How far every job is."""
        replies = []
        for place, job in self._queue.alive():
            estimate = job.estimate
            progress = estimate() if estimate else job.progress
            if progress.stage == "waiting":
                progress = Progress("waiting", place=place)
            replies.append(Reply(job.peer, job.id, progress))
        return replies

    def abandon(self, peer: bytes, request_id: int) -> None:
        """The client is gone: so is its wish."""
        log.info("a client left before its mask was ready")
        self._queue.cancel(peer, request_id)

    def stop(self) -> list[Reply]:
        """Refuse new work and give up what waits. `finished` tells when the running job is done."""
        self.stopping = True
        failure = Failure(messages.SHUTTING_DOWN, "The matted daemon is shutting down.", "Try again in a moment.")
        return [Reply(job.peer, job.id, failure) for job in self._queue.close()]

    def finished(self) -> bool:
        """Whether the worker has ended, and everything it made was collected."""
        return not self._worker.is_alive() and not self._finished

    def _dispatch(
        self, peer: bytes, request_id: int, op: str, header: dict[str, Any], frames: Sequence[memoryview]
    ) -> list[Reply]:
        if op == MaskRequest.op:
            self._queue.submit(self._job(peer, request_id, MaskRequest.from_wire(header), frames))
            return []
        if frames:
            raise ProtocolError(f"'{op[:20]}' takes no frames.")
        if op == Load.op:
            load = Load.from_wire(header)
            self._refuse_reused_id(peer, request_id)
            self._catalogue.find(self._model_id(load.model))
            self._queue.submit(Job(peer, request_id, load))
            return []
        if op == Unload.op:
            found = self._cache.give_up(self._model_id(Unload.from_wire(header).model))
            self._queue.nudge()
            return [Reply(peer, request_id, messages.Done(found))]
        if op == Hello.op:
            return [Reply(peer, request_id, self._welcome(Hello.from_wire(header)))]
        if op == messages.StatusRequest.op:
            return [Reply(peer, request_id, messages.StatusReply(self._status()))]
        if op == messages.ModelsRequest.op:
            return [Reply(peer, request_id, messages.ModelsReply(self._models()))]
        if op == messages.Cancel.op:
            return self._cancel(peer, request_id, messages.Cancel.from_wire(header))
        if op == messages.Shutdown.op:
            log.info("asked to shut down")
            return [Reply(peer, request_id, messages.Done()), *self.stop()]
        raise ProtocolError(f"There is no operation {op[:20]!r}.")

    def _welcome(self, hello: Hello) -> Message:
        if hello.v != messages.PROTOCOL:
            older = "older" if hello.v < messages.PROTOCOL else "newer"
            raise Rejected(
                messages.UNSUPPORTED_VERSION,
                f"This program is {older} than the matted daemon (protocol {hello.v}, not {messages.PROTOCOL}).",
                "Bring both to the same version: pip install -U matted; matted stop; matted install gimp; "
                "matted install krita",
            )
        log.info("hello from %r", hello.client[:80])
        return messages.Welcome(
            v=messages.PROTOCOL,
            version=__version__,
            proof=messages.server_proof(self._identity.key, hello.nonce),
            max_pixels=messages.MAX_PIXELS,
            max_side=messages.MAX_SIDE,
            formats=list(messages.BYTES_PER_PIXEL),
        )

    def _job(self, peer: bytes, request_id: int, request: MaskRequest, frames: Sequence[memoryview]) -> Job:
        if request.format not in messages.BYTES_PER_PIXEL:
            known = ", ".join(messages.BYTES_PER_PIXEL)
            raise Rejected(messages.BAD_REQUEST, f"There is no pixel format {request.format!r}.", f"Known: {known}.")
        if request.depth not in messages.MASK_DEPTHS:
            raise Rejected(messages.BAD_REQUEST, f"A mask has 8 or 16 bits, not {request.depth}.")
        if request.width * request.height > messages.MAX_PIXELS:
            message = f"The picture is too large: {request.width} x {request.height} pixels."
            hint = f"At most {messages.MAX_PIXELS // 1_000_000} megapixels are possible; scale it down."
            raise Rejected(messages.TOO_LARGE, message, hint)
        expected = [request.frame_bytes] * (2 if request.plate else 1)
        if [len(frame) for frame in frames] != expected:
            sizes = ", ".join(str(len(frame)) for frame in frames[:4]) or "none"
            count = "Two frames, picture and plate," if request.plate else "One frame"
            message = f"{count} of {request.frame_bytes} bytes expected behind the header, not {sizes}."
            raise Rejected(messages.BAD_REQUEST, message)
        self._refuse_reused_id(peer, request_id)
        row = self._catalogue.find(self._model_id(request.model))
        if row.needs_plate and not request.plate:
            raise Rejected(
                messages.PLATE_NEEDED,
                f"{row.title} compares the picture with a plate: the same scene without the subject.",
                "Give one (matted remove --plate), or use another model; see: matted models",
            )
        if request.plate and not row.needs_plate:
            message = f"{row.title} has no use for a plate."
            raise Rejected(messages.BAD_REQUEST, message, "Leave it out, or use a model that takes one.")
        return Job(peer, request_id, request, frames)

    def _refuse_reused_id(self, peer: bytes, request_id: int) -> None:
        if self._queue.find(peer, request_id):
            raise Rejected(messages.BAD_REQUEST, f"Request {request_id} is still being worked on.")

    def _model_id(self, requested: str) -> str:
        return self._config.model if requested == "default" else requested

    def _cancel(self, peer: bytes, request_id: int, cancel: messages.Cancel) -> list[Reply]:
        found = self._queue.find(peer, cancel.target)
        waiting = self._queue.cancel(peer, cancel.target)
        replies = [Reply(peer, request_id, messages.Done(found))]
        if waiting is not None:  # it will never reach the worker, which otherwise answers
            replies.append(Reply(peer, waiting.id, Failure(messages.CANCELLED, "Cancelled.")))
        return replies

    def _status(self) -> dict[str, Any]:
        resident = self._cache.resident()
        return {
            "version": __version__,
            "protocol": messages.PROTOCOL,
            "pid": os.getpid(),
            "endpoint": self._identity.endpoint,
            "connection_file": self._identity.connection_file,
            "device": self._config.device,
            "default_model": self._config.model,
            "loaded": [
                {
                    "id": each.model.row.id,
                    "device": each.model.device,
                    "note": each.model.note,
                    "expires_in": each.expires_in if each.expires_in < math.inf else None,
                }
                for each in resident
            ],
            "resident_bytes": self._process.memory_info().rss,
            "uptime_seconds": time.monotonic() - self._started,
            "requests": self._requests,
            "stopping": self.stopping,
            "jobs": [
                {"stage": reply.message.stage, "fraction": reply.message.fraction, "place": reply.message.place}
                for reply in self.progress()
                if isinstance(reply.message, Progress)
            ],
        }

    def _models(self) -> list[dict[str, Any]]:
        loaded = {each.model.row.id for each in self._cache.resident()}
        return [
            {
                **row.facts(),
                "installed": self._store.installed(row),
                "loaded": row.id in loaded,
                "default": row.id == self._config.model,
            }
            for row in self._catalogue.rows.values()
        ]

    # -- the worker's side -------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            job = self._queue.take(self._cache.expire())
            if job is not None:
                self._finished.append(self._outcome(job))
                self._on_finished()
            elif self._queue.closed:
                break
        self._on_finished()

    def _load(self, row: Row) -> Model:
        model = backend.load(row, self._store.path(row), self._config.device, self._compiled.of(row.id))
        self._compiled.trim(row.id)
        log.info("%s is loaded on %s. %s", row.id, model.device, model.note)
        return model

    def _keep_alive(self, request: MaskRequest | Load) -> float:
        own = request.keep_alive if self._config.client_keep_alive else None
        return self._config.keep_alive if own is None else own

    def _outcome(self, job: Job) -> Reply:
        request = job.request
        size = f"{request.width} x {request.height}" if isinstance(request, MaskRequest) else f"load {request.model}"
        try:
            row = self._catalogue.find(self._model_id(request.model))
            keep_alive = self._keep_alive(request)
            if isinstance(request, Load):
                self._pipeline.load(job, row, keep_alive)
                return Reply(job.peer, job.id, messages.Done())
            outcome = self._pipeline.run(job, request, row, keep_alive)
        except Rejected as error:
            log.info("%s: %s", size, error.code)
            return Reply(job.peer, job.id, Failure(error.code, error.message, error.hint))
        except MemoryError:
            log.warning("%s: out of memory", size)
            message, hint = "There is not enough memory for this picture.", "Close other programs or scale it down."
            return Reply(job.peer, job.id, Failure(messages.OUT_OF_MEMORY, message, hint))
        except Exception:
            log.exception("%s: failed", size)
            return Reply(job.peer, job.id, _internal())
        log.info("%s: %s", size, _seconds(outcome))
        arrays = [array for array in (outcome.mask, outcome.foreground) if array is not None]
        frames = [np.ascontiguousarray(array).reshape(-1).view(np.uint8).data for array in arrays]
        return Reply(job.peer, job.id, outcome.info, frames)


def _seconds(outcome: Outcome) -> str:
    return ", ".join(f"{stage} {seconds:.3f} s" for stage, seconds in outcome.info.timings.items())


def _internal() -> Failure:
    message = "The matted daemon failed on this request and goes on with the next."
    return Failure(messages.INTERNAL, message, "The reason is in the daemon's log; please report it.")
