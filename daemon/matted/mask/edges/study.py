"""Learn from the layer's colours where a mask's edge lies, where the model was unsure."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matted_client import messages
from PIL import Image, ImageFilter

from matted.inference.layer import Layer
from matted.mask.edges import local, matting
from matted.mask.edges.linear import Floats
from matted.mask.edges.refinement import Grid, Refinement

Check = Callable[[], None]

# Pixels of the longer side of the reduced picture in which the colours are studied: single hairs take more of them.
_WORKING_SIDES = {messages.FINE: 512, messages.HAIR: 2048}
_CELLS = 176  # of the longer side at most: the grid of local models
_COARSE, _FINE, _FINEST = 0.02, 0.008, 0.004  # sigma of the neighbourhoods, in longer sides
_UNSURE = (0.05, 0.95)  # the matte is taken for an answer outside of this
_REACH = 2.0  # pixels of the model by which its unsure band may be off


def study(matte: Floats, layer: Layer, mode: str, check: Check) -> Refinement | None:
    """Return what to make of a mask's edge, None where the matte is sure everywhere.

    matte: 0..1 at the model's size. layer: the colours under its transparent parts count, as they do for the model.
    mode: "fine" or "hair". check: called between pieces of the work, and by the refinement; raises to stop.
    """
    guide = layer.averaged(_WORKING_SIDES[mode])
    size = guide.width, guide.height
    small = Image.fromarray(matte).resize(size, Image.Resampling.BICUBIC, reducing_gap=1.0)
    alpha = np.asarray(small).clip(0.0, 1.0)
    unsure = _band(alpha, _REACH * max(1.0, guide.height / matte.shape[0], guide.width / matte.shape[1]))
    if not unsure.any():
        return None
    longer = max(size)
    grid = Grid(-(-longer // _CELLS), alpha.shape)
    band = grid.mean(unsure)
    hair = mode == messages.HAIR
    planes = guide.planes()

    def studied(window: float, picture: Layer) -> Refinement:
        check()
        models = local.fit(planes, alpha, _sureness(alpha), band > 0, grid.cell, window * longer)
        return Refinement(picture, models, band, grid, hair, check)

    studied(_COARSE, guide).apply(alpha)
    if hair:
        studied(_FINE, guide).apply(alpha)
        alpha = matting.solve(planes, alpha, unsure > 0, check)
    return studied(_FINEST if hair else _FINE, layer)


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
