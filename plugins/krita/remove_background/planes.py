"""Works on planes, one byte a pixel, by Qt: Python itself would take seconds for a large one."""

from __future__ import annotations

from typing import Any

from .qt import QtGui

Image = QtGui.QImage
_PREMULTIPLIED = Image.Format.Format_ARGB32_Premultiplied


def mixed(new: Any, old: Any, selected: Any, width: int, height: int) -> bytes:
    """Return the new plane where it is selected, and the old one elsewhere. All have width x height bytes."""
    over = _image(new, width, height, Image.Format.Format_Grayscale8).convertToFormat(_PREMULTIPLIED)
    painter = QtGui.QPainter(over)
    painter.setCompositionMode(QtGui.QPainter.CompositionMode.CompositionMode_DestinationIn)
    painter.drawImage(0, 0, _image(selected, width, height, Image.Format.Format_Alpha8))
    painter.end()
    result = _image(old, width, height, Image.Format.Format_Grayscale8).convertToFormat(_PREMULTIPLIED)
    painter = QtGui.QPainter(result)
    painter.drawImage(0, 0, over)
    painter.end()
    return greys(result)


def greys(image: Any) -> bytes:
    """Return the grey values of an image, row after row."""
    grey = image.convertToFormat(Image.Format.Format_Grayscale8)
    width, height, stride = grey.width(), grey.height(), grey.bytesPerLine()
    data = bytes(grey.constBits().asarray(stride * height))
    if stride == width:
        return data
    return b"".join(data[start : start + width] for start in range(0, stride * height, stride))


def _image(values: Any, width: int, height: int, form: Any) -> Any:
    """Return an image on these bytes, which have to live as long."""
    return Image(values, width, height, width, form)
