"""Krita's windows, each known by its Qt window: Krita's own objects for them live only as long as somebody asks."""

from __future__ import annotations

from typing import Any

from krita import Krita

from .matted_client.errors import MattedError
from .texts import _

NOTICE_MS = 4000
NOTICE_PRIORITY = 1  # medium: not over what Krita itself has to say


def view_of(main_window: Any) -> Any:
    """Return the view in front in this window, or None.

    Krita.activeDocument() would not do: it is None while one of Krita's own floating windows has the focus.
    """
    for window in Krita.instance().windows():
        if window.qwindow() is main_window:
            return window.activeView()
    return None


def document_of(main_window: Any) -> Any:
    """Return the document in front in this window, or None."""
    view = view_of(main_window)
    return view.document() if view is not None else None


def window_of(document: Any) -> Any:
    """Return a Qt window that shows the document, if possible in front, or None."""
    shown = [window for window in Krita.instance().windows() if any(v.document() == document for v in window.views())]
    shown.sort(key=lambda window: document_of(window.qwindow()) != document)
    return shown[0].qwindow() if shown else None


def say(main_window: Any, text: str) -> None:
    """Show a message over the picture for a moment, as Krita does."""
    view = view_of(main_window)
    if view is not None:
        view.showFloatingMessage(text, Krita.instance().icon("dialog-information"), NOTICE_MS, NOTICE_PRIORITY)


def trigger(main_window: Any, document: Any, name: str) -> None:
    """Trigger the menu entry of that name and wait for it. Raises MattedError if another picture is in front."""
    begin(main_window, document, name)
    document.waitForDone()


def begin(main_window: Any, document: Any, name: str) -> None:
    """Trigger the menu entry of that name. Raises MattedError if another picture is in front."""
    if document_of(main_window) != document:
        raise MattedError(_("Another picture came to the front while the mask was being made."), _("Try again."))
    press(entry(main_window, name))


def press(chosen: Any) -> None:
    """Trigger a menu entry, whether Krita has it enabled or not."""
    usable = chosen.isEnabled()
    chosen.setEnabled(True)  # Krita updates its menus later than this
    chosen.trigger()
    chosen.setEnabled(usable)


def entry(main_window: Any, name: str) -> Any:
    """Return the menu entry of this window. Krita.action() would return that of the window with the focus."""
    for each in main_window.actions():
        if each.objectName() == name:
            return each
    raise MattedError(_("This Krita lacks the menu entry %s.") % name, _("Another version of Krita may have it."))
