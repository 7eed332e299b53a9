"""Target: the device that inference runs on, and the arithmetic that it uses."""

from __future__ import annotations

from dataclasses import dataclass

AUTO, CPU = "AUTO", "CPU"
ARITHMETICS = (AUTO, "f32")


@dataclass(frozen=True)
class Target:
    """The device and the arithmetic of inference.

    device: one of OpenVINO's names, or AUTO for a GPU if one works, else the CPU.
    arithmetic: one of ARITHMETICS. AUTO is float16 on a GPU or NPU; on a CPU bfloat16 if the CPU has it and the model
        spec allows it, else float32.
    """

    device: str = AUTO
    arithmetic: str = AUTO
