"""Pieces of work that several threads share."""

from __future__ import annotations

import threading

import pytest
from matted.system import threads


def test_each_piece_is_worked_at_once() -> None:
    seen: list[int] = []
    threads.for_each(seen.append, range(1000))
    assert sorted(seen) == list(range(1000))
    threads.for_each(seen.append, [])
    assert len(seen) == 1000


def test_two_threads_share_the_pieces() -> None:
    """Each piece waits for the other one: a single thread would not get past the first."""
    meeting = threading.Barrier(2, timeout=60)
    threads.for_each(lambda piece: meeting.wait() and None, [1, 2])


def test_what_is_raised_ends_the_work() -> None:
    begun: list[int] = []

    def work(piece: int) -> None:
        begun.append(piece)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        threads.for_each(work, range(100))
    assert 1 <= len(begun) <= 4, "a piece of each thread"


def test_what_another_thread_raises_is_raised_here() -> None:
    this, meeting = threading.current_thread(), threading.Barrier(2, timeout=60)

    def work(piece: int) -> None:
        meeting.wait()  # so that both threads take part
        if threading.current_thread() is not this:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        threads.for_each(work, [1, 2])


def test_work_that_shares_its_own_pieces_ends() -> None:
    seen: list[int] = []
    threads.for_each(lambda _: threads.for_each(seen.append, range(10)), range(10))
    assert len(seen) == 100


def test_nobody_works_any_more_when_it_has_ended() -> None:
    meeting, goes_on, working = threading.Barrier(2, timeout=60), threading.Event(), threading.Event()
    this = threading.current_thread()

    def work(piece: int) -> None:
        meeting.wait()
        if threading.current_thread() is this:
            threading.Timer(0.05, goes_on.set).start()
            raise InterruptedError
        working.set()
        assert goes_on.wait(60)
        working.clear()

    with pytest.raises(InterruptedError):
        threads.for_each(work, [1, 2])
    assert not working.is_set()
