"""The dialogs with a preview: seen, clicked in, accepted, left. As checks.py; test_krita_preview.py says what for."""

import hashlib
import json

import remove_background
from krita import Selection
from PyQt5.QtCore import QByteArray, QEvent, QPoint, QPointF, Qt
from PyQt5.QtGui import QColor, QImage, QMouseEvent, QWheelEvent
from PyQt5.QtTest import QTest
from PyQt5.QtWidgets import (
    QApplication,
    QCheckBox,
    QColorDialog,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QLabel,
    QSpinBox,
    QToolButton,
    QWidget,
)
from remove_background import extension, scripting
from remove_background.preview import opened_layer

from .program import (
    FOLDER,
    action,
    activate,
    add_frame,
    add_mask,
    export,
    krita,
    look,
    masks,
    messages,
    photograph_screen,
    pixels,
    rectangle,
    redo,
    save_mask,
    select,
    show,
    turns,
    undo,
    visible,
)
from .steps import (
    SETTINGS,
    daemon_status,
    daemon_that_stands_still,
    idle,
    options_dialog,
    stop_daemon,
    take_messages,
    wish,
)
from .steps import remove_background as remove_by_a_click
from .wishes import add_plate, matted

LEFT_ONE, RIGHT_ONE, BETWEEN = (150, 120), (560, 200), (320, 20)  # places of the picture
WHITE = (665, 282)  # ON_WHITE of the drawing
CHOSEN = (200, 30, 90)
PLATE_MODEL = "background-matting-mobilenetv2"
REFINER = "vitmatte-small"
SELECTED = (300, 0, 340, 300)  # x, y, width, height: around the right one


# -- the dialogs -------------------------------------------------------------------------------------------------------


def open_two():
    """The picture with two subjects, in front."""
    return (yield from show(krita.openDocument(str(FOLDER / "two.png"))))


def open_preview():
    action("remove_background_options").trigger()
    window = yield options_dialog
    yield settled(window)
    return window


def open_refine():
    action("refine_mask").trigger()
    window = yield refine_dialog
    yield settled(window)
    return window


def refine_dialog():
    """the dialog of Refine Mask"""
    dialogs = [w for w in visible(QDialog) if type(w).__name__ == "RefineDialog"]
    return dialogs[0] if dialogs else None


def preview(window):
    return window.findChild(QWidget, "preview")


def presenter(window):
    return preview(window).presenter


def settled(window):
    """A condition: the preview shows what the daemon says, and waits for nothing more."""

    def is_settled():
        """the preview"""
        there = presenter(window)
        if there is None or there.is_busy or there.shows_band or not there.frames():
            return False
        (frame, _place) = there.frames()[-1]
        return frame.view == there.camera.view() and frame.alpha is not None

    return is_settled


def after(window, act, *values):
    """Do something, and wait for the preview."""
    act(*values)
    yield turns()
    yield settled(window)


def shown(window):
    """What the preview shows, in one comparable value."""
    return hashlib.sha256(bytes_of(preview(window).grab().toImage())).hexdigest()


def bytes_of(image):
    return bytes(image.constBits().asarray(image.byteCount()))


def colour(window, place):
    """The colour in the preview of a place of the picture."""
    x, y = presenter(window).camera.on_screen(place[0] + 0.5, place[1] + 0.5)
    return list(preview(window).grab().toImage().pixelColor(int(x), int(y)).getRgb()[:3])


def at(window, place):
    """Where a pixel of the picture is in the preview."""
    x, y = presenter(window).camera.on_screen(place[0] + 0.5, place[1] + 0.5)
    scale = preview(window).devicePixelRatioF()
    return QPoint(int(x / scale), int(y / scale))


def click_at(window, place, button=Qt.MouseButton.LeftButton, modifier=Qt.KeyboardModifier.NoModifier):
    yield from after(window, lambda: QTest.mouseClick(preview(window), button, modifier, at(window, place)))


def drag(window, start, end):
    """Press the left button at a place of the picture, and move to another."""
    left = Qt.MouseButton.LeftButton
    mouse(window, QEvent.Type.MouseButtonPress, at(window, start), left)
    for part in (0.2, 0.6, 1.0):
        place = [round(start[axis] + (end[axis] - start[axis]) * part) for axis in (0, 1)]
        mouse(window, QEvent.Type.MouseMove, at(window, place), left)


def drop(window, end):
    mouse(window, QEvent.Type.MouseButtonRelease, at(window, end), Qt.MouseButton.LeftButton)


def mouse(window, kind, where, button):
    """What Qt says of the mouse. QTest would move the real one, and run the event loop meanwhile."""
    there = preview(window)
    held = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseButtonRelease else button
    one = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseMove else button
    place = QPointF(where)
    event = QMouseEvent(kind, place, QPointF(there.mapToGlobal(where)), one, held, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(there, event)


class OldWheel:
    """What a wheel says up to Qt 5.13: it has no `position` there."""

    def __init__(self, where, steps):
        self.posF = lambda: QPointF(where)
        self.angleDelta = lambda: QPoint(0, 120 * steps)

    def accept(self):
        pass


def wheel(where, steps):
    none = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False
    return QWheelEvent(QPointF(where), QPointF(where), QPoint(), QPoint(0, 120 * steps), *none)


def key(window, which, modifier=Qt.KeyboardModifier.NoModifier):
    QTest.keyClick(preview(window), which, modifier)


def tool(window, name):
    window.findChild(QToolButton, name).click()


def set_shade(window, value):
    box = window.findChild(QComboBox, "shade")
    box.setCurrentIndex(box.findData(value))


def status(window):
    return window.findChild(QLabel, "status").text()


def press(window, button):
    window.findChild(QDialogButtonBox).button(button).click()


def accept(window):
    """OK, and the end of the work. Returns the messages that were shown."""
    press(window, QDialogButtonBox.StandardButton.Ok)
    yield idle
    yield turns()
    return take_messages()


def cancel(window):
    press(window, QDialogButtonBox.StandardButton.Cancel)
    yield forgotten


def forgotten():
    """the daemon to have no picture, and nothing to do"""
    seen = daemon_status()
    return seen["pictures"] == 0 and not seen["jobs"]


def said(window):
    """What a request for the mask has of the marks."""
    fields = presenter(window).question()
    return {name: fields[name] for name in ("box", "keep", "drop")}


# -- Remove Background -------------------------------------------------------------------------------------------------


def clicked(seen):
    """A click on one of two subjects keeps it; it is undone and done again; OK puts in just that mask."""
    document = yield from open_two()
    node = document.activeNode()
    before = look(document, node)
    window = yield from open_preview()
    seen["size"] = [window.frameGeometry().width(), window.frameGeometry().height()]
    seen["preview"] = [preview(window).width(), preview(window).height()]
    seen["clipped"] = clipped(window)
    seen["focus"] = QApplication.focusWidget() is preview(window)
    seen["status"] = status(window)
    photograph_screen("preview.png")
    set_shade(window, "mask")
    preview(window).clearFocus()  # whose frame lies over the picture
    yield turns()
    seen["view"] = presenter(window).camera.view().wire
    x, y, width, height = presenter(window).frames()[-1][1]
    image = preview(window).grab().toImage().copy(x, y, width, height).convertToFormat(QImage.Format.Format_Grayscale8)
    rows = [bytes(image.constScanLine(row).asarray(width)) for row in range(height)]
    (FOLDER / "preview.mask").write_bytes(b"".join(rows))
    set_shade(window, "checks")
    preview(window).setFocus()
    yield turns()

    first = shown(window)
    seen["undo at first"] = window.findChild(QToolButton, "undo").isEnabled()
    yield from click_at(window, LEFT_ONE)
    yield from click_at(window, RIGHT_ONE, Qt.MouseButton.RightButton)
    seen["said"] = said(window)
    seen["changed by clicks"] = shown(window) != first
    photograph_screen("preview-clicked.png")
    seen["kept, dropped"] = [alpha_at(window, LEFT_ONE), alpha_at(window, RIGHT_ONE)]
    twice = shown(window)
    yield from after(window, tool, window, "undo")
    seen["changed by undo"] = shown(window) != twice
    yield from after(window, key, window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    seen["as at first"] = shown(window) == first
    yield from after(window, tool, window, "redo")
    yield from after(window, tool, window, "redo")
    seen["as before undo"] = shown(window) == twice
    yield from after(window, tool, window, "clear")
    seen["cleared"] = said(window)
    yield from after(window, tool, window, "undo")
    seen["said at last"] = said(window)
    seen["pictures"] = daemon_status()["pictures"]
    seen["untouched"] = look(document, node) == before
    seen["messages"] = yield from accept(window)
    save_mask(node, "clicked.mask")
    seen["children"] = look(document, node)["children"]
    yield forgotten
    photograph_screen("preview-done.png")
    yield from undo(document)
    seen["undone"] = look(document, node)["children"]


def alpha_at(window, place):
    """How much of a pixel of the picture stays in the preview, 0 to 255."""
    frame, _place = presenter(window).frames()[-1]
    view = frame.view
    x = int((place[0] + 0.5 - view.left) / (view.right - view.left) * view.width)
    y = int((place[1] + 0.5 - view.top) / (view.bottom - view.top) * view.height)
    return frame.alpha[y * view.width + x]


def clipped(window):
    """Texts that have less room than they need."""
    kinds = (QCheckBox, QToolButton, QLabel)
    parts = [part for kind in kinds for part in window.findChildren(kind) if part.isVisible() and part.text()]
    return [
        part.text()
        for part in parts
        if part.width() < part.minimumSizeHint().width()
        or (isinstance(part, QLabel) and part.height() < part.heightForWidth(part.width()))
    ]


def looked_at(seen):
    """Zooming, panning, and the backgrounds; the layer as it was while X is held."""
    yield from open_two()
    window = yield from open_preview()
    first = shown(window)
    views = seen["views"] = {}

    def note(name):
        views[name] = presenter(window).camera.view().wire

    note("fit")
    yield from after(window, tool, window, "zoom-in")
    note("zoomed in")
    yield from after(window, tool, window, "zoom-out")
    for name, turned in (("by an old wheel", OldWheel), ("by the wheel", wheel)):
        preview(window).wheelEvent(turned(at(window, RIGHT_ONE), 2))
        yield settled(window)
        note(name)
        yield from after(window, tool, window, "fit")
    yield from after(window, key, window, Qt.Key.Key_1)
    for _step in range(12):
        presenter(window).zoom(1, 200, 150)
    yield from after(window, preview(window).update)
    note("close")
    photograph_screen("preview-close.png")
    middle = Qt.MouseButton.MiddleButton
    mouse(window, QEvent.Type.MouseButtonPress, QPoint(200, 200), middle)
    mouse(window, QEvent.Type.MouseMove, QPoint(120, 200), middle)
    mouse(window, QEvent.Type.MouseButtonRelease, QPoint(120, 200), middle)
    yield turns()
    yield settled(window)
    note("panned")
    yield from after(window, tool, window, "fit")
    seen["the same again"] = shown(window) == first

    seen["shades"] = {}
    shades = window.findChild(QComboBox, "shade")
    for row in range(shades.count()):
        shades.setCurrentIndex(row)
        yield turns(3)
        seen["shades"][shades.itemData(row)] = [shown(window), colour(window, BETWEEN)]
        if shades.itemData(row) == "colour":
            seen["colour is offered"] = window.findChild(QToolButton, "colour").isVisible()
            tool(window, "colour")
            chooser = yield colour_dialog
            chooser.setCurrentColor(QColor(*CHOSEN))
            yield turns()
            photograph_screen("preview-choosing.png")
            chooser.accept()
            yield turns(3)
            seen["chosen colour"] = colour(window, BETWEEN)
        photograph_screen(f"preview-{shades.itemData(row)}.png")
    key(window, Qt.Key.Key_F)
    yield turns()
    seen["after the last background"] = shades.currentData()
    QTest.keyPress(preview(window), Qt.Key.Key_X)
    yield turns()
    seen["before"] = [shown(window) == first, colour(window, BETWEEN)]
    QTest.keyRelease(preview(window), Qt.Key.Key_X)
    yield turns()
    seen["after"] = shown(window) == first
    yield from cancel(window)


def colour_dialog():
    """the dialog that chooses a colour"""
    dialogs = visible(QColorDialog)
    return dialogs[0] if dialogs else None


def moved(seen):
    """Each control shows its effect; what is chosen for a new layer is seen, too."""
    document = yield from open_two()
    node = document.activeNode()
    window = yield from open_preview()
    before = {shown(window)}
    seen["distinct"] = []
    for kind, name, value in (
        (QDoubleSpinBox, "threshold", 0.5),
        (QSpinBox, "grow", 9),
        (QDoubleSpinBox, "feather", 6.0),
        (QCheckBox, "invert", True),
    ):
        control = window.findChild(kind, name)
        set_to = control.setChecked if kind is QCheckBox else control.setValue
        yield from after(window, set_to, value)
        seen["distinct"].append(shown(window) not in before)
        before.add(shown(window))
    photograph_screen("preview-moved.png")
    yield from after(window, press, window, QDialogButtonBox.StandardButton.RestoreDefaults)
    outputs = window.findChild(QComboBox, "output")
    yield from after(window, outputs.setCurrentIndex, outputs.findData("layer"))
    frame, _place = presenter(window).frames()[-1]
    seen["clean colours"] = frame.foreground is not None
    yield from click_at(window, RIGHT_ONE)
    seen["said"] = said(window)
    seen["messages"] = yield from accept(window)
    area = rectangle(node)
    (FOLDER / "preview-layer.pixels").write_bytes(bytes(document.activeNode().pixelData(*area)))
    yield forgotten
    wish()


def by_keys(seen):
    """Everything without a mouse. Escape first ends what is being drawn."""
    yield from open_two()
    window = yield from open_preview()
    for which in (Qt.Key.Key_Left, Qt.Key.Key_Left, Qt.Key.Key_Up):
        key(window, which, Qt.KeyboardModifier.ShiftModifier)
    yield from after(window, key, window, Qt.Key.Key_Return)
    seen["kept"] = said(window)
    for _step in range(4):
        key(window, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    yield from after(window, key, window, Qt.Key.Key_Backspace)
    seen["dropped"] = said(window)
    photograph_screen("preview-keys.png")
    key(window, Qt.Key.Key_B)
    for which in (Qt.Key.Key_Right, Qt.Key.Key_Down):
        key(window, which, Qt.KeyboardModifier.ShiftModifier)
    seen["drawing"] = len(presenter(window).boxes())
    key(window, Qt.Key.Key_Escape)
    yield turns()
    seen["after Escape"] = [len(presenter(window).boxes()), window.isVisible()]
    key(window, Qt.Key.Key_B)
    for which in (Qt.Key.Key_Left, Qt.Key.Key_Up):
        for _step in range(4):
            key(window, which, Qt.KeyboardModifier.ShiftModifier)
    yield from after(window, key, window, Qt.Key.Key_B)
    seen["box"] = said(window)["box"]
    yield from after(window, key, window, Qt.Key.Key_Delete)
    seen["cleared"] = said(window)
    key(window, Qt.Key.Key_Escape)
    yield turns()
    seen["closed"] = options_dialog() is None
    yield forgotten


def dragged(seen):
    """A box that is drawn with the mouse; Escape in the middle of it."""
    document = yield from open_two()
    node = document.activeNode()
    window = yield from open_preview()
    drag(window, (330, 10), (600, 280))
    yield turns()
    photograph_screen("preview-dragging.png")
    key(window, Qt.Key.Key_Escape)
    yield turns()
    drop(window, (600, 280))
    yield turns()
    seen["after Escape"] = [window.isVisible(), said(window)["box"]]
    drag(window, (330, 10), (600, 280))
    yield from after(window, drop, window, (600, 280))
    seen["said"] = said(window)
    photograph_screen("preview-box.png")
    seen["messages"] = yield from accept(window)
    save_mask(node, "dragged.mask")
    yield forgotten


def left(seen):
    """Cancel, before the first answer and after it, leaves nothing behind."""
    document = yield from open_two()
    node = document.activeNode()
    before = look(document, node)
    action("remove_background_options").trigger()
    window = yield options_dialog
    yield from cancel(window)
    seen["at once"] = look(document, node) == before
    with daemon_that_stands_still():
        action("remove_background_options").trigger()
        window = yield options_dialog

        def begun():
            """the size of the layer"""
            return presenter(window) is not None

        yield begun
        seen["the layer itself"] = len(presenter(window).frames())
        seen["waits"] = presenter(window).is_busy
        press(window, QDialogButtonBox.StandardButton.Cancel)
        yield turns()
        seen["gone at once"] = options_dialog() is None
    yield forgotten
    window = yield from open_preview()
    yield from click_at(window, LEFT_ONE)
    yield from cancel(window)
    seen["after a click"] = look(document, node) == before
    seen["messages"] = take_messages()


def ok_at_once(seen):
    """OK before the first answer: the same mask as of a click."""
    document = yield from open_two()
    node = document.activeNode()
    action("remove_background_options").trigger()
    window = yield options_dialog
    seen["messages"] = yield from accept(window)
    save_mask(node, "ok-at-once.mask")
    yield forgotten


def changed_meanwhile(seen):
    """The layer is removed or moved, its mask painted on or removed, the picture closed, while the dialog is open."""
    document = yield from open_two()
    layer = document.activeNode().duplicate()
    document.rootNode().addChildNode(layer, None)
    yield from activate(document, layer)
    window = yield from open_preview()
    layer.remove()
    document.waitForDone()
    yield turns(10)
    seen["removed"] = yield from accept(window)
    yield forgotten
    node = document.topLevelNodes()[0]
    yield from activate(document, node)
    window = yield from open_preview()
    node.move(40, 30)
    document.waitForDone()
    seen["moved"] = yield from accept(window)
    seen["masks"] = len(masks(node))
    yield forgotten
    mask = painted(document, node)
    yield from activate(document, node)
    window = yield from open_refine()
    mask.setPixelData(QByteArray(bytes([255]) * (60 * 60)), 100, 100, 60, 60)
    document.waitForDone()
    changed = mask_bytes(document, mask)
    seen["painted on"] = yield from accept(window)
    seen["the mask as painted"] = mask_bytes(document, masks(node)[0]) == changed
    yield forgotten
    window = yield from open_refine()
    mask.remove()
    document.waitForDone()
    yield turns(10)
    seen["mask removed"] = yield from accept(window)
    yield forgotten
    window = yield from open_preview()
    document.setModified(False)
    document.close()
    yield turns(10)
    seen["closed"] = yield from accept(window)
    yield forgotten


class NoDialog(Exception):
    """What goes wrong with a dialog."""


def without_a_dialog(seen):
    """Where no dialog comes up, nothing is read and nothing stays open."""
    document = yield from open_two()
    painted(document, document.activeNode())
    begun = scripting._extension
    window = krita.windows()[0].qwindow()

    def fails(*_arguments):
        raise NoDialog

    for name, ask in (("OptionsDialog", begun._ask), ("RefineDialog", begun._ask_to_refine)):
        dialog = getattr(extension, name)
        setattr(extension, name, fails)
        try:
            ask(window)
        except NoDialog:
            seen[name] = len(opened_layer._open)
        finally:
            setattr(extension, name, dialog)


def several(seen):
    """The preview is of the active layer, says so, and the marks count for that one alone."""
    document = yield from open_two()
    lower = document.activeNode()
    upper = lower.duplicate()
    upper.setName("upper")
    document.rootNode().addChildNode(upper, None)
    yield from activate(document, upper)
    action("select_all_layers").trigger()

    def all_selected():
        """both layers to be selected"""
        return len(krita.windows()[0].activeView().selectedNodes()) == 2

    yield all_selected
    window = yield from open_preview()
    seen["texts"] = [label.text() for label in window.findChildren(QLabel) if label.isVisible()]
    yield from click_at(window, RIGHT_ONE)
    yield from click_at(window, LEFT_ONE, Qt.MouseButton.RightButton)
    seen["said"] = said(window)
    photograph_screen("preview-several.png")
    seen["messages"] = yield from accept(window)
    save_mask(upper, "several-upper.mask")
    save_mask(lower, "several-lower.mask")
    yield forgotten


def selected_before(seen):
    """A selection is where the model looks, and limits what is seen and what is made."""
    document = yield from open_two()
    node = document.activeNode()
    select(document, *SELECTED)
    yield turns()
    window = yield from open_preview()
    seen["texts"] = [label.text() for label in window.findChildren(QLabel) if label.isVisible()]
    seen["said"] = said(window)
    seen["outside"] = alpha_at(window, LEFT_ONE)
    photograph_screen("preview-selection.png")
    whole = window.findChild(QCheckBox, "within_selection")
    yield from after(window, whole.setChecked, False)
    seen["whole layer"] = [said(window), alpha_at(window, LEFT_ONE)]
    yield from after(window, whole.setChecked, True)
    seen["messages"] = yield from accept(window)
    save_mask(node, "preview-selection.mask")
    yield forgotten
    far = Selection()
    far.select(2000, 2000, 50, 50, 255)
    document.setSelection(far)
    document.waitForDone()
    action("remove_background_options").trigger()
    window = yield options_dialog

    def refused():
        """what is wrong with the selection"""
        return "selection" in status(window) and status(window)

    seen["beside the layer"] = yield refused
    seen["beside the layer, OK"] = yield from accept(window)
    wish()


def no_subject(seen):
    """What is said of a layer without a subject, and of a model that is not there."""
    document = yield from open_two()
    flat = document.createNode("flat", "paintlayer")
    size = document.width(), document.height()
    flat.setPixelData(QByteArray(b"\x80\x80\x80\xff" * (size[0] * size[1])), 0, 0, *size)
    document.rootNode().addChildNode(flat, None)
    yield from activate(document, flat)
    action("remove_background_options").trigger()
    window = yield options_dialog

    def told():
        """a sentence on the layer"""
        return presenter(window) is not None and presenter(window).failed and status(window)

    seen["flat"] = yield told
    photograph_screen("preview-nothing.png")
    model = window.findChild(QComboBox, "model")
    yield lambda: model.count() > 2
    model.setCurrentIndex(model.findData("isnet-general-use"))

    def not_here():
        """a sentence on the model"""
        return "computer" in status(window) and status(window)

    seen["not here"] = yield not_here
    yield from cancel(window)
    seen["loaded"] = [each["id"] for each in daemon_status()["loaded"]]
    locked = document.createNode("empty", "paintlayer")
    document.rootNode().addChildNode(locked, None)
    yield from activate(document, locked)
    action("remove_background_options").trigger()
    window = yield options_dialog

    def empty():
        """a sentence on the empty layer"""
        return "empty" in status(window) and status(window)

    seen["empty"] = yield empty
    seen["empty, OK"] = yield from accept(window)


def drawn(seen):
    """Line art on a white layer: one click without a model; the preview says so, and can be clicked in."""
    yield from stop_daemon()  # which has a model in memory
    document = yield from show(krita.openDocument(str(FOLDER / "drawing.png")))
    node = document.activeNode()
    before = look(document, node)
    seen["messages"] = yield from remove_by_a_click()
    seen["status of the daemon"] = daemon_status()
    save_mask(node, "drawing.mask")
    photograph_screen("preview-drawing-clicked.png")
    yield from undo(document)
    seen["as before"] = look(document, node)["pixels"] == before["pixels"]

    window = yield from open_preview()
    seen["status"] = status(window)
    seen["usable"] = usable_lists(window)
    seen["size"] = [window.frameGeometry().width(), window.frameGeometry().height()]
    seen["clipped"] = clipped(window)
    photograph_screen("preview-drawing.png")
    yield from click_at(window, WHITE)
    (hit,) = said(window)["keep"]  # where a pixel of the screen is more than one of the picture, it may be beside it
    seen["kept"] = alpha_at(window, hit)
    yield from after(window, tool, window, "undo")
    seen["taken back"] = alpha_at(window, hit)
    holes = window.findChild(QComboBox, "holes")
    yield from after(window, holes.setCurrentIndex, holes.findData("keep"))
    seen["messages of OK"] = yield from accept(window)
    save_mask(node, "drawing-kept.mask")
    yield forgotten

    select(document, 0, 0, document.width(), document.height() - 1)
    wish()
    ended = []
    removal = scripting.start(document)
    removal.finished.connect(ended.append)
    yield lambda: ended
    seen["notices, remarks"] = [removal.notices, removal.remarks]
    yield from undo(document)
    document.setSelection(None)

    yield from show(krita.openDocument(str(FOLDER / "cat.png")))
    window = yield from open_preview()
    seen["usable before a photograph"] = usable_lists(window)
    yield from cancel(window)


def usable_lists(window):
    """Whether the lists of what a flat ground needs are usable."""
    return [window.findChild(QComboBox, name).isEnabled() for name in ("holes", "shadow")]


def with_plate(seen):
    """A plate that is chosen in the dialog is read and counts; one that is too small is said to be."""
    document = yield from open_two()
    node = document.activeNode()
    add_plate(document)
    small = document.createNode("small", "paintlayer")
    small.setPixelData(QByteArray(b"\x80" * 400), 0, 0, 10, 10)
    document.rootNode().addChildNode(small, None)
    yield from activate(document, node)
    window = yield from open_preview()
    model, plate = (window.findChild(QComboBox, name) for name in ("model", "plate"))
    yield lambda: model.count() > 2
    model.setCurrentIndex(model.findData(PLATE_MODEL))

    def missing():
        """a sentence on the plate that is missing"""
        return "scene" in status(window) and status(window)

    seen["missing"] = yield missing
    plate.setCurrentIndex(plate.findData("small"))

    def too_small():
        """a sentence on the plate that is too small"""
        return "cover" in status(window) and status(window)

    seen["too small"] = yield too_small
    yield from after(window, plate.setCurrentIndex, plate.findData("plate"))
    seen["status"] = status(window)
    photograph_screen("preview-plate.png")
    seen["messages"] = yield from accept(window)
    save_mask(node, "preview-plate.mask")
    yield forgotten
    wish()


def without_daemon(seen):
    """The status line says what is wrong; the layer itself can be seen."""
    yield from open_two()
    yield from stop_daemon()
    installed = SETTINGS.read_text()
    SETTINGS.write_text(json.dumps({**json.loads(installed), "command": ["/nonexistent/python3"]}))
    try:
        action("remove_background_options").trigger()
        window = yield options_dialog

        def told():
            """what is wrong"""
            return "could not be started" in status(window) and status(window)

        seen["status"] = yield told
        yield turns(10)
        photograph_screen("preview-without-daemon.png")
        seen["clipped"] = clipped(window)
        seen["frames"] = len(presenter(window).frames())
        seen["messages"] = yield from accept(window)
    finally:
        SETTINGS.write_text(installed)


# -- Refine Mask -------------------------------------------------------------------------------------------------------


def rough(document):
    """The bytes of a mask that somebody painted over the right one in a hurry."""
    width, height = document.width(), document.height()
    data = bytearray(width * height)
    for y in range(60, 290):
        data[y * width + 470 : y * width + 650] = bytes([255]) * 180
    return bytes(data)


def painted(document, node, name="Painted"):
    mask = add_mask(document, node, name, 255)
    mask.setPixelData(QByteArray(rough(document)), 0, 0, document.width(), document.height())
    document.refreshProjection()
    document.waitForDone()
    return mask


def state(mask):
    """What of a mask stays as it was."""
    return [mask.name(), mask.type(), mask.visible(), mask.colorLabel(), mask.locked()]


def mask_bytes(document, mask):
    return bytes(mask.pixelData(0, 0, document.width(), document.height()))


def wish_refined(**options):
    """Set the options of the next refinement; what is not given is as at first."""
    krita.writeSetting("remove_background", "refine_options", json.dumps(options))


def refined(seen):
    """A mask that was painted by hand is refined in its place, in one undo step; painted on, it is refined again."""
    document = yield from open_two()
    node = document.activeNode()
    mask = painted(document, node)
    mask.setColorLabel(3)
    yield from activate(document, node)
    before, bytes_before, state_before = look(document, node), mask_bytes(document, mask), state(mask)
    (FOLDER / "painted.mask").write_bytes(bytes_before)
    window = yield from open_refine()
    seen["title"] = window.windowTitle()
    seen["no reach"] = window.findChild(QDoubleSpinBox, "reach").text()
    seen["clipped"] = clipped(window)
    seen["texts"] = [label.text() for label in window.findChildren(QLabel) if label.isVisible()]
    photograph_screen("refine.png")
    first = shown(window)
    QTest.keyPress(preview(window), Qt.Key.Key_X)
    yield turns()
    set_shade(window, "mask")
    yield turns()
    seen["as it was"] = [colour(window, (560, 180)), colour(window, (460, 180))]
    set_shade(window, "checks")
    QTest.keyRelease(preview(window), Qt.Key.Key_X)
    yield turns()
    window.findChild(QDoubleSpinBox, "reach").setValue(24)

    def band():
        """the band in blue"""
        frames = presenter(window).frames()
        return frames and frames[-1][0].band is not None

    yield band
    yield turns()
    seen["band"] = shown(window) != first
    photograph_screen("refine-reach.png")
    yield settled(window)
    seen["changed by the reach"] = shown(window) != first
    yield from click_at(window, RIGHT_ONE)
    seen["said"] = said(window)
    seen["messages"] = yield from accept(window)
    (made,) = masks(node)
    (FOLDER / "refined.mask").write_bytes(mask_bytes(document, made))
    seen["kept"] = state(made) == state_before
    seen["active"] = document.activeNode().name()
    seen["children"] = look(document, node)["children"]
    yield forgotten
    photograph_screen("refine-done.png")

    made.setPixelData(QByteArray(bytes([255]) * (60 * 60)), 100, 100, 60, 60)  # as with a brush
    document.refreshProjection()
    document.waitForDone()
    yield turns()
    (FOLDER / "painted-again.mask").write_bytes(mask_bytes(document, made))
    yield from activate(document, made)
    window = yield from open_refine()
    seen["messages again"] = yield from accept(window)
    (again,) = masks(node)
    (FOLDER / "refined-again.mask").write_bytes(mask_bytes(document, again))
    seen["active again"] = document.activeNode() == again
    yield from undo(document)
    yield from undo(document)
    (old,) = masks(node)
    seen["undone"] = [mask_bytes(document, old) == bytes_before, state(old) == state_before]
    seen["undo"] = look(document, node)["undo"] == before["undo"]
    yield from redo(document)
    (redone,) = masks(node)
    seen["redone"] = mask_bytes(document, redone) == (FOLDER / "painted-again.mask").read_bytes()
    wish_refined()


def which_mask(seen):
    """The active one of several; ours before others; a hidden one; a selection mask; a locked one; none."""
    document = yield from open_two()
    node = document.activeNode()
    select(document, *SELECTED)
    yield from activate(document, node)
    action("add_new_selection_mask").trigger()
    document.waitForDone()
    yield turns(10)
    (selecting,) = [child for child in node.childNodes() if child.type() == "selectionmask"]
    selecting.setPixelData(QByteArray(rough(document)), 0, 0, document.width(), document.height())
    document.setSelection(None)
    document.waitForDone()
    seen["messages"] = {}
    seen["changed"] = {}

    def refine(name, active):
        kept = {child.name(): mask_bytes(document, child) for child in node.childNodes()}
        states = {child.name(): state(child) for child in node.childNodes()}
        yield from activate(document, active)
        window = yield from open_refine()
        seen["messages"][name] = yield from accept(window)
        now = {child.name(): mask_bytes(document, child) for child in node.childNodes()}
        seen["changed"][name] = sorted(each for each in now if now[each] != kept.get(each))
        seen["changed"][name + ", states"] = states == {child.name(): state(child) for child in node.childNodes()}
        yield forgotten

    yield from refine("selection mask", node)
    photograph_screen("refine-selection-mask.png")
    yield from undo(document)
    one = painted(document, node, "One")
    painted(document, node, "Two")
    yield from refine("top", node)
    yield from refine("active", next(child for child in node.childNodes() if child.name() == "One"))
    ours = painted(document, node, "Background removed")
    painted(document, node, "Three")
    ours.setVisible(False)
    document.refreshProjection()
    document.waitForDone()
    yield from refine("ours, hidden", node)
    seen["one is another"] = one.name() == "One"
    plain = document.createNode("plain", "paintlayer")
    plain.setPixelData(QByteArray(pixels(node)), 0, 0, document.width(), document.height())
    document.rootNode().addChildNode(plain, None)
    yield from activate(document, plain)
    seen["no mask"] = yield from refused(document, plain)


def refused(document, node):
    """The messages in the place of a dialog."""
    yield from activate(document, node)
    action("refine_mask").trigger()
    yield messages
    return take_messages()


def refined_not_at_all(seen):
    """What Krita would not change, or not without a loss, is said before a dialog comes up."""
    document = yield from open_two()
    node = document.activeNode()
    mask = painted(document, node)
    mask.setLocked(True)
    seen["locked mask"] = yield from refused(document, mask)
    mask.setLocked(False)
    node.setLocked(True)
    seen["locked layer"] = yield from refused(document, mask)
    node.setLocked(False)
    group = document.createGroupLayer("passing")
    document.rootNode().addChildNode(group, None)
    yield from activate(document, group)
    painted(document, group)
    group.setPassThroughMode(True)
    seen["group"] = yield from refused(document, group)
    yield from add_frame(document, mask, 5)
    before = look(document, node)
    seen["animated mask"] = yield from refused(document, mask)
    seen["untouched"] = look(document, node) == before and mask.hasKeyframeAtTime(5)


def refined_with_notices(seen):
    """A layer that is animated, and a selection mask, which Krita makes the active one."""
    document = yield from open_two()
    animated = document.activeNode().duplicate()
    animated.setName("animated")
    document.rootNode().addChildNode(animated, None)
    yield from activate(document, animated)
    painted(document, animated)
    yield from add_frame(document, animated, 5)
    seen["animated layer"] = yield from notices_of(document, animated)
    plain = document.topLevelNodes()[0]
    yield from activate(document, plain)
    select(document, *SELECTED)
    action("add_new_selection_mask").trigger()
    document.waitForDone()
    document.setSelection(None)
    document.waitForDone()
    yield turns()
    seen["selection mask"] = yield from notices_of(document, plain)


def notices_of(document, node):
    ended = []

    def over():
        """the end of what the script started"""
        return ended

    remove_background.refine(document, node).finished.connect(ended.append)
    yield over
    return ended[0].notices + [str(error) for _node, error in ended[0].failures]


def refined_where_selected(seen):
    """What is not selected stays as it was, in the preview and in the mask."""
    document = yield from open_two()
    node = document.activeNode()
    mask = painted(document, node)
    mask.setPixelData(QByteArray(bytes([90]) * (40 * 40)), 20, 20, 40, 40)
    document.refreshProjection()
    document.waitForDone()
    (FOLDER / "where-selected-before.mask").write_bytes(mask_bytes(document, mask))
    yield from activate(document, node)
    select(document, *SELECTED)
    yield turns()
    window = yield from open_refine()
    seen["texts"] = [label.text() for label in window.findChildren(QLabel) if label.isVisible()]
    seen["outside"] = alpha_at(window, (40, 40))
    yield turns(3)
    photograph_screen("refine-selection.png")
    seen["messages"] = yield from accept(window)
    (FOLDER / "where-selected.mask").write_bytes(mask_bytes(document, masks(node)[0]))
    seen["selection"] = document.selection() is not None
    yield forgotten
    wish_refined()


def refined_by_scripts(seen):
    """Another script refines, with options; no message is shown."""
    document = yield from open_two()
    node = document.activeNode()
    painted(document, node)
    ended = []

    def over():
        """the end of what the script started"""
        return ended

    remove_background.refine(document, node, reach=12, feather=1.5).finished.connect(ended.append)
    yield over
    seen["failures"] = [str(error) for _node, error in ended[0].failures]
    (FOLDER / "script.mask").write_bytes(mask_bytes(document, masks(node)[0]))
    masks(node)[0].remove()
    document.waitForDone()
    ended.clear()
    remove_background.refine(document, node).finished.connect(ended.append)
    yield over
    seen["no mask"] = [str(error) for _node, error in ended[0].failures]
    try:
        remove_background.refine(document, node, reach=-1)
    except Exception as error:
        seen["out of range"] = [type(error).__name__, str(error)]
    seen["messages"] = take_messages()
    export(document, "two-again.png")


def with_refiner(seen):
    """Somebody gets a model that refines, while Krita runs: it gives the edge of a mask that is there, and hair."""
    matted("models", "pull", REFINER, "--from", str(FOLDER / "refiner.onnx"), "--trust")
    document = yield from open_two()
    node = document.activeNode()
    mask = painted(document, node)
    yield from activate(document, node)
    (FOLDER / "refiner-before.mask").write_bytes(mask_bytes(document, mask))
    window = yield from open_refine()
    seen["of a mask"] = status(window)
    photograph_screen("refine-by-a-model.png")
    seen["messages"] = yield from accept(window)
    (FOLDER / "refiner-after.mask").write_bytes(mask_bytes(document, masks(node)[0]))

    document = yield from open_two()
    node = document.activeNode()
    wish(edges="hair")
    window = yield from open_preview()
    seen["of hair"] = status(window)
    photograph_screen("preview-by-a-model.png")
    seen["messages"] += yield from accept(window)
    save_mask(node, "refiner-hair.mask")
    wish()
    matted("models", "remove", REFINER)


ALL = [
    ("preview: clicked", clicked),
    ("preview: looked at", looked_at),
    ("preview: moved", moved),
    ("preview: by keys", by_keys),
    ("preview: dragged", dragged),
    ("preview: left", left),
    ("preview: OK at once", ok_at_once),
    ("preview: changed meanwhile", changed_meanwhile),
    ("preview: no dialog", without_a_dialog),
    ("preview: several", several),
    ("preview: selection", selected_before),
    ("preview: nothing", no_subject),
    ("preview: a drawing", drawn),
    ("preview: plate", with_plate),
    ("refine: painted", refined),
    ("refine: which mask", which_mask),
    ("refine: refused", refined_not_at_all),
    ("refine: notices", refined_with_notices),
    ("refine: selection", refined_where_selected),
    ("refine: scripts", refined_by_scripts),
    ("refiner", with_refiner),
    ("preview: no daemon", without_daemon),
]
