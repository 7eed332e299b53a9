"""The server of the settings: which models it has now, what went wrong last, and when it is tried again."""

from __future__ import annotations

import importlib.util
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from matted.inference.engines.kserve import connection
from matted.inference.engines.kserve.connection import Connection, ServerError
from matted.inference.engines.kserve.engine import RemoteEngine
from matted.inference.engines.kserve.flights import Flights
from matted.models.spec import ModelSpec
from matted.settings.server import ServedGraph, ServedModel, ServerSettings

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 1.0  # after a fault, until the server is asked again; each further one doubles it
LONGEST_PAUSE_SECONDS = 60.0
FIRST_SECONDS = 5.0  # for which requests wait for its first answer

Connect = Callable[[ServerSettings], Connection]


def connect(settings: ServerSettings) -> Connection:
    """Return a connection to the server. Raises ServerError."""
    if not settings.uses_grpc:
        from matted.inference.engines.kserve.rest import RestConnection

        return RestConnection(settings)
    if importlib.util.find_spec("grpc") is None or importlib.util.find_spec("google.protobuf") is None:
        message = "gRPC needs packages that are not installed."
        raise ServerError(message, "pip install 'matted[server]', then: matted restart. Or use http:// or https://.")
    from matted.inference.engines.kserve.rpc import RpcConnection  # here: most have no server, and no grpcio

    return RpcConnection(settings)


@dataclass(frozen=True)
class Standing:
    """What is known of the server.

    asked: whether it was asked for its models, or has failed that; before, nothing is known.
    engines: by id of a model: it has it, and it is what matted has by that name.
    failures: by id of a model: why it cannot be used.
    failure: why nothing of the server can be used; None if it can.
    """

    asked: bool
    engines: Mapping[str, RemoteEngine]
    failures: Mapping[str, ServerError]
    failure: ServerError | None = None


_UNKNOWN = Standing(False, {}, {})


class Server:
    """Has the engines of a server's models. All methods are thread-safe, and none waits for the server.

    A thread of its own asks the server for its models, at the beginning and after a fault: 1 s after it, then after 2,
    4, up to 60 s, until all is well. Meanwhile its models count as away, so that no request waits for a server that
    failed last. What ends the growth of the pauses is an inference that succeeds.

    settings: of the server.
    """

    def __init__(
        self,
        settings: ServerSettings,
        specs: Mapping[str, ModelSpec],
        on_change: Callable[[], None],
        connect: Connect = connect,
        first_pause: float | None = None,
    ) -> None:
        """Begin to ask the server.

        specs: of the catalogue, by id.
        on_change: called from the thread when what the server can do has changed.
        connect: makes a connection.
        first_pause: seconds after the first fault until the server is asked again, unless it is FIRST_PAUSE_SECONDS.
        """
        self.settings = settings
        self._specs = dict(specs)
        self._on_change = on_change
        self._connect = connect
        self._standing = _UNKNOWN
        self._turns = threading.Semaphore(settings.max_in_flight)
        self._first_pause = self._pause = FIRST_PAUSE_SECONDS if first_pause is None else first_pause
        self._way: Connection | None = None
        self._had: set[str] = set()  # ids of the models that it ever had
        self._fault = threading.Event()  # there is something to ask again
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._patience = threading.Timer(min(FIRST_SECONDS, settings.timeout), self._lose_patience)
        self._patience.daemon = True
        self._patience.start()
        threading.Thread(target=self._watch, name="watches the server", daemon=True).start()

    @property
    def standing(self) -> Standing:
        """What is known of the server now."""
        return self._standing

    def facts(self) -> dict[str, Any]:
        """Return what is known of it, as the protocol has it in the daemon's status."""
        standing = self._standing
        return {
            "url": self.settings.url,
            "asked": standing.asked,
            "models": {model: engine.device for model, engine in sorted(standing.engines.items())},
            "failure": "" if standing.failure is None else standing.failure.message,
            "hint": "" if standing.failure is None else standing.failure.hint,
            "failures": {model: error.message for model, error in sorted(standing.failures.items())},
        }

    def knows_not_yet(self) -> bool:
        """Return whether the server has not answered for the first time, nor failed to."""
        return not self._standing.asked

    def engine(self, spec: ModelSpec) -> RemoteEngine | None:
        """Return the engine of a model that the server can run now; None if it cannot."""
        found = self._standing.engines.get(spec.id)
        return found if found is not None and found.spec == spec else None

    def failure(self, spec: ModelSpec) -> ServerError | None:
        """Return why a model that is asked of the server cannot be run there now; None if it can, or never is."""
        standing = self._standing
        if spec.id in standing.engines:
            return None
        if spec.id in standing.failures:
            return standing.failures[spec.id]
        return standing.failure if self.may_have(spec) else None

    def may_have(self, spec: ModelSpec) -> bool:
        """Return whether a model is asked of the server if it has it."""
        named = self.settings.models
        if named is None:
            return spec.id in self._had or not self._had
        return any(each.id == spec.id for each in named)

    def close(self) -> None:
        """End the connection: the settings have changed, or the daemon ends."""
        self._closing.set()
        self._fault.set()
        self._patience.cancel()
        with self._lock:
            way, self._way = self._way, None
        if way is not None:
            way.close()

    def _watch(self) -> None:
        while not self._closing.is_set():
            self._fault.clear()
            self._set(self._ask())
            standing = self._standing
            if standing.failure is None and not standing.failures:
                self._fault.wait()
            self._closing.wait(self._next_pause())

    def _lose_patience(self) -> None:
        """Let requests wait no longer for the first answer."""
        with self._lock:
            if self._standing.asked:
                return
            self._standing = Standing(True, {}, {}, connection.slow(self._patience.interval))
        self._on_change()

    def _next_pause(self) -> float:
        with self._lock:
            pause, self._pause = self._pause, min(LONGEST_PAUSE_SECONDS, 2 * self._pause)
            return pause

    def _ask(self) -> Standing:
        """Ask the server what it has."""
        try:
            with self._lock:
                way = self._way if self._standing.failure is None else None  # others may be using it
            if way is None:  # reads the token and the certificates again
                way = self._connect(self.settings)
                with self._lock:
                    before, self._way = self._way, way
                if before is not None:
                    before.close()
            return self._find(way)
        except ServerError as error:
            return Standing(True, {}, {}, error.alone())
        except Exception as error:
            log.exception("the server could not be asked")
            return Standing(True, {}, {}, ServerError(f"matted failed to ask the server: {type(error).__name__}."))

    def _find(self, way: Connection) -> Standing:
        """Return what the server has. Raises ServerError if it cannot be asked."""
        named = self.settings.models
        wanted = named or self._listed(way)
        engines, failures, flights = {}, {}, Flights()
        for served in wanted:
            spec = self._specs.get(served.id)
            if spec is None:
                missing = f"The settings name {served.id[:80]!r} in server.models, and there is no such model to run."
                failures[served.id] = ServerError(missing, "See: matted models", connection.OF_MODEL)
                continue
            engine = RemoteEngine(spec, served, way, self.settings.url, self._turns, flights, self._on_end)
            try:
                engine.load()
            except ServerError as error:
                if error.kind in (connection.OF_SERVER, connection.CANCELLED):
                    raise
                if named is not None or error.kind != connection.MISSING:
                    failures[served.id] = error.alone()
                continue
            engines[served.id] = engine
        return Standing(True, engines, failures)

    def _listed(self, way: Connection) -> list[ServedModel]:
        """Return the catalogue's models that the server may have: those of its index, all if it has none."""
        possible = [ServedModel(model, ServedGraph(model)) for model in self._specs]
        try:
            names = way.index()
        except ServerError as error:
            if error.kind == connection.OF_SERVER:
                raise
            return possible
        return [each for each in possible if each.model.name in names]

    def _set(self, standing: Standing) -> None:
        if self._closing.is_set():
            return
        with self._lock:
            before, self._standing = self._standing, standing
            self._had.update(standing.engines)
        self._patience.cancel()
        if _facts(before) != _facts(standing):
            self._tell(standing)
            self._on_change()

    def _tell(self, standing: Standing) -> None:
        models = ", ".join(sorted(standing.engines)) or "none"
        log.info("the server at %s has these models: %s", self.settings.url, models)
        if standing.failure is not None:
            log.warning("the server at %s cannot be used: %s", self.settings.url, standing.failure)
        for model, error in standing.failures.items():
            log.warning("the server at %s cannot run %s: %s", self.settings.url, model, error)

    def _on_end(self, engine: RemoteEngine, error: ServerError | None) -> None:
        """Take in the end of an inference."""
        if error is None:
            with self._lock:
                self._pause = self._first_pause
            return
        error = error.alone()
        with self._lock:
            standing = self._standing
            if standing.engines.get(engine.spec.id) is not engine:  # it was seen to by another inference's end
                return
            if error.kind == connection.OF_SERVER:
                self._standing = Standing(True, {}, standing.failures, error)
            else:
                left = {model: each for model, each in standing.engines.items() if each is not engine}
                failures = {**standing.failures, engine.spec.id: error}
                self._standing = Standing(True, left, failures, standing.failure)
        log.warning("the server at %s: %s: %s", self.settings.url, engine.spec.id, error)
        self._fault.set()
        self._on_change()


def _facts(standing: Standing) -> tuple[object, ...]:
    """Return that of which a change makes a difference to people."""
    failures = {model: error.message for model, error in standing.failures.items()}
    return standing.asked, set(standing.engines), failures, standing.failure and standing.failure.message
