"""What `matted status` says of the latest mask."""

from __future__ import annotations

from typing import Any

import pytest
from matted.cli import daemon

WHITE = [255, 255, 255]


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (None, "none yet"),
        ({"model": "u2netp", "ground": "", "ground_colour": [], "chosen": False}, "u2netp"),
        ({"model": "", "ground": "", "ground_colour": [], "chosen": False}, "no model"),  # it was refined
        (
            {"model": "u2netp", "ground": "colour", "ground_colour": WHITE, "chosen": False},
            "u2netp, white ground (colour)",
        ),
        (
            {"model": "flat", "ground": "paper", "ground_colour": [244, 236, 216], "chosen": True},
            "flat, cream ground (paper), chosen by itself",
        ),
    ],
    ids=["no mask", "a model", "refined", "a model before a ground", "chosen"],
)
def test_what_made_the_latest_mask_is_said(chosen: dict[str, Any] | None, said: str) -> None:
    assert daemon._describe_latest(chosen) == said
