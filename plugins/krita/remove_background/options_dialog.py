"""Remove Background...: all that a person can choose.

The dialog comes up at once with what is known, and is usable before the daemon has said which models there are.
"""

from __future__ import annotations

import os
from typing import Any, List, Optional, Sequence, Tuple

from . import daemon_requests
from .daemon_requests import FOLDER
from .matted_client.choices import Facts
from .matted_client.errors import MattedError
from .matted_client.messages import FINE, HAIR, MAX_FEATHER, MAX_GROW, OFF
from .matted_client.sentences import in_words
from .model_chooser import ModelChooser
from .options import LAYER, MASK, SELECTION, Options
from .progress_dialog import TITLE
from .qt import QtCore, QtGui, QtWidgets
from .removal import LIMITED
from .request_thread import RequestThread
from .texts import _

LINE_WIDTH = 350  # pixels; what is said of a model takes two lines
MANUAL = "Manual.html"
PIXELS = " px"
EDGES = ((OFF, _("As the model sees them")), (FINE, _("Fine")), (HAIR, _("Hair and fur")))
OUTPUTS = ((MASK, _("Transparency mask")), (SELECTION, _("Selection")), (LAYER, _("New layer, cut out")))


class OptionsDialog(QtWidgets.QDialog):
    """Emits `chosen` with the options when a person goes on."""

    chosen = QtCore.pyqtSignal(object)  # Options

    def __init__(self, main_window: Any, document: Any, nodes: Sequence[Any], options: Options) -> None:
        """nodes: what is selected, and cannot be the plate."""
        super().__init__(main_window)
        self.setWindowTitle(TITLE)
        self.setWindowModality(QtCore.Qt.WindowModality.WindowModal)
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
        self._models = ModelChooser()
        self._about = _line()
        self._edges = _choice(EDGES, _("How the edge is made finer than the model sees it"))
        self._threshold = QtWidgets.QDoubleSpinBox()
        self._threshold.setRange(0.0, 1.0)
        self._threshold.setSingleStep(0.05)
        self._threshold.setSpecialValueText(_("Off"))  # 0 would make everything subject
        self._threshold.setToolTip(_("From here on a pixel is kept, below it is hidden, and nothing is half visible"))
        self._grow = QtWidgets.QSpinBox()
        self._grow.setRange(-MAX_GROW, MAX_GROW)
        self._grow.setSuffix(PIXELS)
        self._grow.setToolTip(_("Makes what is kept larger, or smaller where it is negative"))
        self._feather = QtWidgets.QDoubleSpinBox()
        self._feather.setRange(0.0, MAX_FEATHER)
        self._feather.setDecimals(1)
        self._feather.setSuffix(PIXELS)
        self._feather.setToolTip(_("Softens the edge"))
        self._invert = QtWidgets.QCheckBox(_("Keep the background, hide the subject"))
        self._plate = _choice(
            [("", _("None")), *((name, name) for name in _plates(document, nodes))],
            _("A layer with the same scene without the subject, for models that compare the two"),
        )
        self._output = _choice(OUTPUTS, _("What is made"))
        self._clean = QtWidgets.QCheckBox(_("Without the background's colours"))
        self._clean.setToolTip(_("Takes the background's colour out of hair and soft edges"))
        self._note = _line()
        self._say(self._note, LIMITED if document.selection() is not None else "")

        form = QtWidgets.QFormLayout()
        for words, part in (
            (_("&Model:"), self._models),
            ("", self._about),
            (_("&Edges:"), self._edges),
            (_("&Threshold:"), self._threshold),
            (_("&Grow or shrink:"), self._grow),
            (_("&Feather:"), self._feather),
            ("", self._invert),
            (_("&Plate:"), self._plate),
            (_("&Output:"), self._output),
            ("", self._clean),
        ):
            form.addRow(words, part)
        layout = QtWidgets.QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self._note)
        layout.addWidget(self._buttons())
        self._models.currentIndexChanged.connect(self._explain)
        self._output.currentIndexChanged.connect(self._explain)
        self._fill(options)
        self._request: Optional[RequestThread] = RequestThread(daemon_requests.models())
        self._request.succeeded.connect(self._list)
        self._request.failed.connect(self._list_nothing)
        self.finished.connect(self._stop)
        self._say(self._about, _("Asking matted for its models"))
        self._request.start()

    def options(self) -> Options:
        """What is chosen now."""
        return Options(
            model=self._models.chosen(),
            edges=self._edges.currentData(),
            threshold=self._threshold.value() or None,
            grow=self._grow.value(),
            feather=self._feather.value(),
            invert=self._invert.isChecked(),
            plate=self._plate.currentData() if self._plate.isEnabled() else "",
            output=self._output.currentData(),
            clean=self._clean.isChecked(),
        )

    def _buttons(self) -> QtWidgets.QDialogButtonBox:
        kinds = QtWidgets.QDialogButtonBox.StandardButton
        buttons = QtWidgets.QDialogButtonBox(kinds.Ok | kinds.Cancel | kinds.RestoreDefaults | kinds.Help)
        buttons.button(kinds.Ok).setText(TITLE)
        buttons.accepted.connect(self._accept)
        buttons.rejected.connect(self.reject)
        buttons.button(kinds.RestoreDefaults).clicked.connect(lambda: self._fill(Options()))
        manual = QtCore.QUrl.fromLocalFile(os.path.join(FOLDER, MANUAL))
        buttons.helpRequested.connect(lambda: QtGui.QDesktopServices.openUrl(manual))
        return buttons

    def _fill(self, options: Options) -> None:
        self._models.choose(options.model)
        _select(self._edges, options.edges)
        self._threshold.setValue(options.threshold or 0.0)
        self._grow.setValue(options.grow)
        self._feather.setValue(options.feather)
        self._invert.setChecked(options.invert)
        _select(self._plate, options.plate)
        _select(self._output, options.output)
        self._clean.setChecked(options.clean)
        self._explain()

    def _explain(self) -> None:
        """What follows from the choices."""
        self._say(self._about, self._models.about())
        self._plate.setEnabled(self._models.takes_plate())
        self._clean.setEnabled(self._output.currentData() == LAYER)

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
            self._say(self._about, " ".join(in_words(error, _)))

    def _say(self, label: QtWidgets.QLabel, text: str) -> None:
        label.setText(text)
        label.setVisible(bool(text))
        # by itself, a dialog does not grow with its lines
        label.setMinimumHeight(label.heightForWidth(LINE_WIDTH) if text else 0)
        self.adjustSize()

    def _stop(self) -> None:
        """The answer is of no use any more, and Qt is about to delete what would show it."""
        if self._request is not None:
            self._request.cancel()
            self._request = None


def _plates(document: Any, nodes: Sequence[Any]) -> List[str]:
    """The names of the layers that could be a plate."""
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


def _choice(items: Sequence[Tuple[str, str]], tip: str) -> QtWidgets.QComboBox:
    box = QtWidgets.QComboBox()
    for value, words in items:
        box.addItem(words, value)
    box.setToolTip(tip)
    return box


def _select(box: QtWidgets.QComboBox, value: str) -> None:
    """Choose an item, or the first one where there is none of that value."""
    box.setCurrentIndex(max(0, box.findData(value)))


def _line() -> QtWidgets.QLabel:
    label = QtWidgets.QLabel()
    label.setTextFormat(QtCore.Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setMinimumWidth(LINE_WIDTH)
    return label
