"""Reads layers as the daemon takes them: 8-bit sRGB in Krita's own byte order. Changes nothing in the document."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Callable, Iterator, List, Optional, Sequence

from krita import Krita

from . import pixels
from .matted_client.errors import MattedError
from .matted_client.filling import Filling
from .matted_client.messages import MAX_PIXELS, MAX_SIDE
from .matted_client.options import MASK, SELECTION
from .matted_client.selection import box_of
from .pixels import Area
from .qt import QtCore
from .texts import _
from .turns import Turns, settled

RGB, U8 = "RGBA", "U8"
SRGB = "sRGB-elle-V2-srgbtrc.icc"  # comes with every Krita and is its default
SRGB_NAMES = (SRGB, "sRGB built-in")  # profiles whose pixels need no conversion
RESHAPING = ("transformmask", "filtermask", "colorizemask")  # masks that change what a layer shows


ANIMATED = _("The layer is animated: what was made of this frame is shown in all frames.")
OWN_SELECTION = _("The layer has a selection mask of its own, which does not limit the result.")

FORMAT, PIXEL_BYTES = "BGRA8", 4  # the daemon's name for the order in which Krita keeps such pixels


@dataclass(frozen=True)
class Picture:
    """A layer's pixels, on their way.

    x, y: the left upper corner in the document; may be negative.
    pixels: width x height of B, G, R, A bytes, rows from the top, sRGB, straight alpha. They arrive in parts.
    bounds: where Krita said that the layer is; more or less than was read where a mask reshapes it.
    """

    x: int
    y: int
    width: int
    height: int
    pixels: Filling
    bounds: Any

    @property
    def area(self) -> Area:
        return self.x, self.y, self.width, self.height


def targets(nodes: Sequence[Any]) -> List[Any]:
    """Return the layers to cut out where `nodes` are selected: instead of a mask, the layer that it belongs to.

    What is in one of them is left out: its own mask would multiply with that of its group.

    Raises MattedError if there is none.
    """
    found: List[Any] = []
    for node in nodes:
        while node is not None and node.type().endswith("mask"):
            node = node.parentNode()
        if node is not None and node.parentNode() is not None and node not in found:  # not the picture itself
            found.append(node)
    if not found:
        raise MattedError(_("No layer is selected."), _("Open a picture and select the layer to cut out."))
    return [node for node in found if not _is_inside(node, found)]


def check(node: Any, output: str) -> None:
    """Raise MattedError if the layer has no picture, or if Krita would not accept the output."""
    if node.type() == "filterlayer":
        raise MattedError(_("A filter layer has no picture of its own."), _("Select the layer to cut out."))
    if output == MASK and node.type() == "grouplayer" and node.passThroughMode():
        raise MattedError(
            _('The group "%s" passes through, so Krita would not heed its mask.') % node.name(),
            _("Switch off Pass Through in the Layers docker, or select the layers in the group."),
        )
    locked = _locked(node) if output == MASK else None
    if locked is not None:
        raise MattedError(_('The layer "%s" is locked.') % locked.name(), _("Unlock it and try again."))


def notices(node: Any, output: str, refined: Any = None) -> List[str]:
    """Return what a person may not expect of the output, in sentences. refined: the mask that is the output."""
    found = []
    if output != SELECTION and _is_animated(node):
        found.append(ANIMATED)
    if any(child.type() == "selectionmask" and child.visible() and child != refined for child in node.childNodes()):
        found.append(OWN_SELECTION)
    return found


def is_open(document: Any) -> bool:
    return any(document == other for other in Krita.instance().documents())


def selected(document: Any) -> Any:
    """Return what is selected, or None. It stays what it is when a person selects something else."""
    selection = document.selection()
    return selection.duplicate() if selection is not None else None


def require_open(document: Any) -> None:
    """Raise MattedError if the document was closed since the click."""
    if not is_open(document):
        raise MattedError(_("The picture was closed before the result was ready."))


def require(document: Any, node: Any) -> None:
    """Raise MattedError if, since the click, the document was closed, or the layer removed."""
    require_open(document)
    if document.nodeByUniqueID(node.uniqueId()) is None:
        raise MattedError(_("The layer was removed while its mask was being made."), _("The picture was not changed."))


def require_unlocked(node: Any, output: str) -> None:
    """Raise MattedError if the layer, which passed `check`, was locked since and Krita would not accept the output."""
    if output == MASK and _locked(node) is not None:
        raise MattedError(_("The layer was locked while its mask was being made."), _("Unlock it and try again."))


def unchanged(document: Any, node: Any, picture: Picture) -> Turns:
    """Raise MattedError if the layer is not where it was read: it was moved, or painted beyond its edges."""
    yield from settled(document)  # a group has no bounds of its own while Krita puts it together
    require(document, node)
    if node.bounds() != picture.bounds:
        raise MattedError(_("The layer was changed while its mask was being made."), _("Try again."))


def read(document: Any, node: Any, begin: Callable[[Picture], None] = lambda picture: None) -> Turns:
    """Read a layer, turn by turn. Returns its Picture.

    begin: called with the picture once its size is known, before any of its pixels is there.

    Raises MattedError if the layer has no visible pixels, more than the daemon takes, or is removed meanwhile. What
    `begin` was called with fails then, too.
    """
    yield from settled(document)  # strokes that are still being painted
    require(document, node)
    if _is_plain(node):
        return (yield from _picture(document, node, _bounds(node), node.bounds(), begin))
    bounds = node.bounds()
    with scratch(document) as other:
        layer = _flattened(other, node)
        return (yield from _picture(other, layer, _bounds(layer), bounds, begin))


def box(limit: Any, picture: Picture, name: str) -> Optional[List[int]]:
    """Return where the layer `name` is selected, left, top, right, bottom in its own pixels; None: all over.

    limit: a selection. Raises MattedError if it lies outside the layer.
    """
    x, y = limit.x(), limit.y()
    edges = picture.x, picture.y, picture.x + picture.width, picture.y + picture.height
    return box_of((x, y, x + limit.width(), y + limit.height()), edges, name)


def read_plate(document: Any, name: str, area: Area, begin: Callable[[Picture], None] = lambda picture: None) -> Turns:
    """Read the layer `name` in an area, as `read` does. Raises MattedError if it does not cover that."""
    node = document.nodeByName(name)
    if node is None:
        message = _('The picture has no layer "%s", which was to be the plate.') % name
        raise MattedError(message, _("Choose another plate, or none: Filter > Remove Background..."))
    yield from settled(document)
    require(document, node)
    if _is_plain(node):
        return (yield from _plate(document, node, name, area, begin))
    with scratch(document) as other:
        return (yield from _plate(other, _flattened(other, node), name, area, begin))


def _plate(document: Any, node: Any, name: str, area: Area, begin: Callable[[Picture], None]) -> Turns:
    if not node.bounds().contains(QtCore.QRect(*area)):
        message = _('The plate "%s" does not cover the whole layer.') % name
        raise MattedError(message, _("It has to show all of the scene, without the subject."))
    return (yield from _picture(document, node, area, node.bounds(), begin))


def _is_inside(node: Any, groups: Sequence[Any]) -> bool:
    """Return whether the layer is in one of the groups, or in a group of theirs."""
    parent = node.parentNode()
    while parent is not None:
        if parent in groups:
            return True
        parent = parent.parentNode()
    return False


def _locked(node: Any) -> Any:
    """Return which of a layer and its groups is locked, or None. Krita silently gives such a layer no mask."""
    while node is not None and node.type():
        if node.locked():
            return node
        node = node.parentNode()
    return None


def _is_animated(node: Any) -> bool:
    """Return whether a layer has frames, or one in it, or the one that it is a clone of."""
    if node.type() == "clonelayer" and hasattr(node, "sourceNode"):  # from Krita 5.2 on
        source = node.sourceNode()
        return source is not None and _is_animated(source)
    return node.animated() or any(_is_animated(child) for child in node.childNodes())


def _is_plain(node: Any) -> bool:
    """Return whether the layer's own pixels are sRGB bytes, and all that it shows."""
    if node.type() != "paintlayer" or (node.colorModel(), node.colorDepth()) != (RGB, U8):
        return False
    reshaped = any(child.type() in RESHAPING and child.visible() for child in node.childNodes())
    return node.colorProfile() in SRGB_NAMES and not reshaped


def _bounds(node: Any) -> Area:
    """Return the area of the layer's pixels. Raises what `area_of` does."""
    return area_of(node.bounds())


def area_of(bounds: Any) -> Area:
    """Return the area that lies within bounds. Raises MattedError if it is empty, or larger than the daemon takes."""
    width, height = bounds.width(), bounds.height()
    if bounds.isEmpty():
        raise MattedError(_("The layer is empty."), _("Select the layer to cut out."))
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:  # before Krita copies the pixels
        most = _("At most %d megapixels and %d pixels a side are possible.") % (MAX_PIXELS // 1000000, MAX_SIDE)
        raise MattedError(_("The layer is too large: %d x %d pixels.") % (width, height), most)
    return bounds.x(), bounds.y(), width, height


def _picture(document: Any, node: Any, area: Area, bounds: Any, begin: Callable[[Picture], None]) -> Turns:
    """Read an area of a plain layer of this document, or of a scratch one. bounds: of the layer itself."""
    _, _, width, height = area
    filling = Filling(width * height * PIXEL_BYTES)
    picture = Picture(*area, filling, bounds)
    begin(picture)
    try:
        for pause in pixels.read(node, area, PIXEL_BYTES, filling.add):
            if len(filling.bytes) < len(filling):  # the answer may come as soon as all is there
                yield pause
                require(document, node)
    except MattedError as error:
        filling.fail(error)
        raise
    return picture


@contextmanager
def scratch(document: Any) -> Iterator[Any]:
    """Make an empty document like `document` that no window shows: work in it has no undo history."""
    other = Krita.instance().createDocument(
        document.width(),
        document.height(),
        "",
        document.colorModel(),
        document.colorDepth(),
        document.colorProfile(),
        float(document.resolution()),
    )
    try:
        other.setBatchmode(True)
        for node in other.topLevelNodes():
            node.remove()
        yield other
    finally:
        other.setModified(False)  # or Krita asks whether to save it
        other.close()


def cut_out(document: Any, node: Any, area: Area, alpha: Any) -> Turns:
    """Return what the layer shows in `area`, in the document's colours, with a mask of a byte a pixel applied."""
    with scratch(document) as other:
        layer = _alone(other, node)
        mask = other.createTransparencyMask("")
        yield from pixels.write(mask, area, 1, alpha)
        layer.addChildNode(mask, None)
        return _merged(other).pixelData(*area)


def _flattened(other: Any, node: Any) -> Any:
    """Turn a layer of any kind into a paint layer of `other` in sRGB bytes."""
    _alone(other, node)
    _merged(other)
    other.setColorSpace(RGB, U8, SRGB)
    other.waitForDone()
    return other.topLevelNodes()[0]


def _alone(other: Any, node: Any) -> Any:
    """Copy a layer into `other`, without the effect of its surroundings.

    Transparency masks are left out: the new mask multiplies with those that stay, and an earlier one of ours has to
    have no influence. All other masks are applied, as the new mask comes after them.
    """
    other.rootNode().addChildNode(_copy(other, node), None)
    # The copy is edited only now: before, it is still connected to its document's undo history.
    layer = other.topLevelNodes()[0]
    layer.setVisible(True)
    layer.setOpacity(255)
    layer.setBlendingMode("normal")
    layer.setInheritAlpha(False)
    if layer.type() == "grouplayer":
        layer.setPassThroughMode(False)  # or no mask would have an effect
    for child in layer.childNodes():
        if child.type() == "transparencymask":
            child.remove()
    other.waitForDone()
    return layer


def _merged(other: Any) -> Any:
    other.flatten()
    other.waitForDone()
    return other.topLevelNodes()[0]


def _copy(other: Any, node: Any) -> Any:
    if node.type() != "filllayer":
        return node.duplicate()
    # A copied fill layer would be filled some time later; its rendered pixels are here now, in the document's colours.
    bounds = node.bounds()
    rectangle = (bounds.x(), bounds.y(), bounds.width(), bounds.height())
    copy = other.createNode("", "paintlayer")
    copy.setPixelData(node.projectionPixelData(*rectangle), *rectangle)
    return copy
