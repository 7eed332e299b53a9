"""The compiled models in memory: loaded on demand, kept for a while, the least recently used given up first."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from matted_client import Rejected, messages

from matted.backend import Model
from matted.models.catalogue import Row

log = logging.getLogger(__name__)


@dataclass
class _Entry:
    model: Model
    used: float  # by the cache's clock
    expires: float


@dataclass(frozen=True)
class Resident:
    """A model in memory, as status shows it. expires_in: seconds until it is unloaded, infinite for never."""

    model: Model
    expires_in: float


class ModelCache:
    """Loads, lends and unloads models. `use` and `expire` are the worker thread's; the rest is for any thread.

    load: makes a model. budget: bytes that the rows' own peak figures may add up to. free_memory: bytes that the
    machine has to give. release: called after a model was dropped, to hand its memory back to the system.
    """

    def __init__(
        self,
        load: Callable[[Row], Model],
        budget: int,
        free_memory: Callable[[], int],
        release: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._budget = budget
        self._free_memory = free_memory
        self._release = release
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        self._lock = threading.Lock()

    @contextmanager
    def use(self, row: Row, keep_alive: float) -> Iterator[tuple[Model, bool]]:
        """Lend the model, and say whether it had to be loaded. It stays for `keep_alive` seconds after its last use.

        Raises Rejected("out_of_memory") if it needs more than the machine has, and what `load` raises.
        """
        entry = self._entries.get(row.id)
        loaded = entry is None
        if entry is None:
            self._make_room(row)
            entry = _Entry(self._load(row), self._clock(), math.inf)
            with self._lock:
                self._entries[row.id] = entry
        entry.expires = math.inf  # not while it is lent
        try:
            yield entry.model, loaded
        finally:
            entry.used = self._clock()
            if entry.expires == math.inf:  # nobody gave it up meanwhile
                entry.expires = entry.used + keep_alive

    def expire(self) -> float | None:
        """Unload what nobody has used for its time. Returns seconds until there may be more to unload, or None."""
        now = self._clock()
        for name, entry in list(self._entries.items()):
            if entry.expires <= now:
                self._drop(name, "not used for a while")
        pending = [entry.expires for entry in self._entries.values() if entry.expires < math.inf]
        return max(0.0, min(pending) - now) if pending else None

    def give_up(self, model: str) -> bool:
        """Mark a model to be unloaded by the next `expire`. False if it is not in memory."""
        with self._lock:
            entry = self._entries.get(model)
            if entry is not None:
                entry.expires = -math.inf
            return entry is not None

    def resident(self) -> list[Resident]:
        now = self._clock()
        with self._lock:
            return [Resident(entry.model, max(0.0, entry.expires - now)) for entry in self._entries.values()]

    def _make_room(self, row: Row) -> None:
        by_age = sorted(self._entries, key=lambda name: self._entries[name].used)
        while by_age and self._taken() + row.peak_bytes > self._budget:
            self._drop(by_age.pop(0), f"making room for {row.id}")
        while by_age and self._free_memory() < row.peak_bytes:
            self._drop(by_age.pop(0), f"making room for {row.id}")
        free = self._free_memory()
        if free < row.peak_bytes:
            raise Rejected(
                messages.OUT_OF_MEMORY,
                f"{row.title} needs {_gigabytes(row.peak_bytes)} of memory, and {_gigabytes(free)} are free.",
                "Close other programs, or use a smaller model; see: matted models",
            )

    def _taken(self) -> int:
        return sum(entry.model.row.peak_bytes for entry in self._entries.values())

    def _drop(self, name: str, why: str) -> None:
        log.info("unloading %s: %s", name, why)
        with self._lock:
            del self._entries[name]
        self._release()


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
