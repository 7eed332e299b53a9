"""Report the progress of a piece of work, and cancel it from another thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from matted_client import Rejected, messages
from matted_client.messages import Progress

WAITING = Progress("waiting")
# Refusals.
CANCELLED = (messages.CANCELLED, "Cancelled.")
SHUTTING_DOWN = (messages.SHUTTING_DOWN, "The matted daemon is shutting down.", "Try again in a moment.")
_POLL_SECONDS = 0.02  # after which a task that waits for a lock looks whether it was cancelled


@dataclass(eq=False)
class Task:
    """A piece of work in one thread, whose progress others read, and which they may cancel.

    progress: replaced, never changed, by the thread that works, so that others can read it at any time.
    estimate: returns the progress of a stage that cannot report it itself; None in other stages.
    """

    progress: Progress = field(default=WAITING, kw_only=True)
    estimate: Callable[[], Progress] | None = field(default=None, init=False)
    _cancelled: bool = field(default=False, init=False)
    _overtaken: bool = field(default=False, init=False)
    _interrupt: Callable[[], None] | None = field(default=None, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def cancel(self) -> None:
        """Ask the task to end. May be called from any thread, any number of times."""
        with self._lock:
            self._cancelled = True
            if self._interrupt:  # with the lock held, `run_interruptible` cannot end and let other work begin
                self._interrupt()

    def overtake(self) -> None:
        """Ask the task to end, but not in the middle of interruptible work: what comes next needs its outcome, too."""
        self._overtaken = True

    def cancelled(self) -> bool:
        """Return whether `cancel` or `overtake` was called."""
        return self._cancelled or self._overtaken

    def check(self) -> None:
        """Raise Rejected("cancelled") once the task was cancelled or overtaken."""
        if self.cancelled():
            raise Rejected(*CANCELLED)

    def begin(self, stage: str) -> None:
        """Report that a stage begins. Raises Rejected("cancelled") once the task was cancelled."""
        self.check()
        self.progress = Progress(stage)

    def run_interruptible(self, work: Callable[[], None], interrupt: Callable[[], None]) -> None:
        """Run `work`, which a cancel can end early.

        work: called in this thread.
        interrupt: called in the thread of a cancel that comes meanwhile; has to make `work` return or raise.

        Raises Rejected("cancelled") after a cancel, whatever `work` then does; else what `work` raises. A task that was
        overtaken does not begin with it.
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
        if self._cancelled:
            self.check()

    @contextmanager
    def holding(self, lock: threading.Lock | threading.Semaphore) -> Iterator[None]:
        """Hold a lock in the block. Raises Rejected("cancelled") if a cancel comes while waiting for it."""
        while not lock.acquire(timeout=_POLL_SECONDS):
            self.check()
        try:
            yield
        finally:
            lock.release()
