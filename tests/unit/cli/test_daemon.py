"""What `matted status` says of the latest mask, and of the model that is chosen by itself."""

from __future__ import annotations

from typing import Any

import pytest
from matted.cli import daemon

WHITE = [255, 255, 255]


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (None, "none yet"),
        ({"model": "u2netp", "ground": "", "ground_colour": [], "chosen": False, "reason": ""}, "u2netp"),
        ({"model": "", "ground": "", "ground_colour": [], "chosen": False, "reason": ""}, "no model"),  # it was refined
        (
            {"model": "u2netp", "ground": "colour", "ground_colour": WHITE, "chosen": False, "reason": ""},
            "u2netp, white ground (colour)",
        ),
        (
            {"model": "flat", "ground": "paper", "ground_colour": [244, 236, 216], "chosen": True, "reason": ""},
            "flat, cream ground (paper), chosen by itself",
        ),
        (
            {"model": "u2netp", "ground": "", "ground_colour": [], "chosen": True, "reason": "best"},
            "u2netp, chosen by itself. The best of the free models that you have.",
        ),
    ],
    ids=["no mask", "a model", "refined", "a model before a ground", "flat", "a model that was chosen"],
)
def test_what_made_the_latest_mask_is_said(chosen: dict[str, Any] | None, said: str) -> None:
    assert daemon._describe_latest(chosen) == said


AUTO = {"model": "isnet", "reason": "patience", "seconds": 0.46, "measured": True, "better": None}
BETTER = {"model": "more", "title": "More", "bytes": 178_000_000, "licence": "MIT"}
WHY = "The best of the free models that you have that are quick enough."


@pytest.mark.parametrize(
    ("default", "auto", "said"),
    [
        ("u2netp", AUTO, "u2netp"),
        ("auto", None, "auto"),
        ("auto", AUTO, f"isnet, chosen by itself; 0.5 s. {WHY}"),
        ("auto", {**AUTO, "measured": False}, f"isnet, chosen by itself; estimated 0.5 s. {WHY}"),
        ("auto", {**AUTO, "seconds": None}, f"isnet, chosen by itself. {WHY}"),
    ],
    ids=["named", "none", "measured", "estimated", "unknown"],
)
def test_which_model_is_the_default_one_is_said(default: str, auto: dict[str, Any] | None, said: str) -> None:
    assert daemon._describe_default({"default_model": default, "auto": auto}) == said


def test_a_better_model_is_said_with_how_to_get_it() -> None:
    assert daemon._describe_better(None) == daemon._describe_better(AUTO) == ""
    said = daemon._describe_better({**AUTO, "better": BETTER})
    assert said == "more (More, 178.0 MB, MIT): matted models pull more"
