"""`matted remove` on many pictures: several at the same time, printed in order, and ended together."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import PATIENCE, Daemon, wait_for
from peers import disc
from PIL import Image


def pictures(folder: Path, count: int, width: int = 240, height: int = 180) -> Path:
    """Make a folder of PNG files, each with another picture of a disc, and return its path."""
    folder.mkdir()
    for number in range(count):
        Image.frombytes("RGBA", (width, height), disc(width, height, number + 1)).save(folder / f"{number:02}.png")
    return folder


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def begin(daemon: Daemon, source: Path, target: Path) -> subprocess.Popen[str]:
    """Start `matted remove` on a folder."""
    return subprocess.Popen(
        daemon.command("remove", str(source), "-o", str(target)),
        env=daemon.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_every_result_is_the_one_that_the_picture_gets_alone(daemon: Daemon, tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", 7)
    assert daemon.run("remove", str(source), "-o", str(tmp_path / "out")).returncode == 0
    assert names(tmp_path / "out") == names(source)
    for name in names(source):
        alone = tmp_path / "alone.png"
        assert daemon.run("remove", str(source / name), "-o", str(alone), "--force").returncode == 0
        with Image.open(alone) as one, Image.open(tmp_path / "out" / name) as other:
            assert np.array_equal(np.asarray(one), np.asarray(other))


def test_the_daemon_gets_the_next_picture_while_it_works_on_one(daemon: Daemon, tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", 12)
    process = begin(daemon, source, tmp_path / "out")
    with daemon.session() as session:
        wait_for(lambda: len(session.status()["jobs"]) >= 2, "two requests at once")
    assert process.communicate(timeout=PATIENCE) == ("12 of 12 pictures done.\n", "")


def test_what_is_said_comes_in_the_order_of_the_pictures(daemon: Daemon, tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", 5)
    (source / "01.png").write_bytes(b"no picture")
    (source / "03.png").write_bytes(b"")
    # the first is by far the largest, and so is finished after the ones behind it
    Image.frombytes("RGBA", (3000, 2000), disc(3000, 2000)).save(source / "00.png")
    done = daemon.run("remove", str(source), "-o", str(tmp_path / "out"), "--timings")
    assert done.returncode == 1
    written = [Path(line).name for line in done.stdout.splitlines() if line.endswith(".png")]
    assert written == ["00.png", "02.png", "04.png"]
    assert "3 of 5 pictures done." in done.stdout
    first, second = [line for line in done.stderr.splitlines() if line.startswith("matted:")]
    assert "01.png" in first and "03.png" in second
    assert names(tmp_path / "out") == ["00.png", "02.png", "04.png"]


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_ends_all_of_them_and_leaves_no_half_file(daemon: Daemon, tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", 60, 640, 480)
    target = tmp_path / "out"
    process = begin(daemon, source, target)
    wait_for(lambda: target.exists() and any(target.glob("*.png")), "the first result")
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=PATIENCE)[1]
    assert (process.returncode, "Traceback" in said) == (130, False), said
    assert 0 < len(names(target)) < 60
    for name in names(target):
        with Image.open(target / name) as image:
            image.load()  # whole
    with daemon.session() as session:
        wait_for(lambda: session.status()["jobs"] == [], "the end of the requests")


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_daemon_that_is_killed_is_replaced_and_no_picture_lost(
    new_daemon: Callable[..., Daemon], tmp_path: Path
) -> None:
    daemon = new_daemon()
    source = pictures(tmp_path / "in", 12)
    target = tmp_path / "out"
    process = begin(daemon, source, target)
    wait_for(lambda: target.exists() and any(target.glob("*.png")), "the first result")
    first = daemon.pid()
    os.kill(first, signal.SIGKILL)
    said = process.communicate(timeout=PATIENCE * 3)
    assert process.returncode == 0, said
    assert names(target) == names(source)
    assert daemon.pid() != first
