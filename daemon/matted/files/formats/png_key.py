"""Find the one transparent colour of a PNG with 16 bits a sample, which Pillow compares by 8 of them."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image


def with_alpha(image: Image.Image, file: Path | BinaryIO) -> Image.Image:
    """Make the one transparent colour of a PNG with 16 bits a sample an alpha channel.

    image: decoded from `file`; grey or RGB.
    """
    colour = image.info["transparency"]
    if image.mode == "RGB":
        with Image.open(file, formats=["PNG"]) as lower:
            # The lower 8 bits of each sample; Pillow's own choice is "RGB;16B", the upper 8.
            lower.tile = [(*lower.tile[0][:3], "RGB;16L")]  # type: ignore[list-item]
            lower.load()
            same = np.asarray(lower) == np.array(colour) % 256
        same &= np.asarray(image) == np.array(colour) // 256
        result, transparent = image.copy(), same.all(axis=2)
    else:
        values = np.asarray(image)
        result, transparent = Image.fromarray((values >> 8).astype(np.uint8)), values == colour
    result.putalpha(Image.fromarray(np.where(transparent, 0, 255).astype(np.uint8)))
    result.info = {name: value for name, value in image.info.items() if name != "transparency"}
    return result
