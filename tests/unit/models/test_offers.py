"""The one offer of a better model on a computer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from matted.models.offers import Offers
from matted.system import atomic_file


def test_there_is_one_offer_of_whatever_model_also_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "data" / "offered.json"
    offers = Offers(file)
    assert offers.first("large") is True
    assert offers.first("large") is False and offers.first("larger") is False
    assert Offers(file).first("larger") is False
    record = json.loads(file.read_text())
    assert record["model"] == "large" and record["offered"].endswith("+00:00")


def test_what_cannot_be_recorded_is_not_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic_file, "write", full)
    assert Offers(tmp_path / "offered.json").first("large") is False
