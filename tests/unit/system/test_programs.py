"""Programs are found on the PATH, and not in the current folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from matted.system import programs


def program(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "made-up"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("here", ["", ".", "below"])
def test_the_current_folder_is_not_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: str) -> None:
    stranger, ours = program(tmp_path / here), program(tmp_path / "bin")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", here)
    assert stranger.exists() and programs.find("made-up") is None
    monkeypatch.setenv("PATH", os.pathsep.join([here, str(ours.parent)]))
    assert programs.find("made-up") == str(ours)


def test_what_windows_finds_in_the_current_folder_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path: rf".\{name}.CMD")
    assert programs.find("npm") is None


def test_the_folders_can_be_given(tmp_path: Path) -> None:
    assert programs.find("made-up", str(program(tmp_path / "bin").parent)) == str(tmp_path / "bin" / "made-up")
    assert programs.find("made-up", "") is None
