"""`matted remove` on films with a real daemon: frames, times, sound and alpha from file to file, broken off and on."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import film_clips
import numpy as np
import pytest
from conftest import PATIENCE, Daemon, wait_for
from graphs import small
from PIL import Image, ImageSequence

SIZE = (160, 96)
TIMES = [0, 100, 900, 1000, 4000, 4100, 4900, 5000, 7000, 9000, 9614, 10228]
KEYER = "keyer"


@pytest.fixture(scope="module", autouse=True)
def keyer(daemon: Daemon, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A model that compares with a plate, whose alpha can be worked out by hand."""
    file = small.keyer(tmp_path_factory.mktemp("graphs") / f"{KEYER}.onnx")
    done = daemon.run("models", "add", str(file), "--like", "background-matting-mobilenetv2", "--id", KEYER)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def plate() -> film_clips.Pixels:
    rng = np.random.default_rng(3)
    return rng.integers(60, 120, (SIZE[1], SIZE[0], 3), np.uint8)


@pytest.fixture(scope="module")
def frames(plate: film_clips.Pixels) -> list[film_clips.Pixels]:
    """A block that wanders before the plate, of which each row is more opaque than the one above."""
    return [moved(plate, number) for number in range(len(TIMES))]


def moved(plate: film_clips.Pixels, number: int) -> film_clips.Pixels:
    frame = plate.copy()
    left = 8 + 7 * number % (SIZE[0] - 48)
    step = np.linspace(0, 60, 32).astype(np.uint8)[:, None, None]
    frame[24:56, left : left + 32] += step
    return frame


def remove(daemon: Daemon, *arguments: Any) -> subprocess.CompletedProcess[str]:
    return daemon.run("remove", *map(str, arguments), "--edges", "off")


def test_a_keyer_with_a_plate_is_exact_in_every_frame(
    daemon: Daemon, plate: film_clips.Pixels, frames: list[film_clips.Pixels], tmp_path: Path
) -> None:
    """From file to file, lossless in and out, with a plate from a picture, from a clip, and from the film itself."""
    clip = film_clips.write(tmp_path / "clip.mkv", frames, pixels="bgr0")
    Image.fromarray(plate).save(tmp_path / "plate.png")
    film_clips.write(tmp_path / "plate.mkv", [plate] * 3, pixels="bgr0")
    right = [small.keyed_by_hand(frame, plate) for frame in frames]
    for wanted, target in (("plate.png", "frames/"), ("plate.mkv", "out.apng"), ("plate.png", "out.mkv")):
        done = remove(
            *(daemon, clip, "--model", KEYER, "--plate", tmp_path / wanted, "-o", f"{tmp_path}/{target}"),
        )
        assert done.returncode == 0, done.stderr
    numbered = [np.asarray(Image.open(file)) for file in sorted((tmp_path / "frames").iterdir())]
    with Image.open(tmp_path / "out.apng") as image:
        moving = [np.asarray(each.convert("RGBA")) for each in ImageSequence.Iterator(image)]
    film = film_clips.watch(tmp_path / "out.mkv").frames
    for seen in (numbered, moving, film):
        assert len(seen) == len(frames)
        for shown, alpha, frame in zip(seen, right, frames, strict=True):
            np.testing.assert_array_equal(shown[:, :, 3], alpha)
            sure = alpha == 255
            np.testing.assert_array_equal(shown[sure][:, :3], frame[sure])


def test_a_plate_is_not_made_for_a_model_that_takes_none(
    daemon: Daemon, frames: list[film_clips.Pixels], tmp_path: Path
) -> None:
    clip = film_clips.write(tmp_path / "clip.mkv", frames)
    for model, said in (("u2netp", "takes no plate."), ("nosuch", "There is no model nosuch.")):
        done = remove(daemon, clip, "--model", model, "--plate", "median", "-o", tmp_path / "out.mov")
        assert done.returncode == 1 and said in done.stderr and "Making the plate" not in done.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["clip.mkv"]


def test_films_for_programs_in_a_report_on_a_sheet_and_planned(
    daemon: Daemon, plate: film_clips.Pixels, frames: list[film_clips.Pixels], tmp_path: Path
) -> None:
    clip = film_clips.write(tmp_path / "clip.mkv", frames, pixels="bgr0", sound="aac")
    (tmp_path / "damaged.mkv").write_bytes(b"nothing")
    Image.fromarray(plate).save(tmp_path / "plate.png")
    words = [clip, "--model", KEYER, "--plate", tmp_path / "plate.png", "--json", "--report", tmp_path / "r.csv"]
    planned = json.loads(remove(daemon, *words, "--sheet", tmp_path / "s.png", "--dry-run").stdout)
    (film,) = planned["films"]
    assert (film["state"], film["target"], film["codec"]) == ("planned", str(tmp_path / "clip-cutout.mov"), "prores_ks")
    assert len(list(tmp_path.iterdir())) == 3, "nothing is made"
    answer = json.loads(remove(daemon, *words, "--sheet", tmp_path / "s.png").stdout)
    (film,) = answer["films"]
    assert answer["ok"] and (film["state"], film["frames"], film["made"]) == ("done", 12, 12)
    assert (film["width"], film["height"], film["sound"], film["sound_kept"]) == (*SIZE, ["aac"], True)
    assert film["model"] == KEYER and film["device"] == "CPU" and film["timings"]["inference"] > 0
    assert film["sheet"] == str(tmp_path / "s.png")
    with Image.open(film["sheet"]) as sheet:
        assert sheet.width > 700
    (row,) = csv.DictReader((tmp_path / "r.csv").read_text().splitlines())
    assert (row["source"], row["state"], row["model"]) == (str(clip), "done", KEYER)
    for words, said in ((["--watch"], "--watch is for folders"), (["-o", "-"], "does not go to standard output")):
        refused = remove(daemon, clip, *words)
        assert refused.returncode == 2 and said in refused.stderr


def test_the_films_own_median_is_its_plate(daemon: Daemon, plate: film_clips.Pixels, tmp_path: Path) -> None:
    frames = [moved(plate, number) for number in range(48)]
    clip = film_clips.write(tmp_path / "clip.mkv", frames, pixels="bgr0")
    done = remove(daemon, clip, "--model", KEYER, "--plate", "median", "--mask", "-o", f"{tmp_path}/m-%02d.png")
    assert done.returncode == 0, done.stderr
    for number, frame in enumerate(frames, 1):
        np.testing.assert_array_equal(
            np.asarray(Image.open(tmp_path / f"m-{number:02}.png")), small.keyed_by_hand(frame, plate)
        )


def test_a_film_keeps_its_times_and_its_sound(
    daemon: Daemon, plate: film_clips.Pixels, frames: list[film_clips.Pixels], tmp_path: Path
) -> None:
    clip = film_clips.write(tmp_path / "clip.mp4", frames, TIMES, codec="libx264", sound="aac")
    Image.fromarray(plate).save(tmp_path / "plate.png")
    done = remove(daemon, clip, "--model", KEYER, "--plate", tmp_path / "plate.png", "--format", "prores", "--timings")
    assert done.returncode == 0, done.stderr
    seen = film_clips.watch(tmp_path / "clip-cutout.mov")
    assert seen.times == [time * film_clips.TICK for time in TIMES]
    assert seen.sound == film_clips.watch(clip).sound
    first, second = done.stdout.splitlines()
    assert first == str(tmp_path / "clip-cutout.mov") and second.strip().startswith(f"{KEYER} on CPU, a frame: ")
    assert "12 frames in " in done.stderr and " a second." in done.stderr


@pytest.fixture(scope="module")
def long_film(plate: film_clips.Pixels, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More frames than the parts hold in which a film is written."""
    frames = [moved(plate, number) for number in range(400)]
    folder = tmp_path_factory.mktemp("film")
    Image.fromarray(plate).save(folder / "plate.png")
    return film_clips.write(folder / "clip.mkv", frames, pixels="bgr0")


def begun(daemon: Daemon, film: Path, target: Path, there: Any) -> subprocess.Popen[bytes]:
    """Run the command until `there` is true, and return it, still at work."""
    words = ["remove", str(film), "--model", KEYER, "--plate", str(film.with_name("plate.png")), "--edges", "off"]
    command = daemon.command(*words, "-o", str(target), "--skip-existing")
    process = subprocess.Popen(command, env=daemon.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for(lambda: there() or process.poll() is not None, "that some of it is done")
    assert process.poll() is None, "it was over before it was broken off"
    return process


def test_a_film_that_was_broken_off_goes_on_without_a_frame_lost_or_doubled(
    daemon: Daemon, long_film: Path, tmp_path: Path
) -> None:
    target, parts = tmp_path / "out.mkv", tmp_path / ".out.mkv.parts"
    process = begun(daemon, long_film, target, lambda: (parts / "part").exists())
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130 and b"Broken off." in said and not target.exists()
    before = len(list(parts.glob("*.json")))
    process = begun(daemon, long_film, target, lambda: len(list(parts.glob("*.json"))) > before)
    process.kill()
    process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGKILL and not target.exists()
    for name in (target, tmp_path / "whole.mkv"):
        done = remove(
            daemon, long_film, "--model", KEYER, "--plate", long_film.with_name("plate.png"), "-o", name,
            "--skip-existing",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert ("Going on after " in done.stderr) == (name == target)
    seen, right = film_clips.watch(target), film_clips.watch(tmp_path / "whole.mkv")
    assert seen.times == right.times and len(seen.frames) == 400
    for shown, before_it in zip(seen.frames, right.frames, strict=True):
        np.testing.assert_array_equal(shown, before_it)
    assert not list(tmp_path.glob(".*"))


def test_numbered_frames_go_on_where_the_command_was_killed(daemon: Daemon, long_film: Path, tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    process = begun(daemon, long_film, Path(f"{folder}{os.sep}"), lambda: (folder / "000050.png").exists())
    process.kill()
    process.communicate(timeout=PATIENCE)
    there = {file: file.stat().st_mtime_ns for file in folder.glob("*.png")}
    assert 50 <= len(there) < 400
    done = remove(
        daemon, long_film, "--model", KEYER, "--plate", long_film.with_name("plate.png"), "-o", f"{folder}{os.sep}",
        "--skip-existing",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    files = sorted(file.name for file in folder.glob("*.png"))
    assert files == [f"{number:06}.png" for number in range(1, 401)]
    assert all(file.stat().st_mtime_ns == time for file, time in there.items()), "none is made twice"


def test_a_folder_is_a_scene_only_if_somebody_says_so(
    daemon: Daemon, plate: film_clips.Pixels, frames: list[film_clips.Pixels], tmp_path: Path
) -> None:
    folder = tmp_path / "shots"
    folder.mkdir()
    for number, frame in enumerate(frames, 5):
        Image.fromarray(frame).save(folder / f"shot{number}.png")
    Image.fromarray(plate).save(tmp_path / "plate.png")
    done = remove(
        daemon, folder, "--sequence", "--model", KEYER, "--plate", tmp_path / "plate.png", "--rate", "24",
        "-o", tmp_path / "out.mkv",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    seen = film_clips.watch(tmp_path / "out.mkv")
    assert [round(time * 24) for time in seen.times] == list(range(len(frames)))
    for shown, frame in zip(seen.frames, frames, strict=True):
        np.testing.assert_array_equal(shown[:, :, 3], small.keyed_by_hand(frame, plate))
    done = remove(daemon, folder, "--rate", "24")
    assert done.returncode == 1 and "--rate is for films, and these are pictures." in done.stderr
    done = remove(daemon, tmp_path / "plate.png", "--sequence")
    assert done.returncode == 2 and "--sequence takes a folder of frames" in done.stderr


def test_the_formats_of_films_are_listed(daemon: Daemon) -> None:
    done = daemon.run("formats")
    assert "ProRes 4444" in done.stdout and "--sequence" in done.stdout and ".webm" in done.stdout
