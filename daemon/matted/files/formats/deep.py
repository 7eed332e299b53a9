"""Decode samples of 16 bits by Pillow, which has 8 of them: once the upper half of each sample, and once the lower."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

# Of each order of a sample's two bytes, what Pillow calls it when it takes the lower one for the upper.
_OTHER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
_BOTH = "LA;16B"  # grey and alpha: the four bytes of a pixel are decoded at once
_HALVES = {f"{mode};16{order}" for mode in ("RGB", "RGBA") for order in _OTHER}


def raw_mode(image: Image.Image) -> str:
    """Return Pillow's name of the samples in the file, of a picture that is open and not decoded."""
    tile = getattr(image, "tile", None)
    args = tile[0][3] if tile else ""
    return str(args if isinstance(args, str) else args[0] if args else "")


def is_deep(image: Image.Image) -> bool:
    """Whether its colours have 16 bits that `decode` decodes. image: open and not decoded."""
    raw = raw_mode(image)
    return raw in _HALVES or raw == _BOTH


def decode(image: Image.Image, reopen: Callable[[], Image.Image]) -> tuple[Image.Image, NDArray[np.uint16]]:
    """Decode a picture that `is_deep`.

    reopen: opens it once more, at the same page.

    Returns the picture, decoded, of 8 bits a sample, as the file has it; and its samples, upright: height x width x
    channels (2, 3 or 4).
    """
    raw = raw_mode(image)
    if raw == _BOTH:
        _decode_as(image, "RGBA")
        pairs = np.asarray(ImageOps.exif_transpose(image))
        both = (pairs[:, :, ::2].astype(np.uint16) << 8) | pairs[:, :, 1::2]
        grey = Image.merge("LA", [image.getchannel("R"), image.getchannel("B")])
        grey.info = image.info
        grey.getexif().update(image.getexif())
        return grey, both
    image.load()
    # Libtiff gives samples in this computer's order, and Pillow takes note of that when it decodes.
    with reopen() as lower:
        _decode_as(lower, raw[:-1] + _OTHER[raw[-1]])
        values = np.asarray(ImageOps.exif_transpose(image)).astype(np.uint16)
        values <<= 8
        values |= np.asarray(ImageOps.exif_transpose(lower))
    return image, values


def _decode_as(image: Any, raw: str) -> None:
    """Decode the samples as those of another kind that are as many bytes. image: one that Image.open returned."""
    tiles = []
    for tile in image.tile:
        args = raw if isinstance(tile[3], str) else (raw, *tile[3][1:])
        # Pillow's own type, or a tuple as before it had one
        tiles.append(tile._replace(args=args) if hasattr(tile, "_replace") else (*tile[:3], args))
    image.tile = tiles
    image.load()
