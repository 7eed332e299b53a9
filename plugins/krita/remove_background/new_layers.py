"""Adds a layer with the subject alone, and hides the one that it was made of, in one undo step."""

from __future__ import annotations

import operator
from typing import Any, Optional, Tuple

from . import hidden_sources
from .layers import RGB, SRGB, SRGB_NAMES, U8, Area, Picture, cut_out, scratch
from .matted_client.cropping import box_of_subject, part
from .matted_client.errors import MattedError
from .qt import QtCore
from .texts import _
from .turns import NOW_MS, Turns, in_thread

_OVER_255 = bytes((product + 127) // 255 for product in range(255 * 255 + 1))
_AT_ONCE = 1 << 14  # bytes, in some 2 ms: Python lets no other thread run meanwhile, not even Krita's own
CUT_OUT = _("%s, cut out")  # the name of the new layer


def add(
    document: Any,
    node: Any,
    picture: Picture,
    alpha: bytearray,
    colours: Optional[bytearray],
    finished: Optional[bytearray],
    crop: bool,
) -> Turns:
    """Add a paint layer above `node`, in its place in the picture, and return it.

    alpha: a byte for each of the picture's pixels, to be multiplied by its own alpha.
    colours: the clean colours, BGRA, whose alpha does not count; None for the layer's own.
    finished: the same with `alpha` multiplied already; None where that is to be done here.
    crop: whether it is as large as what `alpha` shows.
    """
    if colours is None and hasattr(document, "createTransparencyMask"):  # Krita 5.2
        shown = yield from cut_out(document, node, picture.area, alpha)
    else:
        shown = yield from coloured(document, picture, alpha, colours, finished)
    yield NOW_MS
    area = picture.area
    if crop:
        shown, area = yield from in_thread(lambda: _cropped(bytes(shown), picture.area, alpha))
    layer = document.createNode(CUT_OUT % node.name(), "paintlayer")
    layer.setOpacity(node.opacity())
    if layer.blendingMode() != node.blendingMode():  # it would be an undo step even where nothing changes
        layer.setBlendingMode(node.blendingMode())
    layer.setInheritAlpha(node.inheritAlpha())
    layer.setPixelData(shown, *area)
    yield NOW_MS
    insert(document, node, layer)
    return layer


def insert(document: Any, node: Any, layer: Any) -> None:
    """Put a new layer above `node`, which is hidden. Raises MattedError and changes nothing if Krita refuses it."""
    hidden_sources.watch()
    if not node.parentNode().addChildNode(layer, node):
        raise MattedError(
            _("Krita did not let the picture have a new layer."), _("Is the group around the layer locked?")
        )
    hidden_sources.hide(document, node, layer)
    document.refreshProjection()


def coloured(
    document: Any,
    picture: Picture,
    alpha: bytearray,
    colours: Optional[bytearray],
    finished: Optional[bytearray],
) -> Turns:
    """Return what is cut out of a picture, in the document's colours. Parameters are those of `add`."""
    if finished is None:
        finished = yield from in_thread(lambda: _composed(picture, bytes(alpha), colours))
    yield NOW_MS
    return _in_colours_of(document, QtCore.QByteArray(finished), picture.area)


def _cropped(pixels: bytes, area: Area, alpha: bytearray) -> Tuple[QtCore.QByteArray, Area]:
    """Return the pixels of the part that `alpha` shows, and where it lies. May take a second."""
    x, y, width, height = area
    box = box_of_subject(alpha, width, height)
    if box is None:
        return QtCore.QByteArray(pixels), area
    left, top, right, bottom = box
    own = QtCore.QByteArray(part(pixels, width, height, box))
    return own, (x + left, y + top, right - left, bottom - top)


def _composed(picture: Picture, alpha: bytes, colours: Optional[bytearray]) -> bytearray:
    """Return the picture, BGRA, in these colours or its own, its alpha multiplied by `alpha`. May take seconds."""
    own = bytes(picture.pixels.bytes)
    pixels = bytearray(own) if colours is None else bytearray(colours)
    pixels[3::4] = _product(own[3::4], alpha)
    return pixels


def _product(one: bytes, other: bytes) -> bytes:
    """Return one * other / 255, rounded, for every pair of bytes."""
    if one.count(255) == len(one):  # a picture without transparency
        return other
    result = bytearray()
    for start in range(0, len(one), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        result += bytes(map(_OVER_255.__getitem__, map(operator.mul, one[part], other[part])))
    return bytes(result)


def _in_colours_of(document: Any, pixels: QtCore.QByteArray, area: Area) -> QtCore.QByteArray:
    """Convert BGRA bytes in sRGB to the document's colour space."""
    space = (document.colorModel(), document.colorDepth(), document.colorProfile())
    if space[:2] == (RGB, U8) and space[2] in SRGB_NAMES:
        return pixels
    with scratch(document) as other:
        other.setColorSpace(RGB, U8, SRGB)
        layer = other.createNode("", "paintlayer")
        layer.setPixelData(pixels, *area)
        other.rootNode().addChildNode(layer, None)
        other.setColorSpace(*space)
        other.waitForDone()
        return layer.pixelData(*area)
