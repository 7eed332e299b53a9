"""The box of what a mask shows, compared with NumPy's."""

from __future__ import annotations

import numpy as np
import pytest
from matted.files.framing import subject
from matted_client.cropping import SEEN, box_of_subject

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
