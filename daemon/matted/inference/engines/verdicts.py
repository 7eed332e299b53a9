"""Remember on disk what comparing a device with the CPU found: a file in the folder of a model's compiled files.

It is sealed, trimmed and deleted with these files. A model that is compiled anew is compared anew.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from matted.inference.engines.devices import Device
from matted.system import atomic_file

FILE = "verdicts.json"
TOLERANCE = 0.02  # of a difference. Float16 makes 0.001, 8-bit models 0.003, bfloat16 0.01, wrong numbers 0.2 and more


@dataclass(frozen=True)
class Verdict:
    """What was found for one model file on one device.

    model: identifies the model file and the spec.
    device, title, driver, openvino: of the Device.
    arithmetic: what it computed in.
    difference: between its answer and the CPU's, 0..1; see comparison.difference.
    """

    model: str
    device: str
    title: str
    driver: str
    openvino: str
    arithmetic: str
    difference: float

    @property
    def right(self) -> bool:
        """Whether the device can be used for the model."""
        return self.difference <= TOLERANCE

    def is_of(self, device: Device) -> bool:
        """Return whether it was found on this device, with the driver and the OpenVINO that there are now."""
        now = device.name, device.title, device.driver, device.openvino
        return (self.device, self.title, self.driver, self.openvino) == now

    def __str__(self) -> str:
        """Say it in words that fit behind a colon or in brackets."""
        if self.right:
            return "its mask of a photograph is the CPU's"
        off = f"{100 * self.difference:.0f} %"
        return f"it computes wrong numbers: its mask of a photograph is {off} off the CPU's"


def read(folder: Path) -> list[Verdict]:
    """Return the verdicts in the folder of a model's compiled files; none if the file is missing or damaged."""
    try:
        found = json.loads((folder / FILE).read_text("utf-8"))
        return [Verdict(**{**fields, "difference": float(fields["difference"])}) for fields in found]
    except (OSError, ValueError, TypeError, KeyError):
        return []


def find(folder: Path, device: Device, model: str, arithmetic: str) -> Verdict | None:
    """Return the verdict on a device for a model, None if it is not known."""
    known = (each for each in read(folder) if each.is_of(device))
    return next((each for each in known if (each.model, each.arithmetic) == (model, arithmetic)), None)


def add(folder: Path, verdict: Verdict) -> None:
    """Write a verdict down, in place of those that no longer hold. Raises OSError."""

    def subject(each: Verdict) -> Sequence[str]:
        return each.device, each.arithmetic

    others = [each for each in read(folder) if subject(each) != subject(verdict)]
    folder.mkdir(parents=True, exist_ok=True)
    atomic_file.write(folder / FILE, json.dumps([asdict(each) for each in [*others, verdict]], indent=2).encode())
