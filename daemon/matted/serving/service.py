"""Requests in, replies out. No sockets: the server carries the bytes, the workers make the masks."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psutil
from matted_client import MattedError, ProtocolError, Rejected, messages
from matted_client.messages import Failure, Hello, Load, MaskRequest, Message, Progress, Unload

from matted import __version__
from matted.inference.cache import ModelCache
from matted.inference.compiled import CompiledFiles
from matted.inference.engines.engine import EngineFactory
from matted.inference.engines.local import LocalEngine
from matted.inference.predictor import Predictor
from matted.models.store import Store
from matted.serving import admission
from matted.serving.jobs import OURSELVES, Job, JobQueue
from matted.serving.workers import Reply, Setup, Workers, internal
from matted.system import logbook

log = logging.getLogger(__name__)

MEMORY_PERCENT = 60  # of the machine's memory, for models, where the settings say nothing else
QUEUE_PERCENT = 25  # of the machine's memory, for the pixels of all requests together


@dataclass(frozen=True)
class Identity:
    """Who this daemon is: what status and hello tell."""

    endpoint: str
    connection_file: str
    key: bytes


class Service:
    """Answers requests: `handle` at once, or it queues them; `collect` gives what the workers finished since.

    reread: reads the settings and the models' specs for a reload, and may raise MattedError.
    on_finished: called from a worker thread whenever `collect` has something new.
    engines: makes the engine of a model.
    clock: monotonic, seconds.
    """

    def __init__(
        self,
        setup: Setup,
        reread: Callable[[], Setup],
        identity: Identity,
        on_finished: Callable[[], None],
        engines: EngineFactory = LocalEngine,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stopping = False
        self._setup = setup
        self._reread = reread
        self._identity = identity
        config, memory = self._setup.config, psutil.virtual_memory()
        self._store = Store(config.models)
        self._cache = ModelCache(_budget(config.memory), lambda: int(psutil.virtual_memory().available), clock)
        compiled = CompiledFiles(config.compiled, config.compiled_limit)
        self._predictor = Predictor(self._store, self._cache, compiled, config.target, engines, clock)
        self._queue = JobQueue(config.queue, memory.total * QUEUE_PERCENT // 100)
        self._workers = Workers(self._setup, self._queue, self._cache, self._predictor, on_finished)
        self._clock = clock
        self._started = clock()
        self._requests = 0
        self._last_request = self._started
        self._process = psutil.Process()
        if config.preload:
            self._queue.submit(Job(OURSELVES, 0, Load(config.preload), submitted=clock()))

    def handle(self, peer: bytes, frames: Sequence[memoryview]) -> list[Reply]:
        """One message of a client, header first. Returns the replies that are due now. Never raises."""
        request_id = 0
        self._requests += 1
        self._last_request = self._clock()
        try:
            op, request_id, header = messages.split_header(bytes(frames[0][: messages.MAX_HEADER_BYTES + 1]))
            return self._dispatch(peer, request_id, op, header, frames[1:])
        except ProtocolError as error:
            return [Reply(peer, request_id, Failure(messages.BAD_REQUEST, error.message, "See docs/protocol.md."))]
        except Rejected as error:
            return [Reply(peer, request_id, Failure(error.code, error.message, error.hint))]
        except MattedError as error:
            return [Reply(peer, request_id, Failure(messages.BAD_REQUEST, error.message, error.hint))]
        except Exception:
            log.exception("a request failed")
            return [Reply(peer, request_id, internal())]

    def collect(self) -> list[Reply]:
        return self._workers.collect()

    def working(self) -> bool:
        return bool(self._queue.alive())

    def seconds_to_idle(self) -> float:
        """How long until the daemon may end by itself, infinite for never."""
        return max(0.0, self._last_request + self._setup.config.idle_exit - self._clock())

    def idle(self) -> bool:
        return not self.working() and self.seconds_to_idle() <= 0.0

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
        """Whether the workers have ended, and everything they made was collected."""
        return self._workers.ended()

    def close(self) -> None:
        """End the inference processes, whatever they do."""
        self._cache.clear()

    def reload(self) -> None:
        """Read the settings and the models' specs anew. Loaded models stay, unless they are to run otherwise.

        Raises MattedError if they cannot be used; everything then stays as it was. What a running request has begun
        with holds until its end.
        """
        before, self._setup = self._setup.config, self._reread()
        config = self._setup.config
        self._workers.setup = self._setup
        self._cache.budget = _budget(config.memory)
        self._queue.limit = config.queue
        self._predictor.compiled.limit = config.compiled_limit
        self._predictor.target = config.target
        logbook.set_level(config.log_level)
        specs = self._setup.catalogue.specs
        for each in self._cache.resident():
            spec = each.engine.spec
            if config.target != before.target or specs.get(spec.id) != spec:
                self._cache.give_up(spec.id)
        self._queue.nudge()
        log.info("the settings were read anew")

    def _dispatch(
        self, peer: bytes, request_id: int, op: str, header: dict[str, Any], frames: Sequence[memoryview]
    ) -> list[Reply]:
        if op == MaskRequest.op:
            self._submit(self._job(peer, request_id, MaskRequest.from_wire(header), frames))
            return []
        if frames:
            raise ProtocolError(f"'{op[:20]}' takes no frames.")
        if op == Load.op:
            load = Load.from_wire(header)
            self._refuse_reused_id(peer, request_id)
            self._setup.spec(load.model)
            self._submit(Job(peer, request_id, load, submitted=self._clock()))
            return []
        if op == Unload.op:
            found = self._cache.give_up(self._setup.model_id(Unload.from_wire(header).model))
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
        if op == messages.Reload.op:
            self.reload()
            return [Reply(peer, request_id, messages.Done())]
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
                "Bring both to the same version: pip install -U matted; matted restart; matted install gimp; "
                "matted install krita",
            )
        log.info("hello from %r", hello.client[:80])
        return messages.Welcome(
            v=messages.PROTOCOL,
            version=__version__,
            proof=messages.server_proof(self._identity.key, hello.nonce),
            max_pixels=admission.most_pixels(),
            max_side=messages.MAX_SIDE,
            formats=list(messages.BYTES_PER_PIXEL),
        )

    def _job(self, peer: bytes, request_id: int, request: MaskRequest, frames: Sequence[memoryview]) -> Job:
        admission.check(request, frames)
        self._refuse_reused_id(peer, request_id)
        spec = self._setup.spec(request.model)
        admission.check_plate(request, spec)
        return Job(peer, request_id, request, frames, self._clock())

    def _refuse_reused_id(self, peer: bytes, request_id: int) -> None:
        if self._queue.find(peer, request_id):
            raise Rejected(messages.BAD_REQUEST, f"Request {request_id} is still being worked on.")

    def _submit(self, job: Job) -> None:
        try:
            self._queue.submit(job)
        except Rejected as error:
            if error.code == messages.BUSY and (seconds := self._wait()):
                raise Rejected(error.code, error.message, f"Try again in about {seconds:.0f} s.") from None
            raise

    def _wait(self) -> float:
        """Seconds that the jobs of now will take, as far as their models have run before."""
        models = [self._setup.model_id(job.request.model) for _, job in self._queue.alive()]
        return sum(self._predictor.pace.seconds(model) or 0.0 for model in models)

    def _cancel(self, peer: bytes, request_id: int, cancel: messages.Cancel) -> list[Reply]:
        found = self._queue.find(peer, cancel.target)
        waiting = self._queue.cancel(peer, cancel.target)
        replies = [Reply(peer, request_id, messages.Done(found))]
        if waiting is not None:  # it will never reach the worker, which otherwise answers
            replies.append(Reply(peer, waiting.id, Failure(messages.CANCELLED, "Cancelled.")))
        return replies

    def _status(self) -> dict[str, Any]:
        resident = self._cache.resident()
        memory = {each.engine.spec.id: each.engine.memory() for each in resident}
        loaded = [
            {
                "id": each.engine.spec.id,
                "device": each.engine.device,
                "arithmetic": each.engine.arithmetic,
                "note": each.engine.note,
                "expires_in": each.expires_in if each.expires_in < math.inf else None,
                "resident_bytes": memory[each.engine.spec.id],
            }
            for each in resident
        ]
        config = self._setup.config
        return {
            "version": __version__,
            "protocol": messages.PROTOCOL,
            "pid": os.getpid(),
            "endpoint": self._identity.endpoint,
            "connection_file": self._identity.connection_file,
            "device": config.device,
            "default_model": config.model,
            "loaded": loaded,
            "resident_bytes": self._process.memory_info().rss + sum(memory.values()),
            "uptime_seconds": self._clock() - self._started,
            "idle_exit": config.idle_exit if config.idle_exit < math.inf else None,
            "requests": self._requests,
            "stopping": self.stopping,
            "jobs": [
                {"stage": reply.message.stage, "fraction": reply.message.fraction, "place": reply.message.place}
                for reply in self.progress()
                if isinstance(reply.message, Progress)
            ],
        }

    def _models(self) -> list[dict[str, Any]]:
        loaded = {each.engine.spec.id for each in self._cache.resident()}
        return [
            {
                **spec.facts(),
                "installed": self._store.installed(spec),
                "loaded": spec.id in loaded,
                "default": spec.id == self._setup.config.model,
                "seconds": self._predictor.pace.seconds(spec.id),
            }
            for spec in self._setup.catalogue.specs.values()
        ]


def _budget(setting: int) -> int:
    return setting or int(psutil.virtual_memory().total) * MEMORY_PERCENT // 100
