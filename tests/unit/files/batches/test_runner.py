"""What becomes of one picture, as far as no daemon is needed."""

from __future__ import annotations

from pathlib import Path

import pytest
from matted.files.batches.outcomes import EXISTING, FAILED
from matted.files.batches.runner import Runner, RunOptions, Step


@pytest.mark.parametrize(("goes_on", "state"), [(True, EXISTING), (False, FAILED)])
def test_a_result_that_another_run_has_made_meanwhile_is_as_good_for_one_that_goes_on(
    tmp_path: Path, goes_on: bool, state: str
) -> None:
    target = tmp_path / "a.png"
    target.write_bytes(b"of the other run")
    options = RunOptions(False, False, {})
    with Runner(options, None, False, lambda source, progress: None, skip_existing=goes_on) as runner:
        outcome = runner.submit(Step(tmp_path / "a.jpg", target)).result()
    assert (outcome.state, outcome.error is None) == (state, goes_on)
    assert target.read_bytes() == b"of the other run"
