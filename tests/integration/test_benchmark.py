"""`matted benchmark` compares the installed models."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from conftest import PHOTOGRAPHS, Daemon
from PIL import Image


def test_figures_scores_and_a_picture_of_every_installed_model(daemon: Daemon, tmp_path: Path) -> None:
    images, truth = tmp_path / "images", tmp_path / "truth"
    images.mkdir()
    for name in ("coffee", "chelsea"):
        shutil.copy(PHOTOGRAPHS / f"{name}.jpg", images)
    daemon.run("remove", str(images), "--mask", "--edges", "off", "--no-second-look", "-o", str(truth))
    sheet = tmp_path / "sheet.png"
    done = daemon.run("benchmark", "--images", str(images), "--truth", str(truth), "-o", str(sheet))
    assert done.returncode == 0, done.stderr
    heads, row, last = done.stdout.strip().splitlines()
    assert heads.split()[:2] == ["model", "device"] and heads.split()[-3:] == ["IoU", "S", "MAE"]
    cells = row.split()
    assert cells[:2] == ["u2netp", "CPU"]
    overlap, structure, error = (float(cell) for cell in cells[-3:])
    assert overlap > 0.99 and structure > 0.95 and error < 0.02, "its own masks are the truth here"
    assert last.endswith(str(sheet))
    with Image.open(sheet) as page:
        cells_across = np.asarray(page.convert("L"))
    assert cells_across.shape[1] == 2 * 248, "the pictures, and a column for the one model"


def test_without_pictures_there_are_times_and_memory(daemon: Daemon, tmp_path: Path) -> None:
    done = daemon.run("benchmark", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "first load" in done.stdout and " MB" in done.stdout and "IoU" not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_is_not_installed_is_said(daemon: Daemon) -> None:
    done = daemon.run("benchmark", "--models", "rmbg-2.0")
    assert done.returncode == 1 and "matted models pull rmbg-2.0" in done.stderr


def test_a_machine_without_models_is_told_how_to_get_one(new_daemon: Callable[..., Daemon]) -> None:
    done = new_daemon(weights=None).run("benchmark")
    assert done.returncode == 1 and "matted models pull" in done.stderr


def test_the_picture_of_cut_outs_overwrites_nothing(daemon: Daemon, tmp_path: Path) -> None:
    shutil.copy(PHOTOGRAPHS / "coffee.jpg", tmp_path)
    (tmp_path / "matted-benchmark.png").write_bytes(b"precious")
    done = daemon.run("benchmark", "--images", ".", cwd=tmp_path)
    assert done.returncode == 1 and (tmp_path / "matted-benchmark.png").read_bytes() == b"precious"
