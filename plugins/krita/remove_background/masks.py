"""Finds the masks of layers, and puts masks onto layers, each in one undo step.

Our mask is known by its name. A mask of that name is replaced; all others stay, and Krita multiplies them with ours.
"""

from __future__ import annotations

from typing import Any, List, Tuple

from . import pixels, windows
from .layers import require_open, require_unlocked
from .matted_client.errors import MattedError
from .matted_client.filling import Filling
from .matted_client.options import MASK
from .pixels import Area
from .qt import QtCore
from .texts import _
from .turns import Turns, settled

NAME = "Background removed"
TRANSPARENCY, SELECTED = "transparencymask", "selectionmask"
# Krita's menu entries that make a new mask of one, of the same kind, in one undo step, whatever is selected. Undo
# brings the old one back, untouched: its pixels are not those that are written into the new one.
CONVERT = {TRANSPARENCY: "convert_to_transparency_mask", SELECTED: "convert_to_selection_mask"}

# Whether it was before, Krita does not tell.
ACTIVE = _("The refined selection mask is the active one of its layer now.")


def put(main_window: Any, document: Any, node: Any, area: Area, alpha: Any) -> Turns:
    """Put a mask on the layer `node`.

    alpha: a byte for each pixel of `area`, 0 hidden, 255 visible.

    Raises MattedError and changes nothing if Krita does not allow it.
    """
    earlier = [mask for mask in _masks(node) if mask.name() == NAME]
    if earlier and earlier[-1].locked():
        raise MattedError(_('The mask "%s" of an earlier removal is locked.') % NAME, _("Unlock or delete it."))
    if earlier:
        mask = _by_action(main_window, document, node, earlier[-1], CONVERT[TRANSPARENCY])
        mask.setName(NAME)
        mask.setPixelData(QtCore.QByteArray(alpha), *area)  # not in turns: Cancel would leave half a mask
    elif hasattr(document, "createTransparencyMask"):  # Krita 5.2
        mask = document.createTransparencyMask(NAME)
        yield from pixels.write(mask, area, 1, alpha)
        require_unlocked(node, MASK)
        if not node.addChildNode(mask, None):
            raise _refused()
        return  # Krita shows a mask that comes with its pixels by itself
    else:
        mask = _added_by_action(main_window, document, node)
        mask.setName(NAME)
        mask.setPixelData(QtCore.QByteArray(alpha), *area)
    document.refreshProjection()


def find(node: Any) -> Tuple[Any, Any]:
    """Return the layer and its mask that is meant where `node` is active: itself, or the one that a layer has.

    Of several masks of a layer, ours comes first, then the top one; a selection mask comes after those.

    Raises MattedError if there is none.
    """
    if node is not None and node.type() in CONVERT:
        if node.parentNode() is None or node.parentNode().parentNode() is None:  # what is selected in the picture
            raise MattedError(_("The picture's own selection is no mask of a layer."), _("Select a layer with a mask."))
        return node.parentNode(), node
    while node is not None and node.type().endswith("mask"):
        node = node.parentNode()
    if node is None or node.parentNode() is None:
        raise MattedError(_("No layer is selected."), _("Open a picture and select a layer with a mask."))
    found = _masks(node)
    ours = [mask for mask in found if mask.name() == NAME]
    chosen = ours or found or _masks(node, SELECTED)
    if not chosen:
        raise MattedError(
            _('The layer "%s" has no mask.') % node.name(),
            _("Remove Background makes one; so does Layer > Add > Add Transparency Mask, from what is selected."),
        )
    return node, chosen[-1]


def read(document: Any, mask: Any, area: Area, hint: Filling) -> Turns:
    """Read a mask's bytes in an area, turn by turn. Raises MattedError if the mask is removed meanwhile."""
    try:
        for pause in pixels.read(mask, area, 1, hint.add):
            yield pause
            require(document, mask)
    except MattedError as error:
        hint.fail(error)
        raise


def require(document: Any, mask: Any) -> None:
    """Raise MattedError if, since the click, the document was closed, or the mask removed."""
    require_open(document)
    if document.nodeByUniqueID(mask.uniqueId()) is None:
        raise MattedError(_("The mask was removed while it was being refined."), _("The picture was not changed."))


def unchanged(document: Any, mask: Any, area: Area, hint: Filling) -> Turns:
    """Raise MattedError if the mask's bytes in an area are not those that were read any more."""
    yield from settled(document)
    parts: List[Any] = []
    start = 0
    for pause in pixels.read(mask, area, 1, parts.append):
        part = bytes(parts.pop())
        if part != bytes(hint.bytes[start : start + len(part)]):  # memoryviews are compared one item after the other
            raise MattedError(_("The mask was changed while it was being refined."), _("Try again."))
        start += len(part)
        yield pause
        require(document, mask)


def check(mask: Any) -> None:
    """Raise MattedError if the mask is locked, or animated: the mask that is made of it has one frame."""
    if mask.locked():
        raise MattedError(_('The mask "%s" is locked.') % mask.name(), _("Unlock it and try again."))
    if mask.animated():
        raise MattedError(
            _('The mask "%s" is animated, and its other frames would be lost.') % mask.name(),
            _("Only a mask without frames can be refined."),
        )


def replace(main_window: Any, document: Any, node: Any, mask: Any, area: Area, alpha: Any) -> None:
    """Put other bytes into the area of a mask of the layer `node`. The mask is active afterwards.

    Raises MattedError and changes nothing if Krita does not allow it.
    """
    name, visible, colour = mask.name(), mask.visible(), mask.colorLabel()
    made = _by_action(main_window, document, node, mask, CONVERT[mask.type()])
    made.setName(name)
    made.setColorLabel(colour)
    made.setVisible(visible)
    made.setPixelData(QtCore.QByteArray(alpha), *area)
    document.refreshProjection()


def _masks(node: Any, kind: str = TRANSPARENCY) -> List[Any]:
    return [child for child in node.childNodes() if child.type() == kind]


def _added_by_action(main_window: Any, document: Any, node: Any) -> Any:
    """Add a mask without the selection, from which Krita would make it. In Krita 5.1 that is no undo step."""
    selection = document.selection()
    if selection is None:
        return _by_action(main_window, document, node, node, "add_new_transparency_mask")
    selection = selection.duplicate()  # the original stays bound to where it was
    document.setSelection(None)
    try:
        return _by_action(main_window, document, node, node, "add_new_transparency_mask")
    finally:
        document.setSelection(selection)


def _by_action(main_window: Any, document: Any, node: Any, active: Any, action: str) -> Any:
    """Return the mask that one of Krita's own menu entries makes on `node` while `active` is the active node."""
    before = [child.uniqueId() for child in node.childNodes()]
    document.setActiveNode(active)
    document.waitForDone()
    windows.trigger(main_window, document, action)
    made = [child for child in node.childNodes() if child.uniqueId() not in before]
    if not made:
        raise _refused()
    return made[0]


def _refused() -> MattedError:
    return MattedError(_("Krita did not let the layer have a mask."), _("Is the layer, or a group around it, locked?"))
