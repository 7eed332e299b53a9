"""Trim a model's alpha by a flat ground: what has the ground's colour around the subject goes, its shadow may stay."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from matted.inference.layer import Layer
from matted.mask.ground import areas, unmixing
from matted.mask.ground.finding import Ground
from matted.mask.view import View

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Marks = NDArray[np.bool_]
Mask = NDArray[np.uint8 | np.uint16]

_SIDE = 1024  # pixels of the longer side, at most, at which the ground around the subject is looked for
_LEAST_NOISE = 3.0  # levels
_FADING = 3.0  # times the noise, over which the alpha rises from nothing
_EDGE = 3.0  # pixels of the picture from the bare ground on that are trimmed
_BROAD = 0.006  # of the longer side: half the breadth from which on a place in the ground's colour may be the subject's
_SUBJECT = 0.5  # alpha from which a pixel is subject
_TINT = 0.05  # by which the channels of a shadow may be unequally dark, as shares of the ground's
_RADIUS = 4  # pixels, that a radius is at most: the mean of more of them rounds a single one to nothing
_ROWS = 128  # of a strip


@dataclass(frozen=True)
class Trimming:
    """What is known of the ground around the subject of a picture.

    ground: as it was found.
    around: rows x columns, of the whole picture: where there is bare ground that reaches the picture's edge.
    """

    ground: Ground
    around: Marks

    @classmethod
    def of(cls, layer: Layer, ground: Ground) -> Trimming:
        """Look at a picture."""
        small = layer.averaged(_SIDE)
        field = ground.field.sampled((0, 0, layer.width, layer.height), small.width, small.height)
        differences = np.abs(np.moveaxis(small.planes(), 0, -1).astype(np.float32) - field)
        bare = areas.find(unmixing.greatest(differences) <= ground.noise)
        return cls(ground, bare.outside[bare.labels])

    @property
    def memory(self) -> int:
        """The bytes that it takes."""
        return self.around.nbytes

    def apply(self, alpha: Mask, layer: Layer, view: View, shadow: bool) -> Mask:
        """Return the alpha in a view, trimmed.

        alpha: height x width of the view, full scale is subject.
        layer: the picture in the view.
        shadow: whether the shadow on the ground stays, half transparent.
        """
        full = np.iinfo(alpha.dtype).max
        distances, shade = self._distances(layer, view, shadow)
        noise = max(self.ground.noise, _LEAST_NOISE)
        bare = (distances <= noise) & self._around_in(view)
        subject = bare & (alpha > _SUBJECT * full)
        bare &= ~_broad(subject, _BROAD * max(view.whole) * view.scale)
        edge = _grown(bare, max(1, math.ceil(_EDGE * view.scale)))
        shares = (distances * np.float32(1 / (_FADING * noise))).clip(0, 1)
        result = alpha.astype(np.float32)
        np.multiply(result, shares, out=result, where=edge)
        if shade is not None:
            result += (np.float32(full) - result) * np.where(result <= _SUBJECT * full, shade, 0)
        return np.rint(result).astype(alpha.dtype)

    def _distances(self, layer: Layer, view: View, shadow: bool) -> tuple[Floats, Floats | None]:
        """Return how far the pixels of a view are from the ground, in levels, and how dark a shadow lies on each."""
        distances = np.empty((layer.height, layer.width), np.float32)
        shade = np.zeros_like(distances) if shadow else None
        down = (view.bottom - view.top) / view.height
        channels = list(layer.channels)
        for top in range(0, layer.height, _ROWS):
            samples = layer.samples[top : top + _ROWS][:, :, channels].astype(np.float32)
            box = (view.left, view.top + top * down, view.right, view.top + (top + len(samples)) * down)
            field = self.ground.field.sampled(box, layer.width, len(samples))
            distances[top : top + _ROWS] = unmixing.greatest(np.abs(samples - field))
            if shade is not None:
                shade[top : top + _ROWS] = _shadow(samples, field, self.ground.noise)
        return distances, shade

    def _around_in(self, view: View) -> Marks:
        rows, columns = self.around.shape
        (top, bottom), (left, right) = view.rows(rows), view.columns(columns)
        image = Image.fromarray(self.around.view(np.uint8))
        size = view.width, view.height
        shown = image.resize(size, Image.Resampling.NEAREST, (left, top, right, bottom))
        return _grown(np.asarray(shown).view(bool), max(1, math.ceil(view.width / (right - left))))


def _shadow(samples: Floats, field: Floats, noise: float) -> Floats:
    """Return how much of the ground a shadow covers, 0..1; 0 where there is another colour. rows x columns."""
    shares = (samples / np.maximum(field, 1)).astype(np.float32, copy=False)
    covered, lightest = unmixing.greatest(np.float32(1) - shares), unmixing.greatest(shares)
    slack = noise / 255
    neutral = (lightest - (1 - covered) <= _TINT + slack) & (lightest <= 1 + slack)
    return np.where(neutral & (covered > slack), covered, np.float32(0)).clip(0, 1)


def _broad(marks: Marks, radius: float) -> Marks:
    """Return those marks that are part of a place that is broader than twice the radius, in pixels."""
    if not marks.any():
        return marks
    shrinkage = max(1, int(radius / _RADIUS))
    small = np.asarray(Image.fromarray(marks.astype(np.uint8) * np.uint8(255)).reduce(shrinkage)) == 255
    reach = max(1, round(radius / shrinkage))
    opened = _grown(_shrunk(small, reach), reach + 1)
    height, width = marks.shape
    return np.asarray(marks & opened[np.ix_(np.arange(height) // shrinkage, np.arange(width) // shrinkage)])


def _grown(marks: Marks, radius: int) -> Marks:
    return np.asarray(_blurred(marks, radius) > 0)


def _shrunk(marks: Marks, radius: int) -> Marks:
    return np.asarray(_blurred(marks, radius) == 255)


def _blurred(marks: Marks, radius: int) -> Bytes:
    """Return the mean of the pixels at most `radius` away along rows and columns: 0 where none is marked."""
    image = Image.fromarray(marks.astype(np.uint8) * np.uint8(255))
    return np.asarray(image.filter(ImageFilter.BoxBlur(radius)))
