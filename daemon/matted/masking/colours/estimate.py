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
measures both anew: in windows of 3 x 3 cells, of 2 x 2 pixels each. The pyramid is built of a reduced picture. At full
size only the formula is applied, and only in tiles with a soft edge.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from matted.inference.layer import Layer
from matted.masking.colours import band
from matted.masking.rendering import resampling

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

# The means and variances of the colours near each cell: 2 x 4 x rows x columns, for foreground and background the means
# of the three channels, and the variance, which is the mean of theirs. Samples are in 0..255.
Spread = Floats

_WORKING_PIXELS = 1 << 20  # of the largest level of the pyramid, about
_SMALLEST_SIDE = 8  # pixels, of the smallest level
_CELL = 2  # pixels of a level along a side of a cell; it divides a tile

_LEAST_WEIGHT = 1e-3  # of every pixel: a window without any foreground then keeps the coarser level's
_NOISE = 1.0  # variance of a picture's rounding and noise
_LEAST_VARIANCE = 5.0  # added to what a window shows, which is too small a sample to trust a variance of 0


@dataclass(frozen=True)
class _Level:
    """A level of the pyramid. samples: height x width x 4, 3 or 1, as in the layer. alpha: height x width."""

    samples: Bytes
    alpha: Bytes


class _Enlarging:
    """Interpolates a spread between its cells, for the pixels of a picture."""

    def __init__(
        self, spread: Spread, height: int, width: int, cell: int, tile: int, begin: tuple[int, int] = (0, 0)
    ) -> None:
        """Prepare it.

        height, width: of the picture, in pixels. tile: pixels along the side of a tile.
        cell: pixels along the side of a cell.
        begin: where the cells begin, pixels down and across.
        """
        self._spread, self._tile = spread, tile
        self._down, self._across = (
            resampling.linear(cells, pixels, cell, tile, begin=-first / cell)
            for cells, pixels, first in zip(spread.shape[2:], (height, width), begin, strict=True)
        )

    def near(self, rows: slice, columns: slice) -> Spread:
        """Return the means and variances near each pixel of a tile or a part of one."""
        down, across = self._down[rows.start // self._tile], self._across[columns.start // self._tile]
        cells = self._spread[:, :, down.samples, across.samples]
        wide = cells @ across.weights[_within(columns, across.pixels)].T
        pixels: Spread = down.weights[_within(rows, down.pixels)] @ wide
        return pixels

    def everywhere(self) -> Spread:
        """Return those near each pixel of the picture."""
        height, width = (spans[-1].pixels.stop for spans in (self._down, self._across))
        whole = np.empty((*self._spread.shape[:2], height, width), np.float32)
        for down, across in product(self._down, self._across):
            whole[:, :, down.pixels, across.pixels] = self.near(down.pixels, across.pixels)
        return whole


def _within(side: slice, other: slice) -> slice:
    return slice(side.start - other.start, side.stop - other.start)


@dataclass(frozen=True)
class Learned:
    """What is known of the colours near each pixel of a part of a picture.

    left, top: of the part, in pixels of the picture.
    cell: pixels of the picture along a side of a cell of `spread`.
    """

    left: int
    top: int
    cell: int
    spread: Spread

    @property
    def inverted(self) -> Learned:
        """The same where the background is what is kept."""
        return replace(self, spread=self.spread[::-1])

    @property
    def memory(self) -> int:
        """The bytes that it takes."""
        return self.spread.nbytes


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
    if scale == 1:
        samples = layer.samples[top:bottom, left:right]
    else:
        samples = np.asarray(layer.image.reduce(scale, part)).reshape(*reduced.shape, -1)
    spread = _spread(_Level(samples, reduced), layer.channels, check)
    return Learned(left, top, scale * _CELL, spread)


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
    blocks = band.edge_blocks(alpha, tuned)
    estimate_tiles(alpha, layer, blocks, check, lambda rows, columns: colours[rows, columns], learned)
    return colours


def estimate_tiles(
    alpha: NDArray[np.uint8 | np.uint16],
    layer: Layer,
    blocks: NDArray[np.bool_],
    check: Callable[[], None],
    colours: Callable[[slice, slice], Bytes],
    learned: Callable[[], Learned] | None = None,
) -> None:
    """Estimate the foreground colours in some tiles: all in which they may differ from the picture's.

    blocks: those that are soft and their neighbours (see `band`): the tiles that have a marked one.
    colours: returns a tile by its rows and columns, height x width x 3, RGB: the picture's colours, to be replaced.
    The others are parameters of `estimate`.
    """
    height, width = alpha.shape
    if not blocks.any():
        return
    if learned is not None:
        known = learned()
    else:
        known = learn(alpha, layer, band.surroundings(blocks, width, height), check)
    enlarging = _Enlarging(known.spread, height, width, known.cell, band.TILE, (known.top, known.left))
    full = np.iinfo(alpha.dtype).max
    for rows, columns in band.tiles(blocks, width, height):
        check()
        tile, alphas = colours(rows, columns), alpha[rows, columns]
        foreground = _separate(_planes(tile, (0, 1, 2)), _shares(alphas), enlarging.near(rows, columns))[0]
        soft = alphas < full
        for channel, plane in enumerate(np.rint(foreground, out=foreground)):
            np.copyto(tile[:, :, channel], plane, casting="unsafe", where=soft)


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


def _spread(largest: _Level, channels: Sequence[int], check: Callable[[], None]) -> Spread:
    """Return the means and variances of the largest level: measured level by level, from the smallest on.

    channels: which of the samples are red, green and blue.
    """
    levels = [largest]
    while min(levels[-1].alpha.shape) > _SMALLEST_SIDE:
        levels.append(_Level(_reduce(levels[-1].samples, 2), _reduce(levels[-1].alpha, 2)))
    spread = _whole(levels[-1], channels)
    for level in reversed(levels):
        spread = _measured(level, channels, spread, check)
    return spread


def _whole(level: _Level, channels: Sequence[int]) -> Spread:
    """Return the means and variances of a whole level: those of a single cell."""
    colours = _planes(level.samples, channels)
    shares = _shares(level.alpha)
    return _means_and_variances(
        _weighted_products(np.stack([colours, colours]), shares).sum(axis=(2, 3), keepdims=True)
    )


def _measured(level: _Level, channels: Sequence[int], coarse: Spread, check: Callable[[], None]) -> Spread:
    """Return a level's means and variances, measured in a window around each cell; away from soft edges `coarse` stays.

    coarse: of the next coarser level.
    """
    height, width = level.alpha.shape
    rows, columns = (-(-side // _CELL) for side in level.alpha.shape)
    fine = _Enlarging(coarse, rows, columns, 2, band.TILE // _CELL).everywhere()
    sums = np.zeros((2, 5, rows + 2, columns + 2), np.float32)  # with a border, where there is nothing to add
    enlarging = _Enlarging(coarse, height, width, 2 * _CELL, band.TILE)
    tiles = list(band.tiles(band.soft_blocks(level.alpha), width, height))
    for tile in tiles:
        check()
        shares = _shares(level.alpha[tile])
        sides = _separate(_planes(level.samples[tile], channels), shares, enlarging.near(*tile))
        down, across = (_cells(side) for side in tile)
        inner = sums[:, :, down.start + 1 : down.stop + 1, across.start + 1 : across.stop + 1]
        inner[...] = _cell_sums(_weighted_products(sides, shares))
    for tile in tiles:
        down, across = (_cells(side) for side in tile)
        around = sums[:, :, down.start : down.stop + 2, across.start : across.stop + 2]
        fine[:, :, down, across] = _means_and_variances(_window_sums(around))
    return fine


def _cells(side: slice) -> slice:
    """Return the cells that some rows or columns of pixels are in."""
    return slice(side.start // _CELL, -(-side.stop // _CELL))


# -- arithmetic; sides are those of foreground and background: 2 x 3 x height x width, 0..255 ------------------------


def _separate(colours: Floats, shares: Floats, near: Spread) -> Floats:
    """Return F and B by the formula of this module.

    colours: I, 3 x height x width.
    shares: 2 x height x width: alpha and 1 - alpha, 0..1.
    near: F' and vF, B' and vB of each pixel. It is changed.
    """
    means, pulls = near[:, :3], shares * near[:, 3]
    unexplained = colours - shares[0] * means[0]
    unexplained -= shares[1] * means[1]
    unexplained /= shares[0] * pulls[0] + shares[1] * pulls[1] + np.float32(_NOISE)
    means += pulls[:, np.newaxis] * unexplained
    return np.clip(means, 0.0, 255.0, out=means)


def _weighted_products(sides: Floats, shares: Floats) -> Floats:
    """Return the terms of weighted means and variances, 2 x 5 x height x width, to be summed.

    They are the weight, the three colours times the weight, and the sum of the squares of the colours times the weight.
    The weight is the share cubed plus a small floor.
    """
    terms = np.empty((2, 5, *shares.shape[1:]), np.float32)
    weights = terms[:, 0]
    np.multiply(shares, shares, out=weights)
    weights *= shares
    weights += np.float32(_LEAST_WEIGHT)
    np.multiply(sides, terms[:, :1], out=terms[:, 1:4])
    np.einsum("schw,schw->shw", sides, terms[:, 1:4], out=terms[:, 4])
    return terms


def _cell_sums(terms: Floats) -> Floats:
    """Return the sums over each cell. terms: 2 x 5 x height x width."""
    height, width = terms.shape[2:]
    if height % _CELL or width % _CELL:
        terms = np.pad(terms, [(0, 0), (0, 0), (0, height % _CELL), (0, width % _CELL)])
    tall = terms[:, :, ::2] + terms[:, :, 1::2]
    sums: Floats = tall[:, :, :, ::2] + tall[:, :, :, 1::2]
    return sums


def _window_sums(sums: Floats) -> Floats:
    """Return the sums over the window around each cell but those of the border. sums: 2 x 5 x rows x columns."""
    tall = sums[:, :, :-2] + sums[:, :, 1:-1]
    tall += sums[:, :, 2:]
    windows: Floats = tall[:, :, :, :-2] + tall[:, :, :, 1:-1]
    windows += tall[:, :, :, 2:]
    return windows


def _means_and_variances(sums: Floats) -> Spread:
    """Return means and variances. sums: of what `_weighted_products` returns."""
    spread: Spread = sums[:, 1:] / sums[:, :1]
    means, variances = spread[:, :3], spread[:, 3]
    variances -= np.einsum("schw,schw->shw", means, means)
    variances *= np.float32(1 / 3)
    np.maximum(variances, np.float32(0), out=variances)
    variances += np.float32(_LEAST_VARIANCE)
    return spread


# -- layouts ---------------------------------------------------------------------------------------------------------


def _planes(samples: Bytes, channels: Sequence[int]) -> Floats:
    """Return red, green and blue: 3 x height x width. channels: which of the samples they are."""
    return np.stack([samples[:, :, channel] for channel in channels]).astype(np.float32)


def _shares(alpha: NDArray[np.uint8 | np.uint16]) -> Floats:
    """Return alpha and 1 - alpha in 0..1: 2 x height x width."""
    shares = np.empty((2, *alpha.shape), np.float32)
    np.multiply(alpha, np.float32(1 / np.iinfo(alpha.dtype).max), out=shares[0])
    np.subtract(np.float32(1), shares[0], out=shares[1])
    return shares


def _reduce(samples: Bytes, scale: int) -> Bytes:
    """Return the averages of scale x scale pixels, of fewer at the lower and right edge."""
    if scale == 1:
        return samples
    height, width = samples.shape[:2]
    mode = {1: "L", 3: "RGB", 4: "RGBX"}[samples.size // (height * width)]
    picture = Image.frombuffer(mode, (width, height), np.ascontiguousarray(samples), "raw", mode, 0, 1).reduce(scale)
    return np.asarray(picture).reshape(picture.height, picture.width, *samples.shape[2:])
