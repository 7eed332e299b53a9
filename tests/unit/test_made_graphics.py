"""The made pictures that tests and tuning measure masks with are what they say that they are."""

from __future__ import annotations

import csv
from pathlib import Path

import more_graphics
import numpy as np
import pytest
from canvas import composed
from made_graphics import KINDS
from PIL import Image
from sheet import Made, as_image, made_by, write

WIDTH, HEIGHT = 200, 140
ALL = KINDS | more_graphics.KINDS
EXACT = ("colour", "ramp")  # kinds of ground without grain
PRESSED = ("logo_jpeg",)


def make(kind: str, seed: int) -> Made:
    return made_by(ALL[kind], seed, WIDTH, HEIGHT)


@pytest.mark.parametrize("kind", ALL)
def test_a_picture_is_composed_of_its_parts(kind: str) -> None:
    made = make(kind, 3)
    size = {"icon_32": (32, 32), "icon_64": (64, 64)}.get(kind, (HEIGHT, WIDTH))
    assert made.picture.shape == (*size, 3) and made.picture.dtype == np.uint8
    assert made.alpha.shape == size and made.alpha.min() == 0
    assert made.alpha.max() == 0 if kind.startswith("nothing") else made.alpha.max() > 0.3
    there = np.ones(size, np.bool_) if made.own_alpha is None else made.own_alpha == 1
    error = np.abs(composed(made.alpha, made.foreground, made.ground) - made.picture)[there]
    if made.ground_kind in EXACT and kind not in PRESSED:
        assert error.max() < 0.501
    else:  # grain or JPEG
        assert 0.01 < error.mean() < 10


@pytest.mark.parametrize("kind", ALL)
def test_a_seed_makes_one_picture(kind: str) -> None:
    one, again, other = (make(kind, seed) for seed in (1, 1, 2))
    assert np.array_equal(one.picture, again.picture) and np.array_equal(one.alpha, again.alpha)
    assert not np.array_equal(one.picture, other.picture)


def test_what_is_erased_is_no_subject() -> None:
    made = make("own_alpha", 1)
    assert made.own_alpha is not None and (made.own_alpha == 0).any()
    assert (made.alpha <= made.own_alpha).all()
    image = as_image(made)
    assert image.mode == "RGBA"
    assert np.abs(np.asarray(image.getchannel("A")) / 255 - made.own_alpha).max() < 0.002


def test_a_set_is_written_as_an_evaluation_reads_it(tmp_path: Path) -> None:
    write(tmp_path, {kind: KINDS[kind] for kind in ("sticker_shadow", "pixel_art")}, range(1, 3))
    with open(tmp_path / "index.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["sticker_shadow_1", "sticker_shadow_2", "pixel_art_1", "pixel_art_2"]
    for row in rows:
        with Image.open(tmp_path / "images" / f"{row['name']}.png") as picture:
            assert (picture.mode, *picture.size) == ("RGB", int(row["width"]), int(row["height"]))
        with Image.open(tmp_path / "gt" / f"{row['name']}.png") as truth:
            assert truth.mode == "L" and truth.size == picture.size
        assert row["gt_type"] == "alpha"
