"""What inference is to run on, and what it computes in."""

from __future__ import annotations

from dataclasses import dataclass

AUTO, CPU = "AUTO", "CPU"
ARITHMETICS = (AUTO, "f32")


@dataclass(frozen=True)
class Target:
    """device: one of OpenVINO's names, or AUTO for a GPU if one works, else the CPU. arithmetic: one of ARITHMETICS;
    AUTO is float16 on a GPU or NPU, and bfloat16 on a CPU that has it if the model's spec allows that, else float32.
    """

    device: str = AUTO
    arithmetic: str = AUTO
