"""Short versions of `make soak`, many clients and many files, and of `make chaos`, a daemon that is often killed."""

from __future__ import annotations

from pathlib import Path

from attacks import chaos, many, soak


def test_every_mask_is_the_one_that_the_request_gets_alone(tmp_path: Path, u2netp_file: Path) -> None:
    outcomes, before, after, faults = soak.soak(tmp_path, u2netp_file, 80)
    assert outcomes.total() == 80 and outcomes["mask"] > 50
    assert not [fault for fault in faults if "resident" not in fault], (before, after)


def test_a_killed_daemon_costs_one_request_and_the_next_one_works(tmp_path: Path, u2netp_file: Path) -> None:
    work = chaos.chaos(tmp_path, u2netp_file, 4)
    assert work.done["killed daemons"] == 4
    assert work.outcomes["mask"] > 0
    assert not work.wrong


def test_a_run_that_is_interrupted_and_killed_gets_every_result_once(tmp_path: Path) -> None:
    ran = many.many(tmp_path, 240)
    assert not [fault for fault in ran.faults if "grew" not in fault], ran
    first, second, last = ran.done
    assert 0 < first < second < last == 240, "each run did a part"
