"""How the mask gets onto the layer: one undo step, whatever was there before.

Our mask is known by its name. A mask of that name is replaced; all others stay, and Krita multiplies them with ours.
"""

from __future__ import annotations

from typing import Any, List

from krita import Krita

from .layers import Picture
from .matted_client.errors import MattedError
from .qt import QByteArray, QObject

NAME = "Background removed"


def put(main_window: Any, document: Any, node: Any, picture: Picture, alpha: bytearray) -> None:
    """Put `alpha`, the picture's mask (0 hidden, 255 visible), on the layer `node`, which is the active one then.

    Raises MattedError and changes nothing if Krita does not allow it.
    """
    area = (picture.x, picture.y, picture.width, picture.height)
    pixels = QByteArray(alpha)
    earlier = [mask for mask in _masks(node) if mask.name() == NAME]
    if earlier and earlier[-1].locked():
        raise MattedError('The mask "%s" of an earlier removal is locked.' % NAME, "Unlock or delete it.")
    if earlier:
        # Converts a mask into a new one of the same kind, in one undo step. Undo brings the old one back, untouched.
        mask = _by_action(main_window, document, node, earlier[-1], "convert_to_transparency_mask")
        mask.setPixelData(pixels, *area)
    elif hasattr(document, "createTransparencyMask"):  # Krita 5.2
        mask = document.createTransparencyMask(NAME)
        mask.setPixelData(pixels, *area)
        if not node.addChildNode(mask, None):
            raise _refused()
    else:
        mask = _by_action(main_window, document, node, node, "add_new_transparency_mask")
        mask.setPixelData(pixels, *area)
    document.setActiveNode(node)
    document.refreshProjection()


def _masks(node: Any) -> List[Any]:
    return [child for child in node.childNodes() if child.type() == "transparencymask"]


def _by_action(main_window: Any, document: Any, node: Any, active: Any, action: str) -> Any:
    """The mask that one of Krita's own menu entries makes on `node` while `active` is the active node.

    The user's selection is put aside for that long, since Krita would make the mask from it. Neither is an undo step.
    """
    trigger = main_window.findChild(QObject, action)
    if trigger is None or not _in_front(main_window, document):
        raise MattedError("Another picture came to the front while the mask was being made.", "Try again.")
    before = [mask.uniqueId() for mask in _masks(node)]
    selection = document.selection()
    document.setSelection(None)
    try:
        document.setActiveNode(active)
        document.waitForDone()
        usable = trigger.isEnabled()
        trigger.setEnabled(True)  # Krita updates its menus later than this
        trigger.trigger()
        trigger.setEnabled(usable)
        document.waitForDone()
    finally:
        if selection is not None:
            document.setSelection(selection)
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


def _refused() -> MattedError:
    return MattedError("Krita did not let the layer have a mask.", "Is the layer, or a group around it, locked?")
