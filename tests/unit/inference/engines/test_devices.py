"""Which devices a setting takes, and in which order. OpenVINO lists what is a part of the processor first."""

from __future__ import annotations

from typing import Any, cast

import pytest
from fakes import FakeCore, FakeDevice
from matted.inference.engines import devices
from matted.inference.engines.devices import Device

CPU = Device("CPU", "A processor", False, "", "1")
ALONE = [CPU]
LAPTOP = [CPU, Device("GPU", "Iris (iGPU)", False, "", "1"), Device("NPU", "AI Boost", False, "", "1")]
DESKTOP = [CPU, Device("GPU.0", "UHD (iGPU)", False, "", "1"), Device("GPU.1", "Arc (dGPU)", True, "", "1")]
WORKSTATION = [*DESKTOP, Device("GPU.2", "Arc (dGPU)", True, "", "1")]


@pytest.mark.parametrize(
    ("setting", "found", "expected"),
    [
        ("AUTO", ALONE, []),
        ("AUTO", LAPTOP, ["GPU"]),
        ("AUTO", DESKTOP, ["GPU.1", "GPU.0"]),
        ("AUTO", WORKSTATION, ["GPU.1", "GPU.2", "GPU.0"]),
        ("CPU", DESKTOP, []),
        ("GPU", ALONE, []),
        ("GPU", LAPTOP, ["GPU"]),
        ("GPU", DESKTOP, ["GPU.1", "GPU.0"]),
        ("GPU.0", LAPTOP, ["GPU"]),
        ("GPU.1", LAPTOP, []),
        ("GPU.0", DESKTOP, ["GPU.0"]),
        ("GPU.1", DESKTOP, ["GPU.1"]),
        ("GPU.7", DESKTOP, []),
        ("NPU", LAPTOP, ["NPU"]),
        ("NPU", DESKTOP, []),
    ],
)
def test_a_setting_takes_the_best_of_its_kind_or_the_one_that_it_names(
    setting: str, found: list[Device], expected: list[str]
) -> None:
    assert [each.name for each in devices.in_order(setting, found)] == expected


def test_devices_are_found_with_what_tells_them_apart() -> None:
    core = FakeCore(
        GPU_0=FakeDevice("UHD Graphics (iGPU) ", driver="23.1"),
        GPU_1=FakeDevice("Arc (dGPU)", discrete=True, driver="23.2"),
        NPU=FakeDevice("AI Boost", driver=None),
    )
    cpu, integrated, card, npu = devices.find(cast(Any, core))
    assert (cpu.name, cpu.kind, cpu.discrete) == ("CPU", "CPU", False) and cpu.title
    assert (integrated.name, integrated.title, integrated.discrete) == ("GPU.0", "UHD Graphics (iGPU)", False)
    assert (card.name, card.kind, card.title, card.discrete) == ("GPU.1", "GPU", "Arc (dGPU)", True)
    assert (integrated.driver, card.driver, npu.driver, cpu.driver) == ("23.1", "23.2", "", "")
    assert cpu.openvino and {each.openvino for each in (integrated, card, npu)} == {cpu.openvino}
