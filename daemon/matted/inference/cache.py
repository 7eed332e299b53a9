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

log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Entry:
    engine: Engine
    used: float  # by the cache's clock
    expires: float  # infinite while lent
    lent: int = 0  # number of loans
    unwanted: bool = False  # whether to unload it after the last loan, whatever its time


@dataclass(frozen=True)
class Resident:
    """A model in memory, for status. expires_in: seconds until it is unloaded, infinite for never or while lent."""

    engine: Engine
    expires_in: float


class ModelCache:
    """Lends engines, at most one for each model, and closes those that are not lent. All methods are thread-safe.

    budget: bytes that the `peak_bytes` of all models in memory may add up to.
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
        self._dead: list[_Entry] = []  # engines that died, and that somebody still holds
        self._lock = threading.Lock()

    def lend(self, model: str) -> Engine | None:
        """Lend the engine of a model until `give_back`. Returns None at once if it is not in memory, or has died."""
        with self._lock:
            entry = self._entries.get(model)
            if entry is not None and entry.engine.alive():
                entry.lent += 1
                entry.expires = math.inf
                return entry.engine
        if entry is not None:
            log.warning("the engine of %s has died", model)
            self.discard(entry.engine)
        return None

    def load(self, spec: ModelSpec, load: Callable[[], Engine]) -> Engine:
        """Make room for a model, load it, and lend its engine. For one thread at a time.

        load: returns the loaded engine.

        Raises what `load` raises, and Rejected("out_of_memory") if the model needs more memory than is free.
        """
        self._make_room(spec)
        with self._lock:
            self._loading = spec
            self._loading_is_unwanted = False
        try:
            entry = _Entry(load(), self._clock(), math.inf, lent=1)
            with self._lock:
                entry.unwanted = self._loading_is_unwanted
                self._entries[spec.id] = entry
            return entry.engine
        finally:
            self._loading = None

    def give_back(self, engine: Engine, keep_alive: float) -> None:
        """End a loan. keep_alive: seconds for which the model stays in memory after its last use."""
        with self._lock:
            entry = self._find(engine)
            if entry is None:  # the daemon ends
                return
            entry.lent -= 1
            entry.used = self._clock()
            if not entry.lent:
                entry.expires = -math.inf if entry.unwanted else entry.used + keep_alive
            dead = entry in self._dead or not engine.alive()
        if dead:
            self.discard(engine)

    def holds(self, model: str) -> bool:
        """Return whether `lend` would lend it."""
        with self._lock:
            return model in self._entries and self._entries[model].engine.alive()

    def expire(self) -> float | None:
        """Unload the models whose time is up. Returns the seconds until the next one's is, None if there is none."""
        now = self._clock()
        with self._lock:
            expired = [name for name, entry in self._entries.items() if entry.expires <= now and not entry.lent]
        for name in expired:
            self._unload(name, "not used for a while")
        with self._lock:
            pending = [entry.expires for entry in self._entries.values() if entry.expires < math.inf]
        return max(0.0, min(pending) - now) if pending else None

    def unload_when_idle(self, model: str) -> bool:
        """Mark a model to be unloaded by the next `expire` after its use. False if it is not in memory.

        A model that is being loaded is marked as well.
        """
        with self._lock:
            if self._loading is not None and self._loading.id == model:
                self._loading_is_unwanted = True
                return True
            entry = self._entries.get(model)
            if entry is not None:
                entry.unwanted = True
                if not entry.lent:
                    entry.expires = -math.inf
            return entry is not None

    def discard(self, engine: Engine) -> None:
        """Forget an engine that died, so that the next use loads anew. It is closed when its last loan has ended."""
        with self._lock:
            entry = self._find(engine)
            if entry is None:
                return
            if entry not in self._dead:
                del self._entries[engine.spec.id]
                self._dead.append(entry)
            if entry.lent:  # others hold it, and will find that it is dead
                return
            self._dead.remove(entry)
        engine.close()

    def resident(self) -> list[Resident]:
        """List the models in memory."""
        now = self._clock()
        with self._lock:
            return [Resident(entry.engine, max(0.0, entry.expires - now)) for entry in self._entries.values()]

    def specs(self) -> list[ModelSpec]:
        """List the models in memory, and the one that is being loaded."""
        with self._lock:
            loading = [self._loading] if self._loading is not None else []
            return [*(entry.engine.spec for entry in self._entries.values()), *loading]

    def clear(self) -> None:
        """Unload everything, lent or not: the daemon ends."""
        with self._lock:
            entries = [*self._entries.values(), *self._dead]
            self._entries.clear()
            self._dead.clear()
        for entry in entries:
            entry.engine.close()

    def _find(self, engine: Engine) -> _Entry | None:
        return next((entry for entry in [*self._entries.values(), *self._dead] if entry.engine is engine), None)

    def _make_room(self, spec: ModelSpec) -> None:
        for name in self._idle():
            if self._peak_bytes() + spec.peak_bytes > self.budget or self._free_memory() < spec.peak_bytes:
                self._unload(name, f"making room for {spec.id}")
        free = self._free_memory()
        if free < spec.peak_bytes:
            raise Rejected(
                messages.OUT_OF_MEMORY,
                f"{spec.title} needs {_gigabytes(spec.peak_bytes)} of memory, and {_gigabytes(free)} are free.",
                "Close other programs, or use a smaller model; see: matted models",
            )

    def _idle(self) -> list[str]:
        """List the models that are not lent, the least recently used first."""
        with self._lock:
            idle = [(entry.used, name) for name, entry in self._entries.items() if not entry.lent]
        return [name for _, name in sorted(idle)]

    def _peak_bytes(self) -> int:
        with self._lock:
            return sum(entry.engine.spec.peak_bytes for entry in self._entries.values())

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
