"""This computer's devices: which ones OpenVINO finds, what they are, and in which order a setting takes them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matted.models.spec import ModelSpec
from matted.settings.target import AUTO, CPU

if TYPE_CHECKING:
    import openvino

GPU = "GPU"
_NATIVE_ARITHMETIC = {GPU: "f16", "NPU": "f16"}  # by kind of device; others compute in f32
_DRIVER_VERSIONS = {GPU: "GPU_DRIVER_VERSION", "NPU": "NPU_DRIVER_VERSION"}  # properties, by kind of device


@dataclass(frozen=True)
class Device:
    """A device that OpenVINO can compute on.

    name: as OpenVINO names it. Several of a kind are numbered, such as "GPU.0" and "GPU.1"; a lone one is "GPU".
    title: the name that its maker gave it.
    discrete: whether it is a card with memory of its own, rather than a part of the processor.
    driver: the version of its driver, empty if it does not tell.
    openvino: the version of OpenVINO. Both decide what it computes.
    """

    name: str
    title: str
    discrete: bool
    driver: str
    openvino: str

    @property
    def kind(self) -> str:
        """What it is: "CPU", "GPU" or "NPU"."""
        return kind(self.name)


def kind(name: str) -> str:
    """Return the kind of the device of this name, such as "GPU" of "GPU.1"."""
    return name.partition(".")[0]


def find(core: openvino.Core) -> list[Device]:
    """Find this computer's devices, in OpenVINO's order."""
    build = core.get_versions(CPU)[CPU].build_number  # of all of OpenVINO
    found = []
    for name in core.available_devices:
        found.append(
            Device(
                name,
                title(core, name),
                "DISCRETE" in str(_property(core, name, "DEVICE_TYPE")).upper(),
                str(_property(core, name, _DRIVER_VERSIONS.get(kind(name), ""))),
                build,
            )
        )
    return found


def in_order(setting: str, found: Sequence[Device]) -> list[Device]:
    """Return the devices to try for a setting, the best first. If none of them works, the CPU is used.

    setting: Target.device: AUTO for any GPU; a kind for any of this kind; or the name of one.
    found: what `find` found.

    Cards come before what is a part of the processor, which OpenVINO lists first and takes for "GPU".
    """
    wanted = GPU if setting == AUTO else setting
    # A lone device of its kind has no number, but may be called by it.
    fitting = [each for each in found if wanted in (each.kind, each.name) or wanted == f"{each.name}.0"]
    return sorted((each for each in fitting if each.kind != CPU), key=lambda each: not each.discrete)


def title(core: openvino.Core, name: str) -> str:
    """Return the name that its maker gave a device, else OpenVINO's."""
    return str(_property(core, name, "FULL_DEVICE_NAME") or name).strip()


def capabilities(core: openvino.Core, name: str) -> list[str]:
    """Return OpenVINO's names of what a device can do, such as "BF16"; none if it does not tell."""
    return list(_property(core, name, "OPTIMIZATION_CAPABILITIES") or [])


def arithmetic(spec: ModelSpec, device: str, wanted: str, capabilities: Sequence[str]) -> str:
    """Return the arithmetic of a model on a device, in OpenVINO's terms.

    device: its name. wanted: Target.arithmetic. capabilities: what the device can do.

    OpenVINO's own default is bfloat16 on every CPU that has it; u2netp's masks are then off by up to 155 of 255.
    """
    if wanted != AUTO:
        return wanted
    if device == CPU:
        return "bf16" if spec.bfloat16 and "BF16" in capabilities else "f32"
    return _NATIVE_ARITHMETIC.get(kind(device), "f32")


def _property(core: openvino.Core, name: str, key: str) -> Any:
    """Return a property of a device, "" if it does not tell: not every device has every property."""
    with suppress(RuntimeError):
        return core.get_property(name, key) if key else ""
    return ""
