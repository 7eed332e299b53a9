"""The second look: which box it is taken of, and how both mattes are merged."""

from __future__ import annotations

import numpy as np
import pytest
from matted.masking.subject.second_look import Box, find_box, merge
from numpy.typing import NDArray
from PIL import Image

SIDE = 320  # of the model's square
WIDTH, HEIGHT = 3000, 2000


def matte_with_subject(left: float, top: float, right: float, bottom: float) -> NDArray[np.float32]:
    """Return a matte whose subject fills this part of the picture, each 0..1."""
    matte = np.zeros((SIDE, SIDE), np.float32)
    matte[round(top * SIDE) : round(bottom * SIDE), round(left * SIDE) : round(right * SIDE)] = 1.0
    return matte


def test_a_small_subject_gets_a_second_look_with_a_margin_around_it() -> None:
    where = find_box(matte_with_subject(0.4, 0.4, 0.6, 0.6), WIDTH, HEIGHT)
    assert where is not None
    assert where.left < 1200 < 1800 < where.right
    assert where.top < 800 < 1200 < where.bottom
    assert where.width * where.height < 0.35 * WIDTH * HEIGHT


@pytest.mark.parametrize(
    ("matte", "size"),
    [
        (matte_with_subject(0.1, 0.1, 0.9, 0.9), (WIDTH, HEIGHT)),  # fills the picture
        (matte_with_subject(0.4, 0.4, 0.6, 0.6), (600, 400)),  # the model has seen every pixel of it
        (np.zeros((SIDE, SIDE), np.float32), (WIDTH, HEIGHT)),  # nothing there
    ],
    ids=["large subject", "small picture", "no subject"],
)
def test_there_is_no_second_look_that_would_show_no_more(matte: NDArray[np.float32], size: tuple[int, int]) -> None:
    assert find_box(matte, *size) is None


@pytest.mark.parametrize("corner", [(0.0, 0.0, 0.2, 0.2), (0.8, 0.8, 1.0, 1.0), (0.5, 0.5, 0.503, 0.503)])
def test_a_box_stays_within_the_picture(corner: tuple[float, float, float, float]) -> None:
    where = find_box(matte_with_subject(*corner), WIDTH, HEIGHT)
    assert where is not None
    assert 0 <= where.left < where.right <= WIDTH
    assert 0 <= where.top < where.bottom <= HEIGHT


def disc(rows: int, columns: int, where: Box) -> NDArray[np.float32]:
    """Return the part `where` of one round subject in the middle of the picture, at this many rows and columns."""
    y = (np.arange(rows) + 0.5) / rows * where.height + where.top - HEIGHT / 2
    x = (np.arange(columns) + 0.5) / columns * where.width + where.left - WIDTH / 2
    return ((x[np.newaxis] ** 2 + y[:, np.newaxis] ** 2) < 300**2).astype(np.float32)


def test_the_merged_matte_has_the_detail_of_the_second_look_and_no_seam() -> None:
    first = disc(SIDE, SIDE, Box(0, 0, WIDTH, HEIGHT))
    where = find_box(first, WIDTH, HEIGHT)
    assert where is not None
    merged = merge(first, disc(SIDE, SIDE, where), WIDTH, HEIGHT, where)
    assert merged is not None
    assert merged.shape[0] > 2 * SIDE and merged.shape[1] > 2 * SIDE
    truth = disc(*merged.shape, Box(0, 0, WIDTH, HEIGHT))
    alone = np.asarray(Image.fromarray(first).resize(merged.shape[::-1], Image.Resampling.BILINEAR))
    assert np.abs(merged - truth).mean() < 0.4 * np.abs(alone - truth).mean()
    assert merged.min() >= 0 and merged.max() <= 1


def test_outside_the_box_the_first_look_holds() -> None:
    first = disc(SIDE, SIDE, Box(0, 0, WIDTH, HEIGHT))
    first[10:20, 10:20] = 0.4
    where = find_box(first, WIDTH, HEIGHT)
    assert where is not None
    merged = merge(first, disc(SIDE, SIDE, where), WIDTH, HEIGHT, where)
    assert merged is not None
    rows, columns = merged.shape
    assert merged[: rows // 10, : columns // 10].max() == pytest.approx(0.4, abs=0.01)


def test_a_second_look_at_something_else_is_not_used() -> None:
    first = matte_with_subject(0.4, 0.4, 0.6, 0.6)
    where = find_box(first, WIDTH, HEIGHT)
    assert where is not None
    assert merge(first, matte_with_subject(0.0, 0.0, 0.3, 1.0), WIDTH, HEIGHT, where) is None
    assert merge(first, np.zeros((SIDE, SIDE), np.float32), WIDTH, HEIGHT, where) is None


def test_second_looks_of_a_film_do_not_come_and_go() -> None:
    """However large the subject is, unless the box is the whole picture, which the model has seen already."""
    for side in (0.1, 0.3, 0.5, 0.7):
        margin = (1 - side) / 2
        box = find_box(matte_with_subject(margin, margin, 1 - margin, 1 - margin), WIDTH, HEIGHT, in_scene=True)
        assert box is not None and side**2 < box.width * box.height / (WIDTH * HEIGHT) < 1
    assert find_box(matte_with_subject(0.25, 0.25, 0.75, 0.75), WIDTH, HEIGHT) is None
    assert find_box(matte_with_subject(0.1, 0.1, 0.9, 0.9), WIDTH, HEIGHT, in_scene=True) is None
