"""Reads and writes GIMP's buffers, a strip at a time.

PyGObject copies the pixels. The copy of a large layer would need new memory from the system, which takes longer to get
than to fill; each strip reuses the memory of the strip before.
"""

import gi

gi.require_version("Gegl", "0.4")
from gi.repository import Gegl

ROWS = 128  # as high as a tile of GIMP's


def read(item, left, top, width, height, encoding, check):
    """Yield the pixels of a part of an item, in its own coordinates, as `encoding` (of babl) has them.

    check: called before each strip; raises where the item cannot be read any more.

    The buffer is got anew for each: the picture may have another precision meanwhile, or the layer an alpha channel,
    and GIMP ends a plug-in that reads as before.
    """
    for first, rows in _strips(height):
        check()
        area = Gegl.Rectangle.new(left, top + first, width, rows)
        yield item.get_buffer().get(area, 1.0, encoding, Gegl.AbyssPolicy.NONE)


def write(buffer, width, height, encoding, pixels):
    """Fill a buffer of width x height with `pixels`, a bytearray, which has them as `encoding` says."""
    view = memoryview(pixels)
    row_bytes = len(view) // height
    for first, rows in _strips(height):
        strip = bytes(view[first * row_bytes : (first + rows) * row_bytes])
        buffer.set(Gegl.Rectangle.new(0, first, width, rows), encoding, strip)


def _strips(height):
    """First row and number of rows of each."""
    return ((first, min(ROWS, height - first)) for first in range(0, height, ROWS))
