"""The device that a model is loaded on, also of those that this computer lacks, and the arithmetic that it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from fakes import FakeCore, FakeDevice
from matted.inference.engines import backend, devices, verdicts
from matted.models import catalogue
from matted.settings.target import Target

SPECS = catalogue.load().specs
IN_EITHER, IN_FLOAT32 = SPECS["isnet-general-use"], SPECS["u2netp"]


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
    assert devices.arithmetic(spec, device, wanted, ["FP32", "INT8", "BF16"]) == expected


def test_a_processor_without_bfloat16_computes_in_float32() -> None:
    assert devices.arithmetic(IN_EITHER, "CPU", "AUTO", ["FP32", "INT8"]) == "f32"


# -- devices -----------------------------------------------------------------------------------------------------------

SIDE = 64
SMALL = replace(IN_FLOAT32, id="small", side=SIDE, scale="255", activation="clip")
INTEGRATED, CARD = FakeDevice("UHD Graphics (iGPU)"), FakeDevice("Arc (dGPU)", discrete=True)
FAULTS: dict[str, Callable[[Any], Any]] = {
    "zero": lambda output: output * 0,
    "the same everywhere": lambda output: output * 0 + 0.5,
    "noise": lambda output: np.random.default_rng(1).random(output.shape, np.float32),
    "half of it is missing": lambda output: output * (np.arange(output.shape[-1]) < output.shape[-1] // 2),
    "turned over": lambda output: output[..., ::-1, :],
    "too small": lambda output: output * 0.5,
    "no numbers": lambda output: output * np.nan,
    "endless": lambda output: output + np.inf,
}


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose matte is how bright a place of the picture is: 0 where it is dark, 1 where it is light."""
    import openvino
    from openvino import opset13 as op

    picture = op.parameter([1, 3, SIDE, SIDE], np.float32)
    average = op.convolution(
        picture, op.constant(np.full((1, 3, 5, 5), 1 / 75, np.float32)), [1, 1], [2, 2], [2, 2], [1, 1]
    )
    matte = op.sigmoid(op.multiply(average, np.float32(8)))
    path = tmp_path_factory.mktemp("model") / "small.xml"
    openvino.save_model(openvino.Model([matte], [picture], "small"), str(path), compress_to_fp16=False)
    return path


def load(core: FakeCore, model_file: Path, cache: Path | None, device: str = "AUTO") -> backend.Model:
    """Load the model as the settings `device` say. core.compiled begins anew."""
    core.compiled.clear()
    return backend.load(SMALL, model_file, Target(device), cache, cast(Any, core))


@pytest.mark.parametrize(
    ("setting", "taken"), [("AUTO", "GPU.1"), ("GPU", "GPU.1"), ("GPU.0", "GPU.0"), ("GPU.1", "GPU.1"), ("CPU", "CPU")]
)
def test_of_two_gpus_the_card_is_taken_unless_the_settings_name_the_other(
    model_file: Path, tmp_path: Path, setting: str, taken: str
) -> None:
    model = load(FakeCore(GPU_0=INTEGRATED, GPU_1=CARD), model_file, tmp_path, setting)
    assert (model.device, model.note) == (taken, "")
    assert model.arithmetic == ("f32" if taken == "CPU" else "f16")


def test_a_lone_gpu_may_be_called_by_its_number(model_file: Path, tmp_path: Path) -> None:
    for setting in ("AUTO", "GPU", "GPU.0"):
        model = load(FakeCore(GPU=INTEGRATED), model_file, tmp_path, setting)
        assert (model.device, model.note) == ("GPU.0", "")


def test_a_device_that_is_not_there_is_named_with_those_that_are(model_file: Path, tmp_path: Path) -> None:
    model = load(FakeCore(GPU_0=INTEGRATED, GPU_1=CARD), model_file, tmp_path, "NPU")
    assert model.device == "CPU"
    assert model.note == "NPU cannot be used (this computer has CPU, GPU.0, GPU.1); the CPU is used instead."


@pytest.mark.parametrize("fault", FAULTS)
def test_a_device_that_computes_wrong_numbers_is_not_used(model_file: Path, tmp_path: Path, fault: str) -> None:
    core = FakeCore(GPU=replace(CARD, fault=FAULTS[fault]))
    model = load(core, model_file, tmp_path)
    assert model.device == "CPU"
    assert model.note.startswith("GPU cannot be used (it computes wrong numbers: its mask of a photograph is ")
    assert model.note.endswith(" % off the CPU's); the CPU is used instead.")


def test_a_device_that_computes_a_little_otherwise_is_used(model_file: Path, tmp_path: Path) -> None:
    def half_precision(output: Any) -> Any:
        return output.astype(np.float16).astype(np.float32) + np.float32(1e-3)

    model = load(FakeCore(GPU=replace(CARD, fault=half_precision)), model_file, tmp_path)
    assert (model.device, model.note) == ("GPU.0", "")


def test_the_next_best_device_is_used_in_place_of_one_that_fails(model_file: Path, tmp_path: Path) -> None:
    wrong = replace(CARD, fault=FAULTS["zero"])
    model = load(FakeCore(GPU_0=INTEGRATED, GPU_1=wrong), model_file, tmp_path / "1")
    assert model.device == "GPU.0"
    assert model.note.startswith("GPU.1 cannot be used (it computes wrong") and model.note.endswith(
        "; GPU.0 is used instead."
    )
    broken = replace(CARD, error=RuntimeError("somewhere.cpp:12\nno kernel was found."))
    model = load(FakeCore(GPU_0=INTEGRATED, GPU_1=broken), model_file, tmp_path / "2")
    assert model.note == "GPU.1 cannot be used (no kernel was found); GPU.0 is used instead."
    model = load(FakeCore(GPU_0=replace(broken, discrete=False), GPU_1=wrong), model_file, tmp_path / "3")
    assert model.device == "CPU" and "GPU.1 cannot be used (it computes" in model.note
    assert model.note.endswith("; GPU.0 cannot be used (no kernel was found); the CPU is used instead.")


def test_a_device_is_compared_once(model_file: Path, tmp_path: Path) -> None:
    sound, wrong = FakeCore(GPU=CARD), FakeCore(GPU_0=INTEGRATED, GPU_1=replace(CARD, fault=FAULTS["noise"]))
    load(sound, model_file, tmp_path / "sound")
    assert sound.compiled == ["GPU", "CPU", "GPU"]
    load(sound, model_file, tmp_path / "sound")
    assert sound.compiled == ["GPU"]
    first = load(wrong, model_file, tmp_path / "wrong")
    assert wrong.compiled == ["GPU.1", "CPU", "GPU.0", "GPU.0"]
    again = load(wrong, model_file, tmp_path / "wrong")
    assert wrong.compiled == ["GPU.0"] and again.note == first.note != ""
    assert [each.right for each in verdicts.read(tmp_path / "wrong")] == [False, True]


def test_a_new_driver_arithmetic_or_model_file_is_compared_again(model_file: Path, tmp_path: Path) -> None:
    import shutil

    wrong = FakeCore(GPU=replace(CARD, fault=FAULTS["noise"]))
    assert load(wrong, model_file, tmp_path).note
    mended = FakeCore(GPU=replace(CARD, driver="2.0"))
    assert not load(mended, model_file, tmp_path).note and mended.compiled == ["GPU", "CPU", "GPU"]
    assert backend.load(SMALL, model_file, Target("GPU", "f32"), tmp_path, cast(Any, mended)).arithmetic == "f32"
    assert mended.compiled[3:] == ["GPU", "CPU", "GPU"]
    other = tmp_path / "other.xml"
    for suffix in (".xml", ".bin"):
        shutil.copyfile(model_file.with_suffix(suffix), other.with_suffix(suffix))
    load(mended, other, tmp_path)
    assert mended.compiled == ["GPU", "CPU", "GPU"]


def test_a_device_that_was_right_is_still_tried_with_every_load(model_file: Path, tmp_path: Path) -> None:
    load(FakeCore(GPU=CARD), model_file, tmp_path)
    model = load(FakeCore(GPU=replace(CARD, fault=FAULTS["no numbers"])), model_file, tmp_path)
    assert model.note == "GPU cannot be used (a trial inference gave no finite numbers); the CPU is used instead."


def test_without_a_folder_nothing_is_remembered_and_wrong_numbers_are_found_all_the_same(model_file: Path) -> None:
    core = FakeCore(GPU=replace(CARD, fault=FAULTS["zero"]))
    for _ in range(2):
        assert load(core, model_file, None).device == "CPU"
        assert core.compiled == ["GPU", "CPU", "CPU"]
