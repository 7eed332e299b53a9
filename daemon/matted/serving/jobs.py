"""The queue between the event loop and the workers: bounded, clients take turns, every job cancellable."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from matted_client import Rejected, messages
from matted_client.messages import Load, MaskRequest, Progress

OURSELVES = b""  # the client of a job that nobody asked for
WAITING = Progress("waiting")
_POLL_SECONDS = 0.02  # how soon a job that waits for a lock sees that it was cancelled


@dataclass(eq=False)
class Job:
    """One request for the workers. `peer` and `id` say who asked; `frames` are the received ones, not copies.

    A worker replaces `progress` as a whole, so that the event loop can read it at any time.
    """

    peer: bytes
    id: int
    request: MaskRequest | Load
    frames: Sequence[memoryview] = ()
    submitted: float = field(default_factory=time.monotonic)
    progress: Progress = WAITING
    estimate: Callable[[], Progress] | None = None
    _cancelled: bool = False
    _interrupt: Callable[[], None] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def size(self) -> int:
        """Bytes of its pixels."""
        return sum(len(frame) for frame in self.frames)

    def cancel(self) -> None:
        """Ask the job to end. May be called from any thread, any number of times."""
        with self._lock:
            self._cancelled = True
            if self._interrupt:  # under the lock: `run_interruptible` cannot end meanwhile and let the next job begin
                self._interrupt()

    def cancelled(self) -> bool:
        return self._cancelled

    def check(self) -> None:
        """Raises Rejected("cancelled") once the job was asked to end."""
        if self._cancelled:
            raise Rejected(messages.CANCELLED, "Cancelled.")

    def run_interruptible(self, work: Callable[[], None], interrupt: Callable[[], None]) -> None:
        """Run `work`; a cancel that comes meanwhile calls `interrupt`, which has to make `work` end early.

        Raises what `check` does if it came to that, whatever `work` then raises.
        """
        with self._lock:
            self.check()
            self._interrupt = interrupt
        try:
            work()
        except Exception:
            self.check()
            raise
        finally:
            with self._lock:
                self._interrupt = None
        self.check()

    @contextmanager
    def holding(self, lock: threading.Lock) -> Iterator[None]:
        """Hold a lock for which other jobs may make us wait. Raises what `check` does."""
        while not lock.acquire(timeout=_POLL_SECONDS):
            self.check()
        try:
            yield
        finally:
            lock.release()


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

    def take(self, timeout: float | None = None) -> Job | None:
        """Wait for the next job and make it a running one, until `done`.

        None once `timeout` seconds are over, the queue was nudged, or it is closed and empty.
        """
        with self._changed:
            if not self._waiting and self._open and not self._nudged:
                self._changed.wait(timeout)
            self._nudged = False
            if not self._waiting:
                return None
            peer = next(iter(self._waiting))
            theirs = self._waiting.pop(peer)
            job = theirs.popleft()
            if theirs:
                self._waiting[peer] = theirs  # at the end: the others come first
            self._running.append(job)
            return job

    def done(self, job: Job) -> None:
        with self._changed:
            self._running.remove(job)

    def nudge(self) -> None:
        """Have a worker look for other things to do than jobs."""
        with self._changed:
            self._nudged = True
            self._changed.notify()

    @property
    def closed(self) -> bool:
        """Whether no more jobs can come, and none waits."""
        with self._changed:
            return not self._open and not self._waiting

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
