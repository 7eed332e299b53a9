"""Drawings on a layer with transparent parts."""

from __future__ import annotations

import numpy as np
from matted.inference.layer import Layer
from matted.masking import ground, keyer
from matted.masking.keyer import Said
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

SIZE = (400, 300)
ERASED = (20, 150, 180, 290)  # a disc, over a stroke too


def drawn() -> Image.Image:
    large = Image.new("RGBA", (4 * SIZE[0], 4 * SIZE[1]), "white")
    pen = ImageDraw.Draw(large)
    pen.ellipse((800, 200, 1400, 800), fill=(200, 30, 40), outline="black", width=40)
    pen.line((80, 700, 1500, 1000), "black", 24)
    return large.resize(SIZE, Image.Resampling.BOX)


def layer_of(picture: Image.Image) -> Layer:
    return Layer.from_frame(memoryview(picture.tobytes()), *picture.size, "RGBA8")


def mask_of(picture: Image.Image) -> NDArray[np.int64]:
    layer = layer_of(picture)
    found = ground.find(layer)
    assert found is not None and found.is_sure
    return keyer.key(layer, found, lambda: None).alpha(8, "auto", True, Said()).astype(np.int64)


def test_what_is_erased_changes_nothing_beside_it() -> None:
    picture = drawn()
    left = Image.new("L", SIZE, 255)
    ImageDraw.Draw(left).ellipse(ERASED, fill=0)
    left = left.filter(ImageFilter.GaussianBlur(3))
    erased = picture.copy()
    erased.putalpha(left)
    pixels = np.array(erased)
    pixels[pixels[..., 3] == 0] = 0  # as a brush leaves them: black
    own = pixels[..., 3].astype(np.int64)
    mask = mask_of(Image.fromarray(pixels))
    assert (own == 0).any() and not mask[own == 0].any()
    shown, wanted = mask * own / 255, mask_of(picture) * own / 255
    assert np.abs(shown - wanted).max() <= 8  # an alpha below that is taken for none
    assert (shown[own > 0] > 200).any()


def test_what_is_cut_out_already_has_no_ground() -> None:
    """Most of its border is transparent. What colour its own rim has says nothing."""
    picture = Image.new("RGBA", SIZE)
    ImageDraw.Draw(picture).ellipse((60, 40, 340, 260), fill="white", outline="white")
    ImageDraw.Draw(picture).ellipse((150, 100, 250, 200), fill=(200, 30, 40))
    assert ground.find(layer_of(picture)) is None
    assert ground.find(layer_of(Image.new("RGBA", SIZE))) is None
