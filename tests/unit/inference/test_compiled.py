"""The compiled files of models on disk: their budget and their seals."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from matted.inference.compiled import SEAL, CompiledFiles


def compiled(files: CompiledFiles, model: str, size: int, age: int) -> None:
    folder = files.folder(model)
    folder.mkdir(parents=True)
    (folder / "x.blob").write_bytes(b"\0" * size)
    os.utime(folder, (1_000_000 - age, 1_000_000 - age))


def test_the_least_recently_used_model_is_deleted_first(tmp_path: Path) -> None:
    files = CompiledFiles(tmp_path, limit=250)
    for model, age in (("old", 300), ("older", 400), ("new", 100)):
        compiled(files, model, 100, age)
    files.trim("new")
    assert [files.size(model) for model in ("older", "old", "new")] == [0, 100, 100]


def test_the_model_in_use_goes_only_when_it_alone_is_too_large(tmp_path: Path) -> None:
    files = CompiledFiles(tmp_path, limit=150)
    compiled(files, "other", 100, 0)
    compiled(files, "used", 100, 500)
    files.trim("used")
    assert (files.size("other"), files.size("used")) == (0, 100)
    CompiledFiles(tmp_path, limit=50).trim("used")
    assert files.size("used") == 0


def test_nothing_is_deleted_within_the_budget(tmp_path: Path) -> None:
    files = CompiledFiles(tmp_path, limit=1000)
    compiled(files, "one", 100, 0)
    files.trim("one")
    files.trim("never-compiled")
    assert files.size("one") == 100


def test_a_model_can_be_forgotten(tmp_path: Path) -> None:
    files = CompiledFiles(tmp_path, limit=1000)
    compiled(files, "one", 100, 0)
    files.forget("one")
    files.forget("two")
    assert not files.folder("one").exists()


# -- the seal ----------------------------------------------------------------------------------------------------------


def test_sealed_files_stay(tmp_path: Path) -> None:
    files = CompiledFiles(tmp_path, limit=1000)
    compiled(files, "one", 100, 0)
    files.seal("one")
    files.check("one")
    files.seal("one")
    files.check("one")
    assert (files.folder("one") / "x.blob").read_bytes() == b"\0" * 100
    files.check("never-compiled")


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "other", "seal", "no seal"])
def test_files_that_differ_from_their_seal_are_deleted(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    files = CompiledFiles(tmp_path, limit=1000)
    compiled(files, "one", 100, 0)
    files.seal("one")
    blob = files.folder("one") / "x.blob"
    before = blob.stat()
    if damage == "flipped":
        blob.write_bytes(b"\0" * 50 + b"\1" + b"\0" * 49)
        os.utime(blob, ns=(before.st_atime_ns, before.st_mtime_ns))  # as a failing disk does it
    elif damage == "other":
        (files.folder("one") / "y.blob").write_bytes(b"never finished")
    elif damage == "seal":
        (files.folder("one") / SEAL).write_text("[")
    elif damage == "no seal":
        (files.folder("one") / SEAL).unlink()
    else:
        blob.write_bytes(b"\0" * 40 if damage == "cut" else b"")
    files.check("one")
    files.check("one")
    assert not files.folder("one").exists()
    assert caplog.text.count("damaged or unfinished") == 1


def test_files_that_are_written_again_are_sealed_again(tmp_path: Path) -> None:
    files = CompiledFiles(tmp_path, limit=1000)
    compiled(files, "one", 100, 0)
    files.seal("one")
    (files.folder("one") / "x.blob").write_bytes(b"\1" * 100)  # OpenVINO was updated
    files.seal("one")
    files.check("one")
    assert files.folder("one").exists()


def test_files_that_cannot_be_sealed_are_no_failure(tmp_path: Path) -> None:
    files = CompiledFiles(tmp_path, limit=1000)
    compiled(files, "one", 100, 0)
    (files.folder("one") / SEAL).mkdir()
    files.seal("one")
    files.check("one")
    assert not files.folder("one").exists()
