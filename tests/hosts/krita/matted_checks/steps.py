"""What a person does in Krita and sees there, as small functions for checks.py."""

import hashlib
import json
import os
import threading
from pathlib import Path

from krita import InfoObject, Krita, Selection
from PyQt5.QtCore import QByteArray, Qt
from PyQt5.QtGui import QGuiApplication
from PyQt5.QtWidgets import QApplication, QDialog, QDialogButtonBox, QLabel, QMessageBox, QProgressBar
from remove_background.matted_client import MattedError, connect

FOLDER = Path(os.environ["MATTED_CHECKS"])
STATE = Path(os.environ["MATTED_STATE_DIR"])
SETTINGS = Path(os.environ["HOME"]) / ".local/share/krita/pykrita/remove_background/matted.json"
PHOTOGRAPH = FOLDER / "photograph.png"
SRGB = "sRGB-elle-V2-srgbtrc.icc"
SELECTED = (40, 50, 120, 90)  # x, y, width, height of the selection that checks make
BUSY_REQUESTS = 3  # one more than the daemon works on at a time
BUSY_SIDE = 5000  # a picture of 25 megapixels keeps the daemon busy for a good while

krita = Krita.instance()


# -- the program -----------------------------------------------------------------------------------------------------


def window():
    return krita.windows()[0]


def action(name):
    return krita.action(name)


def turns(count=3):
    """A condition that is true after some turns of the event loop: for seeing that nothing happens."""
    left = [count]

    def turned():
        left[0] -= 1
        return left[0] < 0

    return turned


def tidy_up():
    for box in messages():
        box.accept()
    for document in krita.documents():
        yield from close(document)


def close(document):
    """Krita crashes if its layers docker is still about to show a change, which takes it some 0.2 s."""
    document.waitForDone()
    yield turns(25)
    document.setModified(False)
    document.close()
    yield turns()


# -- documents -------------------------------------------------------------------------------------------------------


def show(document):
    """Open a window on the document, and wait until it is in front and has an active layer, as for a person."""
    document.setBatchmode(True)
    window().addView(document)

    def in_front():
        """the document in front"""
        return krita.activeDocument() == document and document.activeNode() is not None

    yield in_front
    document.waitForDone()
    return document


def open_photograph():
    return (yield from show(krita.openDocument(str(PHOTOGRAPH))))


def activate(document, node):
    """Select a layer or mask. Krita selects what was just added by itself, some turns later."""
    document.waitForDone()
    yield turns()
    document.setActiveNode(node)

    def active():
        """the active layer"""
        return document.activeNode() == node

    yield active
    yield turns()
    assert active(), "another layer was activated"


def rectangle(node):
    rect = node.bounds()
    return [rect.x(), rect.y(), rect.width(), rect.height()]


def pixels(node):
    return bytes(node.pixelData(*rectangle(node)))


def export(document, name):
    """What Krita makes of the document as a PNG."""
    document.refreshProjection()
    document.waitForDone()
    settings = InfoObject()
    settings.setProperty("alpha", True)
    settings.setProperty("compression", 1)
    settings.setProperty("forceSRGB", False)
    settings.setProperty("saveSRGBProfile", False)
    settings.setProperty("interlaced", False)
    assert document.exportImage(str(FOLDER / name), settings), name


def masks(node):
    return [child for child in node.childNodes() if child.type() == "transparencymask"]


def look(document, node):
    """Everything that an error has to leave as it was, in one comparable value."""
    undo, redo = action("edit_undo"), action("edit_redo")
    return {
        "pixels": hashlib.sha256(bytes(node.pixelData(*rectangle(node)) or b"")).hexdigest(),
        "projection": hashlib.sha256(bytes(document.pixelData(0, 0, document.width(), document.height()))).hexdigest(),
        "bounds": rectangle(node),
        "children": [[child.type(), child.name()] for child in node.childNodes()],
        "layers": [layer.name() for layer in document.topLevelNodes()],
        "active": document.activeNode().name(),
        "undo": undo.text(),  # names the step; Krita keeps the entry enabled even if there is none
        "redo": redo.text(),
        "documents": len(krita.documents()),
        "modified": document.modified(),
    }


def select(document, x, y, width, height):
    selection = Selection()
    selection.select(x, y, width, height, 200)
    document.setSelection(selection)
    document.waitForDone()


def selected(document):
    selection = document.selection()
    if selection is None:
        return None
    area = [selection.x(), selection.y(), selection.width(), selection.height()]
    return [area, hashlib.sha256(bytes(selection.pixelData(*area))).hexdigest()]


def save_mask(node, name):
    """Write the newest mask's bytes over the layer's bounds, and say where they lie."""
    area = rectangle(node)
    (FOLDER / name).write_bytes(bytes(masks(node)[-1].pixelData(*area)))
    return area


def add_mask(document, node, name, value):
    """A transparency mask of one value all over, made the way this Krita allows."""
    area = [0, 0, document.width(), document.height()]
    data = QByteArray(bytes([value]) * (area[2] * area[3]))
    if hasattr(document, "createTransparencyMask"):
        mask = document.createTransparencyMask(name)
        mask.setPixelData(data, *area)
        node.addChildNode(mask, None)
    else:
        document.setActiveNode(node)
        document.waitForDone()
        action("add_new_transparency_mask").trigger()
        document.waitForDone()
        mask = masks(node)[-1]
        mask.setName(name)
        mask.setPixelData(data, *area)
    document.refreshProjection()
    document.waitForDone()
    return mask


# -- the plug-in's windows -------------------------------------------------------------------------------------------


def click():
    action("remove_background").trigger()


def ours(kind):
    return [w for w in QApplication.topLevelWidgets() if isinstance(w, kind) and w.isVisible()]


def messages():
    return ours(QMessageBox)


def progress():
    """the progress dialog"""
    dialogs = [w for w in ours(QDialog) if type(w).__name__ == "ProgressDialog"]
    return dialogs[0] if dialogs else None


def progress_text():
    dialog = progress()
    return dialog.findChild(QLabel).text() if dialog else ""


def progress_value():
    return progress().findChild(QProgressBar).value()


def is_modal(dialog):
    return dialog.windowModality() == Qt.WindowModality.WindowModal


def press_cancel():
    progress().findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Cancel).click()


def idle():
    """the end of the work"""
    return progress() is None


def take_messages():
    """The texts of all message boxes, which are closed."""
    boxes = messages()
    texts = [[box.text(), box.informativeText()] for box in boxes]
    for box in boxes:
        box.button(QMessageBox.StandardButton.Ok).click()
    return texts


def remove_background():
    """Click, wait for the end, and return the messages that were shown."""
    click()
    yield idle
    yield turns()
    return take_messages()


def remove_background_of(node):
    """The same on this layer."""
    yield from activate(krita.activeDocument(), node)
    return (yield from remove_background())


def options_dialog():
    """the dialog with the options"""
    dialogs = [w for w in ours(QDialog) if type(w).__name__ == "OptionsDialog"]
    return dialogs[0] if dialogs else None


def wish(**options):
    """Set the options of the next click; what is not given is as at first."""
    names = ("model", "edges", "threshold", "grow", "feather", "invert", "plate", "output", "clean")
    for name in names:
        krita.writeSetting("remove_background", name, str(options.get(name, "")))


def undo(document):
    action("edit_undo").trigger()
    document.waitForDone()
    yield turns()


def opened():
    """a page in the browser"""
    page = Path(os.environ["HOME"]) / "opened.txt"
    if not page.exists():
        return ""
    address = page.read_text().strip()
    page.unlink()
    return address


def photograph_screen(name):
    assert QGuiApplication.primaryScreen().grabWindow(0).save(str(FOLDER / name)), name


# -- the daemon ------------------------------------------------------------------------------------------------------


def connection_file():
    return STATE / "connection.json"


def daemon_pid():
    return json.loads(connection_file().read_text())["pid"]


def model_process():
    """The process that the daemon has its one model in."""
    (process,) = [
        each for file in Path(f"/proc/{daemon_pid()}/task").glob("*/children") for each in file.read_text().split()
    ]
    return int(process)


def daemon_status():
    with connect("checks", str(connection_file()), start=False) as session:
        return session.status()


def is_gone(pid):
    """A condition: the process has ended, even if nobody has asked for its exit code yet."""

    def gone():
        try:
            return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
        except FileNotFoundError:
            return True

    return gone


def stop_daemon():
    pid = daemon_pid()
    with connect("checks", str(connection_file()), start=False) as session:
        session.shutdown()
    yield is_gone(pid)


class Busy:
    """Gives the daemon more work than it can do at once, so that a click has to wait in line."""

    def __init__(self):
        self._stop = threading.Event()
        self._pixels = _bright_square(BUSY_SIDE)
        self._threads = [threading.Thread(target=self._ask) for _ in range(BUSY_REQUESTS)]
        for thread in self._threads:
            thread.start()

    def _ask(self):
        try:
            with connect("checks, busy", str(connection_file()), start=False) as session:
                while not self._stop.is_set():
                    session.mask(self._pixels, BUSY_SIDE, BUSY_SIDE, "RGB8", cancelled=self._stop.is_set)
        except MattedError:
            pass  # cancelled below, or the daemon was killed

    def stop(self):
        self._stop.set()
        yield self.over

    def over(self):
        """the end of the busy requests"""
        return not any(thread.is_alive() for thread in self._threads)


def _bright_square(side):
    """RGB8, with something in it that is worth a mask."""
    dark, bright = bytes(3 * (side // 4)), b"\xf0\xe0\xd0" * (side // 2)
    empty, filled = bytes(3 * side), dark + bright + dark
    return empty * (side // 4) + filled * (side // 2) + empty * (side // 4)


def waits_in_line():
    """a click that waits in the daemon's line"""
    return progress_text().startswith("Waiting")
