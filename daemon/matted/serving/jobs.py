"""The queue between the event loop and the workers: bounded, clients take turns, every job cancellable."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from matted_client import Rejected, messages
from matted_client.messages import Load, MaskRequest

from matted.system.task import Task

OURSELVES = b""  # the client of a job that nobody asked for


@dataclass(eq=False)
class Job(Task):
    """One request for the workers.

    peer, id: who asked, and the client's number for it.
    frames: the pixels as they were received, not copies.
    submitted: when it came, by time.monotonic.
    """

    peer: bytes
    id: int
    request: MaskRequest | Load
    frames: Sequence[memoryview] = ()
    submitted: float = field(default_factory=time.monotonic)

    @property
    def size(self) -> int:
        """Bytes of its pixels."""
        return sum(len(frame) for frame in self.frames)


def _any(job: Job) -> bool:
    return True


class JobQueue:
    """Jobs wait here for the workers. All methods are thread-safe.

    limit: how many jobs may wait. limit_bytes: how many bytes the pixels of all jobs may take together. One job is
    taken whatever its size.
    """

    def __init__(self, limit: int, limit_bytes: int) -> None:
        self.limit = limit
        self._limit_bytes = limit_bytes
        self._waiting: dict[bytes, deque[Job]] = {}  # by client, whose turn is next first
        self._running: list[Job] = []
        self._open = True
        self._nudged = False
        self._changed = threading.Condition()

    def submit(self, job: Job) -> None:
        """Raises Rejected("busy") when full, Rejected("shutting_down") once closed."""
        with self._changed:
            if not self._open:
                raise Rejected(messages.SHUTTING_DOWN, "The matted daemon is shutting down.", "Try again in a moment.")
            waiting, alive = sum(map(len, self._waiting.values())), self._alive()
            taken = sum(each.size for each in alive)
            if waiting >= self.limit or (alive and taken + job.size > self._limit_bytes):
                message = f"{waiting} requests are waiting already, with {taken // 1_000_000} MB of pixels."
                raise Rejected(messages.BUSY, message, "Try again when some of them are done.")
            self._waiting.setdefault(job.peer, deque()).append(job)
            self._changed.notify()

    def take(self, timeout: float | None = None, ready: Callable[[Job], bool] = _any) -> Job | None:
        """Wait for the next job that is ready, and make it a running one until `done`.

        timeout: seconds to wait at most, None for any time.
        ready: tells whether a job can be done now. It is asked under the queue's lock, and again after each `recheck`.

        Returns None once the time is over, a worker was woken by `nudge`, or the queue is closed and empty.
        """
        with self._changed:
            job = self._next(ready)
            if job is None and not self._nudged and not self._ended():
                self._changed.wait(timeout)
                job = self._next(ready)
            self._nudged = False
            if job is not None:
                theirs = self._waiting.pop(job.peer)
                theirs.remove(job)
                if theirs:
                    self._waiting[job.peer] = theirs  # at the end: the others come first
                self._running.append(job)
            return job

    def done(self, job: Job) -> None:
        with self._changed:
            self._running.remove(job)

    def nudge(self) -> None:
        """Wake a worker, so that it expires models."""
        with self._changed:
            self._nudged = True
            self._changed.notify()

    def recheck(self) -> None:
        """Have every `take` ask again which jobs are ready."""
        with self._changed:
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether no more jobs can come, and none waits."""
        with self._changed:
            return self._ended()

    def cancel(self, peer: bytes, job_id: int) -> Job | None:
        """Cancel one job. Returns it if it was still waiting and so will never run."""
        with self._changed:
            job = self._find(peer, job_id)
            waited = job is not None and job not in self._running
            if job is not None and waited:
                self._waiting[peer].remove(job)
                if not self._waiting[peer]:
                    del self._waiting[peer]
        if job is not None:
            job.cancel()
        return job if waited else None

    def find(self, peer: bytes, job_id: int) -> bool:
        with self._changed:
            return self._find(peer, job_id) is not None

    def alive(self) -> list[tuple[int, Job]]:
        """(how many jobs are before it, job) for the running jobs and all waiting ones, in the order of their turns."""
        with self._changed:
            return list(enumerate(self._alive()))

    def close(self) -> list[Job]:
        """Take no more jobs. Returns those that were waiting; the running ones go on."""
        with self._changed:
            self._open = False
            waiting = self._turns()
            self._waiting.clear()
            self._changed.notify_all()
            return waiting

    def _ended(self) -> bool:
        return not self._open and not self._waiting

    def _next(self, ready: Callable[[Job], bool]) -> Job | None:
        return next((job for theirs in self._waiting.values() for job in theirs if ready(job)), None)

    def _alive(self) -> list[Job]:
        return self._running + self._turns()

    def _turns(self) -> list[Job]:
        """The waiting jobs in the order in which `take` would give them, if no more came."""
        ranks = [
            (turn, client, job)
            for client, theirs in enumerate(self._waiting.values())
            for turn, job in enumerate(theirs)
        ]
        return [job for _, _, job in sorted(ranks, key=lambda rank: rank[:2])]

    def _find(self, peer: bytes, job_id: int) -> Job | None:
        return next((job for job in self._alive() if job.peer == peer and job.id == job_id), None)
