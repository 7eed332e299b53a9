"""Pixels that arrive in parts while they are sent."""

from __future__ import annotations

import threading

import pytest
from letting_go import lets_go
from matted_client import messages
from matted_client.errors import MattedError, Rejected
from matted_client.filling import Filling

PATIENCE = 10.0  # seconds


def test_parts_come_one_behind_the_other() -> None:
    filling = Filling(6)
    filling.add(b"abcd")
    assert bytes(filling.after(1, 0)) == b"bcd" and bytes(filling.bytes) == b"abcd"
    filling.add(memoryview(b"ef"))
    assert bytes(filling.after(4, 0)) == b"ef" and len(filling) == 6
    assert bytes(filling.after(0, 0)) == b"abcdef"  # for sending it again


def test_what_has_not_come_is_waited_for() -> None:
    filling, seen = Filling(4), []
    reader = threading.Thread(target=lambda: seen.append(bytes(filling.after(0, PATIENCE))))
    reader.start()
    filling.add(b"abcd")
    reader.join(PATIENCE)
    assert seen == [b"abcd"]


def test_nothing_comes_within_the_time() -> None:
    filling = Filling(4)
    filling.add(b"ab")
    assert len(filling.after(2, 0.0)) == 0


def test_who_waits_learns_that_no_more_will_come() -> None:
    filling, seen = Filling(4), []

    def wait() -> None:
        try:
            filling.after(0, PATIENCE)
        except MattedError as error:
            seen.append(error.sentence)

    waiting = threading.Thread(target=wait)
    waiting.start()
    filling.fail(MattedError("The layer was removed."))
    waiting.join(PATIENCE)
    assert seen == ["The layer was removed."]


def test_pixels_of_which_no_more_will_come_are_let_go() -> None:
    def fail(filling: Filling) -> None:
        try:
            raise Rejected(messages.CANCELLED, "Cancelled.", "Try again.")
        except MattedError as error:
            filling.fail(error)
        filling.after(0, PATIENCE)

    assert lets_go(lambda: Filling(4), fail, Rejected)


def test_an_error_is_the_same_for_all_who_wait() -> None:
    filling = Filling(4)
    error = Rejected(messages.CANCELLED, "Cancelled.", "Try again.")
    filling.fail(error)
    for _ in range(2):
        with pytest.raises(Rejected) as caught:
            filling.after(0, PATIENCE)
        assert str(caught.value) == str(error) and caught.value.code == error.code


def test_more_than_there_is_room_for_is_refused() -> None:
    filling = Filling(4)
    filling.add(b"abc")
    with pytest.raises(ValueError, match="1 bytes more"):
        filling.add(b"de")
    assert bytes(filling.bytes) == b"abc"


def test_too_little_memory_is_called_that() -> None:
    with pytest.raises(MemoryError):
        Filling(1 << 60)
