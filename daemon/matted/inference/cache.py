"""The models in memory: loaded on demand, unloaded after a while or for others, the least recently used first."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from matted_client import Rejected, messages

from matted.inference.engines.engine import Engine
from matted.models.spec import ModelSpec
from matted.system.task import SHUTTING_DOWN

log = logging.getLogger(__name__)

MEMORY_PERCENT = 60  # of the machine's memory, for models, unless the settings give a number
ROOM_SECONDS = 30.0  # for which a load waits for models that are lent; it then goes on if the machine has the memory
_POLL_SECONDS = 0.05  # after which a load that waits for room looks whether it was cancelled


def budget(setting: int) -> int:
    """Return the bytes that models in memory may take. setting: the same, 0 for a share of the machine's memory."""
    import psutil  # here: `matted doctor` has to run where that is broken

    return setting or int(psutil.virtual_memory().total) * MEMORY_PERCENT // 100


@dataclass(eq=False)
class _Entry:
    engine: Engine
    used: float  # by the cache's clock
    expires: float  # infinite while lent
    lent: int = 0  # number of loans


@dataclass(frozen=True)
class Resident:
    """A model in memory, for status. expires_in: seconds until it is unloaded, infinite for never or while lent."""

    engine: Engine
    expires_in: float


class ModelCache:
    """Lends engines, at most one for each model, and closes those that are not lent. All methods are thread-safe.

    budget: bytes that the `peak_bytes` of all models in memory may add up to. One that takes more runs alone, and one
        that has waited for ROOM_SECONDS beside those that are lent.
    free_memory: gives the bytes of memory that the machine has free.
    clock: monotonic, seconds.
    """

    def __init__(
        self, budget: int, free_memory: Callable[[], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.budget = budget
        self._free_memory = free_memory
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        self._loading: ModelSpec | None = None
        self._loading_is_unwanted = False
        self._retired: list[_Entry] = []  # not lent any more, and closed after their last loan: dead, or unwanted
        self._closed = False
        self._lock = threading.Lock()
        self._given_back = threading.Condition(self._lock)

    def lend(self, spec: ModelSpec) -> Engine | None:
        """Lend the engine of a model until `give_back`. Returns None at once if there is none, or it has died.

        An engine that was loaded by another spec of the model is not lent: its numbers are others.

        Raises Rejected("shutting_down") after `clear`.
        """
        with self._lock:
            self._refuse_if_closed()
            entry = self._entries.get(spec.id)
            if entry is not None and self._fits(entry, spec):
                entry.lent += 1
                entry.expires = math.inf
                return entry.engine
        if entry is not None:
            why = "its spec has changed" if entry.engine.alive() else "it has died"
            log.warning("the engine of %s is not used any more: %s", spec.id, why)
            self._discard(entry.engine)
        return None

    def load(self, spec: ModelSpec, load: Callable[[], Engine], check: Callable[[], None]) -> Engine:
        """Make room for a model, load it, and lend its engine. For one thread at a time, which holds no other engine.

        load: returns the loaded engine.
        check: called while models are lent that have to make room; raises to stop.

        Raises what `load` and `check` raise, Rejected("out_of_memory") if the model needs more memory than is free, and
        Rejected("shutting_down") after `clear`.
        """
        self._make_room(spec, check)
        with self._lock:
            self._refuse_if_closed()
            self._loading = spec
            self._loading_is_unwanted = False
        try:
            engine = load()
        except BaseException:
            with self._lock:
                self._loading = None
            raise
        with self._lock:
            self._loading = None  # in one step with what follows, or an `unload_when_idle` in between would be lost
            closed = self._closed
            if not closed:
                entry = _Entry(engine, self._clock(), math.inf, lent=1)
                earlier = self._entries.pop(spec.id, None)  # of another spec, for a request that came later
                if earlier is not None:
                    self._retired.append(earlier)
                if self._loading_is_unwanted:
                    self._retired.append(entry)
                else:
                    self._entries[spec.id] = entry
        if closed:
            engine.close()
            raise Rejected(*SHUTTING_DOWN)
        return engine

    def give_back(self, engine: Engine, keep_alive: float) -> None:
        """End a loan. keep_alive: seconds for which the model stays in memory after its last use."""
        with self._lock:
            entry = self._find(engine)
            if entry is None:  # the daemon ends
                return
            entry.lent -= 1
            entry.used = self._clock()
            if not entry.lent:
                entry.expires = entry.used + keep_alive
            over = entry in self._retired or not engine.alive()
            self._given_back.notify_all()
        if over:
            self._discard(engine)

    def holds(self, spec: ModelSpec) -> bool:
        """Return whether `lend` would lend it."""
        with self._lock:
            return spec.id in self._entries and self._fits(self._entries[spec.id], spec)

    def expire(self) -> float | None:
        """Unload the models whose time is up. Returns the seconds until the next one's is, None if there is none."""
        now = self._clock()
        with self._lock:
            expired = [name for name, entry in self._entries.items() if entry.expires <= now and not entry.lent]
            unwanted = [entry.engine for entry in self._all() if not entry.lent and not self._may_stay(entry)]
        for name in expired:
            self._unload(name, "not used for a while")
        for engine in unwanted:
            self._discard(engine)
        with self._lock:
            pending = [entry.expires for entry in self._entries.values() if entry.expires < math.inf]
        return max(0.0, min(pending) - now) if pending else None

    def unload_when_idle(self, model: str) -> bool:
        """Lend a model to nobody any more, and have the next `expire` after its use unload it.

        So a request that comes next loads it anew. A model that is being loaded counts as well.

        Returns False if the model is not in memory.
        """
        with self._lock:
            if self._loading is not None and self._loading.id == model:
                self._loading_is_unwanted = True
                return True
            entry = self._entries.pop(model, None)
            if entry is not None:
                log.info("unloading %s: it is not wanted any more", model)
                self._retired.append(entry)
                if not entry.lent:
                    entry.expires = -math.inf
            return entry is not None

    def _discard(self, engine: Engine) -> None:
        """Lend an engine to nobody any more, and close it if its last loan has ended."""
        with self._lock:
            entry = self._find(engine)
            if entry is None:
                return
            if entry not in self._retired:
                del self._entries[engine.spec.id]
                self._retired.append(entry)
            if entry.lent:  # others hold it, and will find that it is dead
                return
            self._retired.remove(entry)
        engine.close()

    def resident(self) -> list[Resident]:
        """List the models in memory, those too that are closed after their last loan."""
        now = self._clock()
        with self._lock:
            alive = [entry for entry in self._all() if entry.engine.alive()]
            return [Resident(entry.engine, max(0.0, entry.expires - now)) for entry in alive]

    def idle_memory(self) -> int:
        """Return the bytes of the models that would be unloaded for another: those that are not lent."""
        with self._lock:
            idle = [entry.engine for entry in self._entries.values() if not entry.lent]
        return sum(engine.memory() for engine in idle)

    def specs(self) -> list[ModelSpec]:
        """List the models in memory, and the one that is being loaded."""
        with self._lock:
            loading = [self._loading] if self._loading is not None else []
            return [*(entry.engine.spec for entry in self._entries.values()), *loading]

    def clear(self) -> None:
        """Unload everything, lent or not, and lend nothing any more: the daemon ends."""
        with self._lock:
            self._closed = True
            entries = self._all()
            self._entries.clear()
            self._retired.clear()
        for entry in entries:
            entry.engine.close()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise Rejected(*SHUTTING_DOWN)

    @staticmethod
    def _fits(entry: _Entry, spec: ModelSpec) -> bool:
        return entry.engine.spec == spec and entry.engine.alive()

    def _may_stay(self, entry: _Entry) -> bool:
        return entry not in self._retired and entry.engine.alive()

    def _find(self, engine: Engine) -> _Entry | None:
        return next((entry for entry in self._all() if entry.engine is engine), None)

    def _all(self) -> list[_Entry]:
        return [*self._entries.values(), *self._retired]

    def _make_room(self, spec: ModelSpec, check: Callable[[], None]) -> None:
        """Unload the models that are not lent, and wait for those that are, until there is room or no other model."""
        self.expire()
        deadline = self._clock() + ROOM_SECONDS
        while not self._has_room(spec):
            idle = self._idle()
            if idle:
                self._unload(idle[0], f"making room for {spec.id}")
                continue
            with self._given_back:
                if not self._all() or self._clock() >= deadline:
                    break
                self._given_back.wait(_POLL_SECONDS)
            check()
            self.expire()
        free = self._free_memory()
        if free < spec.peak_bytes:
            raise Rejected(
                messages.OUT_OF_MEMORY,
                f"{spec.title} needs {_gigabytes(spec.peak_bytes)} of memory, and {_gigabytes(free)} are free.",
                "Close other programs, or use a smaller model; see: matted models",
            )

    def _has_room(self, spec: ModelSpec) -> bool:
        with self._lock:
            taken = sum(entry.engine.spec.peak_bytes for entry in self._all())
        return taken + spec.peak_bytes <= self.budget and self._free_memory() >= spec.peak_bytes

    def _idle(self) -> list[str]:
        """List the models that are not lent, the least recently used first."""
        with self._lock:
            idle = [(entry.used, name) for name, entry in self._entries.items() if not entry.lent]
        return [name for _, name in sorted(idle)]

    def _unload(self, name: str, why: str) -> None:
        with self._lock:
            entry = self._entries.get(name)
            if entry is None or entry.lent:  # unloaded or lent since the caller looked
                return
            del self._entries[name]
        log.info("unloading %s: %s", name, why)
        entry.engine.close()


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
