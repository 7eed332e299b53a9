"""`matted remove --watch`: pictures that come into a folder, however they come, until Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import PATIENCE, Daemon, wait_for
from PIL import Image, ImageDraw

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals")
Watch = Callable[..., "subprocess.Popen[str]"]


def picture(path: Path, colour: str = "red") -> bytes:
    """Write a disc on a white ground, which needs no model, and return the file's content."""
    image = Image.new("RGB", (240, 180), "white")
    ImageDraw.Draw(image).ellipse((60, 45, 180, 135), fill=colour)
    image.save(path)
    return path.read_bytes()


@pytest.fixture
def watch(daemon: Daemon, tmp_path: Path) -> Iterator[Watch]:
    """watch(*arguments) begins to watch the folder `in`, whose results go into `out`."""
    begun: list[subprocess.Popen[str]] = []
    (tmp_path / "in").mkdir()

    def begin(*arguments: str) -> subprocess.Popen[str]:
        command = daemon.command("remove", "--watch", "in", "-o", "out", *arguments)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(command, env=daemon.environ, cwd=tmp_path, text=True, **pipes)  # type: ignore[call-overload]
        begun.append(process)
        assert process.stderr is not None and process.stderr.readline() == "Watching in. Ctrl-C ends it.\n"
        return process  # type: ignore[no-any-return]

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


def end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Press Ctrl-C, and return the exit code and what was said."""
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def result(tmp_path: Path, name: str) -> Path:
    """Wait for a result, and read it to its end."""
    path = tmp_path / "out" / name
    wait_for(path.exists, name)
    with Image.open(path) as image:
        image.load()
        assert image.mode == "RGBA"
    return path


def test_pictures_are_taken_that_are_there_and_that_come(tmp_path: Path, watch: Watch) -> None:
    picture(tmp_path / "in" / "there.png")
    picture(tmp_path / "in" / "done.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "done.png").write_bytes(b"precious")
    process = watch("--report", "report.json", "--sheet", "sheet.png")
    result(tmp_path, "there.png")
    picture(tmp_path / "in" / "comes.png")
    result(tmp_path, "comes.png")
    code, out, err = end(process)
    assert (code, out.splitlines()) == (0, ["out/there.png", "out/comes.png", "2 of 2 pictures done."]), err
    assert (tmp_path / "out" / "done.png").read_bytes() == b"precious"
    assert [row["state"] for row in json.loads((tmp_path / "report.json").read_text())] == ["done", "done"]
    assert (tmp_path / "sheet-1.png").exists()


def test_a_picture_is_taken_when_it_is_completely_written(tmp_path: Path, watch: Watch) -> None:
    content = picture(tmp_path / "slow.png")
    process = watch()
    with open(tmp_path / "in" / "slow.png", "wb") as file:
        for start in range(0, len(content), 100):
            file.write(content[start : start + 100])
            file.flush()
            picture(tmp_path / "in" / f"{start}.png")
            result(tmp_path, f"{start}.png")  # so long that the watch has looked meanwhile
            assert not (tmp_path / "out" / "slow.png").exists()
            if start >= 200:
                file.write(content[start + 100 :])
                break
    result(tmp_path, "slow.png")
    end(process)


def test_a_broken_picture_is_said_and_taken_when_it_is_mended(tmp_path: Path, watch: Watch) -> None:
    process = watch("--report", "report.csv")
    (tmp_path / "in" / "broken.png").write_bytes(b"no picture")
    picture(tmp_path / "in" / "good.png")
    result(tmp_path, "good.png")
    assert process.stderr is not None
    assert "broken.png is not a picture that matted can read" in process.stderr.readline()
    picture(tmp_path / "in" / "broken.png")
    result(tmp_path, "broken.png")
    code, out, _ = end(process)
    assert code == 0 and "2 of 2 pictures done." in out
    rows = (tmp_path / "report.csv").read_text().splitlines()[1:]
    assert sorted(row.split(",")[0] for row in rows) == ["in/broken.png", "in/good.png"]
    assert all(row.split(",")[2] == "done" for row in rows)


def test_a_signal_to_end_ends_it(tmp_path: Path, watch: Watch) -> None:
    process = watch()
    picture(tmp_path / "in" / "a.png")
    result(tmp_path, "a.png")
    assert process.stdout is not None and process.stdout.readline() == "out/a.png\n"  # from now on it waits for changes
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=PATIENCE) == ("", "matted: Ended by SIGTERM.\n")
    assert process.returncode == 143


def test_a_daemon_that_ends_and_a_folder_that_is_renamed_are_survived(
    daemon: Daemon, tmp_path: Path, watch: Watch
) -> None:
    process = watch()
    picture(tmp_path / "in" / "a.png")
    result(tmp_path, "a.png")
    os.kill(daemon.pid(), signal.SIGKILL)
    picture(tmp_path / "in" / "b.png")
    result(tmp_path, "b.png")
    (tmp_path / "in").rename(tmp_path / "away")
    assert process.stderr is not None
    lines = iter(process.stderr.readline, "")
    assert any("in is gone. It is waited for" in line for line in lines)
    (tmp_path / "away").rename(tmp_path / "in")
    assert any("in is there again." in line for line in lines)
    picture(tmp_path / "in" / "c.png")
    result(tmp_path, "c.png")
    code, out, _ = end(process)
    assert (code, out.splitlines()[-1]) == (0, "3 of 3 pictures done.")


def test_results_in_the_watched_folder_are_no_pictures(daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    picture(tmp_path / "in" / "a.png")
    command = daemon.command("remove", "--watch", "in", "-o", "in")
    with subprocess.Popen(command, env=daemon.environ, cwd=tmp_path, text=True, stdout=subprocess.PIPE) as process:
        wait_for((tmp_path / "in" / "a-cutout.png").exists, "the result")
        picture(tmp_path / "in" / "b.png")
        wait_for((tmp_path / "in" / "b-cutout.png").exists, "the other result")
        process.send_signal(signal.SIGINT)
        out = process.communicate(timeout=PATIENCE)[0]
    assert out.splitlines()[-1] == "2 of 2 pictures done."
    assert sorted(os.listdir(tmp_path / "in")) == ["a-cutout.png", "a.png", "b-cutout.png", "b.png"]


def test_what_does_not_go_with_watching_is_refused(daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    forced = daemon.run("remove", "--watch", "in", "--force", cwd=tmp_path)
    assert forced.returncode == 2 and "--force does not go with --watch" in forced.stderr
    picture(tmp_path / "a.png")
    single = daemon.run("remove", "--watch", "a.png", cwd=tmp_path)
    assert single.returncode == 1 and "a.png is no folder." in single.stderr


def test_what_hinders_all_results_is_said(daemon: Daemon, tmp_path: Path, watch: Watch) -> None:
    (tmp_path / "file").touch()
    refused = daemon.run("remove", "--watch", str(tmp_path / "in"), "-o", str(tmp_path / "file"))
    assert refused.returncode == 1 and "file is a file, but there are several results." in refused.stderr
    process = watch()
    (tmp_path / "out").touch()
    picture(tmp_path / "in" / "a.png")
    assert process.stderr is not None
    assert process.stderr.readline().startswith("out is a file, but there are several results.")
    (tmp_path / "out").unlink()
    result(tmp_path, "a.png")
    code, out, err = end(process)
    assert (code, out.splitlines()[-1]) == (0, "1 of 1 picture done."), err
