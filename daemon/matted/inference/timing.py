"""Measure the stages of requests."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], float]  # monotonic, seconds
Share = tuple[float, float]  # of a stage: where an inference begins in it, and what share of it this is, 0..1
WHOLE_STAGE: Share = (0.0, 1.0)


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
