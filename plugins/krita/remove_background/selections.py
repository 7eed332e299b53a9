"""Selects what a mask shows, in one undo step.

Before Krita 5.3 a script selects without any undo step: undo would take back what the person did before. Krita's own
"Select Opaque" makes one that is right in both directions. It reads the alpha of the active layer or mask, so the mask
is lent to it as a second selection mask of the picture: one that is hidden is not heeded, and a script's comes and goes
without an undo step, too.
"""

from __future__ import annotations

import traceback
from typing import Any, List

from krita import Krita, Selection

from . import pixels, windows
from .layers import is_open
from .pixels import Area
from .turns import LATER_MS, Turns, settled

SHOW_MASKS = "show-global-selection-mask"  # while it is off, such a mask cannot be made active
PATIENCE = 100  # turns until Krita has taken notice of the lent mask; some 2 are usual


def select(main_window: Any, document: Any, area: Area, alpha: Any, first: bool) -> Turns:
    """Select the subject of the first layer, and add those of the others. alpha: a byte for each pixel of `area`."""
    selection = Selection()
    yield from pixels.write(selection, area, 1, alpha)
    earlier = document.selection()
    if earlier is not None and not first:
        selection.add(earlier)
    if _version() >= (5, 3):
        document.setSelection(selection)
    elif selection.width() == 0:
        if earlier is not None:
            windows.trigger(main_window, document, "deselect")
    elif not (yield from _by_action(main_window, document, selection)):
        document.setSelection(selection)
    yield from settled(document)


def _by_action(main_window: Any, document: Any, selection: Any) -> Turns:
    """Have Krita's own menu entry select. Returns False, with nothing changed, where it cannot.

    That is where the document is not in front in the window, or Krita does not take notice of the lent mask.
    """
    if windows.document_of(main_window) != document:
        return False
    active = document.activeNode()
    showing = windows.entry(main_window, SHOW_MASKS)
    shown = showing.isChecked()
    lent: Any = None
    selected = False
    try:
        lent = _lend(document, selection.duplicate())
        _check(showing, True)
        for _turn in range(PATIENCE):
            yield LATER_MS
            document.setActiveNode(lent)
            if document.activeNode() == lent:
                windows.begin(main_window, document, "selectopaque")
                yield from settled(document)
                document.setActiveNode(active)
                yield from settled(document)  # with the outline of the new selection
                selected = True
                break
        return selected
    finally:
        try:
            if lent is not None and is_open(document):
                if not selected:  # cancelled, perhaps while Krita is about to select
                    document.waitForDone()
                    document.setActiveNode(active)
                _take_back(document, lent)
        finally:
            _check(showing, shown)  # Krita remembers it, so also where the picture is closed


def _check(entry: Any, checked: bool) -> None:
    """Switch a menu entry on or off, unless it went with its window."""
    try:
        if entry.isChecked() != checked:
            windows.press(entry)
    except RuntimeError:  # the entry is gone
        traceback.print_exc()


def _lend(document: Any, selection: Any) -> Any:
    """Add a hidden selection mask to the picture. The selection stays what it is."""
    earlier = _visible(document)
    _show(earlier, False)
    try:
        document.setSelection(selection)
        (lent,) = _visible(document)
        _show([lent], False)
    finally:
        _show(earlier, True)
    return lent


def _take_back(document: Any, lent: Any) -> None:
    others = _visible(document)
    _show(others, False)
    try:
        _show([lent], True)
        document.setSelection(None)  # removes the one that is visible
    finally:
        _show(others, True)


def _visible(document: Any) -> List[Any]:
    """Return the picture's own selection mask, if something is selected."""
    nodes = document.rootNode().childNodes()
    return [node for node in nodes if node.type() == "selectionmask" and node.visible()]


def _show(nodes: List[Any], visible: bool) -> None:
    for node in nodes:
        node.setVisible(visible)


def _version() -> Any:
    """As (5, 2)."""
    return tuple(int(part) for part in Krita.instance().version().split(".")[:2])
