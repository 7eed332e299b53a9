"""Makes what is on the screen from the layer's pixels, the mask and a shade; and draws the marks over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional, Tuple

from ..matted_client.preview.presenter import Frame
from ..matted_client.preview.shades import (
    CHECK,
    DARK,
    LIGHT,
    MASK,
    OVER_THE_BAND,
    OVER_WHAT_GOES,
    RED,
    VEIL,
    Colour,
    behind,
)
from ..qt import QtCore, QtGui

Image = QtGui.QImage
PREMULTIPLIED = Image.Format.Format_ARGB32_Premultiplied
Mode = QtGui.QPainter.CompositionMode

KEEP, DROP = (0x10, 0x9B, 0x3C), (0xD8, 0x20, 0x28)
RING, ARM = 7.0, 3.5  # of a mark, in logical pixels: its radius, and half the length of the sign in it
CROSS = 9.0  # half the length of the cross that the arrow keys move
DASH = 4.0  # of a box


@dataclass(frozen=True)
class LayerImage:
    """A layer's own pixels at the size of a view: the `image` of a Frame.

    pixels: a QImage.
    mask: that is to be refined, a byte a pixel; None where there is none.
    """

    pixels: Any
    mask: Optional[bytes] = None


def checks(scale: float) -> QtGui.QBrush:
    """Make the pattern behind what is transparent. scale: device pixels a logical one."""
    side = max(1, round(CHECK * scale))
    tile = Image(2 * side, 2 * side, Image.Format.Format_RGB32)
    tile.fill(QtGui.QColor(*LIGHT))
    painter = QtGui.QPainter(tile)
    painter.fillRect(0, 0, side, side, QtGui.QColor(*DARK))
    painter.fillRect(side, side, side, side, QtGui.QColor(*DARK))
    painter.end()
    return QtGui.QBrush(tile)


def composed(frame: Frame, shade: str, colour: Colour) -> Image:
    """Return what a frame looks like, at the size of its view, transparent where checks are to be seen.

    colour: what the shade COLOUR has in the background.
    """
    view, alpha = frame.view, _alpha(frame)
    if alpha is not None and shade == MASK:
        result = _plane(alpha, view.width, view.height, Image.Format.Format_Grayscale8).convertToFormat(PREMULTIPLIED)
    else:
        result = _over(frame, alpha, shade, colour)
    if frame.band is not None:
        _veil(result, _plane(frame.band, view.width, view.height), True, OVER_THE_BAND)
    return result


def _alpha(frame: Frame) -> Optional[bytes]:
    """Return what stays of a frame; without an answer, what stays by the mask that is there."""
    return frame.alpha if frame.alpha is not None else frame.image.mask


def _over(frame: Frame, alpha: Optional[bytes], shade: str, colour: Colour) -> Image:
    """Return the layer, or what stays of it, over the colour of the shade."""
    view = frame.view
    result = Image(view.width, view.height, PREMULTIPLIED)
    background = behind(shade, colour) if alpha is not None else None
    result.fill(QtGui.QColor(*background) if background else 0)
    painter = QtGui.QPainter(result)
    if alpha is None or shade == RED:
        painter.drawImage(0, 0, frame.image.pixels)
    else:
        painter.drawImage(0, 0, _cut_out(frame, alpha))
    painter.end()
    if alpha is not None and shade == RED:
        _veil(result, _plane(alpha, view.width, view.height), False, OVER_WHAT_GOES)
    return result


def _cut_out(frame: Frame, alpha: bytes) -> Image:
    view = frame.view
    if frame.foreground is None:
        cut = frame.image.pixels.convertToFormat(PREMULTIPLIED)
    else:  # its own alpha knows nothing of a selection that limits the mask
        clean = Image(frame.foreground, view.width, view.height, 4 * view.width, Image.Format.Format_RGB32)
        cut = clean.convertToFormat(PREMULTIPLIED)
    painter = QtGui.QPainter(cut)
    painter.setCompositionMode(Mode.CompositionMode_DestinationIn)
    painter.drawImage(0, 0, _plane(alpha, view.width, view.height))
    if frame.foreground is not None:
        painter.drawImage(0, 0, frame.image.pixels)
    painter.end()
    return cut


def _veil(result: Image, plane: Image, inside: bool, colour: Colour) -> None:
    """Paint a colour over where the plane is, or over where it is not; never where the layer has no pixels."""
    veil = Image(result.width(), result.height(), PREMULTIPLIED)
    veil.fill(QtGui.QColor(*colour))
    painter = QtGui.QPainter(veil)
    painter.setCompositionMode(Mode.CompositionMode_DestinationIn if inside else Mode.CompositionMode_DestinationOut)
    painter.drawImage(0, 0, plane)
    painter.end()
    painter = QtGui.QPainter(result)
    painter.setOpacity(VEIL)
    painter.drawImage(0, 0, veil)
    painter.end()


def _plane(values: Any, width: int, height: int, form: Any = Image.Format.Format_Alpha8) -> Image:
    """Return an image on these bytes, which have to live as long."""
    return Image(values, width, height, width, form)


def point(painter: QtGui.QPainter, x: float, y: float, keep: bool, scale: float) -> None:
    """Draw a ring with a plus or a minus, in device pixels."""
    radius, arm = RING * scale, ARM * scale
    painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing, True)
    painter.setPen(_pen((255, 255, 255), 4.5 * scale))
    painter.setBrush(QtGui.QBrush(QtGui.QColor(255, 255, 255, 0xC0)))
    painter.drawEllipse(QtCore.QPointF(x, y), radius, radius)
    painter.setBrush(QtCore.Qt.BrushStyle.NoBrush)
    painter.setPen(_pen(KEEP if keep else DROP, 2 * scale))
    painter.drawEllipse(QtCore.QPointF(x, y), radius, radius)
    painter.drawLine(QtCore.QPointF(x - arm, y), QtCore.QPointF(x + arm, y))
    if keep:
        painter.drawLine(QtCore.QPointF(x, y - arm), QtCore.QPointF(x, y + arm))
    painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing, False)


def box(painter: QtGui.QPainter, edges: Tuple[int, int, int, int], scale: float) -> None:
    """Draw a dashed outline that is seen on any picture. edges: left, top, right, bottom in device pixels."""
    left, top, right, bottom = edges
    painter.setBrush(QtCore.Qt.BrushStyle.NoBrush)
    for colour, dashes in (((0, 0, 0), None), ((255, 255, 255), [DASH, DASH])):
        painter.setPen(_pen(colour, max(1.0, round(scale)), dashes))
        painter.drawRect(QtCore.QRectF(left, top, right - left - 1, bottom - top - 1))


def cross(painter: QtGui.QPainter, x: float, y: float, scale: float) -> None:
    """Draw the cross that the arrow keys move."""
    arm = CROSS * scale
    for colour, width in (((255, 255, 255), 3 * scale), ((0, 0, 0), scale)):
        painter.setPen(_pen(colour, width))
        painter.drawLine(QtCore.QPointF(x - arm, y), QtCore.QPointF(x + arm, y))
        painter.drawLine(QtCore.QPointF(x, y - arm), QtCore.QPointF(x, y + arm))


def _pen(colour: Colour, width: float, dashes: Optional[list] = None) -> QtGui.QPen:
    pen = QtGui.QPen(QtGui.QColor(*colour))
    pen.setWidthF(width)
    if dashes is not None:
        pen.setDashPattern(dashes)
    return pen
