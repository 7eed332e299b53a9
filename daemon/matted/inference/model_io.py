"""Show a picture to a model, and read what it answers: from a layer to planes, from a raw output to a matte.

Terms: `planes` are what the model is shown, uint8, red, green and blue; `raw` is what it answers; `matte` is float32 in
0..1 at the model's size, 0 is background.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from matted.inference.engines.engine import Planes
from matted.inference.layer import Layer
from matted.models.arithmetic import ACTIVATIONS, FITS, RESAMPLINGS, Fit, Raw, Size
from matted.models.spec import ModelSpec


def fit(width: int, height: int, spec: ModelSpec, size: Size | None) -> Fit:
    """Decide how to show a picture of width x height pixels.

    size: (height, width) of the model's input, None if it takes any. The spec's rule holds where the model allows it.
    """
    rule = FITS[spec.fit]
    if rule.flexible and size is not None:
        rule = FITS["squash"]
    return rule.fit((height, width), size or (spec.side, spec.side), spec.multiple)


def show(layer: Layer, spec: ModelSpec, shown: Fit) -> Planes:
    """Return what the model is to see of a layer: 3 x shown.size, RGB.

    An alpha channel is left out: the model looks at the colours, also at hidden ones.
    """
    height, width = shown.content
    if (height, width) != (layer.height, layer.width):
        layer = layer.resized(width, height, RESAMPLINGS[spec.resample])
    planes = layer.planes()
    if shown.content == shown.size:
        return planes
    return np.pad(planes, ((0, 0), (0, shown.size[0] - height), (0, shown.size[1] - width)), "edge")


def crop(output: NDArray[Any], shown: Fit) -> NDArray[Any]:
    """Take off what shows no picture. output: its last two axes are rows and columns."""
    height, width = shown.content
    return output[..., :height, :width]


def probability(raw: Raw, spec: ModelSpec) -> Raw:
    """Return how probable each pixel is subject: rows x columns, outside of 0..1 where the model overshoots."""
    return ACTIVATIONS[spec.activation].probability(raw)


def matte(probable: Raw, spec: ModelSpec) -> Raw:
    """Turn what `probability` gave into the matte."""
    return ACTIVATIONS[spec.activation].matte(probable)


def foreground(colours: Planes, width: int, height: int) -> NDArray[np.uint8]:
    """Bring a model's own foreground colours, 3 x rows x columns, to height x width x 3, RGB."""
    picture = Image.fromarray(np.ascontiguousarray(colours.transpose(1, 2, 0)))
    return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))
