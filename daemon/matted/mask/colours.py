"""The subject's own colours: what a picture shows where subject and background mix, without the background's share.

A pixel at a soft edge is I = alpha F + (1 - alpha) B. alpha and I are known; the foreground F and the background B are
found as the most probable ones, given how the colours nearby are spread on either side:

    F = F' + alpha vF / D (I - alpha F' - (1 - alpha) B')    with D = alpha^2 vF + (1 - alpha)^2 vB + noise,

F', B' the mean colours of foreground and background nearby, vF, vB their variances. It is Bayesian matting's colour
estimate (Chuang et al., "A Bayesian Approach to Digital Matting", CVPR 2001, equation 9, with a spherical covariance).
Where the background is flat and the subject is not, the whole difference is the subject's. With vF / D = 1 it is blur
fusion (Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021).

The means and variances come from a pyramid, as in Germer et al., "Fast Multi-Level Foreground Estimation" (2020, arXiv
2006.14970): each level separates its pixels with what the next coarser one knows, then gathers them anew in small
windows. The pyramid stands on a reduced picture; only the formula is applied at full size, and only in the tiles that
have a soft edge in them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from matted.inference.layer import Layer
from matted.mask import band

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

_WORKING_PIXELS = 1 << 20  # of the largest level of the pyramid
_SMALLEST_SIDE = 8  # of the smallest level

_REACH = 2  # pixels to each side of a window: 5 x 5
_FAINT = 1e-3  # with which every pixel counts, so that a window without any foreground repeats the coarser level's
_NOISE = 1.0  # variance of a picture's own rounding and noise
_LEAST_VARIANCE = 5.0  # a window is too small a sample to be sure of less
_LOG_SCALE = 16.0  # variances 1 to 2**16 are kept as bytes, on a logarithmic scale
_VARIANCES = np.exp2(np.arange(256, dtype=np.float32) / np.float32(_LOG_SCALE))


@dataclass(frozen=True)
class _Level:
    """colours: height x width x 3, RGB. alpha: height x width."""

    colours: Bytes
    alpha: Bytes


@dataclass(frozen=True)
class _Spread:
    """How the colours of foreground and background are spread near each pixel of a level.

    Each height x width x 4: the mean of three channels, and the variance on a logarithmic scale. Four bytes a pixel are
    what Pillow enlarges at once.
    """

    foreground: Bytes
    background: Bytes

    def enlarged(self, width: int, height: int, box: tuple[float, float, float, float]) -> _Spread:
        """The part `box` (left, top, right, bottom), as width x height pixels."""
        left, top, right, bottom = box
        if (right - left, bottom - top) == (width, height):
            return self.window(slice(int(top), int(bottom)), slice(int(left), int(right)))
        return _Spread(_enlarge(self.foreground, width, height, box), _enlarge(self.background, width, height, box))

    def window(self, rows: slice, columns: slice) -> _Spread:
        return _Spread(self.foreground[rows, columns], self.background[rows, columns])


def estimate(
    alpha: NDArray[np.uint8 | np.uint16],
    layer: Layer,
    check: Callable[[], None],
    shown: NDArray[np.uint8 | np.uint16] | None = None,
) -> Bytes:
    """Return the foreground's colours, height x width x 3, RGB.

    alpha: height x width of the layer, full scale is the subject. Where alpha is full the picture's own colours are
    returned unchanged; near a soft edge, also where alpha is 0, the foreground's, for whoever scales or softens the
    cut-out; elsewhere the picture's. check: called between tiles, raises to stop. shown: the alpha after tuning, of the
    same shape and type, if it is another: the foreground's colours go as far as it does.
    """
    height, width = alpha.shape
    colours = np.empty((height, width, 3), np.uint8)
    for target, source in enumerate(layer.channels):
        colours[:, :, target] = layer.samples[:, :, source]
    check()
    blocks = band.soft_blocks(alpha, shown)
    if not blocks.any():
        return colours
    left, top, right, bottom = around = band.surroundings(blocks, width, height)
    scale = math.ceil(math.sqrt((right - left) * (bottom - top) / _WORKING_PIXELS))
    reduced = _reduced_alpha(alpha[top:bottom, left:right], scale)
    samples = np.asarray(layer.image.reduce(scale, around)).reshape(*reduced.shape, -1)
    level = _Level(samples[:, :, list(layer.channels)], reduced)
    spread = _spread(level, check)
    full = np.iinfo(alpha.dtype).max
    for rows, columns in band.tiles(blocks, width, height):
        check()
        tile, shares = colours[rows, columns], alpha[rows, columns]
        box = (columns.start - left, rows.start - top, columns.stop - left, rows.stop - top)
        near = spread.enlarged(shares.shape[1], shares.shape[0], tuple(side / scale for side in box))
        foreground, _ = _separate(_planes(tile), shares.astype(np.float32) * np.float32(1 / full), near)
        soft = shares < full
        for channel, plane in enumerate(np.rint(foreground, out=foreground)):
            np.copyto(tile[:, :, channel], plane, casting="unsafe", where=soft)
    return colours


# -- the pyramid -----------------------------------------------------------------------------------------------------


def _reduced_alpha(alpha: NDArray[np.uint8 | np.uint16], scale: int) -> Bytes:
    """In 8 bits, in strips."""
    height, width = alpha.shape
    reduced = np.empty((-(-height // scale), -(-width // scale)), np.uint8)
    rows = max(1, band.TILE // scale)
    for row in range(0, reduced.shape[0], rows):
        strip = alpha[row * scale : (row + rows) * scale]
        reduced[row : row + rows] = _reduce((strip >> (8 if alpha.dtype == np.uint16 else 0)).astype(np.uint8), scale)
    return reduced


def _spread(largest: _Level, check: Callable[[], None]) -> _Spread:
    """Climb the pyramid."""
    levels = [largest]
    while min(levels[-1].alpha.shape) > _SMALLEST_SIDE:
        levels.append(_Level(_reduce(levels[-1].colours, 2), _reduce(levels[-1].alpha, 2)))
    spread = _overall(levels[-1])
    for level in reversed(levels):
        height, width = level.alpha.shape
        if level is not levels[-1]:
            spread = spread.enlarged(width, height, (0.0, 0.0, width / 2, height / 2))
        spread = _gathered(level, spread, check)
    return spread


def _overall(level: _Level) -> _Spread:
    """The same everywhere."""
    share = level.alpha.astype(np.float32) * np.float32(1 / 255)
    colours = _planes(level.colours)
    sides = []
    for weight in (share, 1.0 - share):
        mean, variance = _moments(_weighted(colours, _counted(weight)).sum(axis=(1, 2), keepdims=True))
        sides.append(np.tile(_packed(mean, variance), (*share.shape, 1)))
    return _Spread(*sides)


def _gathered(level: _Level, coarse: _Spread, check: Callable[[], None]) -> _Spread:
    """Separate a level's pixels with what is known of it, then see how they are spread. Only where there is an edge."""
    height, width = level.alpha.shape
    fine = _Spread(np.array(coarse.foreground), np.array(coarse.background))
    for rows, columns in band.tiles(band.soft_blocks(level.alpha), width, height):
        check()
        tall, wide = _widened(rows, height), _widened(columns, width)
        share = level.alpha[tall, wide].astype(np.float32) * np.float32(1 / 255)
        sides = _separate(_planes(level.colours[tall, wide]), share, coarse.window(tall, wide))
        inner_rows = slice(rows.start - tall.start, rows.stop - tall.start)
        inner_columns = slice(columns.start - wide.start, columns.stop - wide.start)
        shares = share, np.float32(1.0) - share
        for packed, colours, weight in zip((fine.foreground, fine.background), sides, shares, strict=True):
            sums = _windowed(_weighted(colours, _counted(weight)))
            packed[rows, columns] = _packed(*_moments(sums[:, inner_rows, inner_columns]))
    return fine


def _widened(side: slice, end: int) -> slice:
    return slice(max(0, side.start - _REACH), min(end, side.stop + _REACH))


# -- the arithmetic, on planes: 3 x height x width, 0..255 -------------------------------------------------------------


def _separate(colours: Floats, alpha: Floats, near: _Spread) -> tuple[Floats, Floats]:
    """The formula, for both sides. alpha: height x width, 0..1."""
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


def _counted(share: Floats) -> Floats:
    """By how much a pixel counts of which `share` is one side's: what is sure of its side says most about it."""
    return share * share * share + np.float32(_FAINT)


def _weighted(colours: Floats, weight: Floats) -> Floats:
    """What `_moments` needs the sums of, 5 x height x width: the weight, the weighted colours and their squares."""
    sums = np.empty((5, *weight.shape), np.float32)
    sums[0] = weight
    np.multiply(colours, weight, out=sums[1:4])
    np.einsum("chw,chw->hw", colours, sums[1:4], out=sums[4])
    return sums


def _windowed(planes: Floats) -> Floats:
    """The sums over the window around each pixel; beyond the edges there is nothing to add."""
    count, height, width = planes.shape
    padded = np.zeros((count, height + 2 * _REACH, width + 2 * _REACH), np.float32)
    padded[:, _REACH:-_REACH, _REACH:-_REACH] = planes
    pairs = padded[:, :-1] + padded[:, 1:]
    tall = pairs[:, :-3] + pairs[:, 2:-1]
    tall += padded[:, 4:]
    pairs = tall[:, :, :-1] + tall[:, :, 1:]
    sums: Floats = pairs[:, :, :-3] + pairs[:, :, 2:-1]
    sums += tall[:, :, 4:]
    return sums


def _moments(sums: Floats) -> tuple[Floats, Floats]:
    """Mean (3 x height x width) and variance (height x width, of a channel on average)."""
    mean = sums[1:4] / sums[0]
    variance = (sums[4] / sums[0] - np.einsum("chw,chw->hw", mean, mean)) * np.float32(1 / 3)
    return mean, variance


# -- layouts ---------------------------------------------------------------------------------------------------------


def _planes(pixels: Bytes) -> Floats:
    """The first three channels, 3 x height x width."""
    return pixels.transpose(2, 0, 1)[:3].astype(np.float32, order="C")


def _packed(mean: Floats, variance: Floats) -> Bytes:
    """height x width x 4, as in _Spread."""
    packed = np.empty((*variance.shape, 4), np.uint8)
    for channel, plane in enumerate(mean):
        np.rint(plane, out=packed[:, :, channel], casting="unsafe")
    logarithm = np.log2(np.maximum(variance, 0.0) + np.float32(_LEAST_VARIANCE)) * np.float32(_LOG_SCALE)
    np.rint(logarithm, out=packed[:, :, 3], casting="unsafe")
    return packed


def _reduce(samples: Bytes, scale: int) -> Bytes:
    """Averages of scale x scale pixels, fewer at the lower and right edge."""
    return np.asarray(Image.fromarray(np.ascontiguousarray(samples)).reduce(scale)) if scale > 1 else samples


def _enlarge(packed: Bytes, width: int, height: int, box: tuple[float, float, float, float]) -> Bytes:
    picture = Image.frombuffer("RGBX", packed.shape[1::-1], packed, "raw", "RGBX", 0, 1)
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR, box))
