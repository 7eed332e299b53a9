"""The tests that docs/security.md and docs/reliability.md name exist."""

from __future__ import annotations

import re

import pytest
from conftest import CHECKOUT


@pytest.mark.parametrize("name", ["security.md", "reliability.md"])
def test_every_test_that_a_document_names_exists(name: str) -> None:
    document = (CHECKOUT / "docs" / name).read_text("utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", document)
    assert len(named) >= 10
    for path, test in named:
        assert re.search(rf"^def {test}\(", (CHECKOUT / path).read_text("utf-8"), re.MULTILINE), f"{path}::{test}"
