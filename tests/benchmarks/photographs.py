"""Pictures of any size, made from the photographs of the tests: enlarged, and with the grain of a camera."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
from conftest import PHOTOGRAPHS
from numpy.typing import NDArray
from PIL import Image

GRAIN = 3.0  # standard deviation of 8-bit samples: what sensors leave at ISO 400, so that codecs have their usual work
QUALITY = 92  # of JPEG files, as cameras write them
_BLOCK = 12  # the part of the height that the patch of `Layer.change` takes: more than a pixel to every model


def photograph(number: int, megapixels: float) -> Image.Image:
    """RGB, 4 : 3. Another number is another picture; all show one large subject."""
    height = round(math.sqrt(megapixels * 1e6 * 3 / 4))
    width = round(megapixels * 1e6 / height)
    names = ("astronaut", "chelsea", "coffee")
    random = np.random.default_rng(number)
    with Image.open(PHOTOGRAPHS / f"{names[number % 3]}.jpg") as image:
        margins = random.uniform(0.0, 0.04, 4) * [image.width, image.height, image.width, image.height]
        box = (margins[0], margins[1], image.width - margins[2], image.height - margins[3])
        levels = np.array(image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC, box))
    for top in range(0, height, 256):  # in strips: 100 megapixels of floats would be 1.2 GB
        strip = levels[top : top + 256]
        grain = random.standard_normal(strip.shape, np.float32) * np.float32(GRAIN)
        strip[:] = np.clip(strip + grain, 0, 255).astype(np.uint8)
    return Image.fromarray(levels)


def folder(place: Path, count: int, megapixels: float) -> Path:
    """A folder of JPEG photographs of that size, made if it is not there yet."""
    target = place / f"{count}-of-{megapixels:g}-megapixels"
    if not target.exists():
        draft = target.with_suffix(".part")
        draft.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            photograph(number, megapixels).save(draft / f"photograph-{number:03}.jpg", quality=QUALITY)
        draft.rename(target)
    return target


class Layer:
    """RGBA8 pixels as a host would send them, height x width x 4, which `change` makes another picture of."""

    def __init__(self, megapixels: float) -> None:
        self.pixels: NDArray[np.uint8] = np.array(photograph(0, megapixels).convert("RGBA"))
        self.height, self.width = self.pixels.shape[:2]
        self._shades = itertools.count(1)

    @property
    def frame(self) -> memoryview:
        """The pixels as bytes, without a copy."""
        return self.pixels.reshape(-1).data

    def change(self) -> None:
        """Paint a patch in a corner in a new shade: the daemon has not seen this picture, and it is as hard as ever."""
        shade, side = next(self._shades), self.height // _BLOCK
        self.pixels[:side, :side, :3] = (20 + shade * 7 % 200, 20 + shade * 13 % 200, 20 + shade // 25 * 11 % 200)
