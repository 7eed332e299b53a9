"""Veils: soft shadows and glows on the ground. They have no edge, and no colour of their own but black or light."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from matted.inference.layer import Layer
from matted.masking.ground import areas
from matted.masking.ground.finding import Ground
from matted.masking.rendering.regions import within

Floats = NDArray[np.float32]
Marks = NDArray[np.bool_]

SIDE = 1024  # pixels of the longer side, at most, at which they are looked for
_STEP = 9.0  # levels from a pixel to the next; the edge of a thing takes more
_DARK = 60  # mean level of a ground; on one that is darker, what is smooth is a glow
_TINT = 0.04  # by which the channels of a shadow may be unequally dark, as shares of the ground's
_LEAST_SIDE = 0.012  # of the longer side; a smaller one is a stain, or an edge that is out of focus
_LEAST_DEPTH = 2.0  # times the noise that a veil has to reach
_OPEN = 0.25  # share of bare ground from which an enclosed place is a hole that a shadow falls into; less is a gloss
_RIM = 3  # pixels at the bare ground, over which a veil fades
_FAINT = 8.0  # levels: a veil that is nowhere deeper is too faint to tell whether it fades
_FADED = 0.6  # of its depth, that a veil has at its rim at most; more is a pale fill


def find(layer: Layer, ground: Ground, noise: float) -> Marks | None:
    """Return where there are veils, rows x columns at up to SIDE pixels of the longer side; None if there are none.

    noise: levels that the noise of the picture reaches.
    """
    colours, field = ground.field.beside(layer, SIDE)
    differences = colours - field
    distances = np.abs(differences).max(axis=0)
    # A mean of many pixels has less noise; what is left decides how much of a shadow's faint end is seen.
    bare = distances <= noise
    smooth = _steps(differences) <= max(_STEP, noise)
    soft = smooth & ~bare
    soft[soft] = _like_veil(colours[:, soft], field[:, soft], noise)
    if not soft.any():
        return None
    veil = soft & _on_ground(bare, soft, 0.0 if has_glows(ground) else _OPEN)
    return _large(veil, bare, distances, max(veil.shape), noise)


def has_glows(ground: Ground) -> bool:
    """Return whether what is smooth on a ground is a glow."""
    return sum(ground.field.mean) < 3 * _DARK


def enlarged(veil: Marks, width: int, height: int) -> Marks:
    """Return the veil at the size of its picture."""
    image = Image.fromarray(veil.view(np.uint8))
    return np.asarray(image.resize((width, height), Image.Resampling.NEAREST)).view(bool)


def _like_veil(colours: Floats, field: Floats, noise: float) -> Marks:
    """Return what is darker than the ground without another colour, or lighter than a dark ground.

    colours, field: 3 x n.
    """
    glow = (field.mean(axis=0) < _DARK) & ((colours - field).min(axis=0) >= -noise)
    shares = colours / np.maximum(field, 1)
    tint = np.float32(_TINT) + np.float32(noise) / np.maximum(field.max(axis=0), 1)
    brightest = shares.max(axis=0)
    shadow = (brightest - shares.min(axis=0) <= tint) & (brightest <= 1)
    return np.asarray(glow | shadow)


def _on_ground(bare: Marks, soft: Marks, share: float) -> Marks:
    """Return the areas of both that the ground is in: that around the subject, or that of a hole.

    share: of an enclosed area, that is bare at least.
    """
    joined, grounds = areas.find(bare | soft), areas.find(bare)
    around = bare & grounds.outside[grounds.labels]
    count = len(joined.sizes)
    open_ = np.bincount(joined.labels[bare], minlength=count) >= np.maximum(share * joined.sizes, 1)
    open_ |= np.bincount(joined.labels[around], minlength=count) > 0
    open_[0] = False
    return np.asarray(open_[joined.labels])


def _steps(differences: Floats) -> Floats:
    """Return the greatest step from each pixel to those beside it, in levels. differences: 3 x rows x columns."""
    steps = np.zeros(differences.shape[1:], np.float32)
    for each, out in ((differences, steps), (differences.swapaxes(1, 2), steps.T)):
        step = np.abs(each[:, 1:] - each[:, :-1]).max(axis=0)
        np.maximum(out[1:], step, out=out[1:])
        np.maximum(out[:-1], step, out=out[:-1])
    return steps


def _large(veil: Marks, bare: Marks, distances: Floats, side: int, noise: float) -> Marks | None:
    """Return the veils that are large and deep enough, and fade towards the bare ground; None if none does."""
    each = areas.find(veil)
    count = len(each.sizes)
    deepest = np.zeros(count, np.float32)
    np.maximum.at(deepest, each.labels[veil], distances[veil])
    rim = veil & within(bare, _RIM)
    numbers = each.labels[rim]
    sums, pixels = np.bincount(numbers, distances[rim], count), np.bincount(numbers, minlength=count)
    fades = (sums <= _FADED * deepest * pixels) | (deepest <= _FAINT)
    good = (each.sizes >= (_LEAST_SIDE * side) ** 2) & (deepest >= _LEAST_DEPTH * noise) & fades
    good[0] = False
    kept = good[each.labels]
    return kept if kept.any() else None
