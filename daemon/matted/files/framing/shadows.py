"""Draw the soft shadow of a subject: its own shape, blurred and further down, by its size."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matted.files.formats import samples
from matted.files.framing import resampling
from matted.files.framing.layout import Box, Found
from matted.files.framing.light import Floats

# Of the subject's size, which is the root of the area of its box.
_SIGMA = 0.03  # standard deviation of the blur
_DOWN = 0.035
_VISIBLE = 2.5  # standard deviations from its edge that a shadow can be seen


def reach(found: Found) -> Box:
    """Return by how many pixels of the picture a shadow is larger than the subject, on each side."""
    left, top, right, bottom = found.box
    unit = math.sqrt((right - left) * (bottom - top))
    around, down = _VISIBLE * _SIGMA * unit, _DOWN * unit
    return math.ceil(around), max(0, math.ceil(around - down)), math.ceil(around), math.ceil(around + down)


def draw(alpha: NDArray[Any], subject: tuple[float, float], darkness: float) -> Floats:
    """Return how much light the shadow takes, 0 to 1: height x width.

    alpha: of the result. subject: its width and height in the result. darkness: the most that it takes, 0 to 1.
    """
    height, width = alpha.shape
    unit = math.sqrt(subject[0] * subject[1])
    if unit <= 0:
        return np.zeros((height, width), np.float32)
    sigma, down = max(_SIGMA * unit, 0.5), _DOWN * unit
    factor = resampling.factor_for(sigma)
    shape = alpha.astype(np.float32) * np.float32(darkness / samples.full_scale(alpha.dtype))
    small = resampling.reduced(shape, factor)
    above = math.ceil(down / factor)
    small = resampling.blurred(np.pad(small, ((above, 0), (0, 0))), sigma / factor)
    top = above - down / factor
    shadow = resampling.resized(small, (width, height), (0.0, top, width / factor, top + height / factor))
    return np.asarray(shadow.clip(0.0, darkness), np.float32)
