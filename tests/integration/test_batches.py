"""Runs over many pictures: interrupted and gone on with, tried dry, reported, seen on a sheet, with plates."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from conftest import PATIENCE, Daemon, wait_for
from PIL import Image, ImageDraw


def pictures(folder: Path, count: int, width: int = 240, height: int = 180) -> Path:
    """Make a folder of PNG files, each with another disc on a white ground, and return its path. They need no model."""
    folder.mkdir()
    for number in range(count):
        image = Image.new("RGB", (width, height), "white")
        colour = (20 + number * 7 % 200, 200 - number * 5 % 180, 40)
        ImageDraw.Draw(image).ellipse((width // 4, height // 4, width * 3 // 4, height * 3 // 4), fill=colour)
        image.save(folder / f"{number:02}.png")
    return folder


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def begin(daemon: Daemon, *arguments: str) -> subprocess.Popen[str]:
    """Start `matted remove`."""
    command = daemon.command("remove", *arguments)
    return subprocess.Popen(command, env=daemon.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def states(path: Path) -> dict[str, str]:
    """What a report says of each picture, by the name of its file."""
    return {Path(row["source"]).name: row["state"] for row in json.loads(path.read_text())}


def whole(folder: Path) -> list[str]:
    """The names of a folder's results, each of which is read to its end."""
    for path in folder.iterdir():
        with Image.open(path) as image:
            image.load()
    return names(folder)


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_finishes_what_is_in_work_and_says_how_to_go_on(daemon: Daemon, tmp_path: Path) -> None:
    source, target, report = pictures(tmp_path / "in", 60, 640, 480), tmp_path / "out", tmp_path / "report.json"
    arguments = str(source), "-o", str(target), "--report", str(report), "--sheet", str(tmp_path / "sheet.png")
    process = begin(daemon, *arguments)
    wait_for(lambda: target.exists() and any(target.glob("*.png")), "the first result")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, "Traceback" in err) == (130, False), err
    made = whole(target)
    left = 60 - len(made)
    assert left and out == f"{len(made)} of 60 pictures done.\n"
    assert "The pictures in work are being finished. Ctrl-C once more stops at once." in err
    assert f"Interrupted: {left} pictures are left. To go on: the same command with --skip-existing\n" in err
    found = states(report)
    assert [name for name, state in found.items() if state == "done"] == made and len(found) == 60
    assert sorted(set(found.values())) == ["done", "left"]
    assert (tmp_path / "sheet-1.png").exists(), "60 pictures are more than a page has"
    again = daemon.run("remove", *arguments, "--skip-existing")
    assert (again.returncode, whole(target)) == (0, names(source))
    assert again.stdout == f"60 of 60 pictures done, {len(made)} of them in an earlier run.\n"
    assert set(states(report).values()) == {"done"} and len(states(report)) == 60
    assert "The results on 2 sheets:" in again.stderr and (tmp_path / "sheet-2.png").exists()


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_second_ctrl_c_stops_at_once(daemon: Daemon, tmp_path: Path) -> None:
    source, target = pictures(tmp_path / "in", 12, 1200, 900), tmp_path / "out"
    process = begin(daemon, str(source), "-o", str(target), "--model", "u2netp", "--edges", "hair", "--anyway")
    with daemon.session() as session:
        wait_for(lambda: session.status()["jobs"], "a request")
        assert process.stderr is not None
        process.send_signal(signal.SIGINT)
        while "Ctrl-C once more" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=PATIENCE)[1]
        assert (process.returncode, "Traceback" in said) == (130, False), said
        wait_for(lambda: session.status()["jobs"] == [], "the end of the requests")
    assert len(whole(target) if target.exists() else []) < 12


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("command", ["remove", "refine"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_end_leaves_nothing_half_done(
    daemon: Daemon, tmp_path: Path, command: str, number: signal.Signals
) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for name in ("a", "b", "c"):  # noise, which takes long to write
        image = Image.frombytes("RGB", (1800, 1500), os.urandom(1800 * 1500 * 3))
        image.save(source / f"{name}.png", compress_level=0)
        mask = Image.new("L", image.size)
        ImageDraw.Draw(mask).ellipse((200, 200, 1600, 1300), fill=255)
        mask.save(source / f"{name}-mask.png")
    words = [str(source), *([str(source)] if command == "refine" else ["--model", "u2netp", "--anyway"])]
    line = daemon.command(command, *words, "-o", str(target), "--keep-colours", "--jobs", "1")
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(line, env=daemon.environ, **pipes) as process:
        wait_for(lambda: target.exists() and any(target.glob(".*.part")), "a result that is being written")
        process.send_signal(number)
        said = process.communicate(timeout=PATIENCE)[1]
    assert (process.returncode, said) == (128 + number, f"matted: Ended by {number.name}.\n")
    assert len(whole(target)) < 3 and not list(target.glob(".*")), "no more is begun, and nothing hidden stays"


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("suffix", ["json", "csv"])
def test_a_killed_run_has_a_report_and_is_gone_on_with(daemon: Daemon, tmp_path: Path, suffix: str) -> None:
    source, target, report = pictures(tmp_path / "in", 24), tmp_path / "out", tmp_path / f"report.{suffix}"
    arguments = str(source), "-o", str(target), "--report", str(report)
    process = begin(daemon, *arguments)
    wait_for(lambda: report.exists() and report.read_bytes().count(b"flat") >= 3, "the third row of the report")
    process.kill()
    process.communicate()
    before = report.read_bytes()
    refused = daemon.run("remove", *arguments)
    assert refused.returncode == 1 and f"{report} exists." in refused.stderr
    again = daemon.run("remove", *arguments, "--skip-existing")
    assert (again.returncode, [name for name in whole(target) if not name.startswith(".")]) == (0, names(source))
    after = report.read_bytes()
    assert before.splitlines()[:3] == after.splitlines()[:3], "what the first run said of its pictures stays"
    assert all(str(source / name).encode() in after for name in names(source))


def test_a_dry_run_says_exactly_what_a_run_does(daemon: Daemon, tmp_path: Path) -> None:
    source, target = pictures(tmp_path / "in", 3), tmp_path / "out"
    (source / "00.jpg").write_bytes(b"")
    (source / ".hidden.png").touch()
    target.mkdir()
    (target / "01.png").touch()
    arguments = str(source), "-o", str(target), "--skip-existing", "--report", str(tmp_path / "report.csv")
    dry = daemon.run("remove", *arguments, "--dry-run", "--sheet", str(tmp_path / "sheet.png"))
    assert dry.stdout.splitlines() == [
        f"{source / '00.jpg'} -> {target / '00-jpg.png'}",
        f"{source / '00.png'} -> {target / '00-png.png'}",
        f"{source / '02.png'} -> {target / '02.png'}",
        "3 of 4 pictures would be done, 1 with a result that is there already.",
    ]
    assert (dry.returncode, dry.stderr) == (0, "Not looked at: 1 hidden file.\n")
    assert names(target) == ["01.png"] and not (tmp_path / "report.csv").exists()
    assert not (tmp_path / "sheet.png").exists()
    assert daemon.run("remove", *arguments).returncode == 1  # the empty one
    assert names(target) == ["00-png.png", "01.png", "02.png"]
    single = daemon.run("remove", str(source / "02.png"), "-o", str(target / "02.png"), "--dry-run")
    assert single.returncode == 1 and "02.png exists." in single.stderr
    missing = daemon.run("remove", str(source / "nonesuch.png"), "--dry-run")
    assert missing.returncode == 1 and "cannot be read: No such file" in missing.stderr


def test_the_report_says_what_became_of_each_picture(daemon: Daemon, tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", 2)
    Image.new("RGB", (200, 150), (90, 120, 140)).save(source / "plain.png")  # nothing is in it
    (source / "zbroken.png").write_bytes(b"no picture")
    report, sheet = tmp_path / "report.json", tmp_path / "sheet.jpg"
    done = daemon.run("remove", str(source), "--report", str(report), "--sheet", str(sheet), "--jobs", "1")
    assert done.returncode == 1 and f"The results on a sheet: {sheet}" in done.stderr
    rows: list[dict[str, Any]] = json.loads(report.read_text())
    assert [row["state"] for row in rows] == ["done", "done", "no subject", "failed"]
    first, plain, broken = rows[0], rows[2], rows[3]
    assert first["source"] == str(source / "00.png") and first["target"] == str(source / "cutouts" / "00.png")
    assert first["model"] == "flat" and first["seconds"] > 0 and 0 < first["coverage"] < 1 and first["why"] == ""
    assert plain["code"] == "no_subject" and "No subject was found" in plain["why"]
    assert broken["code"] == "file" and "zbroken.png" in broken["why"] and broken["hint"]
    with Image.open(sheet) as page:
        assert page.format == "JPEG" and page.width > 2 * 240


def test_many_pictures_at_once_are_told_in_their_order(daemon: Daemon, tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", 9)
    done = daemon.run("remove", str(source), "--jobs", "8", "--json", "-o", str(tmp_path / "out"))
    *rows, end = map(json.loads, done.stdout.splitlines())
    assert [Path(row["source"]).name for row in rows] == names(source)
    assert (done.returncode, end["ok"], end["done"], end["interrupted"]) == (0, True, 9, False)
    assert daemon.run("remove", str(source), "--jobs", "17").returncode == 2


def test_patterns_that_no_shell_has_replaced_are_replaced(daemon: Daemon, tmp_path: Path) -> None:
    pictures(tmp_path / "in", 3)
    done = daemon.run("remove", "in/0[02].*", "-o", "out", cwd=tmp_path)
    assert (done.returncode, names(tmp_path / "out")) == (0, ["00.png", "02.png"])
    none = daemon.run("remove", "in/*.jpg", cwd=tmp_path)
    assert none.returncode == 1 and "Nothing is called in/*.jpg." in none.stderr


def test_a_sheet_that_cannot_be_written_does_not_end_the_run(daemon: Daemon, tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", 3)
    done = daemon.run("remove", str(source), "--sheet", str(source / "00.png" / "sheet.png"))
    assert (done.returncode, done.stdout) == (0, "3 of 3 pictures done.\n")
    assert "cannot be written" in done.stderr and "The run goes on without." in done.stderr


def test_a_sheet_does_not_replace_a_picture(daemon: Daemon, tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", 2)
    before = (source / "00.png").read_bytes()
    for how in ("--force", "--skip-existing"):
        done = daemon.run("remove", str(source), "-o", str(tmp_path / "out"), how, "--sheet", str(source / "00.png"))
        assert done.returncode == 1 and "00.png is itself one of the pictures." in done.stderr
        assert (source / "00.png").read_bytes() == before and not (tmp_path / "out").exists()
    watched = daemon.run("remove", "--watch", str(source), "--sheet", str(source / "sheet.png"))
    assert watched.returncode == 2 and "would be taken for a picture, since its folder is watched" in watched.stderr
