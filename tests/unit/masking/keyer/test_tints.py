"""Tints: greys beside black strokes, and strokes that are too thin to show their ink."""

from __future__ import annotations

import numpy as np
import pytest
from matted.inference.layer import Layer
from matted.masking import ground, keyer
from matted.masking.keyer import Said
from PIL import Image, ImageDraw

FINER = 8  # times: what is drawn so much larger has soft edges
SIZE = (400, 300)
WIDTHS = (2, 4, 6)  # of thin strokes, in eighths of a pixel


def drawn(fill: tuple[int, int, int]) -> Image.Image:
    """A ring and thin strokes in black, and a filled disc, on white."""
    large = Image.new("RGB", (FINER * SIZE[0], FINER * SIZE[1]), "white")
    pen = ImageDraw.Draw(large)
    pen.ellipse((200, 200, 1400, 1000), outline="black", width=160)
    pen.ellipse((1900, 300, 2800, 1200), fill=fill)
    for number, width in enumerate(WIDTHS):
        pen.line((200, 1500 + 200 * number, 2900, 1400 + 200 * number), "black", width)
    return large.resize(SIZE, Image.Resampling.BOX)


@pytest.mark.parametrize("fill", [(200, 30, 40), (120, 120, 120), (200, 200, 200)], ids=["red", "grey", "pale"])
def test_thin_strokes_are_as_much_ink_as_they_cover_whatever_is_filled_beside_them(fill: tuple[int, int, int]) -> None:
    picture = drawn(fill)
    layer = Layer.from_frame(memoryview(picture.tobytes()), *SIZE, "RGB8")
    found = ground.find(layer)
    assert found is not None
    alpha = keyer.key(layer, found, lambda: None).alpha(8, "auto", True, Said()).astype(int)
    strokes = np.s_[165:]
    covered = 255 - np.asarray(picture.convert("L"))[strokes].astype(int)
    assert covered.max() < 250
    assert np.abs(alpha[strokes] - covered).max() <= 1
    assert alpha[95, 290] == 255, "the disc is whole"
