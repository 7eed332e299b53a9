"""What is drawn over a preview: points to keep and to drop, the box, the cross. Each is made once a scale, of bytes.

Light lies on dark in all of them, so that they are seen on any picture.
"""

import gi

gi.require_version("GdkPixbuf", "2.0")
from functools import lru_cache

from gi.repository import GdkPixbuf, GLib

KEEP, DROP = (0x1E, 0x8E, 0x3E), (0xC6, 0x28, 0x28)
LIGHT, DARK = (0xFF, 0xFF, 0xFF), (0x10, 0x10, 0x10)
RADIUS, RING, SIGN, EDGE = (
    8.0,
    2.0,
    4.0,
    1.25,
)  # of a point, in logical pixels: outside, the ring, the sign, the dark edge
ARM, GAP = 11.0, 3.0  # of the cross
DASH, LINE = 6, 2  # of the box
KINDS = 16  # of each that are remembered
FINE = 4  # samples a pixel, on each side


@lru_cache(maxsize=KINDS)
def point(keep, scale):
    """The marker of a point, to be laid with its middle on it. scale: device pixels a logical one."""

    def colour(x, y):
        far = (x * x + y * y) ** 0.5
        across, down = abs(x), abs(y)
        is_sign = (down <= RING / 2 and across <= SIGN) or (keep and across <= RING / 2 and down <= SIGN)
        if is_sign or RADIUS - RING - EDGE <= far <= RADIUS - EDGE:
            return (*LIGHT, 255)
        if far <= RADIUS:
            return (*(KEEP if keep else DROP), 255)
        return (*DARK, 255) if far <= RADIUS + EDGE else None

    return _drawn(RADIUS + EDGE, scale, colour)


@lru_cache(maxsize=KINDS)
def cross(scale):
    """The marker of the place where the keys work."""

    def colour(x, y):
        along, aside = max(abs(x), abs(y)), min(abs(x), abs(y))
        if GAP <= along <= ARM and aside <= 0.75:
            return (*LIGHT, 255)
        return (*DARK, 255) if GAP - EDGE <= along <= ARM + EDGE and aside <= 0.75 + EDGE else None

    return _drawn(ARM + EDGE, scale, colour)


@lru_cache(maxsize=KINDS)
def dashes(across, length, scale):
    """A side of a box: light and dark dashes. across: whether it lies or stands."""
    dash, line = round(DASH * scale), round(LINE * scale)
    row = b"".join(bytes(LIGHT if (x // dash) % 2 else DARK) for x in range(length))
    if across:
        return _pixbuf(row * line, False, length, line)
    column = b"".join(row[3 * y : 3 * y + 3] * line for y in range(length))
    return _pixbuf(column, False, line, length)


def _drawn(radius, scale, colour):
    """Draw a round thing. colour: of a place, in logical pixels from the middle: RGBA, or None."""
    side = 2 * int(radius * scale + 1) + 1
    places = [(each + 0.5) / FINE - side / 2 for each in range(side * FINE)]
    pixels = bytearray()
    for row in range(side):
        for column in range(side):
            found = [
                colour(x / scale, y / scale)
                for y in places[row * FINE : (row + 1) * FINE]
                for x in places[column * FINE : (column + 1) * FINE]
            ]
            there = [each for each in found if each is not None]
            mean = [sum(each[channel] for each in there) // max(1, len(there)) for channel in range(3)]
            pixels += bytes([*mean, 255 * len(there) // len(found)])
    return _pixbuf(bytes(pixels), True, side, side)


def _pixbuf(pixels, has_alpha, width, height):
    channels = 4 if has_alpha else 3
    return GdkPixbuf.Pixbuf.new_from_bytes(
        GLib.Bytes.new(pixels), GdkPixbuf.Colorspace.RGB, has_alpha, 8, width, height, width * channels
    )
