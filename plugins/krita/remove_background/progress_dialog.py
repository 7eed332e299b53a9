"""The dialog that shows progress and has a Cancel button.

Nothing here waits. QProgressDialog is not used, since its setValue() runs the event loop in the middle of our work.
"""

from __future__ import annotations

from typing import Any

from .qt import QtCore, QtWidgets
from .texts import _

TITLE = _("Remove Background")
WIDTH = 360  # pixels; keeps the dialog from jumping with every text
STEPS = 1000


class ProgressDialog(QtWidgets.QDialog):
    """Blocks its Krita window while a mask is made. Emits `cancelled` for the button, Escape and the close button."""

    cancelled = QtCore.pyqtSignal()

    def __init__(self, main_window: Any, text: str = _("Reading the layer"), title: str = TITLE) -> None:
        super().__init__(main_window)
        self.setWindowTitle(title)
        self.setWindowModality(QtCore.Qt.WindowModality.WindowModal)
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(WIDTH)
        self._text = QtWidgets.QLabel(text)
        self._text.setTextFormat(QtCore.Qt.TextFormat.PlainText)
        self._text.setWordWrap(True)
        self._bar = QtWidgets.QProgressBar()
        self._bar.setRange(0, STEPS)
        self._bar.setValue(0)
        buttons = QtWidgets.QDialogButtonBox(QtWidgets.QDialogButtonBox.StandardButton.Cancel)
        buttons.rejected.connect(self.reject)
        layout = QtWidgets.QVBoxLayout(self)
        for part in (self._text, self._bar, buttons):
            layout.addWidget(part)
        self.rejected.connect(self.cancelled)

    def report(self, text: str, fraction: float) -> None:
        """Show progress, `fraction` of 1. The bar never runs backwards, even if a request waits again."""
        self._text.setText(text)
        self._bar.setValue(max(self._bar.value(), round(fraction * STEPS)))

    def finish(self) -> None:
        """Close without emitting `cancelled`."""
        self.rejected.disconnect(self.cancelled)
        self.close()
