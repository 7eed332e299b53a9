"""`matted remove` on many pictures: several at the same time, printed in order, and ended together."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import PATIENCE, Daemon, wait_for
from matted.cli.main import main
from matted.files import pictures as files
from matted.files.pictures import Picture
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


def test_what_systems_leave_beside_pictures_is_passed_over_and_told(daemon: Daemon, tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", 2)
    (source / "._00.png").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X")
    (source / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    (source / "notes.txt").touch()
    (source / "deeper").mkdir()
    done = daemon.run("remove", str(source))
    assert (done.returncode, done.stdout) == (0, "2 of 2 pictures done.\n")
    told = "2 hidden files, 1 file of another kind (.txt), 1 subfolder (--recursive takes it, too)"
    assert done.stderr == f"Not looked at: {told}.\n"


def test_a_folder_of_subfolders_is_taken_on_demand(daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("one", "two"):
        pictures(tmp_path / "in" / name, 2)
    refused = daemon.run("remove", "in", cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "There are no pictures in in itself, but 2 subfolders." in refused.stderr and "--recursive" in refused.stderr
    done = daemon.run("remove", "in", "--recursive", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "4 of 4 pictures done.\n", "")
    results = tmp_path / "in" / "cutouts"
    assert names(results / "one") == names(results / "two") == ["00.png", "01.png"]
    again = daemon.run("remove", "in", "--recursive", "--skip-existing", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (0, "4 of 4 pictures done, 4 of them in an earlier run.\n")


def test_pictures_of_one_name_get_results_apart(daemon: Daemon, tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", 2)
    with Image.open(source / "01.png") as image:
        image.convert("RGB").save(source / "00.jpg", quality=98)
    (source / "01.png").unlink()
    for _ in range(2):
        assert daemon.run("remove", str(source), "--force").returncode == 0
        assert names(source / "cutouts") == ["00-jpg.png", "00-png.png"]
    with Image.open(source / "cutouts" / "00-jpg.png") as one, Image.open(source / "cutouts" / "00-png.png") as other:
        assert one.tobytes() != other.tobytes()


def test_a_run_goes_on_where_another_has_ended(daemon: Daemon, tmp_path: Path) -> None:
    source, target = pictures(tmp_path / "in", 5), tmp_path / "out"
    first = daemon.run("remove", str(source / "01.png"), str(source / "03.png"), "-o", str(target))
    assert first.returncode == 0
    before = {name: (target / name).stat().st_mtime_ns for name in names(target)}
    plain = daemon.run("remove", str(source), "-o", str(target))
    assert (plain.returncode, plain.stdout) == (1, "3 of 5 pictures done.\n")
    assert plain.stderr.startswith("2 results were there already.")
    assert "--skip-existing" in plain.stderr and "--force" in plain.stderr
    (target / "02.png").unlink()
    going_on = daemon.run("remove", str(source), "-o", str(target), "--skip-existing")
    assert (going_on.returncode, going_on.stderr) == (0, "")
    assert going_on.stdout == "5 of 5 pictures done, 4 of them in an earlier run.\n"
    assert names(target) == names(source)
    assert {name: (target / name).stat().st_mtime_ns for name in before} == before


def test_a_single_picture_that_is_done_is_passed_over_on_demand(daemon: Daemon, tmp_path: Path) -> None:
    source, target = pictures(tmp_path / "in", 1) / "00.png", tmp_path / "out.png"
    target.write_bytes(b"precious")
    refused = daemon.run("remove", str(source), "-o", str(target))
    assert refused.returncode == 1 and "out.png exists" in refused.stderr and "--force" in refused.stderr
    skipped = daemon.run("remove", str(source), "-o", str(target), "--skip-existing")
    assert (skipped.returncode, skipped.stdout, skipped.stderr) == (0, f"{target}\n", "It was there already.\n")
    assert target.read_bytes() == b"precious"


def test_a_folder_of_one_picture_that_is_done_says_both_ways_to_go_on(daemon: Daemon, tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", 1)
    assert daemon.run("remove", str(source)).stdout == "1 of 1 picture done.\n"
    plain = daemon.run("remove", str(source))
    assert (plain.returncode, plain.stdout) == (1, "0 of 1 picture done.\n")
    assert plain.stderr.startswith("1 result was there already.")
    assert "--skip-existing" in plain.stderr and "--force" in plain.stderr
    skipped = daemon.run("remove", str(source), "--skip-existing")
    assert (skipped.returncode, skipped.stdout) == (0, "1 of 1 picture done, in an earlier run.\n")


def test_a_folder_called_like_a_result_is_no_result(daemon: Daemon, tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", 2)
    (source / "cutouts" / "00.png").mkdir(parents=True)
    for option in ("--skip-existing", "--force"):
        done = daemon.run("remove", str(source), option)
        assert done.returncode == 1 and done.stdout.startswith("1 of 2 pictures done")
        assert f"{source / 'cutouts' / '00.png'} cannot be written: there is a folder of that name." in done.stderr


def test_pictures_whose_files_cannot_be_looked_at_do_not_end_the_run(daemon: Daemon, tmp_path: Path) -> None:
    good = pictures(tmp_path / "in", 1) / "00.png"
    (tmp_path / "circle.png").symlink_to("circle.png")
    too_long = tmp_path / ("a" * 251 + ".png")  # its result's name is longer than a name may be
    too_long.write_bytes(good.read_bytes())
    done = daemon.run("remove", str(tmp_path / "circle.png"), str(too_long), str(good))
    assert (done.returncode, done.stdout) == (1, "1 of 3 pictures done.\n")
    assert f"{tmp_path / 'circle.png'} cannot be read: " in done.stderr
    assert f"{'a' * 251}-cutout.png cannot be written: File name too long." in done.stderr
    assert "report it" not in done.stderr
    assert good.with_name("00-cutout.png").exists()


def test_a_folder_whose_results_go_into_itself_is_cut_out_once(daemon: Daemon, tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", 2)
    for option in ("--skip-existing", "--skip-existing", "--force"):
        assert daemon.run("remove", str(source), "-o", str(source), option).returncode == 0
        assert names(source) == ["00-cutout.png", "00.png", "01-cutout.png", "01.png"]


def test_the_two_ways_to_treat_results_exclude_each_other(daemon: Daemon, tmp_path: Path) -> None:
    done = daemon.run("remove", str(tmp_path), "--force", "--skip-existing")
    assert done.returncode == 2 and "not allowed with" in done.stderr


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "There is not enough memory for"),
        (IndexError("list index out of range"), "could not be done: list index out of range."),
        (np.exceptions.AxisError("axis 5 is out of bounds"), "could not be done: axis 5 is out of bounds."),
        (RuntimeError(), "could not be done: no reason was given."),
    ],
    ids=["MemoryError", "IndexError", "AxisError", "RuntimeError"],
)
def test_one_picture_that_nobody_expected_does_not_end_the_folder(
    daemon: Daemon,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    words: str,
) -> None:
    source, target = pictures(tmp_path / "in", 4), tmp_path / "out"
    write = files.write

    def write_all_but_one(picture: Picture, path: Path, *how: Any) -> None:
        if path.name == "01.png":
            raise error
        write(picture, path, *how)

    monkeypatch.setattr(files, "write", write_all_but_one)
    for name in ("HOME", "MATTED_STATE_DIR", "MATTED_DATA_DIR", "MATTED_CACHE_DIR", "MATTED_CONFIG_DIR"):
        monkeypatch.setenv(name, daemon.environ[name])
    assert main(["remove", str(source), "-o", str(target)]) == 1
    printed = capsys.readouterr()
    assert printed.out == "3 of 4 pictures done.\n"
    assert names(target) == ["00.png", "02.png", "03.png"]
    [message, hint] = [line for line in printed.err.splitlines() if line.startswith(("matted:", "        "))]
    assert words in message and str(source / "01.png") in message
    if not isinstance(error, MemoryError):
        assert f"please report it: {type(error).__name__} in test_folder.py, line" in hint


def deep(path: Path) -> None:
    """Make a PNG of 16 bits."""
    grey = Image.frombytes("RGBA", (240, 180), disc(240, 180)).convert("L")
    Image.fromarray(np.asarray(grey).astype(np.uint16) * 257).save(path)


def test_results_keep_16_bits_and_where_they_cannot_that_is_said_once_a_folder(daemon: Daemon, tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", 2)
    for number in range(3):
        deep(source / f"deep{number}.png")
    done = daemon.run("remove", str(source))
    assert (done.returncode, done.stdout, done.stderr) == (0, "5 of 5 pictures done.\n", "")
    assert (source / "cutouts" / "deep0.png").read_bytes()[24:26] == bytes([16, 4])  # grey with alpha
    hint = "To keep more: --format tiff\n"
    done = daemon.run("remove", str(source), "--format", "webp")
    assert done.stderr == f"3 of them had more bits a channel than their results have. {hint}"
    single = daemon.run("remove", str(source / "deep0.png"), "--format", "webp")
    assert (single.returncode, single.stdout) == (0, f"{source / 'deep0-cutout.webp'}\n")
    assert single.stderr == f"The picture has 16 bits a channel, the result has 8. {hint}"
    masks = daemon.run("remove", str(source), "--mask")
    said = "Not looked at: 1 result of other pictures.\n"  # the single one, which lies beside its picture
    assert (masks.stdout, masks.stderr) == ("5 of 5 pictures done.\n", said), "a mask is no picture that lost something"
    assert (source / "masks" / "deep0.png").read_bytes()[24:26] == bytes([16, 0])


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
