"""PNG files of every depth and number of channels have the samples that they were given, decoded by Pillow."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from matted.files import pictures
from matted.files.formats import png_writing
from PIL import Image

# Between them Paeth's guess is left, up and corner, and each of the ties.
TELLING = np.array([0, 1, 2, 63, 64, 126, 127, 128, 129, 192, 253, 254, 255], np.uint8)


@pytest.mark.parametrize("width", [1, 2, 7, 300])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_sample_comes_back(tmp_path: Path, dtype: type, channels: int, width: int) -> None:
    random = np.random.default_rng(width)
    pixels = random.choice(TELLING, (211, width, channels)).astype(dtype)
    if dtype == np.uint16:
        pixels = pixels * np.uint16(256) + random.choice(TELLING, pixels.shape)
    pixels[70:140] = 0  # strips of nothing, and some that are partly so
    pixels[150:, : width // 3] = 0
    path = tmp_path / "out.png"
    with open(path, "wb") as file:
        png_writing.write(file, pixels, {})
    picture = pictures.read(path)
    found = np.asarray(picture.image) if picture.own is None else picture.own.pixels()
    np.testing.assert_array_equal(found, pixels)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_an_image_becomes_the_file_that_its_samples_become(mode: str) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (211, 300, 4), np.uint8)
    image = Image.fromarray(noise).convert(mode)
    files = io.BytesIO(), io.BytesIO()
    png_writing.write(files[0], image, {})
    png_writing.write(files[1], np.atleast_3d(np.asarray(image)), {})
    assert files[0].getvalue() == files[1].getvalue()
