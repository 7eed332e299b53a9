"""Reads the part of a layer that a preview shows, and how far it is selected, at the size that it has on the screen.

GEGL makes large parts smaller through all their pixels: this is done a piece at a time, so that the dialog stays awake.
"""

import time

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gegl, Gimp
from layers import offsets
from matted_client.formats import BYTES_PER_PIXEL

from .painting import LayerImage

SELECTED = "Y u8"  # selections and masks are linear
HAND_SECONDS = 0.2  # nobody selects something else as quickly, and reading 24 megapixels takes half of it
PIECE = 2048  # pixels of the layer, on each side, of what is read in one turn


class Views:
    """The views of one layer. All methods raise MattedError if it is gone, or has another size or mask.

    layer: a GimpLayer.
    """

    def __init__(self, layer):
        self._layer = layer
        self._form = self._buffer = self._mask = None
        self._follow()
        self._seen = None, None  # the last view, and its LayerImage
        self._found = None, 0.0, None  # a view, when its selection was read, and that

    def _follow(self):
        """Have the buffers of the layer as it is now. GIMP ends the plug-in if it reads the layer as it was before.

        They stay the same as long as they can: they remember what they have made smaller.
        """
        self._layer.refuse_if_changed(*self._layer.size)
        mask, form = self._layer.old_mask(), self._layer.form()
        if form != self._form:
            self._form, self._buffer = form, self._layer.item.get_buffer()
            self._mask = None if mask is None else mask.get_buffer()

    def seen(self, view):
        """Yield None until a view is read, and then its LayerImage."""
        encoding, format = self._layer.encoding
        pixels = yield from self._read(lambda: self._buffer, view, encoding, BYTES_PER_PIXEL[format])
        mask = None
        if self._mask is not None:
            mask = yield from self._read(lambda: self._mask, view, SELECTED, 1)
        image = LayerImage(pixels, view.width * view.height, mask, mask and self._selected(view))
        self._seen = view, image
        yield image

    def _read(self, buffer, view, encoding, pixel_bytes):
        """Read a view of the layer or of its mask. Yields None after each piece; returns all.

        buffer: returns the one to be read.
        """
        pixels, row_bytes = bytearray(view.width * view.height * pixel_bytes), view.width * pixel_bytes
        side = max(1, int(PIECE * view.scale))
        for top in range(0, view.height, side):
            for left in range(0, view.width, side):
                self._follow()
                width, height = min(side, view.width - left), min(side, view.height - top)
                area = Gegl.Rectangle.new(left, top, width, height)
                piece = _part(buffer(), view, (0, 0), area, encoding, Gegl.AbyssPolicy.CLAMP)
                piece_bytes = width * pixel_bytes
                for row in range(height):
                    start = (top + row) * row_bytes + left * pixel_bytes
                    pixels[start : start + piece_bytes] = piece[row * piece_bytes : (row + 1) * piece_bytes]
                yield None
        return bytes(pixels)

    def limit(self, view):
        """Return how far each pixel of a view may stay, 0 to 255; None where nothing limits the mask.

        A mask that is refined stays as it was outside of the selection: its LayerImage has both.

        The selection is read anew, as it may be another one; GIMP does not say whether it is.
        """
        selected = self._selected(view)
        if self._mask is None:
            return selected
        if self._seen[0] == view:
            self._seen[1].selected = selected
        return None

    def _selected(self, view):
        """Return how far each pixel of a view is selected, 0 to 255; None where nothing is."""
        self._layer.refuse_if_gone()
        image, item = self._layer.item.get_image(), self._layer.item
        if Gimp.Selection.is_empty(image):
            return None
        last, moment, found = self._found
        if last == view and time.monotonic() - moment < HAND_SECONDS:
            return found
        area = Gegl.Rectangle.new(0, 0, view.width, view.height)
        found = _part(image.get_selection().get_buffer(), view, offsets(item), area, SELECTED, Gegl.AbyssPolicy.NONE)
        self._found = view, time.monotonic(), found
        return found


def _part(buffer, view, offset, area, encoding, beyond):
    """Read a piece of a view. offset: where the layer lies in the buffer. area: of the view."""
    scale = view.scale
    left, top = round((view.left + offset[0]) * scale), round((view.top + offset[1]) * scale)
    return buffer.get(Gegl.Rectangle.new(left + area.x, top + area.y, area.width, area.height), scale, encoding, beyond)
