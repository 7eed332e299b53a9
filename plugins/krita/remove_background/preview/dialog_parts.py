"""What is below the preview: a line that says how far it is and what went wrong, and a row of tools."""

from __future__ import annotations

from typing import Any, Callable, Optional, Sequence

from krita import Krita

from ..matted_client.options import Choice
from ..matted_client.preview.marks import NOTHING
from ..matted_client.preview.presenter import KEYS, LEGEND, Presenter
from ..matted_client.preview.shades import COLOUR, SHADES
from ..qt import QtCore, QtGui, QtWidgets
from ..texts import _
from .preview_widget import PreviewWidget

BAR_HEIGHT = 4  # logical pixels
SMALL = 0.9  # of the font's size
STEPS = 1000
LINE_WIDTH = 300  # logical pixels; what is said of a model takes some lines
LINES = 2  # that what is said has at least: the preview does not jump with every sentence


class StatusLine(QtWidgets.QWidget):
    """A text, and a thin bar above it while one waits."""

    def __init__(self) -> None:
        super().__init__()
        self._bar = QtWidgets.QProgressBar()
        self._bar.setRange(0, STEPS)
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(BAR_HEIGHT)
        policy = self._bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self._bar.setSizePolicy(policy)
        self._text = QtWidgets.QLabel()
        self._text.setObjectName("status")
        self._text.setTextFormat(QtCore.Qt.TextFormat.PlainText)
        self._text.setWordWrap(True)
        self._text.setAlignment(QtCore.Qt.AlignmentFlag.AlignLeft | QtCore.Qt.AlignmentFlag.AlignTop)
        # The preview above shall not change its size with every sentence: each time it would ask for another view. What
        # the metrics of the font say of a line is some pixels less than a label takes.
        self._text.setText("\n".join(LINES * ["|"]))
        self._text.setMinimumHeight(self._text.sizeHint().height())
        self._text.clear()
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._bar)
        layout.addWidget(self._text)

    def say(self, text: str, fraction: Optional[float] = None) -> None:
        """Show a text. fraction: how far it is, 0 to 1; None where nobody waits."""
        self._text.setText(text)
        self._bar.setVisible(fraction is not None)
        self._bar.setValue(round((fraction or 0.0) * STEPS))


class Tools(QtWidgets.QWidget):
    """A list of backgrounds, and buttons that zoom, undo and clear."""

    def __init__(self, preview: PreviewWidget, more: Sequence[Choice] = ()) -> None:
        """more: shades besides those that every dialog has."""
        super().__init__()
        self._preview = preview
        self._shades = QtWidgets.QComboBox()
        self._shades.setObjectName("shade")
        self._shades.setAccessibleName(_("Background of the preview"))
        self._shades.setToolTip(_("What is shown in the place of what goes (F)"))
        for choice in (*SHADES, *more):
            self._shades.addItem(_(choice.label), choice.value)
            self._shades.setItemData(self._shades.count() - 1, _(choice.about), QtCore.Qt.ItemDataRole.ToolTipRole)
        self._shades.currentIndexChanged.connect(self._show_shade)
        self._colour = self._button("colour", "", _("Colour behind the subject"), self._choose_colour)
        self._undo = self._button("undo", "edit-undo", _("Take the last mark back (Ctrl+Z)"), self._do(Presenter.undo))
        self._redo = self._button("redo", "edit-redo", _("Set the mark again (Ctrl+Shift+Z)"), self._do(Presenter.redo))
        self._clear = self._button("clear", "edit-clear", _("Take all marks back (Delete)"), self._do(Presenter.clear))
        self._zooms = [
            self._button("zoom-out", "zoom-out", _("Zoom out (-)"), self._do(lambda each: each.zoom(-1))),
            self._button("zoom-in", "zoom-in", _("Zoom in (+)"), self._do(lambda each: each.zoom(1))),
            self._button(
                "actual", "", _("One pixel of the layer a pixel of the screen (1)"), self._do(Presenter.actual), "1:1"
            ),
            self._button("fit", "", _("Show the whole layer (0)"), self._do(Presenter.fit), _("Fit")),
        ]
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._shades)
        layout.addWidget(self._colour)
        layout.addStretch()
        for button in self._zooms:
            layout.addWidget(button)
        layout.addSpacing(layout.spacing() + 6)
        for button in (self._undo, self._redo, self._clear):
            layout.addWidget(button)
        self._paint_colour()
        self._colour.setVisible(False)
        self.update_buttons()

    def next_shade(self) -> None:
        self._shades.setCurrentIndex((self._shades.currentIndex() + 1) % self._shades.count())

    def update_buttons(self) -> None:
        """Grey out what has no effect."""
        presenter = self._preview.presenter
        for button in self._zooms:
            button.setEnabled(presenter is not None)
        self._undo.setEnabled(presenter is not None and presenter.marks.can_undo)
        self._redo.setEnabled(presenter is not None and presenter.marks.can_redo)
        self._clear.setEnabled(presenter is not None and presenter.marks.now != NOTHING)

    def _show_shade(self) -> None:
        shade = self._shades.currentData()
        self._colour.setVisible(shade == COLOUR)
        if self._preview.presenter is not None:
            self._preview.presenter.shade_with(shade)

    def _do(self, act: Callable[[Presenter], Any]) -> Callable[[], None]:
        def done() -> None:
            if self._preview.presenter is not None:
                act(self._preview.presenter)
                self.update_buttons()

        return done

    def _button(self, name: str, icon: str, tip: str, act: Callable[[], Any], text: str = "") -> Any:
        button = QtWidgets.QToolButton()
        button.setObjectName(name)
        button.setAutoRaise(True)
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.setText(text)
        if icon:
            button.setIcon(Krita.instance().icon(icon))
        button.clicked.connect(lambda _checked=False: act())
        return button

    def _choose_colour(self) -> None:
        dialog = QtWidgets.QColorDialog(QtGui.QColor(*self._preview.colour), self.window())
        dialog.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.currentColorChanged.connect(self._take_colour)
        before = QtGui.QColor(*self._preview.colour)
        dialog.rejected.connect(lambda: self._take_colour(before))
        dialog.open()

    def _take_colour(self, colour: Any) -> None:
        self._preview.colour = colour.red(), colour.green(), colour.blue()
        self._paint_colour()
        self._preview.redraw()

    def _paint_colour(self) -> None:
        picture = QtGui.QPixmap(self._colour.iconSize())
        picture.fill(QtGui.QColor(*self._preview.colour))
        self._colour.setIcon(QtGui.QIcon(picture))


class Note(QtWidgets.QLabel):
    """Sentences among the controls, hidden while there are none."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextFormat(QtCore.Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setMinimumWidth(LINE_WIDTH)
        self.hide()

    def say(self, text: str) -> None:
        self.setText(text)
        self.setVisible(bool(text))
        # by itself, a dialog does not grow with its lines
        self.setMinimumHeight(self.heightForWidth(LINE_WIDTH) if text else 0)


def legend() -> QtWidgets.QLabel:
    """Make the lines that say what mouse and keys do."""
    label = QtWidgets.QLabel(_(LEGEND))
    label.setObjectName("legend")
    label.setTextFormat(QtCore.Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setToolTip(_(KEYS))
    font = label.font()
    if font.pointSizeF() > 0:  # it may have a size in pixels
        font.setPointSizeF(font.pointSizeF() * SMALL)
        label.setFont(font)
    return label
