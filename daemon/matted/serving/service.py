"""Answer requests, or queue them for the workers. The server has the sockets, the workers make the masks."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import psutil
from matted_client import MattedError, ProtocolError, Rejected, messages
from matted_client.formats import BYTES_PER_PIXEL
from matted_client.messages import (
    Close,
    Failure,
    Hello,
    Load,
    MaskRequest,
    Message,
    Offer,
    Open,
    Progress,
    RefineRequest,
    Unload,
)

from matted import __version__
from matted.evaluation import trial
from matted.inference import cache
from matted.inference.cache import ModelCache
from matted.inference.choosing import Choice, Chooser, as_fact
from matted.inference.compiled import CompiledFiles
from matted.inference.engines.engine import EngineFactory
from matted.inference.engines.kserve.server import Server
from matted.inference.engines.local import LocalEngine
from matted.inference.paces import Paces
from matted.inference.predictor import Predictor
from matted.models import catalogue
from matted.models.offers import Offers
from matted.models.spec import Entry, ModelSpec
from matted.models.store import Store
from matted.serving.jobs import NO_CLIENT, Job, JobQueue
from matted.serving.questions import Questions
from matted.serving.setup import Selection, Setup
from matted.serving.workers import Reply, Workers, internal_failure
from matted.system import logbook
from matted.system.task import CANCELLED, SHUTTING_DOWN, Task

log = logging.getLogger(__name__)

QUEUE_PERCENT = 25  # of the machine's memory, for the pixels of all queued requests


@dataclass(frozen=True)
class Identity:
    """What `status` and `hello` tell about this daemon.

    endpoint: where it listens.
    connection_file: path of the file.
    key: its secret, of which `hello` proves the knowledge.
    """

    endpoint: str
    connection_file: str
    key: bytes


class Service:
    """Takes requests with `handle`, which returns the replies that are due at once; `collect` returns the others.

    reread: reads the settings and model specs again for a reload; may raise MattedError.
    identity: what the daemon tells about itself.
    on_finished: called from a worker thread whenever `collect` has something new.
    engines: makes the engine of a model.
    clock: monotonic, seconds.
    stopping: whether new work is refused, after `stop`.
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
        self._store = Store(config.models, trial.try_out)
        self._offers = Offers(config.models.parent / "offered.json")
        self._cache = ModelCache(cache.budget(config.memory), lambda: int(psutil.virtual_memory().available), clock)
        compiled = CompiledFiles(config.compiled, config.compiled_limit)
        self._paces = Paces(config.paces, config.target)
        self._predictor = Predictor(self._store, self._cache, compiled, self._paces, config.target, engines, clock)
        chooser = Chooser(self._predictor, self._paces, self._predictor.is_at_hand)
        self._selection = Selection(chooser, self._free_for_a_model)
        self._queue = JobQueue(config.queue, memory.total * QUEUE_PERCENT // 100)
        self._predictor.on_downloaded = self._make_quicker
        self._new_models = threading.Event()  # since the catalogue was read
        self._questions = Questions(self._queue, self._selection, clock)
        self._workers = Workers(self._setup, self._queue, self._cache, self._predictor, self._selection, on_finished)
        self._clock = clock
        self._started = clock()
        self._requests = 0
        self._last_request = self._started
        self._process = psutil.Process()
        self._tell_of_settings()
        self._know_server()
        if config.preload:
            self._preload(config.preload)

    def handle(self, peer: bytes, frames: Sequence[memoryview]) -> list[Reply]:
        """Handle one message of a client, and return the replies that are due now. Never raises.

        peer: the routing id of the client's connection.
        frames: the header, then the raw frames.
        """
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
            return [Reply(peer, request_id, internal_failure())]

    def collect(self) -> list[Reply]:
        """Return the replies of the jobs that ended since the last call."""
        replies = self._workers.collect()
        if self._new_models.is_set():  # before the reply, after which a client may ask for them
            self._new_models.clear()
            try:
                self.reload()
            except MattedError as error:
                log.warning("the new models are listed after a restart: %s", error)
        return replies

    def working(self) -> bool:
        """Return whether jobs wait or run."""
        return bool(self._queue.unfinished())

    def seconds_to_idle(self) -> float:
        """Return after how many seconds without a request the daemon ends by itself, infinite for never."""
        return max(0.0, self._last_request + self._setup.config.idle_exit - self._clock())

    def idle(self) -> bool:
        """Return whether the daemon is to end, as no request came for the time in the settings."""
        return not self.working() and self.seconds_to_idle() <= 0.0

    def progress(self) -> list[Reply]:
        """Return a progress message for every job that waits or runs."""
        replies = []
        for place, job in self._queue.unfinished():
            estimate = job.estimate
            progress = estimate() if estimate else job.progress
            if progress.stage == "waiting":
                progress = Progress("waiting", place=place)
            replies.append(Reply(job.peer, job.id, progress))
        return replies

    def expire(self) -> bool:
        """Forget the open pictures, and the sequences, that nobody used for long. Returns whether there were any."""
        pictures, sequences = self._questions.pictures, self._questions.sequences
        before = len(pictures), len(sequences)
        pictures.expire()
        sequences.expire({job.sequence for _, job in self._queue.unfinished() if job.sequence is not None})
        return (len(pictures), len(sequences)) != before

    def seconds_to_expiry(self) -> float:
        """Return after how many seconds `expire` has something to do, infinite for never."""
        return min(self._questions.pictures.seconds_to_expiry(), self._questions.sequences.seconds_to_expiry())

    def abandon(self, peer: bytes, request_id: int) -> None:
        """Cancel a request whose client does not read its replies."""
        log.info("a client left before its request was done")
        self._queue.cancel(lambda job: (job.peer, job.id) == (peer, request_id))

    def leave(self, peer: bytes) -> None:
        """Cancel the requests of a client whose connection has ended, and forget its pictures and sequences."""
        self._questions.pictures.close_all(peer)
        self._questions.sequences.close_all(peer)
        self._queue.cancel(lambda job: job.peer == peer)

    def stop(self) -> list[Reply]:
        """Refuse new work, and return the replies to the requests that waited. The running ones go on: `finished`."""
        self.stopping = True
        return [Reply(job.peer, job.id, Failure(*SHUTTING_DOWN)) for job in self._queue.close()]

    def finished(self) -> bool:
        """Return whether, after `stop`, the workers have ended and all replies are collected."""
        return self._workers.ended()

    def close(self) -> None:
        """Close all engines, also those that are in use."""
        if self._predictor.server is not None:
            self._predictor.server.close()
        self._cache.clear()
        self._questions.pictures.clear()
        self._questions.sequences.clear()

    def reload(self) -> None:
        """Read the settings and model specs again. A running request keeps those that it began with.

        A model in memory stays, unless its spec or the target has changed. Raises MattedError if the settings or the
        specs cannot be used; everything then stays as it was.
        """
        before, self._setup = self._setup.config, self._reread()
        config = self._setup.config
        self._workers.setup = self._setup
        self._workers.fit_to_settings()
        self._know_server()
        self._tell_of_settings()
        self._cache.budget = cache.budget(config.memory)
        self._queue.limit = config.queue
        self._predictor.compiled.limit = config.compiled_limit
        self._predictor.target = self._paces.target = config.target
        self._selection.forget()
        logbook.set_level(config.log_level)
        specs = self._setup.catalogue.specs
        for spec in self._cache.specs():
            if config.target != before.target or specs.get(spec.id) != spec:
                self._cache.unload_when_idle(spec.id)
        self._questions.pictures.forget_findings()
        self._queue.wake_worker()
        log.info("the settings were read again")

    def _know_server(self) -> None:
        """Have the server of the settings asked for what it has: for the first time, or anew."""
        before, config = self._predictor.server, self._setup.config
        self._predictor.server = None
        if before is not None:
            before.close()
        if config.server is not None:
            self._predictor.server = Server(config.server, self._setup.catalogue.specs, self._queue.recheck)

    def _tell_of_settings(self) -> None:
        for remark in self._setup.remarks:
            log.warning("%s", remark)

    def _make_quicker(self, task: Task, spec: ModelSpec) -> None:
        """Make the INT8 variant of a model that was downloaded, if it is known how and worth it. In a worker's thread.

        Without it the model is as good, so that nothing but a cancel ends the request.
        """
        from matted.evaluation import int8  # here: the daemon starts sooner without it

        def show(step: str) -> None:
            task.progress = Progress("quantizing", detail=spec.title)

        known, config = self._setup.catalogue, self._setup.config
        if int8.variant_id(spec) in known.entries:
            return
        try:
            own_file = config.folder / catalogue.OWN_FILE
            made = int8.make_known(spec, known, own_file, self._store, show, config.target, task.check, True)
        except (MattedError, OSError) as error:
            task.check()
            log.warning("there is no INT8 variant of %s: %s", spec.id, error)
            return
        if made is not None:
            log.info("%s in INT8: %s", spec.id, made)
            if made.kept:
                self._new_models.set()

    def _dispatch(
        self, peer: bytes, request_id: int, op: str, header: dict[str, Any], frames: Sequence[memoryview]
    ) -> list[Reply]:
        """Handle one message. Raises as the parts of it do: Rejected, ProtocolError, MattedError."""
        if op == MaskRequest.op:
            mask = MaskRequest.from_wire(header)
            return self._ask(self._questions.job(peer, request_id, mask, frames, self._setup))
        if op == RefineRequest.op:
            refine = RefineRequest.from_wire(header)
            return self._ask(self._questions.job(peer, request_id, refine, frames, self._setup))
        if op == Open.op:
            return self._open(peer, request_id, Open.from_wire(header), frames)
        if frames:
            raise ProtocolError(f"'{op[:20]}' takes no frames.")
        if op == Close.op:
            return self._close(peer, request_id, Close.from_wire(header))
        if op == Load.op:
            load = Load.from_wire(header)
            self._refuse_reused_id(peer, request_id)
            job = self._load(peer, request_id, load)
            if load.accept_licence and not self.stopping:
                self._store.licences.accept_as_seen(self._setup.model(load.model, job.chosen), load.accept_licence)
            if not self.stopping and self._workers.renew(job):
                return [Reply(peer, request_id, messages.Done())]
            return self._ask(job)
        if op == Unload.op:
            wanted = Unload.from_wire(header).model
            chosen = self._selection.for_request(self._setup, wanted)
            model = self._setup.model_id(wanted, chosen)
            found = self._cache.unload_when_idle(model)
            self._selection.trust(model)  # whoever has replaced its files says so by this
            self._queue.wake_worker()
            return [Reply(peer, request_id, messages.Done(found))]
        if op == Offer.op:
            offered = self._setup.catalogue.find(Offer.from_wire(header).model)
            return [Reply(peer, request_id, messages.Done(self._offers.first(offered.id)))]
        if op == Hello.op:
            return [Reply(peer, request_id, self._welcome(Hello.from_wire(header)))]
        if op == messages.StatusRequest.op:
            return [Reply(peer, request_id, messages.StatusReply(self._status()))]
        if op == messages.ModelsRequest.op:
            return [Reply(peer, request_id, messages.ModelsReply(self._models()))]
        if op == messages.Cancel.op:
            target = messages.Cancel.from_wire(header).target
            found = self._queue.contains(peer, target)
            ended = self._end(lambda job: (job.peer, job.id) == (peer, target))
            return [Reply(peer, request_id, messages.Done(found)), *ended]
        if op == messages.Reload.op:
            self.reload()
            return [Reply(peer, request_id, messages.Done())]
        if op == messages.Shutdown.op:
            log.info("asked to shut down")
            return [Reply(peer, request_id, messages.Done()), *self.stop()]
        raise ProtocolError(f"There is no operation {op[:20]!r}.")

    def _load(self, peer: bytes, request_id: int, load: Load) -> Job:
        """Return the job of a `load`. Raises Rejected."""
        chosen = self._selection.for_request(self._setup, load.model)
        return Job(peer, request_id, load, submitted=self._clock(), chosen=chosen)

    def _preload(self, model: str) -> None:
        try:
            self._queue.submit(self._load(NO_CLIENT, 0, Load(model)))
        except Rejected as error:
            log.warning("no model is loaded in advance: %s", error)

    def _free_for_a_model(self) -> int:
        """Return the bytes that a model which is not loaded may take: what is free, and what idle models would free."""
        free = int(psutil.virtual_memory().available) + self._cache.idle_memory()
        return min(free, self._cache.budget)

    def _welcome(self, hello: Hello) -> Message:
        if hello.v != messages.PROTOCOL:
            older = "older" if hello.v < messages.PROTOCOL else "newer"
            raise Rejected(
                messages.UNSUPPORTED_VERSION,
                f"This program is {older} than the matted daemon (protocol {hello.v}, not {messages.PROTOCOL}).",
                "Update both to the same version: pip install -U matted; matted restart; matted install gimp; "
                "matted install krita",
            )
        log.info("hello from %r", hello.client[:80])
        return messages.Welcome(
            v=messages.PROTOCOL,
            version=__version__,
            proof=messages.server_proof(self._identity.key, hello.nonce),
            max_pixels=messages.MAX_PIXELS,
            max_side=messages.MAX_SIDE,
            formats=list(BYTES_PER_PIXEL),
        )

    def _open(self, peer: bytes, request_id: int, opening: Open, frames: Sequence[memoryview]) -> list[Reply]:
        """Keep a picture. Raises Rejected."""
        picture = self._questions.picture(opening, frames)
        if self.stopping:
            raise Rejected(*SHUTTING_DOWN)
        self._questions.pictures.use(peer, opening.picture, picture)
        ended = self._end(lambda job: _is_view(job, peer, opening.picture))  # of the earlier picture of this name
        return [Reply(peer, request_id, messages.Done()), *ended]

    def _close(self, peer: bytes, request_id: int, closing: Close) -> list[Reply]:
        if closing.sequence is not None:
            return [Reply(peer, request_id, messages.Done(self._questions.sequences.close(peer, closing.sequence)))]
        name = closing.picture
        assert name is not None, "nothing to be closed"
        found = self._questions.pictures.close(peer, name)
        return [Reply(peer, request_id, messages.Done(found)), *self._end(lambda job: _is_view(job, peer, name))]

    def _refuse_reused_id(self, peer: bytes, request_id: int) -> None:
        if self._queue.contains(peer, request_id):
            raise Rejected(messages.BAD_REQUEST, f"Request {request_id} is still in work; use another id.")

    def _ask(self, job: Job) -> list[Reply]:
        """Queue a job. Returns the replies to the requests that it overtakes and that waited. Raises Rejected."""
        self._refuse_reused_id(job.peer, job.id)
        name = job.open_picture
        try:
            waited = self._queue.submit(
                job,
                lambda other: name is not None and _is_view(other, job.peer, name),
                self._workers.those_in_the_way_of(job),
            )
        except Rejected as error:
            if error.code == messages.BUSY and (seconds := self._estimated_wait()):
                raise Rejected(error.code, error.message, f"Try again in about {seconds:.0f} s.") from error
            raise
        return _cancelled(waited)

    def _end(self, which: Callable[[Job], bool]) -> list[Reply]:
        """Cancel jobs. Returns the replies to those that waited: no worker will answer them."""
        return _cancelled(self._queue.cancel(which))

    def _estimated_wait(self) -> float:
        """Estimate the seconds that all jobs will take, leaving out models that have not run yet."""
        models = [self._setup.model_of(job) for _, job in self._queue.unfinished()]
        specs = [self._setup.catalogue.specs[model] for model in models if model in self._setup.catalogue.specs]
        expected = [self._paces.expected(spec) for spec in specs]
        return sum(each.seconds for each in expected if each.measured)

    def _status(self) -> dict[str, Any]:
        resident = self._cache.resident()
        memory = [each.engine.memory() for each in resident]
        loaded = [
            {
                "id": each.engine.spec.id,
                "device": each.engine.device,
                "arithmetic": each.engine.arithmetic,
                "note": each.engine.note,
                "expires_in": each.expires_in if each.expires_in < math.inf else None,
                "resident_bytes": taken,
            }
            for each, taken in zip(resident, memory, strict=True)
        ]
        config, choices = self._setup.config, self._choices()
        return {
            "version": __version__,
            "protocol": messages.PROTOCOL,
            "pid": os.getpid(),
            "endpoint": self._identity.endpoint,
            "connection_file": self._identity.connection_file,
            "device": config.device,
            "default_model": config.model,
            "flat_ground": config.flat_ground,
            "chosen": self._workers.chosen,
            "auto": None if choices is None else _auto(*choices),
            "warnings": [
                *self._setup.remarks,
                *self._selection.remarks(None if choices is None else choices[0]),
                *self._predictor.remarks(),
            ],
            "server": self._server(),
            "loaded": loaded,
            "resident_bytes": self._process.memory_info().rss + sum(memory),
            "uptime_seconds": self._clock() - self._started,
            "idle_exit": config.idle_exit if config.idle_exit < math.inf else None,
            "requests": self._requests,
            "pictures": len(self._questions.pictures),
            "picture_bytes": self._questions.pictures.memory,
            "sequences": len(self._questions.sequences),
            "stopping": self.stopping,
            "jobs": [
                {"stage": reply.message.stage, "fraction": reply.message.fraction, "place": reply.message.place}
                for reply in self.progress()
                if isinstance(reply.message, Progress)
            ],
        }

    def _server(self) -> dict[str, Any] | None:
        """Return what is known of the server, as the protocol has it; None if the settings have none."""
        return None if self._predictor.server is None else self._predictor.server.facts()

    def _choices(self) -> tuple[Choice, Choice | None] | None:
        """Return what would be chosen now, and what could be had that is better; None if nothing may be chosen."""
        try:
            return self._selection.best_and_better(self._setup)
        except Rejected:
            return None

    def _models(self) -> list[dict[str, Any]]:
        loaded = {each.engine.spec.id for each in self._cache.resident()}
        choices = self._choices()
        return [
            {
                **entry.facts(),
                "automatic": isinstance(entry, ModelSpec) and entry.automatic,
                "accept": not self._store.licences.allows(entry),
                "installed": self._store.installed(entry) or bool(self._predictor.place_of(entry.id)),
                "server": self._predictor.place_of(entry.id),
                "loaded": entry.id in loaded,
                "default": entry.id == self._setup.config.model,
                "chosen": choices[0].reason if choices is not None and entry.id == choices[0].spec.id else "",
                **self._pace(entry),
            }
            for entry in self._setup.catalogue.entries.values()
        ]

    def _pace(self, entry: Entry) -> dict[str, Any]:
        if not isinstance(entry, ModelSpec):
            return {"seconds": None, "measured": False}
        expected = self._paces.expected(entry)
        return {"seconds": as_fact(expected.seconds), "measured": expected.measured}


def _auto(best: Choice, better: Choice | None) -> dict[str, Any]:
    """Return what would be chosen, and what could be had that is better, as the protocol has it."""
    more = None
    if better is not None:
        spec = better.spec
        more = {**_choice(better), "bytes": spec.bytes, "licence": spec.licence, "title": spec.title}
    return {**_choice(best), "better": more}


def _choice(choice: Choice) -> dict[str, Any]:
    """Return a choice as the protocol has it."""
    seconds = as_fact(choice.seconds)
    return {"model": choice.spec.id, "reason": choice.reason, "seconds": seconds, "measured": choice.measured}


def _is_view(job: Job, peer: bytes, name: int) -> bool:
    """Return whether a job makes a view of a client's open picture, which a later question makes pointless."""
    about = job.peer == peer and job.open_picture == name
    return about and not isinstance(job.request, Load) and job.request.view is not None


def _cancelled(jobs: Iterable[Job]) -> list[Reply]:
    """Return the replies to jobs that were cancelled while they waited."""
    return [Reply(job.peer, job.id, Failure(*CANCELLED)) for job in jobs]
