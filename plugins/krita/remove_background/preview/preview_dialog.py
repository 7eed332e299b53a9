"""What both dialogs have in common: the preview at the left, the controls of the options at the right."""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence

from ..controls import control
from ..matted_client.options import Choice, entries
from ..matted_client.preview.camera import View
from ..matted_client.preview.presenter import AskView
from ..matted_client.sentences import in_words
from ..qt import QtCore, QtGui, QtWidgets
from ..texts import WORDS, _, help_page
from .dialog_parts import StatusLine, Tools, legend
from .opened_layer import OpenedLayer
from .preview_widget import PreviewWidget

PART_OF_SCREEN = 0.75
ROOMY = 1180, 640  # logical pixels that a dialog takes where the screen has them
FRAME, PANEL = 40, 80  # logical pixels that a window manager and a panel take: a dialog fits beside them
_Button = QtWidgets.QDialogButtonBox.StandardButton


class PreviewDialog(QtWidgets.QDialog):
    """Emits `chosen` when it is accepted. Whoever takes that closes the layer; else the dialog does.

    A subclass fills `form` and `notes`, and says what is asked for in `ask_view` and `request`.

    ok: the button that accepts.
    """

    chosen = QtCore.pyqtSignal(object, object)  # options; Marks, or None where nothing could be marked

    def __init__(self, main_window: Any, title: str, kind: Any, layers: Sequence[str], opened: OpenedLayer) -> None:
        """kind: the dataclass of the options. layers: names of layers, to choose among where an option is a layer."""
        super().__init__(main_window)
        self.setWindowTitle(title)
        self.setWindowModality(QtCore.Qt.WindowModality.WindowModal)
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
        self._kind = kind
        self._opened = opened
        self._is_due = False  # whether the preview is about to be asked for anew
        self._is_over = False
        kept = self._kept = []  # holds something when the layer is not the dialog's any more
        self.destroyed.connect(lambda: kept or opened.close())  # also where the Krita window goes, and takes it along
        self._entries = entries(kind)
        self._controls: Dict[str, Any] = {name: control(name, entry, layers) for name, entry in self._entries.items()}
        for each in self._controls.values():
            each.on_change(self._changed)
        self._preview = PreviewWidget(opened, self.ask_view(), self.limit)
        self._tools = Tools(self._preview, self.more_shades())
        self._status = StatusLine()
        self.form = QtWidgets.QFormLayout()
        self.notes = QtWidgets.QVBoxLayout()
        self._lay_out(title)
        self._preview.said.connect(self._say)
        self._preview.next_shade.connect(self._tools.next_shade)
        opened.begun.connect(self.show_options)
        opened.replaced.connect(lambda: self.show_options(True))
        opened.failed.connect(self._say)
        self.finished.connect(self._end)
        self._say()

    def ask_view(self) -> AskView:
        """Return what asks for a view."""
        raise NotImplementedError

    def limit(self, view: View) -> Optional[bytes]:
        """Return how far each pixel of a view can stay; None where nothing limits the mask."""
        return None

    def more_shades(self) -> Sequence[Choice]:
        return ()

    def request(self) -> Any:
        """Return the fields of a request, and the box in which the subject is looked for, or None."""
        raise NotImplementedError

    def options(self) -> Any:
        """Return what is chosen now."""
        return self._kind(**{name: each.value() for name, each in self._controls.items()})

    def fill(self, options: Any) -> None:
        for name, each in self._controls.items():
            each.set_value(getattr(options, name))

    def start(self) -> None:
        """Show the dialog, and begin to read."""
        self._fit_the_screen()
        self.open()
        self._preview.setFocus()

    def _lay_out(self, title: str) -> None:
        left = QtWidgets.QVBoxLayout()
        left.addWidget(self._preview, 1)
        for part in (self._status, self._tools, legend()):
            left.addWidget(part)
        right = QtWidgets.QVBoxLayout()
        right.addLayout(self.form)
        right.addLayout(self.notes)
        right.addStretch()
        columns = QtWidgets.QHBoxLayout()
        columns.addLayout(left, 1)
        columns.addSpacing(6)
        columns.addLayout(right)
        layout = QtWidgets.QVBoxLayout(self)
        layout.addLayout(columns, 1)
        layout.addWidget(self._buttons(title))

    def _buttons(self, title: str) -> QtWidgets.QDialogButtonBox:
        buttons = QtWidgets.QDialogButtonBox(_Button.Ok | _Button.Cancel | _Button.RestoreDefaults | _Button.Help)
        self.ok = buttons.button(_Button.Ok)
        self.ok.setText(title)
        buttons.accepted.connect(self._accept)
        buttons.rejected.connect(self.reject)
        buttons.button(_Button.RestoreDefaults).clicked.connect(lambda: self.fill(self._kind()))
        manual = QtCore.QUrl.fromLocalFile(help_page())
        buttons.helpRequested.connect(lambda: QtGui.QDesktopServices.openUrl(manual))
        return buttons

    def _fit_the_screen(self) -> None:
        window = self.parentWidget().windowHandle()  # QWidget.screen() is new in Qt 5.14
        screen = (window.screen() if window is not None else QtGui.QGuiApplication.primaryScreen()).availableGeometry()
        largest = QtCore.QSize(screen.width() - FRAME, screen.height() - PANEL)
        wanted = QtCore.QSize(round(screen.width() * PART_OF_SCREEN), round(screen.height() * PART_OF_SCREEN))
        self.resize(wanted.expandedTo(QtCore.QSize(*ROOMY)).expandedTo(self.minimumSizeHint()).boundedTo(largest))

    def _changed(self) -> None:
        """Ask for the preview anew, once for all that changes in this turn of the event loop."""
        self.explain()
        if not self._is_due:
            self._is_due = True
            QtCore.QTimer.singleShot(0, self._ask_anew)

    def _ask_anew(self) -> None:
        self._is_due = False
        self.show_options()

    def explain(self) -> None:
        """Grey out what has no effect."""

    def show_options(self, anew: bool = False) -> None:
        """Show what is chosen now. anew: also if nothing else is chosen, as when a model has come."""
        presenter = self._preview.presenter
        if presenter is not None and not self._is_over:
            fields, within = self.request()
            presenter.change(fields, within, anew)
            self._say()

    def _say(self) -> None:
        if self._is_over:
            return
        presenter, error = self._preview.presenter, self._opened.error
        if error is not None:
            self._status.say(" ".join(part for part in in_words(error, WORDS) if part))
        elif presenter is None:
            self._status.say(_("Reading the layer"), 0.0)
        else:
            self._status.say(presenter.status, presenter.fraction if presenter.is_busy else None)
        self._tools.update_buttons()

    def keyPressEvent(self, event: Any) -> None:
        """Undo and zoom also where the focus is on a control."""
        with_ctrl = bool(event.modifiers() & QtCore.Qt.KeyboardModifier.ControlModifier)
        if not (with_ctrl and self._preview.take_key(event)):
            super().keyPressEvent(event)

    def _accept(self) -> None:
        options = self.options()
        presenter = self._preview.presenter
        self._kept.append(True)
        self.accept()
        self.chosen.emit(options, presenter.marks if presenter is not None else None)

    def _end(self) -> None:
        """Qt is about to delete the dialog."""
        self._is_over = True
        if self._preview.presenter is not None:
            self._preview.presenter.close()
        if not self._kept:
            self._opened.close()
