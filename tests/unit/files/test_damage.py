"""Damaged files of every format: each is read, or refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import file_kinds
import pytest
from file_kinds import Kind
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading import read_or_refuse

KINDS = list({kind.format + kind.depth: kind for kind in file_kinds.kinds()}.values())
FUZZED = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a file of the kind that is the parameter."""
    kind: Kind = request.param
    path = tmp_path_factory.mktemp("whole") / f"in{kind.suffix}"
    kind.make(path, 1)
    return path.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("whole", KINDS, ids=str, indirect=True)
@FUZZED
@given(data=st.data())
def test_a_file_cut_anywhere_is_read_or_refused(tmp_path: Path, whole: bytes, data: st.DataObject) -> None:
    path = tmp_path / "in"
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    read_or_refuse(path)


@pytest.mark.slow
@pytest.mark.parametrize("whole", KINDS, ids=str, indirect=True)
@FUZZED
@given(data=st.data())
def test_a_file_with_changed_bytes_is_read_or_refused(tmp_path: Path, whole: bytes, data: st.DataObject) -> None:
    changed = bytearray(whole)
    spots = st.one_of(st.integers(0, min(len(changed), 400) - 1), st.integers(0, len(changed) - 1))
    for spot in data.draw(st.lists(spots, min_size=1, max_size=6)):
        changed[spot] = data.draw(st.integers(0, 255))
    path = tmp_path / "in"
    path.write_bytes(changed)
    read_or_refuse(path)
