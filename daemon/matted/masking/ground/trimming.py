"""Trim a model's alpha by a flat ground: what has the ground's colour around the subject goes, its shadow may stay."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from matted.inference.layer import Layer
from matted.masking.ground import areas
from matted.masking.ground.finding import Ground
from matted.masking.rendering.regions import within, within_rows
from matted.masking.view import View
from matted.system.threads import for_each

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Marks = NDArray[np.bool_]
Indices = NDArray[np.intp]
Places = Indices | slice
Mask = NDArray[np.uint8 | np.uint16]

_SIDE = 1024  # pixels of the longer side, at most, at which the ground around the subject is looked for
_LEAST_NOISE = 3.0  # levels
_FADING = 3.0  # times the noise, over which the alpha rises from nothing
_EDGE = 3.0  # pixels of the picture from the bare ground on that are trimmed
_BROAD = 0.006  # of the longer side: half the breadth from which on a place in the ground's colour may be the subject's
_SUBJECT = 0.5  # alpha from which a pixel is subject
_TINT = 0.05  # by which the channels of a shadow may be unequally dark, as shares of the ground's
_RADIUS = 4  # blocks, about, that half a broad place has at least
_ROWS = 128  # of a strip
_MANY = 0.15  # share of the pixels, from which to look at all of them is faster than to choose


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
        colours, field = ground.field.beside(layer, _SIDE)
        bare = areas.find(np.abs(colours - field).max(axis=0) <= ground.noise)
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
        full = int(np.iinfo(alpha.dtype).max)
        noise = max(self.ground.noise, _LEAST_NOISE)
        bare = self._bare(layer, view, noise)
        opened = _Broad(bare, alpha, _BROAD * max(view.whole) * view.scale)
        reach = max(1, math.ceil(_EDGE * view.scale))
        result = alpha.copy()

        def work(top: int) -> None:
            bottom = min(top + _ROWS, layer.height)
            above, below = max(0, top - reach), min(layer.height, bottom + reach)
            edge = within(bare[above:below] & ~opened.marks(above, below), reach)[top - above : bottom - above]
            own, pixels = alpha[top:bottom].reshape(-1), _Pixels(self.ground, layer, view, top, bottom)
            trims = edge.reshape(-1) & (own > 0)
            places = _where(trims)
            shares = (pixels.distances(places) * np.float32(1 / (_FADING * noise))).clip(0, 1)
            trimmed = own[places] * np.where(trims[places], shares, np.float32(1))
            result[top:bottom].reshape(-1)[places] = np.rint(trimmed)
            if shadow:
                values = own.astype(np.float32)
                values[places] = trimmed
                darkens = pixels.may_be_dark().reshape(-1) & (values <= _SUBJECT * full)
                places = _where(darkens)
                values = values[places]
                values += (np.float32(full) - values) * np.where(darkens[places], pixels.shadow(places), 0)
                result[top:bottom].reshape(-1)[places] = np.rint(values)

        for_each(work, range(0, layer.height, _ROWS))
        return result

    def _bare(self, layer: Layer, view: View, noise: float) -> Marks:
        """Return where a view shows bare ground that reaches the picture's edge. noise: levels that it may be off."""
        rows, columns = self.around.shape
        (top, bottom), (left, right) = view.rows(rows), view.columns(columns)
        reach = max(1, math.ceil(view.width / (right - left)))
        down, across = _nearest(rows, top, bottom, view.height), _nearest(columns, left, right, view.width)
        around = within_rows(self.around[:, across].T, reach).T
        bare = np.empty((layer.height, layer.width), bool)

        def work(top: int) -> None:
            bottom = min(top + _ROWS, layer.height)
            above, below = max(0, top - reach), min(layer.height, bottom + reach)
            near = within_rows(around[down[above:below]], reach)[top - above : bottom - above]
            if near.any():
                near &= _Pixels(self.ground, layer, view, top, bottom).are_ground(noise)
            bare[top:bottom] = near

        for_each(work, range(0, layer.height, _ROWS))
        return bare


class _Pixels:
    """Some rows of a view, beside the ground that lies there."""

    def __init__(self, ground: Ground, layer: Layer, view: View, top: int, bottom: int) -> None:
        """Take the rows top <= y < bottom of a view. layer: the picture in the view."""
        self._ground, self._channels = ground, list(layer.channels)
        self._samples = layer.samples[top:bottom]
        self._levels = ground.field.coefficients[0] if ground.field.is_constant else None
        down = (view.bottom - view.top) / view.height
        self._box = (view.left, view.top + top * down, view.right, view.top + bottom * down)

    @cached_property
    def _planes(self) -> Floats:
        """The ground's colours: 3 x rows x columns."""
        rows, columns = self._samples.shape[:2]
        return np.moveaxis(self._ground.field.sampled(self._box, columns, rows), -1, 0)

    def _each(self) -> list[Bytes]:
        return [self._samples[:, :, channel].copy() for channel in self._channels]

    def are_ground(self, noise: float) -> Marks:
        """Return which pixels are so many levels from the ground at most."""
        result = np.ones(self._samples.shape[:2], bool)
        every = np.arange(256, dtype=np.float32)
        for channel, samples in enumerate(self._each()):
            if self._levels is None:
                differences = samples - self._planes[channel]
                result &= np.abs(differences, out=differences) <= noise
            else:
                near = np.abs(every - self._levels[channel]) <= noise
                samples -= np.uint8(near.argmax())  # what is below wraps around
                result &= samples < np.count_nonzero(near)
        return result

    def may_be_dark(self) -> Marks:
        """Return which pixels may have a shadow: all that have one, and some others."""
        result = np.zeros(self._samples.shape[:2], bool)
        lightest = 1 - self._ground.noise / 255
        for channel, samples in enumerate(self._each()):
            if self._levels is None:
                result |= samples < self._planes[channel] * np.float32(lightest) + 1
            else:
                result |= samples < math.ceil(max(1.0, float(self._levels[channel])) * lightest + 1)
        return result

    def distances(self, places: Places) -> Floats:
        """Return how far pixels are from the ground, in levels. places: their numbers, row by row."""
        differences = [
            np.abs(colours - field) for colours, field in zip(self._colours(places), self._field(places), strict=True)
        ]
        return _greatest(differences)

    def shadow(self, places: Places) -> Floats:
        """Return how much of the ground a shadow covers at some pixels, 0..1; 0 where there is another colour.

        places: as `distances` has them.
        """
        shares = [
            np.asarray(colours / np.maximum(field, np.float32(1)), np.float32)
            for colours, field in zip(self._colours(places), self._field(places), strict=True)
        ]
        covered, lightest = _greatest([np.float32(1) - share for share in shares]), _greatest(shares)
        slack = self._ground.noise / 255
        neutral = (lightest - (1 - covered) <= _TINT + slack) & (lightest <= 1 + slack)
        return np.where(neutral & (covered > slack), covered, np.float32(0)).clip(0, 1)

    def _colours(self, places: Places) -> list[Floats]:
        """Return red, green and blue of some pixels."""
        samples = self._samples.reshape(-1, self._samples.shape[2])
        if not isinstance(places, slice):
            samples = samples.take(places, axis=0)
        return [samples[:, channel].astype(np.float32) for channel in self._channels]

    def _field(self, places: Places) -> list[Floats]:
        """Return red, green and blue of the ground there; of one colour once for all."""
        if self._levels is not None:
            return [self._levels[channel : channel + 1] for channel in range(3)]
        if not isinstance(places, slice) and not len(places):
            return [np.zeros(0, np.float32)] * 3  # which needs no drawing
        return [plane.reshape(-1)[places] for plane in self._planes]


class _Broad:
    """The places in the ground's colour that are the subject's, because they are broad.

    They are found in blocks of pixels that are subject throughout.
    """

    def __init__(self, bare: Marks, alpha: Mask, radius: float) -> None:
        """Find them. bare: where there is ground. radius: half their breadth at least, in pixels."""
        self._alpha, self._half = alpha, int(np.iinfo(alpha.dtype).max) // 2
        self._side = side = max(1, int(radius / _RADIUS))
        height, width = bare.shape
        blocks = np.zeros((-(-height // side), -(-width // side)), bool)
        step = max(1, _ROWS // side)

        def work(top: int) -> None:
            rows = slice(top * side, (top + step) * side)
            subject = bare[rows] & (alpha[rows] > self._half)
            if subject.any():
                blocks[top : top + step] = np.asarray(_image(subject).reduce(side)) == 255

        for_each(work, range(0, len(blocks), step))
        reach = max(1, round(radius / side))
        self._blocks = within(~within(~blocks, reach), reach + 1) if blocks.any() else None

    def marks(self, top: int, bottom: int) -> Marks:
        """Return where they are in the rows top <= y < bottom, among the ground."""
        rows = self._alpha[top:bottom]
        if self._blocks is None:
            return np.zeros(rows.shape, bool)
        down, across = np.arange(top, bottom) // self._side, np.arange(rows.shape[1]) // self._side
        return np.asarray((rows > self._half) & self._blocks[np.ix_(down, across)])


def _where(marks: Marks) -> Places:
    """Return the places of marks, or all places if many are marked: then to look at all is faster than to choose."""
    return slice(None) if np.count_nonzero(marks) > _MANY * len(marks) else np.flatnonzero(marks)


def _greatest(values: list[Floats]) -> Floats:
    return np.maximum(np.maximum(values[0], values[1]), values[2])


def _nearest(count: int, first: float, last: float, size: int) -> Indices:
    """Return which of some samples each pixel shows between first and last. size: pixels there."""
    samples = Image.fromarray(np.arange(count, dtype=np.int32)[np.newaxis])
    shown = np.asarray(samples.resize((size, 1), Image.Resampling.NEAREST, (first, 0, last, 1)), np.intp)
    return shown.reshape(-1)


def _image(marks: Marks) -> Image.Image:
    return Image.fromarray(marks.view(np.uint8) * np.uint8(255))
