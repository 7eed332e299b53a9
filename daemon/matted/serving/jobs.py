"""The queue of jobs between the event loop and the workers. It is bounded, and clients and sequences take turns."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from matted_client import Rejected, messages
from matted_client.messages import Load, MaskRequest, RefineRequest

from matted.inference.choosing import Choice
from matted.inference.timing import Stopwatch
from matted.masking.picture import Picture
from matted.masking.scene import Frame
from matted.serving.kept.sequences import FrameSequence
from matted.system.task import CANCELLED, SHUTTING_DOWN, WAITING, Task

NO_CLIENT = b""  # the peer of a job that the daemon gives itself: nobody is told of its end

Lane = tuple[bytes, FrameSequence | None]


@dataclass(eq=False)
class Job(Task):
    """A request for the workers.

    peer: the routing id of the client's connection.
    id: the client's number for the request.
    picture: what a mask is wanted of.
    submitted: when the request came, in seconds by a monotonic clock.
    chosen: the model that it gets where it leaves that to matted; else None.
    stopwatch: of its stages so far; None before the first.
    asked: id of the model that it has asked last, or waits for; empty if none.
    sequence: that the picture is a frame of; None: of none.
    frame: which one it is.
    elsewhere: whether all models that it needs are asked of the server, as far as is known when it is taken.
    """

    peer: bytes
    id: int
    request: MaskRequest | RefineRequest | Load
    picture: Picture | None = None
    submitted: float = field(default_factory=time.monotonic)
    chosen: Choice | None = None
    stopwatch: Stopwatch | None = None
    asked: str = ""
    elsewhere: bool = False
    sequence: FrameSequence | None = None
    frame: Frame | None = None

    @property
    def lane(self) -> Lane:
        """Whose turns it takes: a client's pictures by themselves have theirs, and each of its sequences has."""
        return self.peer, self.sequence

    @property
    def holds_up(self) -> bool:
        """Whether the frames after it have to wait for it."""
        return self.frame is not None and not self.frame.passed

    @property
    def open_picture(self) -> int | None:
        """The name of the open picture that it is about, None if there is none."""
        return None if isinstance(self.request, Load) else self.request.picture

    @property
    def model(self) -> str | None:
        """What is said of the model, as `Setup.model_id` resolves it; None if none is needed."""
        return None if isinstance(self.request, RefineRequest) else self.request.model


def _always(job: Job) -> bool:
    return True


def _never(job: Job) -> bool:
    return False


def _frame_bytes(jobs: Iterable[Job]) -> int:
    """Return the size of the frames of some jobs. Those of a picture that several of them are about count once."""
    frames = {id(frame): len(frame) for job in jobs if job.picture is not None for frame in job.picture.frames}
    return sum(frames.values())


class JobQueue:
    """The jobs that wait for a worker, and those that run. All methods are thread-safe.

    limit: how many jobs may wait.
    limit_bytes: how many bytes the frames of all jobs, waiting and running, may take. An empty queue takes a job of
        any size.
    """

    def __init__(self, limit: int, limit_bytes: int) -> None:
        self.limit = limit
        self._limit_bytes = limit_bytes
        self._waiting: dict[Lane, deque[Job]] = {}  # the first lane's turn is next
        self._running: list[Job] = []
        self._ending: set[Job] = set()  # those of the running ones that were cancelled or overtaken
        self._accepting = True
        self._wake_requested = False
        self._changed = threading.Condition()

    def submit(
        self, job: Job, overtakes: Callable[[Job], bool] = _never, is_in_the_way: Callable[[Job], bool] = _never
    ) -> list[Job]:
        """Add a job, which overtakes others: they end without a result. Returns those that waited, as `cancel` does.

        overtakes: tells which unfinished jobs. They make room for this one.
        is_in_the_way: tells which of these end at once, in the middle of what cannot serve this one.

        Raises Rejected("busy") when the queue is full, Rejected("shutting_down") once it is closed; then nothing is
        overtaken.
        """
        with self._changed:
            if not self._accepting:
                raise Rejected(*SHUTTING_DOWN)
            staying = [each for each in self._unfinished() if not overtakes(each)]
            waiting = sum(each not in self._running for each in staying)
            if waiting >= self.limit or (staying and _frame_bytes([*staying, job]) > self._limit_bytes):
                taken = _frame_bytes(staying) // 1_000_000
                message = f"{waiting} requests are waiting already, with {taken} MB of pixels."
                raise Rejected(messages.BUSY, message, "Try again when some of them are done.")
            waited, running = self._remove(overtakes)
            self._waiting.setdefault(job.lane, deque()).append(job)
            self._changed.notify()
        for each in (*waited, *running):
            if is_in_the_way(each):
                each.cancel()
            else:
                each.overtake()
        return waited

    def take(self, timeout: float | None = None, ready: Callable[[Job], bool] = _always) -> Job | None:
        """Return the next job that is ready; it counts as running until `done`.

        timeout: seconds to wait for one, None for no limit.
        ready: tells whether a job can run now. It is called while the queue is locked.

        Waits once, so it also returns without a job: None after the timeout, `wake_worker` or `recheck`, and when the
        queue is drained.
        """
        with self._changed:
            job = self._next(ready)
            if job is None and not self._wake_requested and not self._drained():
                self._changed.wait(timeout)
                job = self._next(ready)
            self._wake_requested = False
            if job is not None:
                jobs = self._waiting.pop(job.lane)
                jobs.remove(job)
                if jobs:
                    self._waiting[job.lane] = jobs  # at the end: the other lanes' turns come first
                self._running.append(job)
            return job

    def put_back(self, job: Job) -> None:
        """Let a running job wait again, in the place that it had: as if it had not been taken.

        Raises Rejected("cancelled") if it was cancelled or overtaken meanwhile, Rejected("shutting_down") once the
        queue is closed; then it still counts as running.
        """
        with self._changed:
            if job in self._ending:
                raise Rejected(*CANCELLED)
            if not self._accepting:
                raise Rejected(*SHUTTING_DOWN)
            job.progress = WAITING
            self._running.remove(job)
            others = self._waiting.pop(job.lane, deque())
            others.insert(sum(each.submitted < job.submitted for each in others), job)
            self._waiting = {job.lane: others, **self._waiting}  # its lane's turn is not over
            self._changed.notify()

    def done(self, job: Job) -> None:
        """Remove a running job."""
        with self._changed:
            self._running.remove(job)
            self._ending.discard(job)

    def wake_worker(self) -> None:
        """Make one `take` return without a job, so that its worker unloads the models whose time is up."""
        with self._changed:
            self._wake_requested = True
            self._changed.notify()

    def recheck(self) -> None:
        """Make every waiting `take` look once more for a job that is ready."""
        with self._changed:
            self._changed.notify_all()

    @property
    def drained(self) -> bool:
        """Whether the queue is closed and no job waits."""
        with self._changed:
            return self._drained()

    def cancel(self, which: Callable[[Job], bool]) -> list[Job]:
        """Cancel jobs. Returns those that were still waiting: they will never run, and no worker will answer them.

        which: tells which unfinished jobs.
        """
        with self._changed:
            waited, running = self._remove(which)
            self._changed.notify_all()  # the frames after one that waited need wait no more
        for each in (*waited, *running):
            each.cancel()
        return waited

    def contains(self, peer: bytes, job_id: int) -> bool:
        """Return whether a job waits or runs."""
        with self._changed:
            return self._find(peer, job_id) is not None

    def unfinished(self) -> list[tuple[int, Job]]:
        """List (number of jobs before it, job) of the running jobs, then of the waiting ones in the order of `take`."""
        with self._changed:
            return list(enumerate(self._unfinished()))

    def close(self) -> list[Job]:
        """Accept no more jobs, and return those that were waiting. The running ones go on."""
        with self._changed:
            self._accepting = False
            waiting = self._in_turn()
            self._waiting.clear()
            self._changed.notify_all()
            return waiting

    def _remove(self, which: Callable[[Job], bool]) -> tuple[list[Job], list[Job]]:
        """Remove some of the waiting jobs. Returns them, and those of the running ones that are meant, too."""
        waited = [job for job in self._in_turn() if which(job)]
        for job in waited:
            self._waiting[job.lane].remove(job)
            if not self._waiting[job.lane]:
                del self._waiting[job.lane]
        running = [job for job in self._running if which(job)]
        self._ending.update(running)
        return waited, running

    def _drained(self) -> bool:
        return not self._accepting and not self._waiting

    def _next(self, ready: Callable[[Job], bool]) -> Job | None:
        """Return the first job that is ready, of the lanes with the fewest at work: a click goes between frames."""
        at_work = Counter(job.lane for job in self._running)
        lanes = sorted(self._waiting, key=lambda lane: at_work[lane])
        return next((job for lane in lanes for job in self._candidates(lane) if ready(job)), None)

    def _candidates(self, lane: Lane) -> Iterable[Job]:
        """Return the jobs of a lane that may be the next: of a sequence one, once nobody holds it up."""
        jobs = self._waiting[lane]
        if lane[1] is None:
            return jobs
        return [] if any(job.holds_up for job in self._running if job.lane == lane) else [jobs[0]]

    def _unfinished(self) -> list[Job]:
        return self._running + self._in_turn()

    def _in_turn(self) -> list[Job]:
        """List the waiting jobs in the order in which `take` returns them if all are ready and no more come."""
        ranks = [(turn, lane, job) for lane, jobs in enumerate(self._waiting.values()) for turn, job in enumerate(jobs)]
        return [job for _, _, job in sorted(ranks, key=lambda rank: rank[:2])]

    def _find(self, peer: bytes, job_id: int) -> Job | None:
        return next((job for job in self._unfinished() if job.peer == peer and job.id == job_id), None)
