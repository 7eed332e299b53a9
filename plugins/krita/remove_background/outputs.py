"""Turns a mask into the output: a transparency mask on the layer, the selection, or a new layer."""

from __future__ import annotations

import operator
from typing import Any, Optional

from krita import Krita, Selection

from . import masks, windows
from .layers import RGB, SRGB, SRGB_NAMES, U8, Area, Picture, cut_out, scratch
from .matted_client.client import Mask
from .matted_client.errors import MattedError
from .matted_client.options import NEW_LAYER, SELECTION
from .qt import QtCore
from .texts import _

_OVER_255 = bytes((product + 127) // 255 for product in range(255 * 255 + 1))
CUT_OUT = _("%s, cut out")  # the name of the new layer


def put(
    main_window: Any, document: Any, node: Any, picture: Picture, mask: Mask, output: str, limit: Any, first: bool
) -> Any:
    """Put the output of the layer `node` into the document, in one undo step. Returns the layer to be active.

    limit: the selection that limits the mask, or None.
    first: whether this is the first layer of several.

    Raises MattedError and changes nothing if Krita does not allow it.
    """
    alpha = _limited(limit, picture.area, QtCore.QByteArray(mask.alpha))
    if output == SELECTION:
        _select(main_window, document, picture.area, alpha, first)
        return node
    if output == NEW_LAYER:
        return _add_layer(document, node, picture, alpha, mask.foreground)
    masks.put(main_window, document, node, picture.area, alpha)
    return node


def _limited(limit: Any, area: Area, alpha: QtCore.QByteArray) -> QtCore.QByteArray:
    """Return the minimum of mask and selection, which is how Krita intersects selections."""
    if limit is None:
        return alpha
    limited = Selection()
    limited.setPixelData(alpha, *area)
    limited.intersect(limit)
    return limited.pixelData(*area)


def _select(main_window: Any, document: Any, area: Area, alpha: QtCore.QByteArray, first: bool) -> None:
    """Select the subject of the first layer, and add those of the others.

    Before Krita 5.3 a script selects without an undo step; deselecting first is one, and brings the old one back.
    """
    selection = Selection()
    selection.setPixelData(alpha, *area)
    earlier = document.selection()
    if earlier is not None and not first:
        selection.add(earlier)
    elif earlier is not None and _version() < (5, 3):
        windows.trigger(main_window, document, "deselect")
    document.setSelection(selection)
    document.waitForDone()


def _version() -> Any:
    """As (5, 2)."""
    return tuple(int(part) for part in Krita.instance().version().split(".")[:2])


def _add_layer(
    document: Any, node: Any, picture: Picture, alpha: QtCore.QByteArray, colours: Optional[bytearray]
) -> Any:
    """Add a paint layer above `node` with its picture, cut out. colours: RGB8, instead of the picture's own."""
    if colours is None and hasattr(document, "createTransparencyMask"):  # Krita 5.2
        pixels = cut_out(document, node, picture.area, alpha)
    else:
        pixels = _in_colours_of(document, _composed(picture, alpha, colours), picture.area)
    layer = document.createNode(CUT_OUT % node.name(), "paintlayer")
    layer.setPixelData(pixels, *picture.area)
    if not node.parentNode().addChildNode(layer, node):
        raise MattedError(
            _("Krita did not let the picture have a new layer."), _("Is the group around the layer locked?")
        )
    document.refreshProjection()
    return layer


def _composed(picture: Picture, alpha: QtCore.QByteArray, colours: Optional[bytearray]) -> QtCore.QByteArray:
    """Return the picture as BGRA bytes with other colours, its alpha multiplied by `alpha`."""
    pixels = bytearray(picture.pixels.data())
    if colours is not None:
        for channel in range(3):
            pixels[channel::4] = colours[2 - channel :: 3]
    pixels[3::4] = _product(bytes(pixels[3::4]), alpha.data())
    return QtCore.QByteArray(bytes(pixels))


def _product(one: bytes, other: bytes) -> bytes:
    """Return one * other / 255, rounded, for every pair of bytes."""
    if one.count(255) == len(one):  # a picture without transparency
        return other
    return bytes(map(_OVER_255.__getitem__, map(operator.mul, one, other)))


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
