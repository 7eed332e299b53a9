"""Progress messages as one bar and in words."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matted_client.messages import Progress
from matted_client.progress import describe, overall

ORDER = ["waiting", "downloading", "quantizing", "loading", "preparing", "inference", "second_look", "mask", "edges"]
ORDER += ["colours"]
FRACTIONS = st.one_of(st.none(), st.floats(0, 1))


@given(st.lists(st.sampled_from(range(len(ORDER)))).map(sorted), st.data())
def test_the_bar_never_runs_backwards(stages: list[int], data: st.DataObject) -> None:
    steps = []
    for stage, same in itertools.groupby(stages):
        fractions = sorted(data.draw(st.floats(0, 1)) for _ in same)
        steps += [Progress(ORDER[stage], fraction) for fraction in fractions]
    positions = [overall(step) for step in steps]
    assert positions == sorted(positions)


@given(st.sampled_from([*ORDER, "a later stage"]), FRACTIONS)
def test_the_bar_stays_between_its_ends(stage: str, fraction: float | None) -> None:
    assert 0 <= overall(Progress(stage, fraction)) <= 1


def test_the_bar_is_full_when_the_mask_is_made() -> None:
    assert overall(Progress("colours", 1.0)) == 1


def test_the_bar_is_empty_while_a_request_waits() -> None:
    assert overall(Progress("waiting", place=3)) == 0


def test_a_stage_without_a_fraction_stands_at_its_beginning() -> None:
    assert overall(Progress("inference")) == overall(Progress("inference", 0.0))


def test_whoever_waits_is_told_how_many_are_ahead() -> None:
    assert "3" in describe(Progress("waiting", place=3))
    assert "1" in describe(Progress("inference", place=1))  # in the middle of a request, too


def test_whoever_is_next_is_not_told_to_wait_for_zero() -> None:
    assert "0" not in describe(Progress("waiting"))


@pytest.mark.parametrize("stage", ["downloading", "quantizing", "loading"])
def test_what_is_fetched_or_loaded_is_named(stage: str) -> None:
    assert "U²-Net, 4.6 MB" in describe(Progress(stage, detail="U²-Net, 4.6 MB"))


@pytest.mark.parametrize("stage", [*ORDER, "a later stage"])
def test_every_stage_is_described_in_one_line(stage: str) -> None:
    line = describe(Progress(stage, 0.5, detail="x"))
    assert line.strip() and "\n" not in line


def test_no_two_stages_are_described_alike() -> None:
    assert len({describe(Progress(stage)) for stage in ORDER}) == len(ORDER)
