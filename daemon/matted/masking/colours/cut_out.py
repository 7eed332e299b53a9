"""Make the pixels of a cut-out: foreground colours, and the picture's alpha times the mask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matted.inference.layer import Layer
from matted.masking.colours import band

Bytes = NDArray[np.uint8]

_ROWS = 64  # that are multiplied at a time: what is in between stays in the processor's cache


class CutOut:
    """The pixels of a cut-out, to be filled.

    pixels: height x width x 4, uint8: three colours and alpha, straight.
    colours: a view of `pixels`, height x width x 3, RGB, whatever the order in `pixels`.
    """

    def __init__(self, layer: Layer) -> None:
        """layer: the picture; a BGR one makes the cut-out BGRA, any other RGBA."""
        self.pixels: Bytes = np.empty((layer.height, layer.width, 4), np.uint8)
        self.colours: Bytes = _colours(self.pixels, layer)
        self._own = layer.alpha

    def fill_alpha(self, mask: NDArray[np.uint8 | np.uint16]) -> None:
        """Fill alpha with the picture's own alpha times `mask`, rounded. mask: height x width; full scale keeps."""
        for top in range(0, len(mask), _ROWS):
            rows = slice(top, top + _ROWS)
            kept = _in_eight_bits(mask[rows])
            self.pixels[rows, :, 3] = kept if self._own is None else _product(kept, self._own[rows])


class CutOutInTiles:
    """The pixels of a cut-out in some tiles alone, to be filled.

    marks: rows x columns of tiles, uint8: 1 for each that is there.
    pixels: of these tiles, one after the other, each height x width x 4 as in CutOut: in one dimension.
    """

    def __init__(self, layer: Layer, blocks: NDArray[np.bool_]) -> None:
        """layer: the picture, whose colours the tiles have at first. blocks: the tiles that have a marked one."""
        places = list(band.whole_tiles(blocks, layer.width, layer.height))
        sizes = [4 * (rows.stop - rows.start) * (columns.stop - columns.start) for rows, columns in places]
        self.marks: Bytes = np.zeros((-(-layer.height // band.TILE), -(-layer.width // band.TILE)), np.uint8)
        self.pixels: Bytes = np.empty(sum(sizes), np.uint8)
        self._tiles: list[tuple[slice, slice, Bytes]] = []
        self._colours: dict[tuple[int, int], Bytes] = {}
        self._own = layer.alpha
        end = 0
        for (rows, columns), size in zip(places, sizes, strict=True):
            begin, end = end, end + size
            tile = self.pixels[begin:end].reshape(rows.stop - rows.start, -1, 4)
            colours = _colours(tile, layer)
            for target, source in enumerate(layer.channels):
                colours[:, :, target] = layer.samples[rows, columns, source]
            place = rows.start // band.TILE, columns.start // band.TILE
            self.marks[place] = 1
            self._tiles.append((rows, columns, tile))
            self._colours[place] = colours

    def colours(self, rows: slice, columns: slice) -> Bytes:
        """Return a view of a tile that is there, or of a part of one: height x width x 3, RGB, in whatever order."""
        row, column = rows.start // band.TILE, columns.start // band.TILE
        top, left = row * band.TILE, column * band.TILE
        return self._colours[row, column][
            rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
        ]

    def fill_alpha(self, mask: NDArray[np.uint8 | np.uint16]) -> None:
        """As `CutOut.fill_alpha`. mask: of the whole picture."""
        for rows, columns, tile in self._tiles:
            kept = _in_eight_bits(mask[rows, columns])
            tile[:, :, 3] = kept if self._own is None else _product(kept, self._own[rows, columns])


def _colours(pixels: Bytes, layer: Layer) -> Bytes:
    """Return the colours of pixels as RGB: a view. pixels: height x width x 4, BGRA if the layer is that, else RGBA."""
    return pixels[:, :, 2::-1] if layer.channels == (2, 1, 0) else pixels[:, :, :3]


def _in_eight_bits(mask: NDArray[np.uint8 | np.uint16]) -> Bytes:
    if mask.dtype == np.uint8:
        return mask  # type: ignore[return-value]
    return ((mask.astype(np.uint32) * 255 + 32895) >> 16).astype(np.uint8)  # mask / 257, rounded


def _product(one: Bytes, other: Bytes) -> Bytes:
    """Return one * other / 255, rounded. The shifts are exact for all bytes, and quicker than to divide."""
    product = one.astype(np.uint16) * other + np.uint16(128)
    return ((product + (product >> 8)) >> 8).astype(np.uint8)
