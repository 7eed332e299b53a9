"""The sequences with a fake clock: how many are kept, which go first, and when."""

from __future__ import annotations

import math
from typing import cast

import pytest
from fakes import Clock, model
from matted.serving.kept.sequences import MOST_OF_A_CLIENT, FrameSequence, Sequences
from matted.serving.kept.store import IDLE_SECONDS
from matted.serving.setup import Setup
from matted_client.messages import MaskRequest

ME, OTHER, THIRD = b"me", b"other", b"third"
LIMIT = 1000  # bytes; of a client 500


def sequence(plate: int = 100) -> FrameSequence:
    """Return a sequence that takes so many bytes."""
    one = FrameSequence(MaskRequest(10, 10, "GRAY8", sequence=1), cast(Setup, None), None)
    one.plate = memoryview(bytes(plate))
    return one


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sequences(clock: Clock) -> Sequences:
    return Sequences(LIMIT, clock)


def known(sequences: Sequences, peer: bytes = ME) -> list[int]:
    return [name for name in range(20) if sequences.get(peer, name) is not None]


def test_a_sequence_is_found_by_its_client_and_name_until_it_is_closed(sequences: Sequences) -> None:
    mine, others = sequence(), sequence()
    sequences.use(ME, 7, mine)
    sequences.use(OTHER, 7, others)
    assert sequences.get(ME, 7) is mine and sequences.get(OTHER, 7) is others and sequences.get(ME, 8) is None
    assert sequences.close(ME, 7) and not sequences.close(ME, 7)
    assert sequences.get(ME, 7) is None and sequences.get(OTHER, 7) is others
    sequences.close_all(OTHER)
    assert len(sequences) == 0


def test_a_client_has_so_many_and_the_least_recently_used_goes_first(sequences: Sequences) -> None:
    for name in range(MOST_OF_A_CLIENT):
        sequences.use(ME, name, sequence(1))
    first = sequences.get(ME, 0)
    assert first is not None
    sequences.use(ME, 0, first)
    sequences.use(ME, 10, sequence(1))
    assert known(sequences) == [0, *range(2, MOST_OF_A_CLIENT), 10]


def test_one_client_has_half_of_the_memory_and_the_latest_stays_whatever_its_size(sequences: Sequences) -> None:
    sequences.use(OTHER, 0, sequence(300))
    for name in range(3):
        sequences.use(ME, name, sequence(200))
    assert known(sequences) == [1, 2] and known(sequences, OTHER) == [0]
    sequences.use(THIRD, 0, sequence(400))
    assert known(sequences, OTHER) == [] and known(sequences) == [1, 2]
    sequences.use(ME, 5, sequence(5000))
    assert known(sequences) == [5] and len(sequences) == 1


def test_what_nobody_uses_is_forgotten_after_a_while(sequences: Sequences, clock: Clock) -> None:
    assert sequences.seconds_to_expiry() == math.inf
    one = sequence()
    sequences.use(ME, 1, one)
    sequences.use(ME, 2, sequence())
    clock.now += IDLE_SECONDS - 10
    sequences.use(ME, 1, one)
    assert sequences.seconds_to_expiry() == 10
    clock.now += 10
    sequences.expire(())
    assert known(sequences) == [1]
    sequences.clear()
    assert len(sequences) == 0


def test_what_is_at_work_is_not_forgotten_and_has_its_time_anew(sequences: Sequences, clock: Clock) -> None:
    slow = sequence()
    sequences.use(ME, 1, slow)
    sequences.use(ME, 2, sequence())
    clock.now += IDLE_SECONDS
    sequences.expire({slow})
    assert known(sequences) == [1] and sequences.seconds_to_expiry() == IDLE_SECONDS
    clock.now += IDLE_SECONDS
    sequences.expire(())
    assert known(sequences) == []


def test_a_model_that_helps_is_looked_for_once_also_if_there_is_none() -> None:
    one, helper = sequence(), model("refiner")
    assert one.helper("refiner", lambda: helper) is helper and one.helper("refiner", lambda: None) is helper
    assert one.helper("clicks", lambda: None) is None and one.helper("clicks", lambda: helper) is None
