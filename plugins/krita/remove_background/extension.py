"""The three entries in Krita's Filter menu, and what is under way because of them."""

from __future__ import annotations

import dataclasses
import os
from contextlib import contextmanager
from typing import Any, Iterator, List, Optional, Sequence, TypeVar

from krita import Extension

from . import layers, masks, refinement, remedies, request_thread, settings, windows
from .download import Download
from .matted_client.errors import MattedError
from .matted_client.options import MASK, KritaOptions, RefineOptions
from .matted_client.preview.marks import Marks
from .matted_client.sentences import in_words
from .operation import Operation
from .options_dialog import OptionsDialog
from .preview import opened_layer
from .preview.opened_layer import OpenedLayer, Previewed
from .qt import QtCore, QtGui
from .refine_dialog import RefineDialog
from .refinement import Refinement
from .removal import Removal
from .texts import WORDS, _

ACTION = "remove_background"  # also the names in remove_background.action
OPTIONS_ACTION = "remove_background_options"
REFINE_ACTION = "refine_mask"
TIPS = {  # what a toolbar says of them
    ACTION: _("Hide the background of the selected layers, with the options of last time"),
    OPTIONS_ACTION: _("Find the subject of the layer: see it, click on it, choose the edges and what is made of it"),
    REFINE_ACTION: _("Work out the edges of the layer's mask anew, along those of the picture"),
}
T = TypeVar("T", bound=Operation)
DARK = 128  # lightness of a background from which on the icon is drawn in dark lines


class RemoveBackground(Extension):
    def __init__(self, parent: Any) -> None:
        super().__init__(parent)
        self._running: List[Operation] = []
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
        refining = window.createAction(REFINE_ACTION, _("Refine Mask..."), "filter")
        refining.triggered.connect(lambda: self._ask_to_refine(main_window))
        for entry in (action, with_options, refining):
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
        options: KritaOptions,
        previewed: Optional[Previewed] = None,
    ) -> Removal:
        """Begin a removal in a window, and return at once. Raises MattedError if something is under way there."""
        return self._started(Removal(main_window, document, nodes, options, previewed))

    def refine(
        self,
        main_window: Any,
        document: Any,
        node: Any,
        options: RefineOptions,
        previewed: Optional[Previewed] = None,
    ) -> Refinement:
        """Begin a refinement in a window, and return at once. Raises MattedError if something is under way there."""
        return self._started(Refinement(main_window, document, node, options, previewed))

    def _started(self, operation: T) -> T:
        if any(other.main_window is operation.main_window for other in self._running):
            raise MattedError("matted is at work in this window already.", "Try again when it is done.")
        operation.finished.connect(self._running.remove)
        self._running.append(operation)
        QtCore.QTimer.singleShot(0, operation.start)  # whoever called can connect to `finished` first
        return operation

    def _clicked(self, main_window: Any) -> None:
        view = windows.view_of(main_window)
        nodes = view.selectedNodes() if view is not None else []
        self._remove(main_window, windows.document_of(main_window), nodes, _remembered())

    def _ask(self, main_window: Any) -> None:
        document = windows.document_of(main_window)
        if document is None:
            self._clicked(main_window)  # which says what is missing
            return
        nodes, options = windows.view_of(main_window).selectedNodes(), _remembered()
        opened = OpenedLayer(document, lambda: (_first(document, layers.targets(nodes)), None))

        def accepted(options: KritaOptions, marks: Optional[Marks]) -> None:
            settings.remember(settings.REMOVE, options)
            self._remove(main_window, document, nodes, options, Previewed(opened, marks))

        with _closed_where_it_fails(opened):
            dialog = OptionsDialog(main_window, document, nodes, options, opened)
            dialog.chosen.connect(accepted)
            dialog.start()
            opened.start(options.plate)

    def _ask_to_refine(self, main_window: Any) -> None:
        document = windows.document_of(main_window)
        node = document.activeNode() if document is not None else None
        try:
            found = layer, mask = masks.find(node)
            layers.check(layer, MASK)
            masks.check(mask)
        except MattedError as error:  # there is nothing to choose then
            remedies.show(main_window, *in_words(error, WORDS), title=refinement.TITLE)
            return
        opened = OpenedLayer(document, lambda: found)

        def accepted(options: RefineOptions, marks: Optional[Marks]) -> None:
            settings.remember(settings.REFINE, options)
            try:
                begun = self.refine(main_window, document, node, options, Previewed(opened, marks))
                begun.finished.connect(_tell_of_refinement)
            except MattedError:
                opened.close()  # see _remove

        with _closed_where_it_fails(opened):
            dialog = RefineDialog(main_window, settings.remembered(settings.REFINE, RefineOptions), opened)
            dialog.chosen.connect(accepted)
            dialog.start()
            opened.start()

    def _remove(
        self,
        main_window: Any,
        document: Any,
        nodes: Sequence[Any],
        options: KritaOptions,
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


def _remembered() -> KritaOptions:
    return settings.remembered(settings.REMOVE, KritaOptions)


def _tell_of_refinement(operation: Refinement) -> None:
    for _node, error in operation.failures:
        try:
            remedies.show(operation.main_window, *in_words(error, WORDS), title=refinement.TITLE)
        except RuntimeError:
            pass  # the Krita window was closed meanwhile


def _stop_all() -> None:
    opened_layer.stop_all()
    request_thread.stop_all()


@contextmanager
def _closed_where_it_fails(opened: OpenedLayer) -> Iterator[None]:
    """Close the layer where no dialog comes up that would."""
    try:
        yield
    except BaseException:
        opened.close()
        raise


def _first(document: Any, nodes: Sequence[Any]) -> Any:
    """Return which layer the preview is of: the active one, or the first."""
    active = document.activeNode()
    return active if active in nodes else nodes[0]


def _icon(main_window: Any) -> QtGui.QIcon:
    is_dark = main_window.palette().color(QtGui.QPalette.ColorRole.Window).lightness() < DARK
    name = "dark.svg" if is_dark else "light.svg"
    return QtGui.QIcon(os.path.join(os.path.dirname(os.path.abspath(__file__)), "icons", name))
