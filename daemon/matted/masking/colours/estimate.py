"""Estimate the foreground colours: the subject's own colours where subject and background mix in a pixel.

A pixel at a soft edge is I = alpha F + (1 - alpha) B. alpha and I are known. The foreground F and the background B are
the most probable ones, given the means and variances of the colours nearby:

    F = F' + alpha vF / D (I - alpha F' - (1 - alpha) B')          with D = alpha^2 vF + (1 - alpha)^2 vB + noise,
    B = B' + (1 - alpha) vB / D (I - alpha F' - (1 - alpha) B')

where F', B' are the mean colours of foreground and background nearby, and vF, vB their variances. This is the colour
estimate of Bayesian matting (Chuang et al., "A Bayesian Approach to Digital Matting", CVPR 2001, equation 9, with a
spherical covariance). Where the background is flat and the subject is not, the whole difference goes to the subject.
With vF / D = 1 it is blur fusion (Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021).

The means and variances come from a pyramid, as in Germer et al., "Fast Multi-Level Foreground Estimation" (2020, arXiv
2006.14970): each level separates its pixels into F and B with the means and variances of the next coarser level, then
measures both anew in small windows. The pyramid is built of a reduced picture. At full size only the formula is
applied, and only in tiles with a soft edge.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from matted.inference.layer import Layer
from matted.masking.colours import band

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

# Variances are those of samples in 0..255.
_WORKING_PIXELS = 1 << 20  # of the largest level of the pyramid, about
_SMALLEST_SIDE = 8  # pixels, of the smallest level

_WINDOW_REACH = 2  # pixels on each side of the middle one: windows of 5 x 5
_LEAST_WEIGHT = 1e-3  # of every pixel: a window without any foreground then keeps the coarser level's
_NOISE = 1.0  # variance of a picture's rounding and noise
_LEAST_VARIANCE = 5.0  # added to what a window shows, which is too small a sample to trust a variance of 0
_LOG_SCALE = 16.0  # steps of a byte that double a variance: 256 of them reach from 1 to 2**16
_VARIANCES = np.exp2(np.arange(256, dtype=np.float32) / np.float32(_LOG_SCALE))


@dataclass(frozen=True)
class _Level:
    """A level of the pyramid. colours: height x width x 3, RGB. alpha: height x width."""

    colours: Bytes
    alpha: Bytes


@dataclass(frozen=True)
class _Spread:
    """The means and variances of the colours near each pixel of a level.

    foreground, background: height x width x 4: the means of the three channels, and the variance, the mean of theirs,
        on a logarithmic scale. Four bytes a pixel are what Pillow enlarges at once.
    """

    foreground: Bytes
    background: Bytes

    def enlarged(self, width: int, height: int, box: tuple[float, float, float, float]) -> _Spread:
        """Return the part `box` (left, top, right, bottom), resized to width x height pixels."""
        left, top, right, bottom = box
        if (right - left, bottom - top) == (width, height):
            return self.window(slice(int(top), int(bottom)), slice(int(left), int(right)))
        return _Spread(_enlarge(self.foreground, width, height, box), _enlarge(self.background, width, height, box))

    def window(self, rows: slice, columns: slice) -> _Spread:
        return _Spread(self.foreground[rows, columns], self.background[rows, columns])


@dataclass(frozen=True)
class Learned:
    """What is known of the colours near each pixel of a part of a picture.

    left, top: of the part, in pixels of the picture.
    scale: pixels of the picture along a side of a sample of `spread`.
    """

    left: int
    top: int
    scale: int
    spread: _Spread

    @property
    def inverted(self) -> Learned:
        """The same where the background is what is kept."""
        return replace(self, spread=_Spread(self.spread.background, self.spread.foreground))

    @property
    def memory(self) -> int:
        """The bytes that it takes."""
        return self.spread.foreground.nbytes + self.spread.background.nbytes


def learn(
    alpha: NDArray[np.uint8 | np.uint16], layer: Layer, part: tuple[int, int, int, int], check: Callable[[], None]
) -> Learned:
    """Learn the colours of subject and background in a part of a picture.

    alpha: height x width of the layer; full scale is the subject.
    layer: the picture.
    part: left, top, right, bottom.
    check: called between tiles; raises to stop.
    """
    left, top, right, bottom = part
    scale = math.ceil(math.sqrt((right - left) * (bottom - top) / _WORKING_PIXELS))
    reduced = _reduce_alpha(alpha[top:bottom, left:right], scale)
    samples = np.asarray(layer.image.reduce(scale, part)).reshape(*reduced.shape, -1)
    level = _Level(samples[:, :, list(layer.channels)], reduced)
    return Learned(left, top, scale, _estimate_spread(level, check))


def estimate(
    alpha: NDArray[np.uint8 | np.uint16],
    layer: Layer,
    check: Callable[[], None],
    tuned: NDArray[np.uint8 | np.uint16] | None = None,
    out: Bytes | None = None,
    learned: Callable[[], Learned] | None = None,
) -> Bytes:
    """Return the foreground colours, height x width x 3, RGB.

    alpha: height x width of the layer; full scale is the subject.
    layer: the picture.
    check: called between tiles; raises to stop.
    tuned: the mask after tuning, of the same shape and type as alpha; None if it is alpha. The estimate reaches as far
        as this mask does.
    out: where to put them; None for a new array.
    learned: returns what is known of the same alpha and the whole layer, where it is needed; None: to be learned.

    Where alpha is full, and far from soft edges, the picture's colours are returned unchanged. Near a soft edge the
    estimate is returned also where alpha is 0, as an editor that scales or softens the cut-out mixes these colours in.
    """
    height, width = alpha.shape
    colours = np.empty((height, width, 3), np.uint8) if out is None else out
    for target, source in enumerate(layer.channels):
        colours[:, :, target] = layer.samples[:, :, source]
    check()
    blocks = band.soft_blocks(alpha, tuned)
    if not blocks.any():
        return colours
    if learned is not None:
        known = learned()
    else:
        known = learn(alpha, layer, band.surroundings(blocks, width, height), check)
    left, top, scale = known.left, known.top, known.scale
    full = np.iinfo(alpha.dtype).max
    for rows, columns in band.tiles(blocks, width, height):
        check()
        tile, shares = colours[rows, columns], alpha[rows, columns]
        box = (columns.start - left, rows.start - top, columns.stop - left, rows.stop - top)
        near = known.spread.enlarged(shares.shape[1], shares.shape[0], tuple(side / scale for side in box))
        foreground, _ = _separate(_planes(tile), shares.astype(np.float32) * np.float32(1 / full), near)
        soft = shares < full
        for channel, plane in enumerate(np.rint(foreground, out=foreground)):
            np.copyto(tile[:, :, channel], plane, casting="unsafe", where=soft)
    return colours


# -- the pyramid -----------------------------------------------------------------------------------------------------


def _reduce_alpha(alpha: NDArray[np.uint8 | np.uint16], scale: int) -> Bytes:
    """Return alpha in 8 bits, averaged over scale x scale pixels. It is made in strips, which saves memory."""
    height, width = alpha.shape
    reduced = np.empty((-(-height // scale), -(-width // scale)), np.uint8)
    rows = max(1, band.TILE // scale)
    for row in range(0, reduced.shape[0], rows):
        strip = alpha[row * scale : (row + rows) * scale]
        reduced[row : row + rows] = _reduce((strip >> (8 if alpha.dtype == np.uint16 else 0)).astype(np.uint8), scale)
    return reduced


def _estimate_spread(largest: _Level, check: Callable[[], None]) -> _Spread:
    """Return the means and variances of the largest level: measured level by level, from the smallest on."""
    levels = [largest]
    while min(levels[-1].alpha.shape) > _SMALLEST_SIDE:
        levels.append(_Level(_reduce(levels[-1].colours, 2), _reduce(levels[-1].alpha, 2)))
    spread = _measure_whole(levels[-1])
    for level in reversed(levels):
        height, width = level.alpha.shape
        if level is not levels[-1]:
            spread = spread.enlarged(width, height, (0.0, 0.0, width / 2, height / 2))
        spread = _measure(level, spread, check)
    return spread


def _measure_whole(level: _Level) -> _Spread:
    """Return the means and variances of a whole level, the same for each of its pixels."""
    share = level.alpha.astype(np.float32) * np.float32(1 / 255)
    colours = _planes(level.colours)
    sides = []
    for weight in (share, 1.0 - share):
        mean, variance = _mean_and_variance(
            _weighted_products(colours, _sample_weight(weight)).sum(axis=(1, 2), keepdims=True)
        )
        sides.append(np.tile(_pack(mean, variance), (*share.shape, 1)))
    return _Spread(*sides)


def _measure(level: _Level, coarse: _Spread, check: Callable[[], None]) -> _Spread:
    """Separate a level's pixels, then measure means and variances in the window of each; far from edges keep `coarse`.

    coarse: of the next coarser level, enlarged to this one.
    """
    height, width = level.alpha.shape
    fine = _Spread(np.array(coarse.foreground), np.array(coarse.background))
    for rows, columns in band.tiles(band.soft_blocks(level.alpha), width, height):
        check()
        tall, wide = _widen(rows, height), _widen(columns, width)
        share = level.alpha[tall, wide].astype(np.float32) * np.float32(1 / 255)
        sides = _separate(_planes(level.colours[tall, wide]), share, coarse.window(tall, wide))
        inner_rows = slice(rows.start - tall.start, rows.stop - tall.start)
        inner_columns = slice(columns.start - wide.start, columns.stop - wide.start)
        shares = share, np.float32(1.0) - share
        for packed, colours, weight in zip((fine.foreground, fine.background), sides, shares, strict=True):
            sums = _window_sums(_weighted_products(colours, _sample_weight(weight)))
            packed[rows, columns] = _pack(*_mean_and_variance(sums[:, inner_rows, inner_columns]))
    return fine


def _widen(side: slice, end: int) -> slice:
    return slice(max(0, side.start - _WINDOW_REACH), min(end, side.stop + _WINDOW_REACH))


# -- arithmetic, on planes: 3 x height x width, 0..255 ----------------------------------------------------------------


def _separate(colours: Floats, alpha: Floats, near: _Spread) -> tuple[Floats, Floats]:
    """Return F and B by the formula of this module.

    colours: I, planes.
    alpha: height x width, 0..1.
    near: F', B', vF and vB of each pixel.
    """
    beta = np.float32(1.0) - alpha
    foreground, background = _planes(near.foreground), _planes(near.background)
    pull = alpha * _VARIANCES.take(near.foreground[:, :, 3])
    push = beta * _VARIANCES.take(near.background[:, :, 3])
    unexplained = colours - background
    unexplained -= alpha * (foreground - background)
    unexplained /= alpha * pull + beta * push + np.float32(_NOISE)
    foreground += pull * unexplained
    background += push * unexplained
    return np.clip(foreground, 0.0, 255.0, out=foreground), np.clip(background, 0.0, 255.0, out=background)


def _sample_weight(share: Floats) -> Floats:
    """Return the sample weight: share cubed plus a small floor. share: of foreground or background in a pixel, 0..1."""
    return share * share * share + np.float32(_LEAST_WEIGHT)


def _weighted_products(colours: Floats, weight: Floats) -> Floats:
    """Return the terms of a weighted mean and variance, 5 x height x width, to be summed.

    They are the weight, the three colours times the weight, and the sum of the squares of the colours times the weight.
    """
    sums = np.empty((5, *weight.shape), np.float32)
    sums[0] = weight
    np.multiply(colours, weight, out=sums[1:4])
    np.einsum("chw,chw->hw", colours, sums[1:4], out=sums[4])
    return sums


def _window_sums(planes: Floats) -> Floats:
    """Return the sums over the window around each pixel; beyond the edges there is nothing to add."""
    count, height, width = planes.shape
    padded = np.zeros((count, height + 2 * _WINDOW_REACH, width + 2 * _WINDOW_REACH), np.float32)
    padded[:, _WINDOW_REACH:-_WINDOW_REACH, _WINDOW_REACH:-_WINDOW_REACH] = planes
    pairs = padded[:, :-1] + padded[:, 1:]
    tall = pairs[:, :-3] + pairs[:, 2:-1]
    tall += padded[:, 4:]
    pairs = tall[:, :, :-1] + tall[:, :, 1:]
    sums: Floats = pairs[:, :, :-3] + pairs[:, :, 2:-1]
    sums += tall[:, :, 4:]
    return sums


def _mean_and_variance(sums: Floats) -> tuple[Floats, Floats]:
    """Return the mean (3 x height x width) and the variance (height x width, the mean of the channels').

    sums: of `_weighted_products`.
    """
    mean = sums[1:4] / sums[0]
    variance = (sums[4] / sums[0] - np.einsum("chw,chw->hw", mean, mean)) * np.float32(1 / 3)
    return mean, variance


# -- layouts ---------------------------------------------------------------------------------------------------------


def _planes(pixels: Bytes) -> Floats:
    """Return the first three channels as planes. pixels: height x width x 3 or 4."""
    return pixels.transpose(2, 0, 1)[:3].astype(np.float32, order="C")


def _pack(mean: Floats, variance: Floats) -> Bytes:
    """Return a mean and a variance as bytes, height x width x 4, as in _Spread."""
    packed = np.empty((*variance.shape, 4), np.uint8)
    for channel, plane in enumerate(mean):
        np.rint(plane, out=packed[:, :, channel], casting="unsafe")
    logarithm = np.log2(np.maximum(variance, 0.0) + np.float32(_LEAST_VARIANCE)) * np.float32(_LOG_SCALE)
    np.rint(logarithm, out=packed[:, :, 3], casting="unsafe")
    return packed


def _reduce(samples: Bytes, scale: int) -> Bytes:
    """Return the averages of scale x scale pixels, of fewer at the lower and right edge."""
    return np.asarray(Image.fromarray(np.ascontiguousarray(samples)).reduce(scale)) if scale > 1 else samples


def _enlarge(packed: Bytes, width: int, height: int, box: tuple[float, float, float, float]) -> Bytes:
    picture = Image.frombuffer("RGBX", packed.shape[1::-1], packed, "raw", "RGBX", 0, 1)
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR, box))
