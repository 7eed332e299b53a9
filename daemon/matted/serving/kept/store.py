"""What clients keep by names of their choice. Bounded: what was used least recently is forgotten first."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

# Somebody who has not asked for so long is elsewhere, and a film whose next frame takes longer to come has been given
# up: both can send again what is forgotten.
IDLE_SECONDS = 600.0

Key = tuple[bytes, int | None]  # the client's routing id, and the name that it chose


class Sized(Protocol):
    """Something that takes memory."""

    @property
    def memory(self) -> int:
        """The bytes that it takes, about."""


T = TypeVar("T", bound=Sized)


@dataclass
class _Entry(Generic[T]):
    """Something that is kept. used: when it was last, in seconds by the clock."""

    thing: T
    used: float


class Kept(Generic[T]):
    """Things of one kind. For one thread.

    most: how many things one client may have.
    limit: how many bytes all of them may take. One client's may take half of that, so that it cannot drive out
        everybody else's. What was used last stays, whatever its size.
    clock: monotonic, seconds.
    """

    def __init__(self, most: int, limit: int, clock: Callable[[], float]) -> None:
        self._most = most
        self._limit = limit
        self._clock = clock
        self._entries: OrderedDict[Key, _Entry[T]] = OrderedDict()  # the least recently used first

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def memory(self) -> int:
        """The bytes that all of them take."""
        return self._bytes(self._entries)

    def get(self, peer: bytes, name: int) -> T | None:
        """Return a thing; None if there is none. peer: the routing id of the client's connection."""
        entry = self._entries.get((peer, name))
        return None if entry is None else entry.thing

    def use(self, peer: bytes, name: int, thing: T) -> None:
        """Keep a thing, which is used now, in the place of one of the same name. Forget others as the limits demand."""
        self._put_last((peer, name), thing)
        own = [key for key in self._entries if key[0] == peer]
        while len(own) > 1 and (len(own) > self._most or self._bytes(own) > self._limit // 2):
            del self._entries[own.pop(0)]
        while len(self._entries) > 1 and self.memory > self._limit:
            self._entries.popitem(last=False)

    def close(self, peer: bytes, name: int) -> bool:
        """Forget a thing. Returns False if there was none."""
        return self._entries.pop((peer, name), None) is not None

    def close_all(self, peer: bytes) -> None:
        """Forget the things of a client."""
        for key in [key for key in self._entries if key[0] == peer]:
            del self._entries[key]

    def clear(self) -> None:
        """Forget all."""
        self._entries.clear()

    def expire(self, at_work: Collection[T] = ()) -> None:
        """Forget what nobody has used for IDLE_SECONDS. at_work: what stays nevertheless, and has its time anew."""
        while self._entries and self.seconds_to_expiry() <= 0.0:
            key, entry = self._entries.popitem(last=False)
            if entry.thing in at_work:
                self._put_last(key, entry.thing)

    def seconds_to_expiry(self) -> float:
        """Return after how many seconds `expire` has something to forget, infinite for never."""
        if not self._entries:
            return math.inf
        return max(0.0, next(iter(self._entries.values())).used + IDLE_SECONDS - self._clock())

    def _put_last(self, key: Key, thing: T) -> None:
        self._entries[key] = _Entry(thing, self._clock())
        self._entries.move_to_end(key)

    def _bytes(self, keys: Iterable[Key]) -> int:
        return sum(self._entries[key].thing.memory for key in keys)
