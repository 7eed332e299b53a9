"""Frames of a scene in which something moves, for GIMP and Krita: `graphs.small.keyer` sees it by the scene itself."""

from __future__ import annotations

import numpy as np
from PIL import Image

SIZE = (160, 96)


def scene() -> Image.Image:
    """Return what stands still, RGB: a wall with light and shade."""
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    shade = 30 * np.sin(x / 17) * np.cos(y / 11)
    return Image.fromarray((np.array([120, 130, 140]) + shade[..., np.newaxis]).astype(np.uint8))


def frame(number: int) -> Image.Image:
    """Return the scene with a red square, which moves, and half of which is a veil over the scene."""
    picture = scene()
    left, top = 8 + 12 * number, 20 + 4 * (number % 3)
    picture.paste((230, 30, 20), (left, top, left + 16, top + 32))
    veil = picture.crop((left + 16, top, left + 32, top + 32))
    picture.paste(veil.point(lambda value: value + 20), (left + 16, top))
    return picture
