"""Decide whether a picture shows a subject. A model always gives a matte; stretched to full contrast, any looks sure.

The confidence is the product of three measures, each 0..1:

- Sureness: how probable the pixels are that the model calls subject. Where there is no subject it gives low
  probabilities, or middling ones everywhere.
- Forms: how alike pixels some way apart are. In fine noise they are not alike, yet some models are sure of a subject in
  it.
- Edges: how sharp the picture's sharpest edges are. Skies and gradients are smooth, yet some models are sure of a pale
  cloud.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from matted.models.spec import ModelSpec

_SIDE = 320  # pixels of the shorter side, about: the picture is judged at this size, whatever size the model takes
_LEAST_SIDE = 16  # pixels, the least in which forms and edges can be measured
_APART = 6  # pixels at that size: further than fine noise reaches, less far than small objects do
# Correlation of pixels that far apart, for forms 0 and 1. Noise has less than the first; photographs have 0.34 to 1.
_FORMS = (0.05, 0.2)
# Steps at the sharpest edges, in standard deviations of the picture, for edges 0 and 1. Skies have up to 0.25, with
# hard white clouds 0.5; photographs have 1.2 to 3, and at least 0.65 when blurred by a pixel at that size.
_EDGES = (0.3, 1.0)
_SHARPEST = 0.0005  # share of the pixels that count as sharpest: as many as surround a subject of 10 x 10 pixels
_LEAST = 4.0  # levels of 255, added to the contrast, so that a picture of faint noise has neither forms nor edges


def is_present(confidence: float, spec: ModelSpec) -> bool:
    """Return whether there is a subject: whether the confidence reaches the floor that was calibrated for the model."""
    return confidence >= spec.subject_floor


def confidence(probable: NDArray[np.float32], planes: NDArray[np.uint8], spec: ModelSpec, side: int = _SIDE) -> float:
    """Return the confidence that there is a subject, 0..1. It orders pictures and takes a floor; it is no probability.

    probable: rows x columns, as `model_io.probability` returns it, not stretched to full contrast.
    planes: 3 x height x width, the model's input.
    side: pixels, the picture's own shorter side: if it was enlarged for the model, its edges are no finer than that.

    For a model that takes a plate only sureness counts: it has seen a difference between two pictures.
    """
    if not np.isfinite(probable).all():
        return 0.0
    sure = _sureness(np.clip(probable, 0.0, 1.0))
    if spec.needs_plate or sure == 0.0:
        return sure
    levels = _levels(planes, min(max(side, _LEAST_SIDE), _SIDE))
    return sure * _between(_forms(levels), *_FORMS) * _between(_edges(levels), *_EDGES)


def _sureness(matte: NDArray[np.float32]) -> float:
    """Return the mean of the matte weighted by itself, 0..1, so that the size of the subject does not matter."""
    # Not np.vdot, whose sum in float32 was up to 0.05 % too large. These two are added up alike, so the first is never
    # the greater one.
    return float(np.square(matte).sum(dtype=np.float64)) / max(float(matte.sum(dtype=np.float64)), 1e-6)


def _levels(planes: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
    """Return the planes averaged until their shorter side is about `side` pixels: 3 x rows x columns, 0..255."""
    factor = max(1, round(min(planes.shape[1:]) / side))
    return np.stack([np.asarray(Image.fromarray(plane).reduce(factor), np.float32) for plane in planes])


def _forms(levels: NDArray[np.float32]) -> float:
    """Return the correlation of pixels that are _APART rows or columns apart."""
    shorter = min(levels.shape[1:])
    apart = min(max(2, round(_APART * shorter / _SIDE)), shorter // 2)
    down, right = levels[:, apart:] - levels[:, :-apart], levels[:, :, apart:] - levels[:, :, :-apart]
    differences = (float(np.square(down).sum(axis=0).mean()) + float(np.square(right).sum(axis=0).mean())) / 2
    variance = _variance(levels)
    return (variance - differences / 2) / (variance + _LEAST**2)


def _edges(levels: NDArray[np.float32]) -> float:
    """Return the step from pixel to pixel at the sharpest edges, in standard deviations of the picture."""
    down, right = np.diff(levels[:, :, :-1], axis=1), np.diff(levels[:, :-1], axis=2)
    steps = np.sqrt((np.square(down) + np.square(right)).sum(axis=0))
    return float(np.quantile(steps, 1.0 - _SHARPEST)) / (math.sqrt(_variance(levels)) + _LEAST)


def _between(value: float, low: float, high: float) -> float:
    """Return 0 at `low` and below, 1 at `high` and above, linear in between."""
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _variance(levels: NDArray[np.float32]) -> float:
    """Return the sum of the channels' variances."""
    return float(levels.var(axis=(1, 2)).sum())
