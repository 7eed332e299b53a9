"""What the daemon gets to see of a layer: 8-bit sRGB, in the byte order that Krita keeps it in anyway.

Nothing here changes the document or its undo history.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Iterator

from krita import Krita

from .matted_client.errors import MattedError
from .matted_client.messages import MAX_PIXELS, MAX_SIDE
from .qt import QByteArray

RGB, U8 = "RGBA", "U8"
SRGB = "sRGB-elle-V2-srgbtrc.icc"  # comes with every Krita and is its default
SRGB_NAMES = (SRGB, "sRGB built-in")  # profiles whose pixels need no conversion
RESHAPING = ("transformmask", "filtermask", "colorizemask")  # masks that change what a layer shows


@dataclass(frozen=True)
class Picture:
    """A layer's pixels. x, y: the left upper corner in the document, may be negative.

    pixels: width x height of B, G, R, A bytes, rows from the top, sRGB, straight alpha.
    """

    x: int
    y: int
    width: int
    height: int
    pixels: QByteArray


def target(document: Any) -> Any:
    """The layer to work on: the active one, or the one that the active mask belongs to.

    Raises MattedError if there is none, or none that could take a mask.
    """
    node = document.activeNode() if document is not None else None
    while node is not None and node.type().endswith("mask"):
        node = node.parentNode()
    if node is None or not node.type():
        raise MattedError("No layer is selected.", "Open a picture and select the layer to cut out.")
    if node.type() == "filterlayer":
        raise MattedError("A filter layer has no picture of its own.", "Select the layer to cut out.")
    locked = _locked(node)
    if locked is not None:
        raise MattedError('The layer "%s" is locked.' % locked.name(), "Unlock it and try again.")
    return node


def require(document: Any, node: Any) -> None:
    """Raises MattedError if the document was closed, or the layer removed or locked, since the click."""
    if not any(document == other for other in Krita.instance().documents()):
        raise MattedError("The picture was closed while its background was being removed.")
    if document.nodeByUniqueID(node.uniqueId()) is None:
        raise MattedError("The layer was removed while its mask was being made.", "The picture was not changed.")
    if _locked(node) is not None:
        raise MattedError("The layer was locked while its mask was being made.", "Unlock it and try again.")


def read(document: Any, node: Any) -> Picture:
    """Raises MattedError if the layer has no visible pixels, or more than the daemon takes."""
    document.waitForDone()  # strokes that are still being painted
    if _is_plain(node):
        return _picture(node)
    with _scratch(document) as scratch:
        return _picture(_flattened(scratch, node))


def _locked(node: Any) -> Any:
    """The locked one among a layer and the groups it is in, or None. Krita silently gives such a layer no mask."""
    while node is not None and node.type():
        if node.locked():
            return node
        node = node.parentNode()
    return None


def _is_plain(node: Any) -> bool:
    """Whether the layer's own pixels are what it shows, and sRGB bytes."""
    if node.type() != "paintlayer" or (node.colorModel(), node.colorDepth()) != (RGB, U8):
        return False
    reshaped = any(child.type() in RESHAPING and child.visible() for child in node.childNodes())
    return node.colorProfile() in SRGB_NAMES and not reshaped


def _picture(node: Any) -> Picture:
    bounds = node.bounds()
    if bounds.isEmpty():
        raise MattedError("The layer is empty.", "Select the layer to cut out.")
    x, y, width, height = bounds.x(), bounds.y(), bounds.width(), bounds.height()
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:  # before Krita copies the pixels
        most = "At most %d megapixels and %d pixels a side are possible." % (MAX_PIXELS // 1000000, MAX_SIDE)
        raise MattedError("The layer is too large: %d x %d pixels." % (width, height), most)
    return Picture(x, y, width, height, node.pixelData(x, y, width, height))


@contextmanager
def _scratch(document: Any) -> Iterator[Any]:
    """An empty document like `document` that no window shows: work in it has no undo history."""
    scratch = Krita.instance().createDocument(
        document.width(),
        document.height(),
        "",
        document.colorModel(),
        document.colorDepth(),
        document.colorProfile(),
        float(document.resolution()),
    )
    try:
        scratch.setBatchmode(True)
        for node in scratch.topLevelNodes():
            node.remove()
        yield scratch
    finally:
        scratch.setModified(False)  # or Krita asks whether to save it
        scratch.close()


def _flattened(scratch: Any, node: Any) -> Any:
    """What a layer of any kind shows, as a paint layer of `scratch` in sRGB bytes.

    Transparency masks are left out: the new mask multiplies with those that stay, and an earlier one of ours has to
    have no influence. All other masks are applied, as the new mask comes after them.
    """
    scratch.rootNode().addChildNode(_copy(scratch, node), None)
    # The copy is edited only now: before, it is still connected to its document's undo history.
    layer = scratch.topLevelNodes()[0]
    layer.setVisible(True)
    layer.setOpacity(255)
    layer.setBlendingMode("normal")
    layer.setInheritAlpha(False)
    for child in layer.childNodes():
        if child.type() == "transparencymask":
            child.remove()
    scratch.waitForDone()
    scratch.flatten()
    scratch.waitForDone()
    scratch.setColorSpace(RGB, U8, SRGB)
    scratch.waitForDone()
    return scratch.topLevelNodes()[0]


def _copy(scratch: Any, node: Any) -> Any:
    if node.type() != "filllayer":
        return node.duplicate()
    # A copied fill layer would be filled some time later; its rendered pixels are here now, in the document's colours.
    bounds = node.bounds()
    rectangle = (bounds.x(), bounds.y(), bounds.width(), bounds.height())
    copy = scratch.createNode("", "paintlayer")
    copy.setPixelData(node.projectionPixelData(*rectangle), *rectangle)
    return copy
