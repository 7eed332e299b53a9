"""A picture cut out by what the daemon sends: its pixels whole, or in tiles, which come to the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matted.files import cutting
from matted.files.formats.samples import Samples
from matted.files.pictures import Picture
from matted.inference.layer import Layer
from matted.masking import colours
from matted_client.messages import MaskResult
from matted_client.pictures import Mask
from PIL import Image

WIDTH, HEIGHT = 333, 201  # the last tiles are smaller
NOISE = np.random.default_rng(8).integers(0, 256, (HEIGHT, WIDTH, 4), np.uint8)


def ring() -> Any:
    """The alpha of a round subject with a soft edge, height x width, 8 bits."""
    y, x = np.ogrid[0:HEIGHT, 0:WIDTH]
    return np.rint(np.clip(0.5 - (np.hypot(x - 70, y - 120) - 50) / 12, 0, 1) * 255).astype(np.uint8)


def replies(picture: Picture, mask: Any) -> tuple[Mask, Mask]:
    """The cut-out as the daemon makes it: in tiles, and whole."""

    def reply(pixels: Any, tiles: Any) -> Mask:
        depth = 8 * mask.dtype.itemsize
        fields = {"foreground": True, "tiles": tiles is not None}
        info = MaskResult(WIDTH, HEIGHT, depth, "", "", 0.0, **fields)
        marks = None if tiles is None else bytearray(tiles.tobytes())
        return Mask(bytearray(mask.tobytes()), info, bytearray(pixels.tobytes()), marks)

    layer = Layer.from_frame(memoryview(picture.image.tobytes()), WIDTH, HEIGHT, picture.wire_format)
    blocks = colours.edge_blocks(mask)
    in_tiles, whole = colours.CutOutInTiles(layer, blocks), colours.CutOut(layer)
    colours.estimate_tiles(mask, layer, blocks, lambda: None, in_tiles.colours)
    colours.estimate(mask, layer, lambda: None, out=whole.colours)
    for each in (in_tiles, whole):
        each.fill_alpha(mask)
    assert 0 < in_tiles.marks.sum() < in_tiles.marks.size  # some, but not all
    return reply(in_tiles.pixels, in_tiles.marks), reply(whole.pixels, None)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_tiles_come_to_the_same_as_all_of_the_pixels(mode: str) -> None:
    picture = Picture(Image.fromarray(NOISE).convert(mode), {})
    mask = ring()
    in_tiles, whole = (np.asarray(cutting.of_reply(picture, each).image) for each in replies(picture, mask))
    np.testing.assert_array_equal(in_tiles, whole)
    soft, before = (mask > 60) & (mask < 200), np.asarray(picture.image)
    assert (in_tiles[soft, :3] != before[soft, :3]).any(axis=1).mean() > 0.9
    np.testing.assert_array_equal(in_tiles[mask == 255, :3], before[mask == 255, :3])
    own = before[:, :, 3] if mode == "RGBA" else 255
    np.testing.assert_allclose(in_tiles[:, :, 3], mask.astype(float) * own / 255, atol=0.51)


def test_tiles_come_to_the_same_in_16_bits() -> None:
    deep = NOISE[:, :, :3].astype(np.uint16) * 257 - np.uint16(NOISE[:, :, 3:] // 2)
    picture = Picture(Image.fromarray((deep >> 8).astype(np.uint8)), {}, 16, own=Samples(deep))
    mask = ring().astype(np.uint16) * 257
    made = [cutting.of_reply(picture, each).own for each in replies(picture, mask)]
    assert made[0] is not None and made[1] is not None and made[0].alpha is not None
    np.testing.assert_array_equal(made[0].pixels(), made[1].pixels())
    np.testing.assert_array_equal(made[0].alpha, mask)
    soft = (mask > 15000) & (mask < 50000)
    assert (made[0].colours[soft] != deep[soft]).any(axis=1).mean() > 0.9
