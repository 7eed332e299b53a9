"""Choose what a model that refines is shown of a picture: all of it, and tiles over the band; blend the tiles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from matted.masking.edges.matrices import Floats
from matted.masking.matting.band import Band, BandInView, MaskInView
from matted.masking.view import View
from matted.models.arithmetic import UNKNOWN

MOST_TILES = 8  # an inference each, of some seconds: where the band needs more at its own size, they are coarser
WORTH = 1.25  # times the pixels along a side from which more are worth another look

_OVERLAP = 1 / 8  # of a tile, with each neighbour
_STEP = 2**0.25  # from one size of tiles to the next


@dataclass(frozen=True)
class Tile:
    """A part of a picture that was looked at.

    view: of the part, at the size that was shown.
    alpha: height x width of the view, 0..1.
    """

    view: View
    alpha: Floats


def whole(width: int, height: int, side: int) -> View:
    """Return the view of a whole picture whose longer side has `side` pixels, or its own if they are fewer."""
    scale = min(1.0, side / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return View(0, 0, width, height, *size, (width, height))


def tiles(band: Band, width: int, height: int, side: int) -> list[View]:
    """Return the views of the parts in which anything is unknown: overlapping, MOST_TILES at most.

    band: of the picture.
    width, height: of the picture.
    side: pixels of a tile, at most.

    They show the picture's own pixels if so many tiles suffice for that. There are none where `whole` shows nearly as
    many pixels.
    """
    coarse, scale = max(width, height) / side, 1.0
    while scale * WORTH <= coarse:
        length = round(side * scale)
        parts = product(_starts(height, length), _starts(width, length))
        views = [_view(left, top, length, scale, (width, height)) for top, left in parts]
        needed = [view for view in views if _reaches(band, view)]
        if len(needed) <= MOST_TILES:
            return needed
        scale *= _STEP
    return []


def _starts(size: int, length: int) -> list[int]:
    """Return where tiles of `length` pixels begin along an axis of `size`, spread evenly."""
    if size <= length:
        return [0]
    overlap = length * _OVERLAP
    count = math.ceil((size - overlap) / (length - overlap))
    return [round(place) for place in np.linspace(0, size - length, count)]


def _view(left: int, top: int, length: int, scale: float, whole: tuple[int, int]) -> View:
    right, bottom = min(left + length, whole[0]), min(top + length, whole[1])
    size = max(1, round((right - left) / scale)), max(1, round((bottom - top) / scale))
    return View(left, top, right, bottom, *size, whole)


def _reaches(band: Band, view: View) -> bool:
    """Return whether anything is unknown in a view."""
    rows, columns = band.unknown.shape
    (top, bottom), (left, right) = view.rows(rows), view.columns(columns)
    return bool(band.unknown[int(top) : math.ceil(bottom), int(left) : math.ceil(right)].any())


def trimap(band: Band, mask: MaskInView, view: View) -> NDArray[np.uint8]:
    """Return the trimap of a view, height x width: 0, 255, and UNKNOWN in the band.

    mask: that the band is of, in the same view.
    """
    stays, levels = BandInView(band, mask, view).settled(slice(0, view.height), slice(0, view.width))
    marks = np.where(levels > np.iinfo(levels.dtype).max // 2, np.uint8(255), np.uint8(0))
    marks[~stays] = UNKNOWN
    return marks


def overlapping(views: list[View], view: View) -> list[View]:
    """Return those of the views that show a part of what another one shows."""
    return [
        each
        for each in views
        if each.left < view.right and view.left < each.right and each.top < view.bottom and view.top < each.bottom
    ]


class Blend:
    """Blends tiles into the alpha of a view, a part at a time."""

    def __init__(self, tiles: Sequence[Tile], view: View) -> None:
        """Take the tiles that overlap the view."""
        self._tiles = [(tile, _Axis.across(tile.view, view), _Axis.down(tile.view, view)) for tile in tiles]

    def apply(self, alpha: Floats, rows: slice, columns: slice) -> None:
        """Replace the alpha of a part of the view by that of the tiles, in place, as far as they cover it.

        alpha: 0..1, of the part.
        rows, columns: of the part, in pixels of the view.
        """
        if not self._tiles:
            return
        total, weights = np.zeros((2, *alpha.shape), np.float32)
        for tile, across, down in self._tiles:
            wide, tall = across.part(columns), down.part(rows)
            if wide.start >= wide.stop or tall.start >= tall.stop:
                continue
            box = (*across.box(wide), *down.box(tall))
            size = wide.stop - wide.start, tall.stop - tall.start
            place = _moved(tall, -rows.start), _moved(wide, -columns.start)
            weight = np.outer(down.weights[tall], across.weights[wide])
            image = Image.fromarray(tile.alpha)
            shown = image.resize(size, Image.Resampling.BICUBIC, (box[0], box[2], box[1], box[3]))
            total[place] += weight * np.asarray(shown).clip(0.0, 1.0)
            weights[place] += weight
        alpha *= (1 - weights).clip(0.0)
        alpha += total
        alpha /= np.maximum(weights, np.float32(1))


def _moved(part: slice, by: int) -> slice:
    return slice(part.start + by, part.stop + by)


@dataclass(frozen=True)
class _Axis:
    """How a tile lies along an axis of a view.

    first, last: of the pixels of the view whose middles lie in the tile; the last is not one of them.
    begin: where the view begins, in samples of the tile.
    step: samples of the tile in a pixel of the view.
    samples: of the tile.
    weights: of the tile in each pixel of the view, 0..1: they fall to 0 at its ends, unless the picture ends there.
    """

    first: int
    last: int
    begin: float
    step: float
    samples: int
    weights: Floats

    @classmethod
    def across(cls, tile: View, view: View) -> _Axis:
        return cls._of((tile.left, tile.right, tile.width), (view.left, view.right, view.width), view.whole[0])

    @classmethod
    def down(cls, tile: View, view: View) -> _Axis:
        return cls._of((tile.top, tile.bottom, tile.height), (view.top, view.bottom, view.height), view.whole[1])

    @classmethod
    def _of(cls, tile: tuple[float, float, int], view: tuple[float, float, int], whole: int) -> _Axis:
        """Lay a tile over a view. tile, view: where it begins and ends in the picture, and its pixels."""
        begin, end, samples = tile
        start, stop, pixels = view
        pixel = (stop - start) / pixels
        middles = start + (np.arange(pixels) + 0.5) * pixel
        first, last = np.searchsorted(middles, (begin, end))
        overlap = (end - begin) * _OVERLAP
        before = np.ones(pixels) if begin <= 0 else (middles - begin) / overlap
        after = np.ones(pixels) if end >= whole else (end - middles) / overlap
        weights = np.minimum(before, after).clip(0.0, 1.0).astype(np.float32)
        density = samples / (end - begin)
        return cls(int(first), int(last), (start - begin) * density, pixel * density, samples, weights)

    def part(self, part: slice) -> slice:
        """Return the pixels of a part of the view that lie in the tile."""
        return slice(max(self.first, part.start), min(self.last, part.stop))

    def box(self, part: slice) -> tuple[float, float]:
        """Return where a part of the view begins and ends, in samples of the tile."""
        begin, end = (min(max(self.begin + each * self.step, 0.0), self.samples) for each in (part.start, part.stop))
        return begin, end
