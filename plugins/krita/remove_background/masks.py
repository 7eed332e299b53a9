"""Puts masks onto layers, each in one undo step.

Our mask is known by its name. A mask of that name is replaced; all others stay, and Krita multiplies them with ours.
"""

from __future__ import annotations

from typing import Any, List

from . import windows
from .layers import Area
from .matted_client.errors import MattedError
from .qt import QtCore
from .texts import _

NAME = "Background removed"


def put(main_window: Any, document: Any, node: Any, area: Area, pixels: QtCore.QByteArray) -> None:
    """Put a mask on the layer `node`.

    pixels: a byte for each pixel of `area`, 0 hidden, 255 visible.

    Raises MattedError and changes nothing if Krita does not allow it.
    """
    earlier = [mask for mask in _masks(node) if mask.name() == NAME]
    if earlier and earlier[-1].locked():
        raise MattedError(_('The mask "%s" of an earlier removal is locked.') % NAME, _("Unlock or delete it."))
    if earlier:
        # Converts a mask into a new one of the same kind, in one undo step, whatever is selected. Undo brings the
        # old one back, untouched: its pixels are not those that are written here.
        mask = _by_action(main_window, document, node, earlier[-1], "convert_to_transparency_mask")
        mask.setPixelData(pixels, *area)
    elif hasattr(document, "createTransparencyMask"):  # Krita 5.2
        mask = document.createTransparencyMask(NAME)
        mask.setPixelData(pixels, *area)
        if not node.addChildNode(mask, None):
            raise _refused()
        return  # Krita shows a mask that comes with its pixels by itself
    else:
        mask = _added_by_action(main_window, document, node)
        mask.setPixelData(pixels, *area)
    document.refreshProjection()


def _masks(node: Any) -> List[Any]:
    return [child for child in node.childNodes() if child.type() == "transparencymask"]


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
    before = [mask.uniqueId() for mask in _masks(node)]
    document.setActiveNode(active)
    document.waitForDone()
    windows.trigger(main_window, document, action)
    made = [mask for mask in _masks(node) if mask.uniqueId() not in before]
    if not made:
        raise _refused()
    made[0].setName(NAME)
    return made[0]


def _refused() -> MattedError:
    return MattedError(_("Krita did not let the layer have a mask."), _("Is the layer, or a group around it, locked?"))
