"""`matted benchmark` compares the installed models."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from conftest import PHOTOGRAPHS, Daemon
from matted.files import sheet
from PIL import Image


def small_subject(path: Path) -> None:
    """A picture whose subject fills so little of it that it is looked at twice."""
    with Image.open(PHOTOGRAPHS / "coffee.jpg") as coffee:
        picture = coffee.resize((1, 1)).resize((1600, 1200))
        picture.paste(coffee.resize((360, 240)), (900, 500))
    picture.save(path)


def test_figures_scores_and_a_picture_of_every_installed_model(daemon: Daemon, tmp_path: Path) -> None:
    """The masks that people get are what is scored: with edges, and a second look at a small subject."""
    images, truth, once = tmp_path / "images", tmp_path / "truth", tmp_path / "once"
    images.mkdir()
    for name in ("coffee", "chelsea"):
        shutil.copy(PHOTOGRAPHS / f"{name}.jpg", images)
    small_subject(images / "small.png")
    for folder, options in ((truth, ()), (once, ("--no-second-look",))):
        done = daemon.run("remove", str(images), "--mask", *options, "-o", str(folder))
        assert done.returncode == 0, done.stderr
    assert (truth / "small.png").read_bytes() != (once / "small.png").read_bytes(), "no second look was taken"
    target = tmp_path / "sheet.png"
    done = daemon.run("benchmark", "--images", str(images), "--truth", str(truth), "-o", str(target))
    assert done.returncode == 0, done.stderr
    heads, row, last = done.stdout.strip().splitlines()
    assert heads.split()[:2] == ["model", "device"] and heads.split()[-3:] == ["IoU", "S", "MAE"]
    cells = row.split()
    assert cells[:2] == ["u2netp", "CPU"]
    assert (cells[-3], cells[-1]) == ("1.0000", "0.0000"), "the masks that people get are the truth here"
    assert float(cells[-2]) > 0.95
    assert last.endswith(str(target))
    with Image.open(target) as page:
        cells_across = np.asarray(page.convert("L"))
    assert cells_across.shape[1] == 2 * (240 + sheet.GAP) + sheet.GAP, "the pictures, and a column for the one model"


def test_without_pictures_there_are_times_and_memory(daemon: Daemon, tmp_path: Path) -> None:
    done = daemon.run("benchmark", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "first load" in done.stdout and " MB" in done.stdout and "IoU" not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_is_not_installed_is_said(daemon: Daemon) -> None:
    done = daemon.run("benchmark", "--models", "rmbg-2.0")
    assert done.returncode == 1 and "matted models pull rmbg-2.0" in done.stderr


def test_what_has_no_weights_is_said_to_have_nothing_to_measure(daemon: Daemon) -> None:
    done = daemon.run("benchmark", "--models", "flat")
    assert done.returncode == 1 and "flat has no weights" in done.stderr


def test_a_machine_without_models_is_told_how_to_get_one(new_daemon: Callable[..., Daemon]) -> None:
    done = new_daemon(weights=None).run("benchmark")
    assert done.returncode == 1 and "matted models pull" in done.stderr


def test_the_picture_of_cut_outs_overwrites_nothing(daemon: Daemon, tmp_path: Path) -> None:
    shutil.copy(PHOTOGRAPHS / "coffee.jpg", tmp_path)
    (tmp_path / "matted-benchmark.png").write_bytes(b"precious")
    done = daemon.run("benchmark", "--images", ".", cwd=tmp_path)
    assert done.returncode == 1 and (tmp_path / "matted-benchmark.png").read_bytes() == b"precious"
