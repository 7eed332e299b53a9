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


@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_what_is_raised_ends_the_work_and_is_raised_again(where: str) -> None:
    this, done = threading.current_thread(), []
    meeting = threading.Barrier(2, timeout=60)

    def work(piece: int) -> None:
        if piece < 2:
            meeting.wait()  # so that both threads take part
            if (threading.current_thread() is this) == (where == "here"):
                raise InterruptedError
        done.append(piece)

    with pytest.raises(InterruptedError):
        threads.for_each(work, range(100_000))
    assert len(done) < 100_000 - 1


def test_work_that_shares_its_own_pieces_ends() -> None:
    seen: list[int] = []
    threads.for_each(lambda _: threads.for_each(seen.append, range(10)), range(10))
    assert len(seen) == 100
