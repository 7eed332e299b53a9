"""The box of what a mask shows, and what is cut out by a box, compared with NumPy's."""

from __future__ import annotations

import numpy as np
import pytest
from matted.files.framing import subject
from matted_client.cropping import SEEN, box_of_subject, part

Box = tuple[int, int, int, int]


@pytest.mark.parametrize(
    "box", [(3, 2, 9, 7), (0, 0, 1, 1), (19, 11, 20, 12), (0, 5, 20, 6), (7, 0, 8, 12), (0, 0, 20, 12)]
)
@pytest.mark.parametrize("noise", [0, SEEN])
def test_the_box_is_exact_and_noise_does_not_count(box: Box, noise: int) -> None:
    alpha = np.full((12, 20), noise, np.uint8)
    left, top, right, bottom = box
    alpha[top:bottom, left:right] = SEEN + 1
    assert box_of_subject(bytearray(alpha.tobytes()), 20, 12) == box
    found = subject.find(alpha)
    assert found is not None and found.box == box, "the command line crops alike"


def test_scattered_pixels_are_all_within() -> None:
    random = np.random.default_rng(3)
    for _ in range(50):
        alpha = np.where(random.random((30, 17)) < 0.01, 200, 0).astype(np.uint8)
        found = subject.find(alpha)
        expected: Box | None = None if found is None else found.box
        assert box_of_subject(alpha.tobytes(), 17, 30) == expected


def test_nothing_has_no_box() -> None:
    assert box_of_subject(bytes(12), 4, 3) is None


@pytest.mark.parametrize("each", [1, 2, 4, 8])
@pytest.mark.parametrize("box", [(3, 2, 9, 7), (0, 0, 1, 1), (11, 8, 12, 9), (0, 0, 12, 9)])
def test_a_part_has_the_pixels_of_its_box(box: Box, each: int) -> None:
    pixels = np.arange(12 * 9 * each, dtype=np.uint16).astype(np.uint8).reshape(9, 12, each)
    left, top, right, bottom = box
    for samples in (pixels.tobytes(), bytearray(pixels.tobytes())):
        assert part(samples, 12, 9, box) == pixels[top:bottom, left:right].tobytes()
