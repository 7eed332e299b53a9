"""Paces: what was measured, what is estimated from that, and what a new daemon knows of it."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path
from typing import Any

import pytest
from fakes import model
from matted.inference.paces import LATEST, Paces
from matted.settings.target import Target

AVX2, WITH_BF16 = ("FP32", "INT8"), ("BF16", "FP32", "INT8")
SMALL, LARGE = model("small", work=45.0), model("large", work=320.0, bfloat16=True)
LARGE_INT8 = model("large-int8", work=320.0, made_from="large")


def paces(folder: Path, cores: int = 2, openvino: str = "1.0") -> Paces:
    return Paces(folder / "paces.json", Target(), cores, openvino)


def test_an_inference_is_measured_and_a_new_daemon_knows_it(tmp_path: Path) -> None:
    first = paces(tmp_path)
    first.learn("CPU", "A processor", AVX2)
    first.record(SMALL, "CPU", "f32", 0.5)
    assert first.expected(SMALL).seconds == 0.5 and first.expected(SMALL).measured
    assert paces(tmp_path).expected(SMALL) == first.expected(SMALL)


@pytest.mark.parametrize("other", [{"openvino": "2.0"}, {"cores": 4}])
def test_another_openvino_or_processor_is_measured_anew(tmp_path: Path, other: dict[str, Any]) -> None:
    paces(tmp_path).record(SMALL, "CPU", "f32", 9.0)
    assert not paces(tmp_path, **other).expected(SMALL).measured


def test_a_device_with_another_title_is_measured_anew(tmp_path: Path) -> None:
    known = paces(tmp_path)
    for title, measured in (("One", True), ("One", True), ("Another", False)):
        if title == "One":
            known.record(SMALL, "CPU", "f32", 9.0)
        known.learn("CPU", title, AVX2)
        assert known.expected(SMALL).measured is measured


def test_before_anything_was_measured_the_number_of_cores_says_how_long(tmp_path: Path) -> None:
    two, eight = paces(tmp_path).expected(LARGE), paces(tmp_path, cores=8).expected(LARGE)
    assert not two.measured and two.seconds == pytest.approx(2.0) and eight.seconds == pytest.approx(0.5)


def test_a_model_that_has_not_run_is_estimated_by_its_work(tmp_path: Path) -> None:
    known = paces(tmp_path)
    known.record(SMALL, "CPU", "f32", 0.45)
    assert known.expected(model("other", work=90.0)).seconds == pytest.approx(0.9)
    assert known.expected(model("nothing known", work=0.0)).seconds == math.inf


def test_the_model_nearest_in_work_counts_for_an_estimate(tmp_path: Path) -> None:
    known = paces(tmp_path)
    known.record(SMALL, "CPU", "f32", 0.45)
    known.record(model("huge", work=3000.0), "CPU", "f32", 10.0)
    assert known.expected(model("other", work=2400.0)).seconds == pytest.approx(8.0)


@pytest.mark.parametrize(("able", "original", "variant"), [(AVX2, 3.2, 1.68), (WITH_BF16, 1.6, 0.89)])
def test_an_estimate_heeds_the_arithmetic(
    tmp_path: Path, able: tuple[str, ...], original: float, variant: float
) -> None:
    known = paces(tmp_path)
    known.learn("CPU", "A processor", able)
    known.record(SMALL, "CPU", "f32", 0.45)
    assert known.expected(LARGE).seconds == pytest.approx(original, abs=0.01)
    assert known.expected(LARGE_INT8).seconds == pytest.approx(variant, abs=0.01)


def test_an_int8_variant_is_estimated_from_its_original_and_that_from_it(tmp_path: Path) -> None:
    known = paces(tmp_path)
    known.learn("CPU", "A processor", WITH_BF16)
    known.record(model("as large", work=320.0), "CPU", "f32", 100.0)
    known.record(LARGE, "CPU", "bf16", 0.9)
    assert known.expected(LARGE_INT8).seconds == pytest.approx(0.5)
    other = paces(tmp_path / "other")
    other.learn("CPU", "A processor", WITH_BF16)
    other.record(LARGE_INT8, "CPU", "f32", 0.5)
    assert other.expected(LARGE).seconds == pytest.approx(0.9)


def test_a_pace_on_a_gpu_is_its_own(tmp_path: Path) -> None:
    known = paces(tmp_path)
    known.record(SMALL, "GPU.0", "f16", 0.05)
    assert known.expected(LARGE).seconds == pytest.approx(0.05 * 320 / 45)
    known.target = Target("CPU")
    assert not known.expected(SMALL).measured and known.expected(SMALL).seconds > 0.2
    known.record(SMALL, "CPU", "f32", 0.4)
    assert known.expected(SMALL).seconds == 0.4
    known.target = Target()
    assert known.expected(SMALL).seconds == 0.05


def test_what_falls_back_to_the_cpu_is_measured_anew(tmp_path: Path) -> None:
    known = paces(tmp_path)
    known.record(SMALL, "GPU", "f16", 0.05)
    known.record(SMALL, "CPU", "f32", 0.5)
    assert known.expected(SMALL).seconds == 0.5


def test_inferences_beside_other_work_hardly_count(tmp_path: Path) -> None:
    known = paces(tmp_path)
    for seconds in (1.3, 1.0, 1.1, 5.0, 6.0, 7.0):
        known.record(SMALL, "CPU", "f32", seconds)
    assert known.expected(SMALL).seconds <= 1.1
    for _ in range(LATEST):
        known.record(SMALL, "CPU", "f32", 4.0)
    assert known.expected(SMALL).seconds == 4.0


def test_a_new_daemon_believes_in_a_quiet_computer(tmp_path: Path) -> None:
    known = paces(tmp_path)
    for seconds in (1.0, 1.1, 1.2, 7.0, 7.0, 7.0, 7.0, 7.0):
        known.record(SMALL, "CPU", "f32", seconds)
    known.record(model("another"), "CPU", "f32", 1.0)  # and writes what is known
    again = paces(tmp_path)
    for _ in range(3):
        again.record(SMALL, "CPU", "f32", 7.0)
    assert again.expected(SMALL).seconds <= 1.1


def test_a_model_that_was_slow_in_its_only_inferences_has_another_try_with_the_next_daemon(tmp_path: Path) -> None:
    """Else it would not be chosen, and so not be measured, for ever."""
    now = paces(tmp_path)
    for _ in range(8):
        now.record(SMALL, "CPU", "f32", 0.45)
    now.record(LARGE, "CPU", "f32", 9.0)  # the computer was busy
    assert now.expected(LARGE).measured and now.expected(LARGE).seconds == 9.0, "this daemon believes it"
    again = paces(tmp_path)
    assert not again.expected(LARGE).measured and again.expected(LARGE).seconds == pytest.approx(3.2)
    again.record(LARGE, "CPU", "f32", 3.0)
    assert again.expected(LARGE).measured and again.expected(LARGE).seconds == 3.0


def test_a_model_that_is_slow_whenever_it_runs_is_slow(tmp_path: Path) -> None:
    for measured in (False, False, True):
        now = paces(tmp_path)
        for _ in range(8):
            now.record(SMALL, "CPU", "f32", 0.45)
        now.record(LARGE, "CPU", "f32", 9.0)
        assert paces(tmp_path).expected(LARGE).measured is measured


def test_progress_is_by_the_latest_inferences(tmp_path: Path) -> None:
    known = paces(tmp_path)
    assert known.progress("inference", "small", 1.0).fraction is None
    known.record(SMALL, "CPU", "f32", 2.0)
    assert known.progress("inference", "small", 1.0).fraction == 0.5
    assert known.progress("inference", "small", 99.0).fraction == 0.99


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"[" * 100_000,
        b"{}",
        b'{"openvino": "1.0", "cores": 2, "devices": {"CPU": ["A", "B"]}, "measured": []}',
        b'{"openvino": "1.0", "cores": 2, "devices": {}, "measured": [{"model": "small"}]}',
        *(
            json.dumps(
                {
                    "openvino": "1.0",
                    "cores": 2,
                    "devices": {},
                    "measured": [
                        {
                            "model": "small",
                            "asked": "AUTO",
                            "asked_arithmetic": "AUTO",
                            "device": "CPU",
                            "arithmetic": "f32",
                            "work": 45.0,
                            "runs": 1,
                            "seconds": [0.1],
                            **wrong,
                        }
                    ],
                }
            ).encode()
            for wrong in (
                {"seconds": []},
                {"seconds": [-1]},
                {"seconds": "fast"},
                {"seconds": [math.inf]},
                {"work": -1},
                {"runs": "one"},
                {"seconds": [10**400]},
                {"work": "much"},
                {"device": 3},
                {"arithmetic": ["f32"]},
                {"unknown": 1},
            )
        ),
    ],
)
def test_a_damaged_file_is_ignored_and_said(tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "paces.json").write_bytes(content)
    with caplog.at_level(logging.WARNING):
        known = paces(tmp_path)
    assert "is damaged" in caplog.text
    assert not known.expected(SMALL).measured
    known.record(SMALL, "CPU", "f32", 0.5)
    assert paces(tmp_path).expected(SMALL).measured


def test_a_number_that_was_written_as_a_text_is_a_number(tmp_path: Path) -> None:
    known, file = paces(tmp_path), tmp_path / "paces.json"
    known.record(SMALL, "CPU", "f32", 0.45)
    file.write_text(file.read_text().replace('"work": 45.0', '"work": "45"'))
    assert paces(tmp_path).expected(model("other", work=90.0)).seconds == pytest.approx(0.9)


def test_a_folder_that_cannot_be_written_costs_no_inference(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    with caplog.at_level(logging.INFO):
        known = paces(tmp_path / "file")
        known.record(SMALL, "CPU", "f32", 0.5)
    assert known.expected(SMALL).seconds == 0.5 and "cannot be written" in caplog.text
