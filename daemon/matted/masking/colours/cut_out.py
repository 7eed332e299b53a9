"""Make the pixels of a cut-out: foreground colours, and the picture's alpha times the mask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matted.inference.layer import Layer

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
        self.colours: Bytes = self.pixels[:, :, 2::-1] if layer.channels == (2, 1, 0) else self.pixels[:, :, :3]
        self._own = layer.alpha

    def fill_alpha(self, mask: NDArray[np.uint8 | np.uint16]) -> None:
        """Fill alpha with the picture's own alpha times `mask`, rounded. mask: height x width; full scale keeps."""
        for top in range(0, len(mask), _ROWS):
            rows = slice(top, top + _ROWS)
            kept = _in_eight_bits(mask[rows])
            self.pixels[rows, :, 3] = kept if self._own is None else _product(kept, self._own[rows])


def _in_eight_bits(mask: NDArray[np.uint8 | np.uint16]) -> Bytes:
    if mask.dtype == np.uint8:
        return mask  # type: ignore[return-value]
    return ((mask.astype(np.uint32) * 255 + 32895) >> 16).astype(np.uint8)  # mask / 257, rounded


def _product(one: Bytes, other: Bytes) -> Bytes:
    """Return one * other / 255, rounded. The shifts are exact for all bytes, and quicker than to divide."""
    product = one.astype(np.uint16) * other + np.uint16(128)
    return ((product + (product >> 8)) >> 8).astype(np.uint8)
