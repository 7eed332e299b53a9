"""Target: the device that inference runs on, and the arithmetic that it uses."""

from __future__ import annotations

from dataclasses import dataclass

AUTO, CPU = "AUTO", "CPU"
ARITHMETICS = (AUTO, "f32")


@dataclass(frozen=True)
class Target:
    """The device and the arithmetic of inference.

    device: AUTO for the best GPU that works, else the CPU; a kind of device, such as "GPU", for the best of it; or
        OpenVINO's name of one, such as "GPU.1". See engines.devices.
    arithmetic: one of ARITHMETICS. AUTO is float16 on a GPU or NPU; on a CPU bfloat16 if the CPU has it and the model
        spec allows it, else float32.
    """

    device: str = AUTO
    arithmetic: str = AUTO
