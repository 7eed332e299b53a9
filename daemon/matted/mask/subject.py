"""Whether a picture shows a subject at all. A model always answers something; stretched to full contrast it looks sure.

Three things tell, each from 0 to 1, and all have to hold:

- The model is sure of what it calls subject. Where there is nothing it gives low numbers, or middling ones everywhere.
- The picture has forms: pixels some way apart are alike. In fine noise they are not; some models take it for a subject,
  and are sure of it.
- The picture has edges. Skies and gradients are smooth; a pale cloud is what some models are sure of.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from matted.models.spec import ModelSpec

_SIDE = 320  # pixels, about: the picture is judged at this size, whatever the model looks at
_LEAST_SIDE = 16  # of what forms and edges can be seen in at all
_APART = 6  # of these pixels: further than fine noise reaches, but not than small things do
# Correlation of pixels that far apart. Noise has less than the first, photographs have 0.34 to 1.
_FORMS = (0.05, 0.2)
# Steps at the sharpest edges, in standard deviations of the picture. Skies have up to 0.25, with hard white clouds 0.5;
# photographs have 1.2 to 3, and 0.65 or more when they are blurred by a pixel of these.
_EDGES = (0.3, 1.0)
_SHARPEST = 0.0005  # share of the pixels that are the sharpest edges: as many as around a subject of 10 x 10 pixels
_LEAST = 4.0  # levels of 255: a picture with less contrast than its own noise has neither forms nor edges


def found(confidence: float, spec: ModelSpec) -> bool:
    """The decision, calibrated for each model."""
    return confidence >= spec.subject_floor


def confidence(probable: NDArray[np.float32], planes: NDArray[np.uint8], spec: ModelSpec, side: int = _SIDE) -> float:
    """Return how likely it is that there is a subject, 0 to 1. For ordering and for a threshold: it is no probability.

    probable: rows x columns, what `model_io.probability` gave, before it is stretched.
    planes: 3 x height x width, what the model was shown of the picture.
    side: pixels, the picture's own shorter side: one that was enlarged for the model has no edges finer than that.

    A model that compares with a plate has seen a difference, which needs no help from the picture.
    """
    if not np.isfinite(probable).all():
        return 0.0
    sure = _sureness(np.clip(probable, 0.0, 1.0))
    if spec.needs_plate or sure == 0.0:
        return sure
    levels = _levels(planes, min(max(side, _LEAST_SIDE), _SIDE))
    return sure * _between(_forms(levels), *_FORMS) * _between(_edges(levels), *_EDGES)


def _sureness(matte: NDArray[np.float32]) -> float:
    """The mean of the matte where it is subject: weighted by itself. Does not depend on how large the subject is."""
    return float(np.vdot(matte, matte)) / max(float(matte.sum()), 1e-6)


def _levels(planes: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
    """3 x about side x side, 0..255."""
    factor = max(1, round(min(planes.shape[1:]) / side))
    return np.stack([np.asarray(Image.fromarray(plane).reduce(factor), np.float32) for plane in planes])


def _forms(levels: NDArray[np.float32]) -> float:
    """How alike pixels are that are _APART rows or columns apart: their correlation."""
    shorter = min(levels.shape[1:])
    apart = min(max(2, round(_APART * shorter / _SIDE)), shorter // 2)
    down, right = levels[:, apart:] - levels[:, :-apart], levels[:, :, apart:] - levels[:, :, :-apart]
    differences = (float(np.square(down).sum(axis=0).mean()) + float(np.square(right).sum(axis=0).mean())) / 2
    variance = _variance(levels)
    return (variance - differences / 2) / (variance + _LEAST**2)


def _edges(levels: NDArray[np.float32]) -> float:
    """Steps from pixel to pixel at the sharpest edges, in standard deviations."""
    down, right = np.diff(levels[:, :, :-1], axis=1), np.diff(levels[:, :-1], axis=2)
    steps = np.sqrt((np.square(down) + np.square(right)).sum(axis=0))
    return float(np.quantile(steps, 1.0 - _SHARPEST)) / (math.sqrt(_variance(levels)) + _LEAST)


def _between(value: float, low: float, high: float) -> float:
    """0 at `low` and below, 1 at `high` and above."""
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _variance(levels: NDArray[np.float32]) -> float:
    """Of the colours: the sum of the channels'."""
    return float(levels.var(axis=(1, 2)).sum())
