"""Paints what a preview shows: the frames of a matted_client.preview Presenter, and the markers over them.

It works with GdkPixbuf alone: many a GIMP has no pycairo, without which Python cannot draw with Cairo.
"""

import gi

gi.require_version("GdkPixbuf", "2.0")
from gi.repository import GdkPixbuf, GLib
from matted_client.preview import shades
from matted_client.preview.limits import mixed

from . import markers

NOTHING = 0x00000000  # the window is seen through it
OPAQUE = 255


class LayerImage:
    """A layer's own pixels at the size of a view.

    pixels: RGB8 or RGBA8. count: of them.
    mask: that is to be refined; None: there is none.
    selected: how far each pixel of a refined mask may be another one than before; None: all.
    """

    def __init__(self, pixels, count, mask=None, selected=None):
        self.pixels = pixels
        self.channels = len(pixels) // count
        self.mask = mask
        self.selected = selected
        alpha = self.pixels[3::4] if self.channels == 4 else b""
        self._alpha = None if alpha.count(OPAQUE) == len(alpha) else alpha
        self._soft = None  # where the alpha is neither nothing nor all

    def seen(self, alpha):
        """The mask that there would be. alpha: of a Frame; None: as it was."""
        if self.mask is None:
            return alpha
        return self.mask if alpha is None else mixed(self.mask, alpha, self.selected)

    def masked(self, mask):
        """RGBA8: the layer with a mask."""
        rgba = bytearray(4 * len(mask))
        for channel in range(3):
            rgba[channel::4] = self.pixels[channel :: self.channels]
        rgba[3::4] = self.times(mask)
        return bytes(rgba)

    def times(self, mask):
        """The alpha of the layer with a mask."""
        if self._alpha is None:
            return mask
        if self._soft is None:
            self._soft = [place for place, value in enumerate(self._alpha) if 0 < value < OPAQUE]
        both = int.from_bytes(self._alpha, "little") & int.from_bytes(mask, "little")
        product = bytearray(both.to_bytes(len(mask), "little"))
        for place in self._soft:  # few, at the edges: the rest is done at once
            product[place] = self._alpha[place] * mask[place] // OPAQUE
        return product


class Painter:
    """Paints one window after the other, and remembers what it made of the last frames."""

    def __init__(self):
        self._made = {}

    def paint(self, presenter, colour):
        """Return a Pixbuf of the presenter's window. colour: behind the subject, where a person chose one."""
        width, height = presenter.camera.window
        scale = presenter.scale
        canvas = GdkPixbuf.Pixbuf.new(GdkPixbuf.Colorspace.RGB, True, 8, width, height)
        canvas.fill(NOTHING)
        made = {}
        for frame, place in presenter.frames():
            key = (presenter.shade, *map(id, (frame.image, frame.alpha, frame.band, frame.foreground)))
            made[key] = self._made.get(key) or (frame, *_pictures(frame, presenter.shade))
            _lay(canvas, frame.view, place, scale, colour, presenter.shade, *made[key][1:])
        self._made = made
        for box in presenter.boxes():
            _outline(canvas, box, scale)
        for x, y, keep in presenter.points():
            _stamp(canvas, markers.point(keep, scale), x, y)
        cursor = presenter.cursor()
        if cursor is not None:
            _stamp(canvas, markers.cross(scale), *cursor)
        return canvas


def _pictures(frame, shade):
    """Return the Pixbuf of a frame at the size of its view, and those to be laid over it."""
    size, image = (frame.view.width, frame.view.height), frame.image
    alpha = image.seen(frame.alpha)
    over = []
    if alpha is None or shade == shades.BAND:
        below = _pixbuf(image.pixels, *size, image.channels)
    elif shade == shades.MASK:
        below = _grey(alpha, *size)
    elif shade == shades.RED:
        below = _pixbuf(image.pixels, *size, image.channels)
        over.append(_veil(shades.OVER_WHAT_GOES, alpha.translate(_GOES), *size))
    else:
        below = _pixbuf(image.masked(alpha) if frame.foreground is None else _clean(frame, alpha), *size)
    if frame.band is not None:
        over.append(_veil(shades.OVER_THE_BAND, frame.band.translate(_STAYS), *size))
    return below, over


def _clean(frame, alpha):
    """The clean colours, RGBA8. Their own alpha knows nothing of the selection."""
    rgba = bytearray(frame.foreground)
    rgba[3::4] = frame.image.times(alpha)
    return bytes(rgba)


_STAYS = bytes(round(shades.VEIL * each) for each in range(256))
_GOES = _STAYS[::-1]


def _grey(alpha, width, height):
    rgb = bytearray(3 * len(alpha))
    for channel in range(3):
        rgb[channel::3] = alpha
    return _pixbuf(bytes(rgb), width, height, 3)


def _veil(colour, alpha, width, height):
    rgba = bytearray(bytes([*colour, 0]) * len(alpha))
    rgba[3::4] = alpha
    return _pixbuf(bytes(rgba), width, height)


def _pixbuf(pixels, width, height, channels=4):
    return GdkPixbuf.Pixbuf.new_from_bytes(
        GLib.Bytes.new(pixels), GdkPixbuf.Colorspace.RGB, channels == 4, 8, width, height, width * channels
    )


def _lay(canvas, view, place, scale, colour, shade, below, over):
    """Lay a frame where it belongs. Pixels of the layer that are enlarged stay squares."""
    x, y, width, height = place
    left, top = max(0, x), max(0, y)
    across = min(canvas.get_width(), x + width) - left
    down = min(canvas.get_height(), y + height) - top
    if across <= 0 or down <= 0:
        return
    larger = width / view.width, height / view.height
    exact = view.width == view.right - view.left and larger[0] >= 1
    area = (left, top, across, down, x, y, *larger)
    kind = GdkPixbuf.InterpType.NEAREST if exact or larger == (1, 1) else GdkPixbuf.InterpType.BILINEAR
    flat = shades.behind(shade, colour)
    one, other = (shades.LIGHT, shades.DARK) if flat is None else (flat, flat)
    side = 1 << (round(shades.CHECK * scale) - 1).bit_length()  # a power of two
    below.composite_color(canvas, *area, kind, OPAQUE, 0, 0, side, _number(one), _number(other))
    for each in over:
        each.composite(canvas, *area, kind, OPAQUE)


def _number(colour):
    return colour[0] << 16 | colour[1] << 8 | colour[2]


def _outline(canvas, box, scale):
    left, top, right, bottom = box
    line = round(markers.LINE * scale)
    for y in (top, bottom - line):
        _put(canvas, markers.dashes(True, _long(canvas), scale), left, y, right - left, line)
    for x in (left, right - line):
        _put(canvas, markers.dashes(False, _long(canvas), scale), x, top, line, bottom - top)


def _long(canvas):
    """Return a length that fits any side that is seen, and is not another one for each size of the window."""
    return 1 << max(canvas.get_width(), canvas.get_height()).bit_length()


def _put(canvas, source, x, y, width, height):
    """Copy a part of a marker without alpha, as far as it is in the window."""
    left, top = max(0, x), max(0, y)
    across, down = min(canvas.get_width(), x + width) - left, min(canvas.get_height(), y + height) - top
    if across > 0 and down > 0:
        source.composite(canvas, left, top, across, down, left, top, 1, 1, GdkPixbuf.InterpType.NEAREST, OPAQUE)


def _stamp(canvas, marker, x, y):
    """Lay a marker with its middle on a place, as far as it is in the window."""
    side = marker.get_width()
    x, y = x - side // 2, y - side // 2
    left, top = max(0, x), max(0, y)
    across, down = min(canvas.get_width(), x + side) - left, min(canvas.get_height(), y + side) - top
    if across > 0 and down > 0:
        marker.composite(canvas, left, top, across, down, x, y, 1, 1, GdkPixbuf.InterpType.NEAREST, OPAQUE)
