"""The queue between the event loop and the worker: bounded, first come first served, every job cancellable."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from matted_client import Rejected, messages
from matted_client.messages import Load, MaskRequest, Progress

WAITING = Progress("waiting")


@dataclass(eq=False)
class Job:
    """One request for the worker. `peer` and `id` say who asked; `frames` are the received ones, not copies.

    The worker replaces `progress` as a whole, so that the event loop can read it at any time.
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
        """Run `work`; a cancel that comes meanwhile calls `interrupt`, which has to make `work` end early."""
        with self._lock:
            self.check()
            self._interrupt = interrupt
        try:
            work()
        finally:
            with self._lock:
                self._interrupt = None
        self.check()


class JobQueue:
    """Jobs wait here for the worker thread. All methods are thread-safe."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: deque[Job] = deque()
        self._running: Job | None = None
        self._open = True
        self._nudged = False
        self._changed = threading.Condition()

    def submit(self, job: Job) -> None:
        """Raises Rejected("busy") when full, Rejected("shutting_down") once closed."""
        with self._changed:
            if not self._open:
                raise Rejected(messages.SHUTTING_DOWN, "The matted daemon is shutting down.", "Try again in a moment.")
            if len(self._waiting) >= self._limit:
                message = f"{len(self._waiting)} requests are waiting already."
                raise Rejected(messages.BUSY, message, "Try again when some of them are done.")
            self._waiting.append(job)
            self._changed.notify()

    def take(self, timeout: float | None = None) -> Job | None:
        """Wait for the next job and make it the running one.

        None once `timeout` seconds are over, the queue was nudged, or it is closed and empty.
        """
        with self._changed:
            self._running = None
            if not self._waiting and self._open and not self._nudged:
                self._changed.wait(timeout)
            self._nudged = False
            if self._waiting:
                self._running = self._waiting.popleft()
            return self._running

    def nudge(self) -> None:
        """Have the worker look for other things to do than jobs."""
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
        return self._remove(lambda job: job.peer == peer and job.id == job_id)

    def find(self, peer: bytes, job_id: int) -> bool:
        with self._changed:
            return any(job.peer == peer and job.id == job_id for job in self._alive())

    def alive(self) -> list[tuple[int, Job]]:
        """(how many jobs are before it, job) for the running job and all waiting ones."""
        with self._changed:
            return list(enumerate(self._alive()))

    def close(self) -> list[Job]:
        """Take no more jobs. Returns those that were waiting; the running one goes on."""
        with self._changed:
            self._open = False
            waiting, self._waiting = list(self._waiting), deque()
            self._changed.notify_all()
            return waiting

    def _alive(self) -> list[Job]:
        return ([self._running] if self._running else []) + list(self._waiting)

    def _remove(self, matches: Callable[[Job], bool]) -> Job | None:
        with self._changed:
            job = next((job for job in self._alive() if matches(job)), None)
            waited = job is not None and job is not self._running
            if job is not None and waited:
                self._waiting.remove(job)
        if job is not None:
            job.cancel()
        return job if waited else None
