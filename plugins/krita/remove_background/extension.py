"""The entry in Krita's Filter menu."""

from __future__ import annotations

from typing import Any, List

from krita import Extension, Krita

from . import worker
from .qt import QCoreApplication
from .removal import Removal

ACTION = "remove_background"  # also the name in remove_background.action


class RemoveBackground(Extension):
    def __init__(self, parent: Any) -> None:
        super().__init__(parent)
        self._removals: List[Removal] = []

    def setup(self) -> None:
        QCoreApplication.instance().aboutToQuit.connect(worker.stop_all)

    def createActions(self, window: Any) -> None:
        # `window` lives only as long as this call; the Qt window behind it stays
        main_window = window.qwindow()
        action = window.createAction(ACTION, "Remove Background", "filter")
        action.triggered.connect(lambda: self._clicked(main_window))

    def _clicked(self, main_window: Any) -> None:
        if any(removal.main_window is main_window for removal in self._removals):
            return  # a script or a shortcut came past the dialog that blocks the window
        removal = Removal(main_window, _document_of(main_window))
        removal.finished.connect(self._removals.remove)
        self._removals.append(removal)
        removal.start()


def _document_of(main_window: Any) -> Any:
    """The document in front in this window, or None.

    Krita.activeDocument() would not do: it is None while one of Krita's own floating windows has the focus.
    """
    for window in Krita.instance().windows():
        if window.qwindow() is main_window:
            view = window.activeView()
            return view.document() if view is not None else None
    return None
