"""The made pictures that tests and tuning measure masks with are what they say that they are."""

from __future__ import annotations

import csv
from pathlib import Path

import made_graphics
import numpy as np
import pytest
from canvas import composed
from made_graphics import KINDS, make
from PIL import Image

WIDTH, HEIGHT = 300, 220


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_composed_of_its_parts(kind: str) -> None:
    made = make(kind, 3, WIDTH, HEIGHT)
    assert made.picture.shape == (HEIGHT, WIDTH, 3) and made.picture.dtype == np.uint8
    assert made.alpha.min() == 0 and made.alpha.max() > 0.3
    error = np.abs(composed(made.alpha, made.foreground, made.ground) - made.picture)
    if made.ground_kind in ("colour", "ramp") and kind != "logo_jpeg":
        assert error.max() < 0.501
    else:  # grain or JPEG
        assert 0.01 < error.mean() < 10


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_makes_one_picture(kind: str) -> None:
    one, again, other = (make(kind, seed, WIDTH, HEIGHT) for seed in (1, 1, 2))
    assert np.array_equal(one.picture, again.picture) and np.array_equal(one.alpha, again.alpha)
    assert not np.array_equal(one.picture, other.picture)


def test_a_set_is_written_as_an_evaluation_reads_it(tmp_path: Path) -> None:
    made_graphics.write(tmp_path, ["sticker_shadow", "pixel_art"], range(1, 3))
    with open(tmp_path / "index.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["sticker_shadow_1", "sticker_shadow_2", "pixel_art_1", "pixel_art_2"]
    for row in rows:
        with Image.open(tmp_path / "images" / f"{row['name']}.png") as picture:
            assert (picture.mode, *picture.size) == ("RGB", int(row["width"]), int(row["height"]))
        with Image.open(tmp_path / "gt" / f"{row['name']}.png") as truth:
            assert truth.mode == "L" and truth.size == picture.size
        assert row["gt_type"] == "alpha"
