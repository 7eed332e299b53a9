"""Measure the stages of requests, and estimate how far an inference is."""

from __future__ import annotations

import time
from collections.abc import Callable

from matted_client.messages import Progress

Clock = Callable[[], float]  # monotonic, seconds


class Stopwatch:
    """Adds up the seconds of each stage of a request.

    start: when the request came, by `clock`.
    laps: seconds by stage, of the stages that happened.
    """

    def __init__(self, start: float, clock: Clock = time.monotonic) -> None:
        self.laps: dict[str, float] = {}
        self._clock = clock
        self._last = start

    def lap(self, stage: str) -> None:
        """Give the time since the last lap to a stage. An unnamed lap is not recorded."""
        now = self._clock()
        if stage:
            self.laps[stage] = self.laps.get(stage, 0.0) + now - self._last
        self._last = now


class Pace:
    """How long an inference of each model took lately, to estimate how far the running one is."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    def record(self, model: str, seconds: float) -> None:
        """Take one inference into the model's moving average."""
        before = self._seconds.get(model, seconds)
        self._seconds[model] = 0.7 * before + 0.3 * seconds

    def seconds(self, model: str) -> float | None:
        """Return the seconds of an inference, None for a model that has not run."""
        return self._seconds.get(model)

    def progress(self, stage: str, model: str, elapsed: float) -> Progress:
        """Return how far an inference is after `elapsed` seconds."""
        expected = self._seconds.get(model)
        return Progress(stage, min(0.99, elapsed / expected) if expected else None)
