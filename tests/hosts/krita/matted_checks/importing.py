"""plugin.zip by Krita's own importer, and, once Krita was started again with it, a click."""

from PyQt5.QtCore import QTimer
from PyQt5.QtWidgets import QApplication, QDialogButtonBox, QFileDialog, QMessageBox

from .program import FOLDER, action, messages, open_photograph, photograph_screen, turns

DRAWN_TURNS = 25  # of the event loop, that Krita takes to draw what has changed


def in_front(kind):
    """A condition: the dialog of this class that is in front."""

    def dialog():
        box = QApplication.activeModalWidget()
        return box if isinstance(box, kind) and box.isVisible() else None

    return dialog


def import_zip(seen):
    """Tools > Scripts > Import Python Plugin from File…, the file, and Yes to all that is asked."""
    QTimer.singleShot(0, action("plugin_importer_file").trigger)  # it returns when its dialogs are closed
    chooser = yield in_front(QFileDialog)
    chooser.selectFile(str(FOLDER / "plugin.zip"))
    chooser.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Open).click()
    question = yield in_front(QMessageBox)
    seen["asked"] = question.text()
    yield turns(DRAWN_TURNS)
    photograph_screen("imported.png")
    question.button(QMessageBox.StandardButton.Yes).click()
    yield lambda: QApplication.activeModalWidget() is None


def use(seen):
    document = yield from open_photograph()
    node = document.activeNode()
    yield action("remove_background").isEnabled
    action("remove_background").trigger()

    def masked():
        """the mask"""
        return node.childNodes() or messages()

    yield masked
    seen["messages"] = [box.text() for box in messages()]
    (mask,) = node.childNodes()
    seen["mask"] = mask.type()
    (FOLDER / "mask").write_bytes(bytes(mask.pixelData(0, 0, document.width(), document.height())))
    document.waitForDone()
    yield turns(DRAWN_TURNS)
    photograph_screen("masked.png")


ALL = [("import", import_zip)] if action("remove_background") is None else [("use", use)]
