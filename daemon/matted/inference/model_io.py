"""Prepare a model's input of a layer, and turn its raw output into a matte.

planes: a model's input, uint8, 3 x height x width: red, green, blue; with a trimap a fourth.
raw: a model's first output, float32, rows x columns.
matte: float32, rows x columns, 0..1 at the model's size; 0 is background.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from matted.inference.engines.engine import Input, Planes
from matted.inference.layer import Layer
from matted.models.arithmetic import ACTIVATIONS, FITS, RESAMPLINGS, Fit, Raw, Size
from matted.models.spec import ModelSpec


def choose_fit(width: int, height: int, spec: ModelSpec, size: Size | None) -> Fit:
    """Decide how a picture fits into the model's input.

    width, height: of the picture.
    spec: its rule holds if the model's input allows it; else the picture is squashed.
    size: (height, width) of the model's input, None if it takes any.
    """
    rule = FITS[spec.fit]
    if rule.flexible and size is not None:
        rule = FITS["squash"]
    elif size is None and not spec.side:  # the spec says nothing about the size
        rule = FITS["own"]
    return rule.fit((height, width), size or (spec.side, spec.side), spec.multiple)


def prepare(layer: Layer, spec: ModelSpec, fit: Fit, trimap: NDArray[np.uint8] | None = None) -> Planes:
    """Return the model's input for a layer: planes of fit.size.

    trimap: height x width of the layer: the plane behind its colours; None for none.

    An alpha channel is left out: the colours of transparent pixels count too.
    """
    height, width = fit.content
    if (height, width) != (layer.height, layer.width):
        layer = layer.resized(width, height, RESAMPLINGS[spec.resample])
        if trimap is not None:  # its levels are kept: a mean of two would mean something else
            trimap = np.asarray(Image.fromarray(trimap).resize((width, height), Image.Resampling.NEAREST))
    planes = layer.planes()
    if trimap is not None:
        planes = np.concatenate([planes, trimap[np.newaxis]])
    if fit.content == fit.size:
        return planes
    if fit.beyond is None:
        return np.pad(planes, ((0, 0), (0, fit.size[0] - height), (0, fit.size[1] - width)), "edge")
    whole = np.empty((3, *fit.size), np.uint8)
    whole[:] = np.reshape(fit.beyond, (3, 1, 1))
    whole[:, :height, :width] = planes
    return whole


def inputs(pictures: Sequence[Planes], spec: ModelSpec, fit: Fit, states: Sequence[Input] = ()) -> list[Input]:
    """Return the inputs of the model's graph for what `prepare` returned: with how large the picture is, if it asks.

    states: what the model returned with the frame before; empty where there was none.
    """
    sizes = [np.array(fit.content, np.int64)] if FITS[spec.fit].on_mean else []
    return [*pictures, *sizes, *(states or [np.zeros((1, 1, 1), np.float32) for _ in spec.states])]


def crop(output: NDArray[Any], fit: Fit) -> NDArray[Any]:
    """Return the part of an output that belongs to the picture, without padding. output: ... x rows x columns."""
    height, width = fit.content
    return output[..., :height, :width]


def probability(raw: Raw, spec: ModelSpec) -> Raw:
    """Return the probability of each pixel to be subject, rows x columns. Some models overshoot 0..1."""
    return ACTIVATIONS[spec.activation].probability(raw)


def matte(probable: Raw, spec: ModelSpec) -> Raw:
    """Return the matte for the result of `probability`."""
    return ACTIVATIONS[spec.activation].matte(probable)


def foreground(
    colours: Planes, width: int, height: int, part: tuple[float, float, float, float] | None = None
) -> NDArray[np.uint8]:
    """Return a model's own foreground colours resized: height x width x 3, RGB.

    colours: 3 x rows x columns.
    part: left, top, right, bottom of what is wanted, in columns and rows; None for all.
    """
    picture = Image.fromarray(np.ascontiguousarray(colours.transpose(1, 2, 0)))
    return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC, part))
