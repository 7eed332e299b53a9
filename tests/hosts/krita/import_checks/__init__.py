"""A Krita plug-in that imports plugin.zip with Krita's own importer, or, where that was done, removes a background.

It writes what it saw to seen.json, and quits Krita. As in matted_checks, what is done is a generator that yields
conditions, and Krita's own event loop goes on in between.
"""

import json
import os
import time
import traceback
from pathlib import Path

from krita import Extension, Krita
from PyQt5.QtCore import QTimer
from PyQt5.QtGui import QGuiApplication
from PyQt5.QtWidgets import QApplication, QDialog, QDialogButtonBox, QFileDialog, QLabel, QMessageBox

FOLDER = Path(os.environ["MATTED_CHECKS"])
POLL_MS = 20
DRAWN_TURNS = 25
WAIT_SECONDS = 30.0

krita = Krita.instance()


def window_is_open():
    windows = krita.windows()
    return windows and windows[0].qwindow().isVisible()


def asked(kind):
    """A condition: the dialog of this kind that is in front."""

    def dialog():
        box = QApplication.activeModalWidget()
        return box if isinstance(box, kind) and box.isVisible() else None

    return dialog


def photograph_screen(name):
    QGuiApplication.primaryScreen().grabWindow(0).save(str(FOLDER / name))


def drawn():
    """As many turns of the event loop as Krita takes to draw what has changed, for a screenshot's sake."""
    for _turn in range(DRAWN_TURNS):
        yield lambda: True


def import_zip(seen):
    """Tools > Scripts > Import Python Plugin from File…, the file, and Yes to all that is asked."""
    QTimer.singleShot(0, krita.action("plugin_importer_file").trigger)  # it returns when its dialogs are closed
    chooser = yield asked(QFileDialog)
    chooser.selectFile(str(FOLDER / "plugin.zip"))
    chooser.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Open).click()
    question = yield asked(QMessageBox)
    seen["asked"] = question.text()
    yield from drawn()
    photograph_screen("imported.png")
    question.button(QMessageBox.StandardButton.Yes).click()
    yield lambda: QApplication.activeModalWidget() is None


def remove_background(seen):
    document = krita.openDocument(str(FOLDER / "photograph.png"))
    document.setBatchmode(True)
    krita.windows()[0].addView(document)

    def in_front():
        """the document in front"""
        return krita.activeDocument() == document and document.activeNode() is not None

    yield in_front
    document.waitForDone()
    node = document.activeNode()
    entry = krita.action("remove_background")
    yield entry.isEnabled
    entry.trigger()

    def masked():
        """the mask"""
        return node.childNodes() or messages()

    yield masked
    seen["messages"] = [box.text() for box in messages()]
    (mask,) = node.childNodes()
    seen["mask"] = mask.type()
    (FOLDER / "mask").write_bytes(bytes(mask.pixelData(0, 0, document.width(), document.height())))
    document.waitForDone()
    yield from drawn()
    photograph_screen("masked.png")
    document.setModified(False)


def texts():
    """All that is written in dialogs."""
    dialogs = [each for each in QApplication.topLevelWidgets() if isinstance(each, QDialog) and each.isVisible()]
    return [label.text() for dialog in dialogs for label in dialog.findChildren(QLabel)]


def messages():
    return [each for each in QApplication.topLevelWidgets() if isinstance(each, QMessageBox) and each.isVisible()]


class Runner(Extension):
    def __init__(self, parent):
        super().__init__(parent)
        self._seen = {}
        self._timer = QTimer()
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._poll)

    def setup(self):
        pass

    def createActions(self, window):
        if not self._timer.isActive():
            self._steps = self._all()
            self._go_on(None)

    def _all(self):
        yield window_is_open
        self._seen["action"] = krita.action("remove_background") is not None
        yield from remove_background(self._seen) if self._seen["action"] else import_zip(self._seen)

    def _go_on(self, value):
        try:
            self._condition = self._steps.send(value)
        except StopIteration:
            return self._quit()
        except Exception:
            self._seen["failure"] = traceback.format_exc()
            return self._quit()
        self._deadline = time.monotonic() + WAIT_SECONDS
        self._timer.start()

    def _poll(self):
        self._timer.stop()
        value = self._condition()
        if value:
            self._go_on(value)
        elif time.monotonic() > self._deadline:
            photograph_screen("waiting.png")
            name = self._condition.__doc__ or self._condition.__qualname__
            self._seen["failure"] = f"waited in vain for {name}; on the screen: {texts()}"
            self._quit()
        else:
            self._timer.start()

    def _quit(self):
        (FOLDER / "seen.json").write_text(json.dumps(self._seen, indent=1))
        for box in messages():
            box.reject()
        QTimer.singleShot(0, krita.action("file_quit").trigger)


krita.addExtension(Runner(krita))
