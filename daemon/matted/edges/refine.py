"""Bring a mask's edge to the layer's own pixels, where the model was unsure."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from matted import imaging
from matted.edges import local
from matted.edges.apply import Grid, apply
from matted.edges.local import Floats

Check = Callable[[], None]

_WORKING_SIDE = 1024  # pixels of the longer side of the reduced picture in which the colours are studied
_CELLS = 256  # of the longer side at most: the grid of local models
_WINDOWS = (0.015, 0.0075)  # sigma of the neighbourhoods, of the longer side: first the coarse look, then the fine one
_UNSURE = (0.05, 0.95)  # the matte is taken for an answer outside of this
_REACH = 2.0  # pixels of the model by which its unsure band may be off


def refine(
    mask: NDArray[np.uint8 | np.uint16], matte: Floats, pixels: memoryview, format: str, mode: str, check: Check
) -> None:
    """Change `mask` where the model was unsure; elsewhere it stays as it is.

    mask: height x width, the matte enlarged to the layer's size. matte: 0..1 at the model's size. pixels: the layer,
    height x width pixels of `format`; the colours under its transparent parts count, as they do for the model. mode:
    "fine" or "hair". check: called between pieces of the work; raises to stop.
    """
    height, width = mask.shape
    picture, channels = imaging.wrap(pixels, width, height, format)
    small = _reduced(picture)
    guide = np.asarray(small).reshape(small.height, small.width, -1)[:, :, list(channels)]
    alpha = np.asarray(Image.fromarray(matte).resize(small.size, Image.Resampling.BICUBIC)).clip(0.0, 1.0)
    band = _band(alpha, _REACH * max(1.0, small.height / matte.shape[0], small.width / matte.shape[1]))
    if not band.any():
        return
    check()
    longer = max(alpha.shape)
    cell = -(-longer // _CELLS)
    grid = Grid(cell, alpha.shape)
    coarse, fine = (longer * window for window in _WINDOWS)
    models = local.fit(guide, alpha, _sureness(alpha), cell, coarse)
    check()
    apply(alpha, 1, lambda left, top, right, bottom: guide[top:bottom, left:right], models, band, grid, check)
    models = local.fit(guide, alpha, _sureness(alpha), cell, fine)
    check()

    def colours(left: int, top: int, right: int, bottom: int) -> NDArray[np.uint8]:
        tile = np.asarray(picture.crop((left, top, right, bottom)))
        return tile.reshape(bottom - top, right - left, -1)[:, :, list(channels)]

    apply(mask, np.iinfo(mask.dtype).max, colours, models, band, grid, check)


def _reduced(picture: Image.Image) -> Image.Image:
    """The picture at the working size: each pixel the mean of those that it stands for."""
    scale = max(picture.size) / _WORKING_SIDE
    if scale <= 1.0:
        return picture
    size = max(1, round(picture.width / scale)), max(1, round(picture.height / scale))
    return picture.resize(size, Image.Resampling.BOX, reducing_gap=1.0)


def _sureness(alpha: Floats) -> Floats:
    """1 where alpha is 0 or 1, next to nothing where it is a half: not nothing, as there has to be an answer."""
    either = np.float32(2) * alpha - np.float32(1)
    sureness: Floats = either * either + np.float32(1e-3)
    return sureness


def _band(alpha: Floats, reach: float) -> Floats:
    """1 within `reach` pixels of where alpha is unsure (along rows and columns), falling to 0 within `reach` more."""
    low, high = _UNSURE
    near = Image.fromarray(((alpha > low) & (alpha < high)).astype(np.uint8) * np.uint8(255))
    for radius in ((reach, 0.0), (0.0, reach)):
        near = near.filter(ImageFilter.BoxBlur(radius)).point(lambda level: 255 * (level > 0))
    return np.asarray(near.filter(ImageFilter.BoxBlur(reach)), np.float32) * np.float32(1 / 255)
