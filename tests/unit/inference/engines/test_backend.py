"""The arithmetic that OpenVINO is told to use, also for devices that this computer lacks."""

from __future__ import annotations

from typing import Any, cast

import pytest
from matted.inference.engines import backend
from matted.models import catalogue

SPECS = catalogue.load().shipped
IN_EITHER, IN_FLOAT32 = SPECS["isnet-general-use"], SPECS["u2netp"]


class Core:
    """Stands for openvino.Core on a computer whose CPU has these capabilities."""

    def __init__(self, *capabilities: str) -> None:
        self._capabilities = list(capabilities)

    def get_property(self, device: str, name: str) -> list[str]:
        assert (device, name) == ("CPU", "OPTIMIZATION_CAPABILITIES")
        return self._capabilities


@pytest.mark.parametrize(
    ("spec", "device", "wanted", "expected"),
    [
        (IN_EITHER, "CPU", "AUTO", "bf16"),
        (IN_FLOAT32, "CPU", "AUTO", "f32"),
        (IN_EITHER, "CPU", "f32", "f32"),
        (IN_EITHER, "GPU", "AUTO", "f16"),
        (IN_FLOAT32, "GPU.1", "AUTO", "f16"),
        (IN_FLOAT32, "GPU.1", "f32", "f32"),
        (IN_FLOAT32, "NPU", "AUTO", "f16"),
    ],
)
def test_a_device_computes_in_what_it_is_made_for_unless_the_model_or_the_settings_forbid_it(
    spec: catalogue.ModelSpec, device: str, wanted: str, expected: str
) -> None:
    core = cast(Any, Core("FP32", "INT8", "BF16"))
    assert backend._arithmetic(core, spec, device, wanted) == expected


def test_a_processor_without_bfloat16_computes_in_float32() -> None:
    assert backend._arithmetic(cast(Any, Core("FP32", "INT8")), IN_EITHER, "CPU", "AUTO") == "f32"
