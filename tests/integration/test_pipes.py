"""Pictures through pipes: `cat a.jpg | matted remove - > a.png`."""

from __future__ import annotations

import io
import os
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import PATIENCE, PHOTOGRAPHS, Daemon
from PIL import Image

ASTRONAUT = PHOTOGRAPHS / "astronaut.jpg"


def pipe(daemon: Daemon, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a command whose streams are pipes."""
    return subprocess.run(
        daemon.command(*arguments), env=daemon.environ, input=given, capture_output=True, timeout=PATIENCE * 3
    )


def pixels(content: bytes | Path) -> tuple[str | None, np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    """The format and the samples of a picture."""
    with Image.open(io.BytesIO(content) if isinstance(content, bytes) else content) as image:
        return image.format, np.asarray(image)


@pytest.fixture(scope="module")
def wanted(daemon: Daemon, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run with files makes of the photograph."""
    target = tmp_path_factory.mktemp("wanted") / "a.png"
    assert daemon.run("remove", str(ASTRONAUT), "-o", str(target)).returncode == 0
    return target


def test_a_picture_comes_and_goes_through_pipes(daemon: Daemon, wanted: Path) -> None:
    done = pipe(daemon, "remove", "-", given=ASTRONAUT.read_bytes())
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == wanted.read_bytes()


def test_either_end_may_be_a_file(daemon: Daemon, wanted: Path, tmp_path: Path) -> None:
    out = pipe(daemon, "remove", str(ASTRONAUT), "-o", "-", "--format", "webp", "--quality", "100", "--timings")
    form, samples = pixels(out.stdout)
    assert form == "WEBP" and np.array_equal(samples, pixels(wanted)[1])
    assert b"u2netp on CPU" in out.stderr, "what is said goes to stderr"
    into = pipe(daemon, "remove", "-", "-o", str(tmp_path / "a.tif"), given=ASTRONAUT.read_bytes())
    assert (into.returncode, into.stdout.decode().strip()) == (0, str(tmp_path / "a.tif"))
    assert np.array_equal(pixels(tmp_path / "a.tif")[1], pixels(wanted)[1])
    masked = pipe(daemon, "remove", "-", "--mask", "--format", "jpeg", given=ASTRONAUT.read_bytes())
    assert pixels(masked.stdout)[0] == "JPEG"


@pytest.mark.skipif(os.name != "posix", reason="pipes with names")
def test_a_pipe_may_have_a_name(daemon: Daemon, wanted: Path, tmp_path: Path) -> None:
    named = "remove", "/dev/stdin"
    done = pipe(daemon, *named, given=ASTRONAUT.read_bytes())
    assert (done.returncode, done.stdout) == (0, wanted.read_bytes())
    empty = pipe(daemon, *named)
    assert empty.returncode == 1 and b"There is nothing in /dev/stdin." in empty.stderr
    damaged = pipe(daemon, *named, given=ASTRONAUT.read_bytes()[:5000])
    assert damaged.returncode == 1 and b"/dev/stdin is damaged" in damaged.stderr
    fifo, mask = tmp_path / "fifo.jpg", tmp_path / "mask.png"
    os.mkfifo(fifo)
    Image.new("L", (512, 512), 255).save(mask)
    command = f"cat {shlex.quote(str(mask))} > {shlex.quote(str(fifo))} & "
    command += shlex.join(daemon.command("refine", "-", str(fifo), "-o", str(tmp_path / "out.png")))
    with open(ASTRONAUT, "rb") as given:
        both = subprocess.run(["sh", "-c", command], env=daemon.environ, stdin=given, timeout=PATIENCE * 3)
    assert both.returncode == 0 and pixels(tmp_path / "out.png")[1].shape == (512, 512, 4)


def test_a_mask_is_refined_through_pipes(daemon: Daemon, tmp_path: Path) -> None:
    mask = pipe(daemon, "remove", str(ASTRONAUT), "--mask", "-o", "-").stdout
    done = pipe(daemon, "refine", str(ASTRONAUT), "-", "-o", "-", given=mask)
    assert (done.returncode, done.stderr) == (0, b"") and pixels(done.stdout)[0] == "PNG"
    both = pipe(daemon, "refine", "-", "-", given=mask)
    assert both.returncode == 2 and b"Standard input was given twice" in both.stderr
    image = pipe(daemon, "refine", "-", str(ASTRONAUT), given=mask)
    assert image.returncode == 1 and b"standard input looks like a mask" in image.stderr


@pytest.mark.parametrize(
    ("given", "words"),
    [(b"", "There is nothing in standard input."), (b"no picture", "standard input is not a picture")],
)
def test_what_is_no_picture_is_said_and_nothing_is_written(daemon: Daemon, given: bytes, words: str) -> None:
    done = pipe(daemon, "remove", "-", given=given)
    assert (done.returncode, done.stdout) == (1, b"") and words in done.stderr.decode()
    assert "matted-" not in done.stderr.decode(), "no name of a temporary file"


def test_several_results_do_not_go_through_one_pipe(daemon: Daemon, tmp_path: Path) -> None:
    for inputs in ([str(ASTRONAUT), str(PHOTOGRAPHS / "coffee.jpg")], [str(PHOTOGRAPHS)]):
        done = pipe(daemon, "remove", *inputs, "-o", "-")
        assert (done.returncode, done.stdout) == (2, b"") and b"several pictures" in done.stderr
    done = pipe(daemon, "remove", str(ASTRONAUT), "-o", "-", "--json")
    assert done.returncode == 2 and b'"code": "arguments"' in done.stdout


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals")
def test_a_terminal_is_neither_given_nor_asked_for_a_picture(daemon: Daemon) -> None:
    ours, theirs = os.openpty()
    try:
        shown = subprocess.run(
            daemon.command("remove", str(ASTRONAUT), "-o", "-"),
            **{"env": daemon.environ, "stdout": theirs, "stderr": subprocess.PIPE, "timeout": PATIENCE},
        )
        assert shown.returncode == 2 and b"Standard output is a terminal" in shown.stderr
        asked = subprocess.run(
            daemon.command("remove", "-"), env=daemon.environ, stdin=theirs, capture_output=True, timeout=PATIENCE
        )
        assert asked.returncode == 2 and b"There is no picture in standard input" in asked.stderr
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.skipif(os.name != "posix", reason="sh")
def test_streams_that_are_closed_are_not_called_terminals(daemon: Daemon) -> None:
    command = shlex.join(daemon.command("remove", str(ASTRONAUT), "-o", "-"))
    how = {"env": daemon.environ, "capture_output": True, "timeout": PATIENCE}
    out = subprocess.run(["sh", "-c", f"{command} >&-"], **how)
    assert (out.returncode, b"Standard output is closed" in out.stderr) == (2, True)
    command = shlex.join(daemon.command("remove", "-"))
    given = subprocess.run(["sh", "-c", f"{command} <&-"], **how)
    assert (given.returncode, b"standard input: it is closed" in given.stderr) == (2, True)


def test_a_plate_may_come_through_a_pipe(daemon: Daemon, tmp_path: Path) -> None:
    Image.new("RGB", (7, 5)).save(tmp_path / "plate.png")
    plate = (tmp_path / "plate.png").read_bytes()
    done = pipe(daemon, "remove", str(ASTRONAUT), "--plate", "-", "-o", str(tmp_path / "a.png"), given=plate)
    assert done.returncode == 1 and b"the plate 7 x 5" in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="sh")
def test_a_reader_that_is_gone_is_no_fault(daemon: Daemon) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        daemon.command("remove", str(ASTRONAUT), "-o", "-"),
        **{"env": daemon.environ, "stdout": write, "stderr": subprocess.PIPE, "timeout": PATIENCE},
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")
