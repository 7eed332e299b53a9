"""Take a known ground out of the pixels at a soft edge: their colours follow from it and their alpha."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from matted.inference.layer import Layer
from matted.masking.ground import unmixing
from matted.masking.ground.field import Field
from matted.masking.view import View
from matted.system.threads import for_each

Bytes = NDArray[np.uint8]

_ROWS = 128  # of a strip


def unmix(
    alpha: NDArray[np.uint8 | np.uint16],
    layer: Layer,
    field: Field,
    view: View,
    check: Callable[[], None],
    out: Bytes,
) -> None:
    """Set the colours where alpha is neither 0 nor full, so that they give the layer again over the ground.

    alpha: height x width of the layer; full scale is the subject.
    layer: the picture in the view. field: the ground of the whole picture.
    check: called between strips; raises to stop.
    out: height x width x 3, RGB: the colours to be set.
    """
    full = np.iinfo(alpha.dtype).max
    across, down = (view.right - view.left) / view.width, (view.bottom - view.top) / view.height
    channels = list(layer.channels)

    def work(top: int) -> None:
        check()
        strip = alpha[top : top + _ROWS]
        rows, columns = np.nonzero((strip != 0) & (strip != full))
        if not len(rows):
            return
        shares = strip[rows, columns].astype(np.float32) / np.float32(full)
        rows += top
        places = view.top + (rows + 0.5) * down - 0.5, view.left + (columns + 0.5) * across - 0.5
        colours = layer.samples[rows, columns][:, channels].astype(np.float32)
        out[rows, columns] = np.rint(unmixing.foreground(colours, field.at(*places), shares)).astype(np.uint8)

    for_each(work, range(0, layer.height, _ROWS))
