"""Inferences under way on a server: a timeout of one ends the others where the server hangs, and only there."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from conftest import wait_for
from fakes import Clock
from matted.inference.engines.kserve import connection
from matted.inference.engines.kserve.connection import ServerError, TooSlow
from matted.inference.engines.kserve.flights import Flights

ANSWER = [np.zeros(1, np.float32)]


class Inference:
    """A Call in a thread that waits for it. It ends once the test says how: `end`."""

    def __init__(self, flights: Flights) -> None:
        self.ended: Any = None
        self._waited = threading.Event()
        self._over = threading.Event()
        self._how: ServerError | None = None
        self._thread = threading.Thread(target=self._wait, args=(flights,))
        self._thread.start()
        wait_for(self._waited.is_set, "the wait")

    def result(self) -> list[Any]:
        self._waited.set()
        assert self._over.wait(60)
        if self._how is not None:
            raise self._how
        return ANSWER

    def cancel(self) -> None:
        self._waited.set()
        if not self._over.is_set():
            self.end(connection.cancelled())

    def end(self, how: ServerError | None = None) -> None:
        """End it: with an error, or with an answer."""
        self._how = how
        self._over.set()

    def _wait(self, flights: Flights) -> None:
        try:
            self.ended = flights.wait(self)
        except ServerError as error:
            self.ended = error

    def outcome(self) -> Any:
        self._thread.join(60)
        assert not self._thread.is_alive()
        return self.ended

    @property
    def goes_on(self) -> bool:
        return not self._over.is_set()


def is_slow(inference: Inference) -> bool:
    """Return whether it ends as one that has timed out."""
    ended = inference.outcome()
    return isinstance(ended, TooSlow) and "within 10 s" in ended.message


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def flights(clock: Clock) -> Flights:
    return Flights(clock)


def test_all_are_given_up_where_one_has_timed_out_and_none_was_answered(flights: Flights, clock: Clock) -> None:
    earlier = Inference(flights)
    earlier.end()
    assert earlier.outcome() == ANSWER, "an answer before it began tells nothing"
    clock.now += 1
    first = Inference(flights)
    clock.now += 4
    others = [Inference(flights), Inference(flights)]
    clock.now += 6
    slow = connection.slow(10)
    first.end(slow)
    assert first.outcome() is slow and all(is_slow(each) for each in others)
    with pytest.raises(TooSlow):
        flights.require_alive()
    assert is_slow(Inference(flights)), "one that has begun a moment before"


def test_where_one_was_answered_meanwhile_the_others_go_on(flights: Flights, clock: Clock) -> None:
    first = Inference(flights)
    clock.now += 1
    answered, other = Inference(flights), Inference(flights)
    clock.now += 1
    answered.end()
    assert answered.outcome() == ANSWER
    clock.now += 8
    first.end(connection.slow(10))
    assert isinstance(first.outcome(), TooSlow) and other.goes_on
    flights.require_alive()
    other.end()
    assert other.outcome() == ANSWER


@pytest.mark.parametrize("error", [connection.away("reset"), connection.garbage("none"), connection.cancelled()])
def test_what_else_goes_wrong_with_one_is_its_own(flights: Flights, error: ServerError) -> None:
    first, other = Inference(flights), Inference(flights)
    first.end(error)
    assert first.outcome() is error and other.goes_on
    other.end()
    assert other.outcome() == ANSWER
