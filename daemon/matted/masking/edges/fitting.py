"""Fit the refinement of a mask's edge: local colour models for the band where the model was unsure."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matted_client import options
from PIL import Image, ImageFilter

from matted.inference.layer import Layer
from matted.masking.edges import local, matting
from matted.masking.edges.matrices import Floats
from matted.masking.edges.refinement import EdgeModels, Grid, Refinement

Check = Callable[[], None]

# Pixels of the longer side of the reduced picture that the models are fitted to: single hairs need more of them.
_WORKING_SIDES = {options.FINE: 512, options.HAIR: 2048}
_CELLS = 176  # of the grid of local models along the longer side, at most
_COARSE, _FINE, _FINEST = 0.02, 0.008, 0.004  # sigma of a model's Gaussian window, as a share of the longer side
_UNSURE_ALPHA = (0.05, 0.95)  # between these the model is unsure
_REACH = 2.0  # pixels of the matte by which the band is widened, as the model may be wrong about its place


def fit(matte: Floats, layer: Layer, mode: str, check: Check) -> EdgeModels | None:
    """Return what refines a mask's edge, None if the model was sure of every pixel.

    matte: 0..1 at the model's size.
    layer: the picture; the colours under its transparent parts count, as they do for the model.
    mode: "fine" or "hair".
    check: called between pieces of the work; raises to stop.

    The models are fitted again and again in smaller windows, each time to the alpha that the former ones have refined.
    Hair is solved by matting in between.
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
    hair = mode == options.HAIR
    planes = guide.planes()

    def fitted(window: float) -> EdgeModels:
        check()
        models = local.fit(planes, alpha, _certainty(alpha), band > 0, grid.cell, window * longer)
        return EdgeModels.of(models, band, grid, hair)

    Refinement(fitted(_COARSE), guide, check).apply(alpha)
    if hair:
        Refinement(fitted(_FINE), guide, check).apply(alpha)
        alpha = matting.solve(planes, alpha, unsure > 0, check)
    return fitted(_FINEST if hair else _FINE)


def _certainty(alpha: Floats) -> Floats:
    """Return the weight of each pixel in the fit: 1 where alpha is 0 or 1, 0.001 at a half, so that no sum is 0."""
    either = np.float32(2) * alpha - np.float32(1)
    certainty: Floats = either * either + np.float32(1e-3)
    return certainty


def _band(alpha: Floats, reach: float) -> Floats:
    """Return 1 where alpha is unsure, falling to 0 at twice `reach` pixels from there, along rows and columns."""
    low, high = _UNSURE_ALPHA
    near = Image.fromarray(((alpha > low) & (alpha < high)).astype(np.uint8) * np.uint8(255))
    for radius in ((reach, 0.0), (0.0, reach)):
        near = near.filter(ImageFilter.BoxBlur(radius)).point(lambda level: 255 * (level > 0))
    return np.asarray(near.filter(ImageFilter.BoxBlur(reach)), np.float32) * np.float32(1 / 255)
