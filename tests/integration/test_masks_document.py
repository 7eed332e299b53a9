"""docs/masks.md is true: its commands run as they stand, and its pictures are what comes of them.

`make pictures` makes the pictures anew.
"""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import PHOTOGRAPHS, Daemon
from document_pictures import commands, keep, marked, of_width, on_chequers, places, shown, side_by_side
from numpy.typing import NDArray
from PIL import Image, ImageDraw

COMMANDS = commands("masks.md")
TWO_CUPS = 2 * 600, 400
WHITE, BLACK, GREY = 255, 0, 128


def command(*words: str) -> str:
    """Return the command of the page that has all these words. There is one of them."""
    [found] = [line for line in COMMANDS if all(word in line.split() for word in words)]
    return found


# -- what the page says a person has, and does -------------------------------------------------------------------------


def draw_a_cup(folder: Path) -> None:
    """Draw the mask of the cup and its saucer as somebody does who does not look closely."""
    mask = Image.new("L", (600, 400))
    ImageDraw.Draw(mask).ellipse((70, 12, 490, 394), fill=WHITE)
    mask.save(folder / "coffee-drawn.png")


def paint_strokes(folder: Path) -> None:
    """Paint on a transparent layer: white on the astronaut, black around her, on the flag too."""
    layer = Image.new("RGBA", (512, 512))
    draw = ImageDraw.Draw(layer)
    draw.line([(225, 90), (225, 190), (180, 300), (150, 480)], (WHITE, WHITE, WHITE, 255), 24)
    draw.line([(10, 508), (10, 320), (60, 190), (110, 40)], (BLACK, BLACK, BLACK, 255), 16)
    layer.save(folder / "strokes.png")


def paint_over_the_cat(folder: Path) -> None:
    """Paint white on the cat's chest in her mask, and grey along the fur and the whiskers at her other side."""
    with Image.open(folder / "chelsea-mask.png") as mask:
        draw = ImageDraw.Draw(mask)
        draw.polygon([(0, 130), (40, 140), (130, 215), (200, 250), (240, 280), (240, 299), (0, 299)], fill=WHITE)
        draw.line([(362, 120), (350, 170), (318, 215), (322, 250), (300, 290)], GREY, 20)
        draw.line([(318, 235), (390, 265)], GREY, 30)
        mask.save(folder / "chelsea-mask.png")


@pytest.fixture(scope="module")
def folder(daemon: Daemon, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the photographs, in which every command of the page was run, from the first to the last."""
    folder = tmp_path_factory.mktemp("masks")
    for photograph in PHOTOGRAPHS.glob("*.jpg"):
        shutil.copy(photograph, folder)
    (folder / "holiday").mkdir()
    shutil.copy(PHOTOGRAPHS / "coffee.jpg", folder / "holiday")
    with Image.open(PHOTOGRAPHS / "coffee.jpg") as cup:
        both = Image.new("RGB", TWO_CUPS)
        both.paste(cup, (0, 0))
        both.paste(cup.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (cup.width, 0))
        both.save(folder / "two-cups.jpg", quality=95)
    draw_a_cup(folder)
    paint_strokes(folder)
    for line in COMMANDS:
        if line == command("refine", "chelsea-mask.png"):
            shutil.copy(folder / "chelsea-mask.png", folder / "unpainted.png")
            paint_over_the_cat(folder)
        matted, *words = shlex.split(line)
        assert matted == "matted", line
        done = daemon.run(*words, cwd=folder)
        assert done.returncode == 0, f"{line}: {done.stderr}"
    return folder


# -- what comes of it --------------------------------------------------------------------------------------------------


def alpha(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        return np.asarray(picture.getchannel("A"))


@pytest.mark.parametrize(
    ("name", "before", "output"),
    [
        ("masks-drop.webp", "astronaut-cutout.png", "astronaut-alone.png"),
        ("masks-keep.webp", "chelsea-cutout.png", "chelsea-whole.png"),
        ("masks-box.webp", "two-cups-cutout.png", "left-cup.png"),
    ],
)
def test_what_is_said_of_a_picture_holds_and_is_shown(
    folder: Path, tmp_path: Path, name: str, before: str, output: str
) -> None:
    line = command("-o", output)
    plain, steered = alpha(folder / before), alpha(folder / output)
    for option, wanted in (("--keep", WHITE), ("--drop", BLACK)):
        points = places(line, option)
        assert all(steered[y, x] == wanted for x, y in points)
        assert not points or any(plain[y, x] != wanted for x, y in points), "the page shows what was right already"
    for left, top, right, bottom in places(line, "--box"):
        outside = np.ones(steered.shape, bool)
        outside[top:bottom, left:right] = False
        assert not steered[outside].any() and plain[outside].any()
    both = side_by_side(marked(shown(folder / before), line), shown(folder / output))
    keep(of_width(both, 1200), name, tmp_path)


def test_each_point_adds_a_subject(folder: Path) -> None:
    line = command("-o", "both-cups.png")
    both = alpha(folder / "both-cups.png")
    assert len(places(line, "--keep")) == 2 and all(both[y, x] == WHITE for x, y in places(line, "--keep"))


def test_a_drawn_mask_is_refined_and_shown(folder: Path, tmp_path: Path) -> None:
    with Image.open(folder / "coffee.jpg") as cup, Image.open(folder / "coffee-drawn.png") as drawn:
        rough = cup.convert("RGBA")
        rough.putalpha(drawn)
        mask = np.asarray(drawn)
    refined = alpha(folder / "coffee-refined.png")
    assert 0.01 < (np.abs(refined.astype(int) - mask) > 127).mean() < 0.2
    both = side_by_side(on_chequers(rough), shown(folder / "coffee-refined.png"))
    keep(both, "masks-refine.webp", tmp_path)


def test_a_mask_that_was_painted_in_is_refined_and_shown(folder: Path, tmp_path: Path) -> None:
    names = ("unpainted.png", "chelsea-mask.png", "chelsea-refined.png")
    refined = alpha(folder / "chelsea-refined.png")
    assert (refined[270:, :100] == WHITE).all(), "white paint is kept"
    keep(side_by_side(*(shown(folder / name) for name in names)), "masks-paint.webp", tmp_path)


def test_paint_on_a_transparent_layer_is_followed(folder: Path) -> None:
    with Image.open(folder / "strokes.png") as strokes:
        grey, painted = np.asarray(strokes.convert("L")), np.asarray(strokes.getchannel("A")) == 255
    mask = alpha(folder / "astronaut-by-strokes.png")
    np.testing.assert_array_equal(mask[painted], grey[painted])
