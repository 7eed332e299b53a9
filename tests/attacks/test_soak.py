"""Short versions of `make soak`, many clients at once, and `make chaos`, a daemon that is killed again and again."""

from __future__ import annotations

from pathlib import Path

from attacks import chaos, soak


def test_every_mask_is_the_one_that_the_request_gets_alone(tmp_path: Path, u2netp_file: Path) -> None:
    outcomes, before, after, faults = soak.soak(tmp_path, u2netp_file, 80)
    assert outcomes.total() == 80 and outcomes["mask"] > 50
    assert not [fault for fault in faults if "resident" not in fault], (before, after)


def test_a_killed_daemon_costs_one_request_and_the_next_one_works(tmp_path: Path, u2netp_file: Path) -> None:
    work = chaos.chaos(tmp_path, u2netp_file, 4)
    assert work.done["killed daemons"] == 4
    assert work.outcomes["mask"] > 0
    assert not work.wrong
