"""A short version of the long film of `make soak`, which is broken off twice."""

from __future__ import annotations

from pathlib import Path

from attacks import films


def test_no_frame_is_lost_or_doubled_where_a_film_is_broken_off(tmp_path: Path, u2netp_file: Path) -> None:
    outcome = films.attack(tmp_path, u2netp_file, 700)
    assert outcome.frames == 700
    assert not [fault for fault in outcome.faults if "memory" not in fault], outcome.faults
