"""The pixels of a cut-out: in the order of the picture's, its own alpha times the mask."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matted.inference.layer import Layer
from matted.masking.colours.cut_out import CutOut

SIDE = 256
EVERY = np.arange(SIDE, dtype=np.uint8)
OWN, MASK = np.meshgrid(EVERY, EVERY)  # every pair of bytes


def layer(format: str, own: Any = OWN) -> Layer:
    """A picture whose colours do not matter, with this alpha where the format has one."""
    channels = {"RGBA8": 4, "BGRA8": 4, "RGB8": 3, "GRAYA8": 2, "GRAY8": 1}[format]
    pixels = np.zeros((*own.shape, channels), np.uint8)
    pixels[:, :, -1] = own
    return Layer.from_frame(memoryview(pixels.tobytes()), own.shape[1], own.shape[0], format)


@pytest.mark.parametrize("format", ["RGBA8", "BGRA8", "GRAYA8"])
def test_alpha_is_the_pictures_times_the_mask_rounded(format: str) -> None:
    made = CutOut(layer(format))
    made.fill_alpha(MASK)
    np.testing.assert_array_equal(made.pixels[:, :, 3], np.rint(OWN.astype(float) * MASK / 255))


@pytest.mark.parametrize("format", ["RGB8", "GRAY8"])
def test_the_alpha_of_an_opaque_picture_is_the_mask(format: str) -> None:
    made = CutOut(layer(format))
    made.fill_alpha(MASK)
    np.testing.assert_array_equal(made.pixels[:, :, 3], MASK)


def test_a_mask_of_16_bits_is_rounded_to_8() -> None:
    every = np.arange(65536, dtype=np.dtype("<u2")).reshape(SIDE, SIDE)
    made = CutOut(layer("RGB8"))
    made.fill_alpha(every)
    np.testing.assert_array_equal(made.pixels[:, :, 3], np.rint(every / 257))


@pytest.mark.parametrize(("format", "order"), [("RGBA8", [0, 1, 2]), ("RGB8", [0, 1, 2]), ("BGRA8", [2, 1, 0])])
def test_colours_are_in_the_order_of_the_picture(format: str, order: list[int]) -> None:
    made = CutOut(layer(format, OWN[:70, :3]))
    made.colours[...] = (10, 20, 30)
    assert made.pixels.shape == (70, 3, 4)
    np.testing.assert_array_equal(made.pixels[:, :, order], np.broadcast_to((10, 20, 30), (70, 3, 3)))
