"""`matted models compare` with a real daemon: the pixels of the sheet, the table, and what goes wrong."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import PATIENCE, Daemon, wait_for
from graphs import clickable, small
from matted.evaluation import comparing
from matted.files import sheet
from matted.models import catalogue
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

SIZE = (1600, 1200)
CELL = (640, 480)
GREEN, RED, MAGENTA = (40, 140, 60), (230, 20, 20), (255, 0, 255)
CLICKABLE = next(spec for spec in catalogue.load().specs.values() if spec.takes_clicks)
DISC = (500, 300, 1100, 900)  # of the picture: what is red, with an edge that is soft over some pixels


@pytest.fixture(scope="module")
def models(daemon: Daemon, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Beside u2netp one that sees what is red, and one that sees what differs from a plate. One more takes clicks."""
    folder = tmp_path_factory.mktemp("graphs")
    added = {"reddish": ("rvm-mobilenetv3", small.film_like), "keyer": ("background-matting-mobilenetv2", small.keyer)}
    for model, (like, write) in added.items():
        done = daemon.run("models", "add", str(write(folder / f"{model}.onnx")), "--like", like, "--id", model)
        assert done.returncode == 0, done.stderr
    clickable.write(CLICKABLE, folder / CLICKABLE.file)
    done = daemon.run("models", "pull", CLICKABLE.id, "--from", str(folder), "--trust")
    assert done.returncode == 0, done.stderr
    return ["u2netp", *added]


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A red disc before a green noise, so that its ground is not flat."""
    noise = np.random.default_rng(5).integers(-20, 21, (SIZE[1] // 8, SIZE[0] // 8, 3))
    ground = Image.fromarray((np.array(GREEN) + noise).astype(np.uint8)).resize(SIZE, Image.Resampling.BICUBIC)
    shape = Image.new("L", SIZE)
    ImageDraw.Draw(shape).ellipse(DISC, fill=255)
    ground.paste(RED, mask=shape.filter(ImageFilter.GaussianBlur(4)))
    ground.save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def compare(daemon: Daemon, *arguments: Any) -> subprocess.CompletedProcess[str]:
    return daemon.run("models", "compare", *map(str, arguments))


def cells(page: Image.Image, count: int, cell: tuple[int, int] = CELL) -> Iterator[NDArray[np.uint8]]:
    """Yield what stands in each place of a sheet: rows x columns x 3, the image alone."""
    columns = (page.width - sheet.GAP) // (cell[0] + sheet.GAP)
    across = cell[0] + sheet.GAP
    rows = -(-count // columns)
    down = (page.height - sheet.GAP) // rows
    for number in range(count):
        left, top = sheet.GAP + number % columns * across, sheet.GAP + number // columns * down
        yield np.asarray(page.crop((left, top, left + cell[0], top + cell[1])))


def opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


def test_each_model_is_shown_beside_the_picture(daemon: Daemon, models: list[str], picture: Path) -> None:
    done = compare(daemon, picture, "--background", "#ff00ff")
    assert done.returncode == 0, done.stderr
    heads, *rows, star, last = done.stdout.splitlines()
    assert heads.split() == ["model", "inference", "quality", "licence"]
    assert [row.split()[0] for row in rows] == ["u2netp", "reddish"], "no plate was given, and the ground is not flat"
    assert rows[0].split()[1] == "*" and star.startswith("* ") and "Apache-2.0 (free)" in rows[0]
    target = picture.with_name("photo-comparison.png")
    assert last == f"The cut-outs side by side: {target}"
    original, _u2netp, reddish = cells(opened(target), 3)
    inside, outside = (240, 320), (40, 40)  # of a cell: row, column
    assert abs(original[inside].astype(int) - RED).max() < 3 and abs(original[outside].astype(int) - GREEN).max() < 25
    assert (reddish[inside] == RED).all() and (reddish[outside] == MAGENTA).all()
    soft = (reddish != MAGENTA).any(axis=2)
    assert abs(soft.mean() - np.pi * 120**2 / (640 * 480)) < 0.01, "the disc, and nothing else"


def test_the_detail_is_the_picture_itself_where_the_edge_is_soft(
    daemon: Daemon, models: list[str], picture: Path
) -> None:
    target = picture.with_name("sheet.png")
    done = compare(daemon, picture, "-o", target, "--models", "reddish,reddish", "--json", "--background", "#ff00ff")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    (model,) = facts["models"]
    assert model["id"] == "reddish" and model["seconds"] > 0, "also where it saw this picture before"
    assert facts["sheet"] == str(target) and facts["size"] == list(SIZE) and facts["chosen"] == ""
    left, top, right, bottom = facts["detail"]
    assert (right - left, bottom - top) == (CELL[0], comparing.DETAIL)
    edge = np.asarray(opened(picture).convert("RGB"), np.float32)[top:bottom, left:right, 0]
    assert ((edge > 80) & (edge < 190)).sum() > 500, "the disc's edge is in it"
    page = np.asarray(opened(target))
    below = sheet.GAP + CELL[1] + sheet.INNER
    shown = page[below : below + comparing.DETAIL, sheet.GAP : sheet.GAP + CELL[0]]
    np.testing.assert_array_equal(shown, np.asarray(opened(picture))[top:bottom, left:right])
    second = 2 * sheet.GAP + CELL[0]
    cut = page[below : below + comparing.DETAIL, second : second + CELL[0]]
    red = (shown == RED).all(axis=2)
    assert red.any() and (cut[red] == RED).all() and (cut[shown[:, :, 0] < 50] == MAGENTA).mean() > 0.9


def test_models_that_compare_with_a_plate_are_asked_with_one(daemon: Daemon, models: list[str], picture: Path) -> None:
    plate = picture.with_name("plate.png")
    Image.new("RGB", SIZE, GREEN).save(plate)
    target = picture.with_name("sheet.png")
    done = compare(daemon, picture, "--plate", plate, "-o", target, "--background", "#ff00ff", "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert [(each["id"], each["error"]) for each in facts["models"]] == [(model, None) for model in models]
    *_, keyed = cells(opened(target), 4)
    assert (keyed[240, 320] == RED).all()


def test_models_that_take_clicks_are_asked_with_one(daemon: Daemon, models: list[str], picture: Path) -> None:
    target = picture.with_name("sheet.png")
    done = compare(daemon, picture, "--keep", "800,600", "-o", target, "--background", "#ff00ff", "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    named = {each["id"]: each for each in facts["models"]}
    assert set(named) == {"u2netp", "reddish", CLICKABLE.id} and named[CLICKABLE.id]["error"] is None
    assert facts["chosen"] in named


def test_a_model_that_fails_says_why_in_its_place(daemon: Daemon, models: list[str], picture: Path) -> None:
    Image.new("RGB", SIZE, GREEN).save(picture)
    target = picture.with_name("sheet.png")
    done = compare(daemon, picture, "--models", "u2netp,flat,keyer", "-o", target)
    assert done.returncode == 1, "none of them found anything"
    assert "No subject was found in this picture." in done.stdout and "compares the picture with a plate" in done.stdout
    first, *failed = cells(opened(target), 4, (640, 480))
    assert (first[40, 40] == GREEN).all()
    for each in failed:
        assert 200 < (each != sheet.PAPER).any(axis=2).sum() < 20_000, "a few words"


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_what_is_there_is_not_overwritten_unless_that_is_said(
    daemon: Daemon, picture: Path, arguments: tuple[str, ...]
) -> None:
    target = picture.with_name("photo-comparison.png")
    target.write_bytes(b"precious")
    done = compare(daemon, picture, "--models", "u2netp", *arguments)
    said = done.stdout if arguments else done.stderr
    assert done.returncode == 1 and "--force" in said and target.read_bytes() == b"precious"
    plate = compare(daemon, picture, "--plate", target, "-o", target, "--force", *arguments)
    said = plate.stdout if arguments else plate.stderr
    assert "is itself a plate that is read." in said and target.read_bytes() == b"precious"
    assert compare(daemon, picture, "--models", "u2netp", "--force", *arguments).returncode == 0
    assert opened(target).width > CELL[0]


def test_a_picture_that_is_small_is_shown_as_it_is(daemon: Daemon, models: list[str], tmp_path: Path) -> None:
    Image.new("RGB", (90, 300), RED).save(tmp_path / "strip.png")
    done = compare(daemon, tmp_path / "strip.png", "--models", "reddish", "--anyway", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["detail"] is None
    page = opened(tmp_path / "strip-comparison.png")
    assert (np.asarray(page)[sheet.GAP : sheet.GAP + 300, sheet.GAP + 75 : sheet.GAP + 165] == RED).all()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--models", "rmbg-2.0"), 1, "matted models pull rmbg-2.0"),
        (("--models", "nothing"), 1, "no model called"),
        (("--models", " ,"), 2, "the ids of models are expected"),
        (("--background", "no colour"), 2, "it has to be a colour"),
        (("--keep", "5000,1"), 1, "lies outside"),
        (("-o", "sheet.jpg"), 1, "does not end in .png"),
        (("--model", "u2netp"), 2, "--model"),
    ],
)
def test_what_cannot_be_done_is_said_before_the_work(
    daemon: Daemon, picture: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = compare(daemon, picture, *arguments)
    assert done.returncode == code and said in done.stderr
    assert not picture.with_name("photo-comparison.png").exists()


def test_a_folder_is_not_a_picture(daemon: Daemon, tmp_path: Path) -> None:
    done = compare(daemon, tmp_path)
    assert done.returncode == 1 and "is a folder" in done.stderr


def test_control_c_ends_it_in_the_daemon_too(daemon: Daemon, picture: Path) -> None:
    opened(picture).transpose(Image.Transpose.FLIP_LEFT_RIGHT).crop((100, 0, *SIZE)).save(picture)  # not seen before
    command = daemon.command("models", "compare", str(picture), "--models", "u2netp")
    with daemon.session() as session:
        session.load("u2netp")
        engines = daemon.engines()
        for engine in engines:
            engine.suspend()  # no inference ends before the command
        with subprocess.Popen(
            command, env=daemon.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                wait_for(lambda: any(job["stage"] == "inference" for job in session.status()["jobs"]), "an inference")
                process.send_signal(signal.SIGINT)
                stdout, stderr = process.communicate(timeout=PATIENCE)
            finally:
                process.kill()
                for engine in engines:
                    engine.resume()
        assert process.returncode == 130 and stdout == "" and "Traceback" not in stderr
        wait_for(lambda: not session.status()["jobs"], "the end of the job")
    assert not picture.with_name("photo-comparison.png").exists()
