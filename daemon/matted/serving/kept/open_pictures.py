"""The pictures that clients keep in the daemon for their next questions. Bounded: the least recently used go first."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from matted_client import Rejected, messages

from matted.masking.picture import Picture

# A dialog has one picture open; a program that shows several at once has a few.
MOST_OF_A_CLIENT = 32
# Somebody who has not asked for so long is elsewhere; a client sends the picture again in less time than it takes to
# come back to a dialog.
IDLE_SECONDS = 600.0


Key = tuple[bytes, int | None]  # the client's routing id, and the name that it chose


@dataclass
class _Open:
    """An open picture. used: when it was opened or asked about last, in seconds by the clock."""

    picture: Picture
    used: float


class OpenPictures:
    """The open pictures. For one thread.

    limit: how many bytes all of them may take, with what has been found out about them. One client's may take half of
        that, so that it cannot drive out everybody else's. The picture that was used last stays, whatever its size.
    clock: monotonic, seconds.

    A job has its picture itself, so that the job goes on when the picture is forgotten. The picture's memory is free
    once the job has ended; until then it is the queue that counts it.
    """

    def __init__(self, limit: int, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._clock = clock
        self._open: OrderedDict[Key, _Open] = OrderedDict()  # the least recently used first

    def __len__(self) -> int:
        return len(self._open)

    @property
    def memory(self) -> int:
        """The bytes that all of them take."""
        return self._bytes(self._open)

    def open(self, peer: bytes, name: int, picture: Picture) -> None:
        """Keep a picture, in the place of one of the same name. Forget others as far as the limits demand.

        peer: the routing id of the client's connection.
        name: which the client chose.
        """
        self._open.pop((peer, name), None)
        self._open[peer, name] = _Open(picture, self._clock())
        self._keep_limits(peer)

    def _keep_limits(self, peer: bytes) -> None:
        """Forget the least recently used pictures beyond the limits. peer: whose picture was used last."""
        own = [key for key in self._open if key[0] == peer]
        while len(own) > 1 and (len(own) > MOST_OF_A_CLIENT or self._bytes(own) > self._limit // 2):
            del self._open[own.pop(0)]
        while len(self._open) > 1 and self.memory > self._limit:
            self._open.popitem(last=False)

    def find(self, peer: bytes, name: int) -> Picture:
        """Return a picture, which counts as used now. Raises Rejected("picture_forgotten")."""
        entry = self._open.get((peer, name))
        if entry is None:
            message = "The daemon no longer has this picture."
            raise Rejected(messages.PICTURE_FORGOTTEN, message, "Send it again with 'open'.")
        entry.used = self._clock()
        self._open.move_to_end((peer, name))
        self._keep_limits(peer)  # what is found out about pictures takes memory, too
        return entry.picture

    def close(self, peer: bytes, name: int) -> bool:
        """Forget a picture. Returns False if there was none."""
        return self._open.pop((peer, name), None) is not None

    def close_all(self, peer: bytes) -> None:
        """Forget the pictures of a client."""
        for key in [key for key in self._open if key[0] == peer]:
            del self._open[key]

    def forget_findings(self) -> None:
        """Forget what has been found out about the pictures, which another model or device would see otherwise."""
        for entry in self._open.values():
            entry.picture.findings.clear()

    def clear(self) -> None:
        """Forget all pictures."""
        self._open.clear()

    def expire(self) -> None:
        """Forget the pictures that nobody has asked about for IDLE_SECONDS."""
        while self._open and self.seconds_to_expiry() <= 0.0:
            self._open.popitem(last=False)

    def seconds_to_expiry(self) -> float:
        """Return after how many seconds `expire` has something to forget, infinite for never."""
        if not self._open:
            return math.inf
        return max(0.0, next(iter(self._open.values())).used + IDLE_SECONDS - self._clock())

    def bytes_to_free(self, at_work: Collection[Key]) -> int:
        """Return how many bytes `free` can free. at_work: the pictures that jobs are about."""
        return self._bytes(key for key in self._open if key not in at_work)

    def free(self, needed: int, at_work: Collection[Key]) -> None:
        """Forget the least recently used pictures until so many bytes are free, or no other is left.

        at_work: the pictures that jobs are about: to forget these would free nothing.
        """
        for key in [key for key in self._open if key not in at_work]:
            if needed <= 0:
                return
            needed -= self._open.pop(key).picture.memory

    def _bytes(self, keys: Iterable[Key]) -> int:
        return sum(self._open[key].picture.memory for key in keys)
