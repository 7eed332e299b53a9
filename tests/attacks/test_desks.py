"""A short version of `make chaos` with an inference server, and the check of memory that the long one makes."""

from __future__ import annotations

from pathlib import Path

from attacks import desks
from attacks.vitals import Vitals, faults_of


def test_a_server_that_is_killed_costs_no_desk_a_click(tmp_path: Path, u2netp_file: Path) -> None:
    report = desks.desks(tmp_path, u2netp_file, 2, 10, 1, pictures=2)
    assert report.done == {desks.KILL: 1} and not report.wrong, report
    for desk in report.desks:
        assert desk.clicks >= 10 and desk.outcomes["CPU"] and desk.outcomes[report.device], report


def test_what_a_daemon_has_more_than_before_is_a_fault() -> None:
    before = Vitals(resident=100_000_000, descriptors=30, threads=20, children=0)
    assert not faults_of(Vitals(104_900_000, 30, 20, 0), before, desks.SLACK)
    after = Vitals(105_100_000, 31, 21, 1)
    assert [fault.split()[0] for fault in faults_of(after, before, desks.SLACK)] == ["5.1", "1", "1", "1"]
