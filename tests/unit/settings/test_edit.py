"""One setting changed in a file that a person wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
from matted.settings import edit


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_all_else_stays_as_it_was(tmp_path: Path, end: str) -> None:
    file = tmp_path / "config.toml"
    lines = ["# mine", 'model = "a"  # for now', "queue = 5", ""]
    file.write_bytes(end.join(lines).encode())
    edit.set_text(tmp_path, "model", "b")
    assert file.read_bytes() == end.join(lines).replace('"a"', '"b"').encode()
