"""The picture in the dialogs. It paints what the presenter has, reads pixels, and hands on the mouse and the keys."""

from __future__ import annotations

import operator
from typing import Any, Callable, Dict, List, Optional, Tuple

from ..matted_client.preview.camera import View
from ..matted_client.preview.presenter import KEYS, LEFT, LEGEND, MIDDLE, RIGHT, AskView, Frame, Presenter, Widget
from ..matted_client.preview.shades import Colour
from ..qt import QtCore, QtGui, QtWidgets
from ..texts import WORDS, _
from . import painting
from .opened_layer import OpenedLayer

SMALLEST = 420, 360  # logical pixels
WHEEL_STEP = 120  # what Qt says of one step of a wheel
COLOUR = (0x40, 0x80, 0x40)  # behind the subject until a person chooses another

_Key = QtCore.Qt.Key
_NAMES = {
    _Key.Key_Left: "Left",
    _Key.Key_Right: "Right",
    _Key.Key_Up: "Up",
    _Key.Key_Down: "Down",
    _Key.Key_Return: "Return",
    _Key.Key_Enter: "Return",
    _Key.Key_Backspace: "Backspace",
    _Key.Key_Delete: "Delete",
    _Key.Key_Escape: "Escape",
    _Key.Key_Space: "Space",
    _Key.Key_Plus: "+",
    _Key.Key_Equal: "+",  # the same key, without Shift, of many keyboards
    _Key.Key_Minus: "-",
    _Key.Key_0: "0",
    _Key.Key_1: "1",
    _Key.Key_B: "B",
    _Key.Key_F: "F",
    _Key.Key_X: "X",
    _Key.Key_Y: "Y",
    _Key.Key_Z: "Z",
}
# Qt 6 says of a key event the number of its key, Qt 5 the key, which is a number there.
KEY_NAMES = {getattr(key, "value", key): name for key, name in _NAMES.items()}
ESCAPE = getattr(_Key.Key_Escape, "value", _Key.Key_Escape)
BUTTONS = {
    QtCore.Qt.MouseButton.LeftButton: LEFT,
    QtCore.Qt.MouseButton.MiddleButton: MIDDLE,
    QtCore.Qt.MouseButton.RightButton: RIGHT,
}
PLACES = "position", "localPos", "posF"  # of an event: in Qt 6 and of a wheel since 5.14; of a mouse, of a wheel before
_Modifier = QtCore.Qt.KeyboardModifier


class PreviewWidget(QtWidgets.QWidget, Widget):
    """Emits `said` when there is news of the presenter's, `next_shade` for the key of the next background.

    presenter: from the moment on that the layer's size is known.
    """

    said = QtCore.pyqtSignal()
    next_shade = QtCore.pyqtSignal()

    def __init__(self, opened: OpenedLayer, ask: AskView, limit: Callable[[View], Optional[bytes]]) -> None:
        """ask, limit: as `Presenter` and `Widget.limit` have them."""
        super().__init__()
        self.presenter: Optional[Presenter] = None
        self.colour: Colour = COLOUR
        self._opened = opened
        self._ask = ask
        self._limit = limit
        self._wanted: Optional[View] = None  # whose pixels have not arrived
        self._composed: List[Tuple[Tuple[Any, ...], Any]] = []  # what was painted last, by what it was made of
        self._checks: Dict[float, Any] = {}
        self.setObjectName("preview")
        self.setAccessibleName(_("Preview"))
        self.setAccessibleDescription(" ".join((_(LEGEND), _(KEYS))))
        self.setMinimumSize(*SMALLEST)
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)
        self.setCursor(QtCore.Qt.CursorShape.CrossCursor)
        self.setAttribute(QtCore.Qt.WidgetAttribute.WA_OpaquePaintEvent)
        opened.begun.connect(self._begin)
        opened.came.connect(self._look_again)

    def _begin(self) -> None:
        picture = self._opened.picture
        size = picture.width, picture.height
        self.presenter = Presenter(self, self._opened.conversation, size, self._ask, WORDS)
        self._fit_in()

    # -- what the presenter wants --------------------------------------------------------------------------------------

    def redraw(self) -> None:
        self.update()

    def say(self) -> None:
        self.said.emit()

    def want_image(self, view: View) -> None:
        self._wanted = view
        QtCore.QTimer.singleShot(0, self._look_again)

    def limit(self, view: View) -> Optional[bytes]:
        return self._limit(view)

    def later(self, milliseconds: int, act: Callable[[], None]) -> None:
        QtCore.QTimer.singleShot(milliseconds, lambda: act() if self._opened.is_open else None)

    def _look_again(self) -> None:
        """Give the presenter the layer's pixels of what it shows, as far as they have arrived."""
        if self._wanted is not None and self.presenter is not None and self._opened.is_open:
            image = self._opened.image(self._wanted)
            if image is not None:
                self.presenter.image_came(self._wanted, image)

    # -- painting ------------------------------------------------------------------------------------------------------

    def paintEvent(self, _event: Any) -> None:
        scale = self.devicePixelRatioF()
        painter = QtGui.QPainter(self)
        painter.fillRect(self.rect(), self.palette().color(QtGui.QPalette.ColorRole.Mid))
        if self.presenter is None:
            return
        painter.scale(1 / scale, 1 / scale)
        shade, kept = self.presenter.shade, []
        for frame, (x, y, width, height) in self.presenter.frames():
            image = self._image_of(frame, shade, kept)
            target = QtCore.QRect(x, y, width, height)
            painter.setBrushOrigin(x, y)
            painter.fillRect(target, self._pattern(scale))
            is_smaller = width < image.width()
            painter.setRenderHint(QtGui.QPainter.RenderHint.SmoothPixmapTransform, is_smaller)
            painter.drawImage(target, image)
        self._composed = kept
        for edges in self.presenter.boxes():
            painting.box(painter, edges, scale)
        for x, y, keep in self.presenter.points():
            painting.point(painter, x, y, keep, scale)
        cursor = self.presenter.cursor()
        if cursor is not None:
            painting.cross(painter, *cursor, scale)
        if self.hasFocus():
            self._paint_focus(painter, scale)

    def _image_of(self, frame: Frame, shade: str, kept: List[Tuple[Tuple[Any, ...], Any]]) -> Any:
        made_of = (frame.image, frame.alpha, frame.band, frame.foreground, shade, self.colour)
        found = [image for parts, image in self._composed if all(map(operator.is_, parts, made_of))]
        image = found[0] if found else painting.composed(frame, shade, self.colour)
        kept.append((made_of, image))
        return image

    def _pattern(self, scale: float) -> Any:
        if scale not in self._checks:
            self._checks[scale] = painting.checks(scale)
        return self._checks[scale]

    def _paint_focus(self, painter: Any, scale: float) -> None:
        painter.setBrush(QtCore.Qt.BrushStyle.NoBrush)
        pen = QtGui.QPen(self.palette().color(QtGui.QPalette.ColorRole.Highlight))
        pen.setWidthF(round(scale))
        painter.setPen(pen)
        painter.drawRect(QtCore.QRectF(0.5, 0.5, self.width() * scale - 1, self.height() * scale - 1))

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        self._fit_in()

    def _fit_in(self) -> None:
        if self.presenter is not None and self.isVisible():
            scale = self.devicePixelRatioF()
            self.presenter.resize(round(self.width() * scale), round(self.height() * scale), scale)

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        self._fit_in()

    def sizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(640, 480)

    # -- mouse and keys ------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: Any) -> None:
        button = BUTTONS.get(event.button())
        if self.presenter is not None and button is not None:
            alt = bool(event.modifiers() & _Modifier.AltModifier)
            self.presenter.press(*self._at(event), button, alt)

    def mouseMoveEvent(self, event: Any) -> None:
        if self.presenter is not None:
            self.presenter.move(*self._at(event))

    def mouseReleaseEvent(self, event: Any) -> None:
        if self.presenter is not None and event.button() in BUTTONS:
            self.presenter.release(*self._at(event), BUTTONS[event.button()])
            self.setCursor(QtCore.Qt.CursorShape.CrossCursor)

    def wheelEvent(self, event: Any) -> None:
        if self.presenter is not None:
            self.presenter.zoom(event.angleDelta().y() / WHEEL_STEP, *self._at(event))
        event.accept()

    def _at(self, event: Any) -> Tuple[float, float]:
        name = next(name for name in PLACES if hasattr(event, name))
        at = getattr(event, name)()
        scale = self.devicePixelRatioF()
        return at.x() * scale, at.y() * scale

    def event(self, event: Any) -> bool:
        """Keep the keys that mean something here from being shortcuts of Krita's."""
        if event.type() == QtCore.QEvent.Type.ShortcutOverride and event.key() in KEY_NAMES:
            if event.key() != ESCAPE:
                event.accept()
                return True
        return bool(super().event(event))

    def keyPressEvent(self, event: Any) -> None:
        if not self.take_key(event):
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: Any) -> None:
        name = KEY_NAMES.get(event.key())
        if self.presenter is not None and name is not None and not event.isAutoRepeat():
            self.presenter.key_released(name)
        super().keyReleaseEvent(event)

    def take_key(self, event: Any) -> bool:
        """Do what a key means here. Returns whether it means something."""
        name = KEY_NAMES.get(event.key())
        if self.presenter is None or name is None:
            return False
        modifiers = event.modifiers()
        ctrl = bool(modifiers & _Modifier.ControlModifier)
        if name == "F" and not ctrl:
            self.next_shade.emit()
            return True
        taken = self.presenter.key(
            name, ctrl, bool(modifiers & _Modifier.ShiftModifier), bool(modifiers & _Modifier.AltModifier)
        )
        if taken:
            self.said.emit()  # a key may have been an undo
        return taken

    def focusInEvent(self, event: Any) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: Any) -> None:
        super().focusOutEvent(event)
        if self.presenter is not None:
            self.presenter.lose_focus()
        self.update()
