"""Verdicts on devices, remembered on disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from matted.inference.compiled import CompiledFiles
from matted.inference.engines import verdicts
from matted.inference.engines.devices import Device
from matted.inference.engines.verdicts import Verdict

CARD = Device("GPU.1", "Arc (dGPU)", True, "23.2", "2026.4")
WRONG = Verdict("u2netp 1", CARD.name, CARD.title, CARD.driver, CARD.openvino, "f16", 0.45)


def test_a_verdict_holds_for_the_device_the_versions_the_model_and_the_arithmetic(tmp_path: Path) -> None:
    assert verdicts.find(tmp_path, CARD, "u2netp 1", "f16") is None
    verdicts.add(tmp_path / "new", WRONG)
    assert verdicts.find(tmp_path / "new", CARD, "u2netp 1", "f16") == WRONG
    for other in (
        replace(CARD, name="GPU.0"),
        replace(CARD, title="Iris (iGPU)"),
        replace(CARD, driver="23.3"),
        replace(CARD, openvino="2026.5"),
    ):
        assert verdicts.find(tmp_path / "new", other, "u2netp 1", "f16") is None
    assert verdicts.find(tmp_path / "new", CARD, "u2netp 2", "f16") is None
    assert verdicts.find(tmp_path / "new", CARD, "u2netp 1", "f32") is None


def test_a_new_verdict_replaces_the_one_on_the_same_device(tmp_path: Path) -> None:
    newer = replace(WRONG, driver="23.3", difference=0.001)
    others = [replace(WRONG, device="GPU.0"), replace(WRONG, arithmetic="f32")]
    for verdict in (WRONG, *others, newer):
        verdicts.add(tmp_path, verdict)
    assert verdicts.read(tmp_path) == [*others, newer]


def test_verdicts_are_sealed_with_the_compiled_files_and_go_with_them(tmp_path: Path) -> None:
    compiled = CompiledFiles(tmp_path, 1_000_000)
    verdicts.add(compiled.folder("u2netp"), WRONG)
    compiled.seal("u2netp")
    compiled.check("u2netp")
    assert verdicts.read(compiled.folder("u2netp")) == [WRONG]
    (compiled.folder("u2netp") / verdicts.FILE).write_text("[]")
    compiled.check("u2netp")
    assert not compiled.folder("u2netp").exists()


@pytest.mark.parametrize("content", ["", "{", "[1]", '[{"model": "u2netp"}]', '{"difference": 1}', "\x00", "null"])
def test_a_damaged_file_is_no_verdict_and_is_written_anew(tmp_path: Path, content: str) -> None:
    (tmp_path / verdicts.FILE).write_text(content)
    assert verdicts.read(tmp_path) == []
    verdicts.add(tmp_path, WRONG)
    assert verdicts.read(tmp_path) == [WRONG]


def test_a_verdict_is_a_sentence() -> None:
    assert not WRONG.right and str(WRONG).endswith("its mask of a photograph is 45 % off the CPU's")
    assert replace(WRONG, difference=0.001).right
