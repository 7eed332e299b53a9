"""Measuring: in turns, so that whatever else the machine does hits everything alike; and memory at its peak."""

from __future__ import annotations

import resource
import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import psutil
from benchmarks.samples import Sample

SAMPLING_SECONDS = 0.005  # allocations that go again sooner are not seen


@dataclass(frozen=True)
class Run:
    """One repetition: seconds, in all and by stage."""

    seconds: float
    stages: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Effort:
    """How often something is repeated: until `seconds` are over, but at least `least` and at most `most` times."""

    seconds: float
    least: int
    most: int


def timed(task: Callable[[], object]) -> Run:
    start = time.perf_counter()
    task()
    return Run(time.perf_counter() - start)


def in_turns(model: str, megapixels: float, tasks: Mapping[str, Callable[[], Run]], effort: Effort) -> list[Sample]:
    """Run the tasks one after the other, round after round, after a round that does not count where that is cheap."""
    start = time.perf_counter()
    rounds = [{name: task() for name, task in tasks.items()}]
    if time.perf_counter() - start < effort.seconds / (effort.least + 1):
        rounds.clear()
    while len(rounds) < effort.least or (len(rounds) < effort.most and time.perf_counter() - start < effort.seconds):
        rounds.append({name: task() for name, task in tasks.items()})
    return [sample(model, name, megapixels, [each[name] for each in rounds]) for name in tasks]


def sample(model: str, name: str, megapixels: float, runs: Sequence[Run]) -> Sample:
    stages = {
        stage: statistics.median(run.stages.get(stage, 0.0) for run in runs)
        for stage in dict.fromkeys(stage for run in runs for stage in run.stages)
    }
    return Sample(model, name, megapixels, [run.seconds for run in runs], stages)


def processor_seconds() -> float:
    """Return the processor time of all processes that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def processor_seconds_of(pid: int) -> float:
    """Return the processor time that a process has taken so far, without that of those it has started."""
    used = psutil.Process(pid).cpu_times()
    return float(used.user + used.system)


class Peak:
    """Resident memory of some processes together while the block runs: `before` and `highest`, in bytes."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._processes = [psutil.Process(pid) for pid in pids]
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.before = self.highest = self._now()

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(SAMPLING_SECONDS):
            self.highest = max(self.highest, self._now())

    def _now(self) -> int:
        total = 0
        for process in self._processes:
            with suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
        return total


def family(pid: int) -> list[int]:
    """A process and those that it has started."""
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
