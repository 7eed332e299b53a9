"""How the mask gets onto the layer: one undo step, whatever was there before.

Our mask is known by its name. A mask of that name is replaced; all others stay, and Krita multiplies them with ours.
"""

from __future__ import annotations

from typing import Any, List

from krita import Krita

from .layers import Picture
from .matted_client.errors import MattedError
from .qt import QByteArray

NAME = "Background removed"


def put(main_window: Any, document: Any, node: Any, picture: Picture, alpha: bytearray) -> None:
    """Put `alpha`, the picture's mask (0 hidden, 255 visible), on the layer `node`.

    Raises MattedError and changes nothing if Krita does not allow it.
    """
    area = (picture.x, picture.y, picture.width, picture.height)
    pixels = QByteArray(alpha)
    earlier = [mask for mask in _masks(node) if mask.name() == NAME]
    if earlier and earlier[-1].locked():
        raise MattedError('The mask "%s" of an earlier removal is locked.' % NAME, "Unlock or delete it.")
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
    else:
        mask = _added_by_action(main_window, document, node)
        mask.setPixelData(pixels, *area)
    document.refreshProjection()


def _masks(node: Any) -> List[Any]:
    return [child for child in node.childNodes() if child.type() == "transparencymask"]


def _added_by_action(main_window: Any, document: Any, node: Any) -> Any:
    """Krita would make the mask from the user's selection, which is put aside. In Krita 5.1 that is no undo step."""
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
    """The mask that one of Krita's own menu entries makes on `node` while `active` is the active node."""
    if not _in_front(main_window, document):
        raise MattedError("Another picture came to the front while the mask was being made.", "Try again.")
    entry = _menu_entry(main_window, action)
    before = [mask.uniqueId() for mask in _masks(node)]
    document.setActiveNode(active)
    document.waitForDone()
    usable = entry.isEnabled()
    entry.setEnabled(True)  # Krita updates its menus later than this
    entry.trigger()
    entry.setEnabled(usable)
    document.waitForDone()
    made = [mask for mask in _masks(node) if mask.uniqueId() not in before]
    if not made:
        raise _refused()
    made[0].setName(NAME)
    return made[0]


def _in_front(main_window: Any, document: Any) -> bool:
    for window in Krita.instance().windows():
        if window.qwindow() is main_window:
            view = window.activeView()
            return view is not None and view.document() == document
    return False


def _menu_entry(main_window: Any, name: str) -> Any:
    """Krita.action() would not do: it gives the entry of the window that has the focus."""
    for entry in main_window.actions():
        if entry.objectName() == name:
            return entry
    raise MattedError("This Krita lacks the menu entry %s." % name, "Delete the mask of the earlier removal.")


def _refused() -> MattedError:
    return MattedError("Krita did not let the layer have a mask.", "Is the layer, or a group around it, locked?")
