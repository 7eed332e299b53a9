"""The dialog of "Remove Background...".

The dialog comes up at once with what is known, and is usable before the daemon has said which models there are.
"""

from __future__ import annotations

import os
from typing import Any, List, Optional, Sequence, Tuple

from . import daemon_requests
from .controls import control
from .daemon_requests import FOLDER
from .matted_client.errors import MattedError
from .matted_client.models import Facts
from .matted_client.options import MODEL, LayerOptions, entries
from .matted_client.sentences import in_words
from .progress_dialog import TITLE
from .qt import QtCore, QtGui, QtWidgets
from .removal import LIMITED
from .request_thread import RequestThread
from .texts import WORDS, _

LINE_WIDTH = 350  # pixels; what is said of a model takes two lines
MANUAL = "Manual.html"


class OptionsDialog(QtWidgets.QDialog):
    """Emits `chosen` with the options when it is accepted."""

    chosen = QtCore.pyqtSignal(object)  # LayerOptions

    def __init__(self, main_window: Any, document: Any, nodes: Sequence[Any], options: LayerOptions) -> None:
        """nodes: the selected ones, which cannot be the plate."""
        super().__init__(main_window)
        self.setWindowTitle(TITLE)
        self.setWindowModality(QtCore.Qt.WindowModality.WindowModal)
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
        self._entries = entries(LayerOptions)
        layers = _plates(document, nodes)
        self._controls = {name: control(name, entry, layers) for name, entry in self._entries.items()}
        self._models = self._controls["model"].widget
        self._about = _line()
        self._note = _line()
        limited = document.selection() is not None
        self._say(self._note, LIMITED if limited else "")
        self._controls["within_selection"].widget.setEnabled(limited)

        form = QtWidgets.QFormLayout()
        form.addRow(self._controls["model"].label, self._models)
        form.addRow("", self._about)
        for name, entry in self._entries.items():
            if entry.kind != MODEL:
                form.addRow(self._controls[name].label, self._controls[name].widget)
        layout = QtWidgets.QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self._note)
        layout.addWidget(self._buttons())
        for box in self.findChildren(QtWidgets.QComboBox):
            box.currentIndexChanged.connect(self._explain)
        self._fill(options)
        self._request: Optional[RequestThread] = RequestThread(daemon_requests.models())
        self._request.succeeded.connect(self._list)
        self._request.failed.connect(self._list_nothing)
        self.finished.connect(self._stop)
        self._say(self._about, _("Asking matted for its models"))
        self._request.start()

    def options(self) -> LayerOptions:
        """Return what is chosen now."""
        return LayerOptions(**{name: each.value() for name, each in self._controls.items()})

    def _buttons(self) -> QtWidgets.QDialogButtonBox:
        kinds = QtWidgets.QDialogButtonBox.StandardButton
        buttons = QtWidgets.QDialogButtonBox(kinds.Ok | kinds.Cancel | kinds.RestoreDefaults | kinds.Help)
        buttons.button(kinds.Ok).setText(TITLE)
        buttons.accepted.connect(self._accept)
        buttons.rejected.connect(self.reject)
        buttons.button(kinds.RestoreDefaults).clicked.connect(lambda: self._fill(LayerOptions()))
        manual = QtCore.QUrl.fromLocalFile(os.path.join(FOLDER, MANUAL))
        buttons.helpRequested.connect(lambda: QtGui.QDesktopServices.openUrl(manual))
        return buttons

    def _fill(self, options: LayerOptions) -> None:
        for name, each in self._controls.items():
            each.set_value(getattr(options, name))
        self._explain()

    def _explain(self) -> None:
        """Describe the chosen model, and grey out what has no effect."""
        self._say(self._about, self._models.about())
        for name, entry in self._entries.items():
            if entry.only_with is not None:
                other, value = entry.only_with
                self._controls[name].widget.setEnabled(self._controls[other].value() == value)
        self._controls["plate"].widget.setEnabled(self._models.takes_plate())

    def _accept(self) -> None:
        options = self.options()
        self.accept()
        self.chosen.emit(options)

    def _list(self, answer: Tuple[List[Facts], str]) -> None:
        models, note = answer
        if self._request is not None:
            self._models.fill(models)
            self._explain()
            if note:
                self._say(self._note, ("%s %s" % (self._note.text(), note)).strip())

    def _list_nothing(self, error: MattedError) -> None:
        if self._request is not None:
            self._say(self._about, " ".join(in_words(error, WORDS)))

    def _say(self, label: QtWidgets.QLabel, text: str) -> None:
        label.setText(text)
        label.setVisible(bool(text))
        # by itself, a dialog does not grow with its lines
        label.setMinimumHeight(label.heightForWidth(LINE_WIDTH) if text else 0)
        self.adjustSize()

    def _stop(self) -> None:
        """Cancel the request: Qt is about to delete the dialog."""
        if self._request is not None:
            self._request.cancel()
            self._request = None


def _plates(document: Any, nodes: Sequence[Any]) -> List[str]:
    """Return the names of the layers that could be a plate."""
    taken = [node.uniqueId() for node in nodes]
    names = []
    waiting = document.topLevelNodes()
    while waiting:
        node = waiting.pop()
        if node.type().endswith("layer") and node.type() != "filterlayer":
            if node.uniqueId() not in taken and node.name() not in names:
                names.append(node.name())
            waiting.extend(node.childNodes())
    return names


def _line() -> QtWidgets.QLabel:
    label = QtWidgets.QLabel()
    label.setTextFormat(QtCore.Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setMinimumWidth(LINE_WIDTH)
    return label
