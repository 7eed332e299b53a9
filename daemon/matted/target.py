"""What inference is to run on, and what it computes in."""

from __future__ import annotations

from dataclasses import dataclass

AUTO, CPU = "AUTO", "CPU"
ARITHMETICS = (AUTO, "f32")


@dataclass(frozen=True)
class Target:
    """device: one of OpenVINO's names, or AUTO for a GPU if one works, else the CPU. arithmetic: one of ARITHMETICS,
    AUTO for the quickest of which is known that the model's masks stay as they are.
    """

    device: str = AUTO
    arithmetic: str = AUTO
