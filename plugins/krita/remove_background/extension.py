"""The two entries in Krita's Filter menu, and the removals that are under way."""

from __future__ import annotations

import dataclasses
import os
from typing import Any, List, Optional, Sequence

from krita import Extension

from . import layers, remedies, request_thread, settings, windows
from .download import Download
from .matted_client.errors import MattedError
from .matted_client.options import LayerOptions
from .matted_client.preview.marks import Marks
from .matted_client.sentences import in_words
from .options_dialog import OptionsDialog
from .preview import opened_layer
from .preview.opened_layer import OpenedLayer
from .qt import QtCore, QtGui
from .removal import Previewed, Removal
from .texts import WORDS, _

ACTION = "remove_background"  # also the names in remove_background.action
OPTIONS_ACTION = "remove_background_options"
TIPS = {  # what a toolbar says of them
    ACTION: _("Hide the background of the selected layers, with the options of last time"),
    OPTIONS_ACTION: _("Choose the model, the edges and what is made, then hide the background"),
}
DARK = 128  # lightness of a background from which on the icon is drawn in dark lines


class RemoveBackground(Extension):
    def __init__(self, parent: Any) -> None:
        super().__init__(parent)
        self._removals: List[Removal] = []
        self._download: Optional[Download] = None

    def setup(self) -> None:
        QtCore.QCoreApplication.instance().aboutToQuit.connect(_stop_all)

    def createActions(self, window: Any) -> None:
        # `window` lives only as long as this call; the Qt window behind it stays
        main_window = window.qwindow()
        action = window.createAction(ACTION, _("Remove Background"), "filter")
        action.triggered.connect(lambda: self._clicked(main_window))
        with_options = window.createAction(OPTIONS_ACTION, _("Remove Background..."), "filter")
        with_options.triggered.connect(lambda: self._ask(main_window))
        for entry in (action, with_options):
            entry.setIcon(_icon(main_window))
            entry.setToolTip(TIPS[entry.objectName()])
            entry.changed.connect(self._keep_tip)

    def _keep_tip(self) -> None:
        """Krita goes back to the English of the .action file when a picture is opened."""
        action = self.sender()  # a closure that held the action would be a cycle, and lose its connections with it
        if action.toolTip() != TIPS[action.objectName()]:
            action.setToolTip(TIPS[action.objectName()])

    def start(
        self,
        main_window: Any,
        document: Any,
        nodes: Sequence[Any],
        options: LayerOptions,
        previewed: Optional[Previewed] = None,
    ) -> Removal:
        """Begin a removal in a window, and return at once. Raises MattedError if one is under way there."""
        if any(removal.main_window is main_window for removal in self._removals):
            raise MattedError("A background is being removed in this window already.", "Try again when it is done.")
        removal = Removal(main_window, document, nodes, options, previewed)
        removal.finished.connect(self._removals.remove)
        self._removals.append(removal)
        QtCore.QTimer.singleShot(0, removal.start)  # whoever called can connect to `finished` first
        return removal

    def _clicked(self, main_window: Any) -> None:
        view = windows.view_of(main_window)
        nodes = view.selectedNodes() if view is not None else []
        self._remove(main_window, windows.document_of(main_window), nodes, settings.remembered())

    def _ask(self, main_window: Any) -> None:
        document = windows.document_of(main_window)
        if document is None:
            self._clicked(main_window)  # which says what is missing
            return
        nodes = windows.view_of(main_window).selectedNodes()

        options = settings.remembered()
        selection = document.selection()
        limit = selection.duplicate() if selection is not None else None  # the original may be replaced
        opened = OpenedLayer(document, lambda: (_first(document, layers.targets(nodes)), None), limit)

        def accepted(options: LayerOptions, marks: Optional[Marks]) -> None:
            settings.remember(options)
            self._remove(main_window, document, nodes, options, Previewed(opened, marks))

        dialog = OptionsDialog(main_window, document, nodes, options, opened)
        dialog.chosen.connect(accepted)
        dialog.start()
        opened.start(options.plate)

    def _remove(
        self,
        main_window: Any,
        document: Any,
        nodes: Sequence[Any],
        options: LayerOptions,
        previewed: Optional[Previewed] = None,
    ) -> None:
        """Remove the background for a person: errors become messages."""
        try:
            self.start(main_window, document, nodes, options, previewed).finished.connect(self._tell)
        except MattedError:
            if previewed is not None:
                previewed.opened.close()
            # the dialog of the one that runs is on the screen; a shortcut came past it

    def _tell(self, removal: Removal) -> None:
        if not removal.failures:
            return
        window, document, options, previewed = removal.main_window, removal.document, removal.options, removal.previewed

        def again(nodes: List[Any], anyway: bool) -> None:
            wished = dataclasses.replace(options, anyway=anyway or options.anyway)
            self._remove(window, document, nodes, wished, previewed)

        def got(error: Optional[MattedError]) -> None:
            if error is not None:
                remedies.show(window, *in_words(error, WORDS))
            else:
                again(removal.left, False)

        def download(model: str) -> None:
            self._download = Download(window, model)
            self._download.finished.connect(got)
            self._download.start()

        try:
            remedies.tell(removal, again, download)
        except RuntimeError:
            pass  # the Krita window was closed meanwhile


def _stop_all() -> None:
    opened_layer.close_all()
    request_thread.stop_all()


def _first(document: Any, nodes: Sequence[Any]) -> Any:
    """Return which layer the preview is of: the active one, or the first."""
    active = document.activeNode()
    return active if active in nodes else nodes[0]


def _icon(main_window: Any) -> QtGui.QIcon:
    is_dark = main_window.palette().color(QtGui.QPalette.ColorRole.Window).lightness() < DARK
    name = "dark.svg" if is_dark else "light.svg"
    return QtGui.QIcon(os.path.join(os.path.dirname(os.path.abspath(__file__)), "icons", name))
