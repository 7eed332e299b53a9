"""docs/flat-grounds.md is true: its commands run as they stand, and its pictures are what comes of them.

`make pictures` makes the pictures anew.
"""

from __future__ import annotations

import shlex
from pathlib import Path

import flat_pictures
import numpy as np
import pytest
from conftest import PHOTOGRAPHS, Daemon
from document_pictures import commands, keep, marked, of_width, places, shown, side_by_side
from numpy.typing import NDArray
from PIL import Image
from sheet import Made, as_image

Floats = NDArray[np.float64]
COMMANDS = commands("flat-grounds.md")
WIDTH = 1200  # pixels of a picture of the page, at most
OFF = 0.1  # of the alpha, 0..1; what is further off can be seen
DISC = flat_pictures.RING_RADII[1] - 3  # pixels around the middle of the ring that are surely inside


@pytest.fixture(scope="module")
def made() -> dict[str, Made]:
    """The pictures of the page by their names, but for the photograph."""
    return {
        "logo": flat_pictures.logo(),
        "boat": flat_pictures.boat(),
        "creased": flat_pictures.creased_boat(),
        "sticker": flat_pictures.sticker(),
        "mug": flat_pictures.mug(),
    }


@pytest.fixture(scope="module")
def folder(daemon: Daemon, made: dict[str, Made], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the pictures, in which every command of the page was run, from the first to the last."""
    folder = tmp_path_factory.mktemp("flat")
    photograph = folder / "coffee.jpg"
    with Image.open(PHOTOGRAPHS / photograph.name) as cup:
        cup.save(photograph)
        run(daemon, folder, f"matted remove {photograph.name} --mask -o cup-true.png")
        with Image.open(folder / "cup-true.png") as mask:
            made["cup"] = flat_pictures.before_white(np.asarray(cup), np.asarray(mask) / 255)
    for name, each in made.items():
        suffix = "jpg" if each.ground_kind == "paper" else "png"
        as_image(each).save(folder / f"{name}.{suffix}", **({"quality": 95} if suffix == "jpg" else {}))
    for line in COMMANDS:
        run(daemon, folder, line)
    return folder


def run(daemon: Daemon, folder: Path, line: str) -> str:
    """Run a command of the page in the folder. Returns what it said."""
    matted, *words = shlex.split(line)
    assert matted == "matted", line
    done = daemon.run(*words, cwd=folder)
    assert done.returncode == 0, f"{line}: {done.stderr}"
    return done.stdout + done.stderr


def alpha(path: Path) -> Floats:
    """Return the alpha of a picture: H x W, 0..1."""
    with Image.open(path) as picture:
        return np.asarray(picture.getchannel("A"), np.float64) / 255


def share_off(one: Floats, other: Floats) -> float:
    """Return the share of the pixels whose alpha differs so that it can be seen."""
    return float((np.abs(one - other) > OFF).mean())


def share_lost(path: Path, truth: Floats) -> float:
    """Return the share of the subject that is not in a cut-out."""
    return float((alpha(path)[truth > 0.5] < 0.25).mean())


def command(output: str) -> str:
    """Return the command of the page that writes this file."""
    [found] = [line for line in COMMANDS if line.endswith(f"-o {output}")]
    return found


def around(place: tuple[int, int], radius: int, mask: Floats) -> NDArray[np.bool_]:
    """Return the pixels of a mask within the radius of a place."""
    rows, columns = np.indices(mask.shape)
    return np.hypot(columns - place[0], rows - place[1]) <= radius


@pytest.mark.parametrize(
    ("name", "suffix", "picture", "most_off"),
    [("logo", "png", "flat-logo.webp", 0.0005), ("boat", "jpg", "flat-paper.webp", 0.005)],
)
def test_what_is_drawn_stays_and_the_ground_goes(
    folder: Path, made: dict[str, Made], tmp_path: Path, name: str, suffix: str, picture: str, most_off: float
) -> None:
    cut_out = folder / f"{name}-cutout.png"
    assert share_off(alpha(cut_out), made[name].alpha) <= most_off
    both = side_by_side(shown(folder / f"{name}.{suffix}"), shown(cut_out))
    keep(of_width(both, WIDTH), picture, tmp_path)


def test_it_says_that_no_model_was_needed(daemon: Daemon, folder: Path) -> None:
    said = run(daemon, folder, "matted remove logo.png -o again.png")
    assert "Flat ground: white. No model was needed." in said


def test_a_shadow_stays_or_goes(folder: Path, made: dict[str, Made], tmp_path: Path) -> None:
    with_shadow, alone = folder / "sticker-cutout.png", folder / "sticker-alone.png"
    assert share_off(alpha(with_shadow), made["sticker"].alpha) < 0.001
    assert share_off(alpha(alone), flat_pictures.sticker(with_shadow=False).alpha) < 0.001
    assert share_off(alpha(with_shadow), alpha(alone)) > 0.02
    keep(of_width(side_by_side(shown(with_shadow), shown(alone)), WIDTH), "flat-shadow.webp", tmp_path)


def test_holes_open_or_stay_and_a_click_changes_one(folder: Path, made: dict[str, Made], tmp_path: Path) -> None:
    names = "mug-open.png", "mug-keep.png", "mug-right.png"
    middle, truth = flat_pictures.LABEL, made["mug"].alpha
    label = around(middle, flat_pictures.LABEL_RADIUS - 6, truth) & ~around(middle, 50, truth)  # without the heart
    handle = around(flat_pictures.HANDLE, 20, truth)
    for name, of_label, of_handle in zip(names, (0, 1, 1), (0, 1, 0), strict=True):
        mask = alpha(folder / name)
        assert (mask[label] == of_label).all() and (mask[handle] == of_handle).all(), name
    assert share_off(alpha(folder / names[-1]), truth) < 0.001
    pictures = [shown(folder / name) for name in names]
    pictures[-1] = marked(pictures[-1], command(names[-1]))
    keep(of_width(side_by_side(*pictures), WIDTH), "flat-holes.webp", tmp_path)


@pytest.mark.parametrize(
    ("output", "picture", "radius", "wanted"),
    [("logo-filled.png", "flat-keep.webp", DISC, 1), ("letters.png", "flat-drop.webp", flat_pictures.RING_RADII[0], 0)],
)
def test_a_click_changes_one_area_and_nothing_else(
    folder: Path, tmp_path: Path, output: str, picture: str, radius: int, wanted: int
) -> None:
    plain, clicked = alpha(folder / "logo-cutout.png"), alpha(folder / output)
    changed = around(flat_pictures.RING, radius, plain)
    assert (clicked[changed] == wanted).all() and not (plain[changed] == wanted).all()
    elsewhere = ~around(flat_pictures.RING, flat_pictures.RING_RADII[0] + 3, plain)
    np.testing.assert_array_equal(clicked[elsewhere], plain[elsewhere])
    line = command(output)
    assert places(line, "--keep") or places(line, "--drop")
    both = side_by_side(marked(shown(folder / "logo-cutout.png"), line), shown(folder / output))
    keep(of_width(both, WIDTH), picture, tmp_path)


def test_a_model_sees_a_white_thing_before_a_white_wall(folder: Path, made: dict[str, Made], tmp_path: Path) -> None:
    truth = made["cup"].alpha
    assert share_lost(folder / "cup-holes.png", truth) > 0.002 > 0.001 > share_lost(folder / "cup-whole.png", truth)
    pictures = [shown(folder / name) for name in ("cup.jpg", "cup-holes.png", "cup-whole.png")]
    keep(of_width(side_by_side(*pictures), WIDTH), "flat-model.webp", tmp_path)


def test_flat_can_be_asked_for(folder: Path, made: dict[str, Made], tmp_path: Path) -> None:
    truth = made["creased"].alpha
    assert (
        share_lost(folder / "creased-cutout.png", truth) > 0.02 > 0.001 > share_lost(folder / "creased-flat.png", truth)
    )
    assert share_off(alpha(folder / "creased-flat.png"), truth) < 0.005
    pictures = [shown(folder / name) for name in ("creased.jpg", "creased-cutout.png", "creased-flat.png")]
    keep(of_width(side_by_side(*pictures), WIDTH), "flat-asked.webp", tmp_path)
