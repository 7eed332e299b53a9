"""Shows parts of a large picture at the size of the screen, from copies of it that get smaller and smaller.

Each copy has half the width and height of the one before, and is made while the pixels arrive: to scale all of a large
picture at once would have Krita stand still.
"""

from __future__ import annotations

from typing import Any, List

from .. import planes
from ..matted_client.filling import Filling
from ..matted_client.preview.camera import View
from ..qt import QtCore, QtGui

SMALLEST = 512  # pixels: a copy whose longer side is at most that is not halved any more

FORMATS = {4: QtGui.QImage.Format.Format_ARGB32, 1: QtGui.QImage.Format.Format_Grayscale8}  # by bytes a pixel
COPIES = {4: QtGui.QImage.Format.Format_ARGB32_Premultiplied, 1: QtGui.QImage.Format.Format_RGB32}


class Reduced:
    """A picture that arrives in rows, and its reduced copies."""

    def __init__(self, pixels: Filling, width: int, height: int, pixel_bytes: int) -> None:
        """pixel_bytes: 4 for B, G, R, A with straight alpha, 1 for grey."""
        self._pixels = pixels
        self._size = width, height
        self._pixel_bytes = pixel_bytes
        self._rows = 0  # that have arrived
        self._copies: List[_Copy] = []
        while max(width, height) > SMALLEST:
            width, height = (width + 1) // 2, (height + 1) // 2
            self._copies.append(_Copy(width, height, COPIES[pixel_bytes]))

    def catch_up(self) -> None:
        """Reduce the rows that have arrived since the last time."""
        width, height = self._size
        rows = len(self._pixels.bytes) // (width * self._pixel_bytes)
        if rows == self._rows:
            return
        self._rows = rows
        source, source_rows, source_height = None, rows, height
        for copy in self._copies:
            is_all = source_rows == source_height
            copy.grow(source or self._strip, source_rows, is_all)
            source, source_rows, source_height = copy.strip, copy.rows, copy.image.height()

    def image(self, view: View) -> Any:
        """Return the pixels of the view at its size, as a QImage, transparent where they have not arrived; or None."""
        across, down = view.right - view.left, view.bottom - view.top
        shift, part, rows = 0, self._part, self._rows
        for copy in self._copies:
            if across >> (shift + 1) < view.width or down >> (shift + 1) < view.height:
                break
            shift, part, rows = shift + 1, copy.image.copy, copy.rows
        left, top = view.left >> shift, view.top >> shift
        right, bottom = -(-view.right >> shift), -(-view.bottom >> shift)
        there = min(bottom, rows) - top
        if there < 1:
            return None
        found = part(left, top, right - left, there)
        if there == bottom - top:
            return scaled(found, view.width, view.height)
        return _on_top(scaled(found, view.width, max(1, view.height * there // (bottom - top))), view.height)

    def plane(self, view: View) -> Any:
        """Return the grey values of the view, view.width x view.height bytes, or None where none has arrived."""
        image = self.image(view)
        return planes.greys(image) if image is not None else None

    def _part(self, left: int, top: int, width: int, rows: int) -> Any:
        return self._strip(top, rows).copy(left, 0, width, rows)

    def _strip(self, top: int, rows: int) -> Any:
        """Return rows of the picture itself. The image has no pixels of its own: it must not outlive this object."""
        stride = self._size[0] * self._pixel_bytes
        part = self._pixels.bytes[top * stride : (top + rows) * stride]
        return QtGui.QImage(part, self._size[0], rows, stride, FORMATS[self._pixel_bytes])


class _Copy:
    """A picture at half the size of another. rows: how many of them are there."""

    def __init__(self, width: int, height: int, form: Any) -> None:
        self.image = QtGui.QImage(width, height, form)  # not cleared, which would take a while
        self.rows = 0

    def grow(self, source: Any, source_rows: int, is_all: bool) -> None:
        """Add what there is of the source. source(top, rows): its rows. is_all: the last of them is there."""
        rows = self.image.height() if is_all else source_rows // 2
        if rows <= self.rows:
            return
        top = 2 * self.rows
        part = source(top, min(2 * rows, source_rows) - top)
        painter = QtGui.QPainter(self.image)
        painter.setCompositionMode(QtGui.QPainter.CompositionMode.CompositionMode_Source)
        painter.drawImage(0, self.rows, scaled(part, self.image.width(), rows - self.rows))
        painter.end()
        self.rows = rows

    def strip(self, top: int, rows: int) -> Any:
        """Return rows of it, which have to be there."""
        return self.image.copy(0, top, self.image.width(), rows)


def scaled(image: Any, width: int, height: int) -> Any:
    """Return the image at another size, smoothly."""
    if (image.width(), image.height()) == (width, height):
        return image
    return image.scaled(
        width,
        height,
        QtCore.Qt.AspectRatioMode.IgnoreAspectRatio,
        QtCore.Qt.TransformationMode.SmoothTransformation,
    )


def _on_top(part: Any, height: int) -> Any:
    """Return an image with this one in its upper part, and nothing below."""
    whole = QtGui.QImage(part.width(), height, QtGui.QImage.Format.Format_ARGB32_Premultiplied)
    whole.fill(0)
    painter = QtGui.QPainter(whole)
    painter.drawImage(0, 0, part)
    painter.end()
    return whole
