"""What a person does in Krita and sees there, whatever plug-ins it has: small functions for checks."""

import hashlib
import os
from pathlib import Path

from krita import InfoObject, Krita, Selection
from PyQt5.QtCore import QByteArray
from PyQt5.QtGui import QGuiApplication
from PyQt5.QtWidgets import QApplication, QMessageBox

FOLDER = Path(os.environ["MATTED_CHECKS"])
PHOTOGRAPH = FOLDER / "photograph.png"
SRGB = "sRGB-elle-V2-srgbtrc.icc"
SELECTED = (40, 50, 120, 90)  # x, y, width, height of the selection that checks make

krita = Krita.instance()


# -- the program -------------------------------------------------------------------------------------------------------


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


def undo(document):
    action("edit_undo").trigger()
    document.waitForDone()
    yield turns()


def redo(document):
    action("edit_redo").trigger()
    document.waitForDone()
    yield turns()


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


# -- documents ---------------------------------------------------------------------------------------------------------


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


def in_front(document, node):
    """A condition: what a click acts on now is this layer, and it alone, of this document."""

    def chosen():
        """the layer that a click acts on"""
        view = window().activeView()
        return view.document() == document and view.selectedNodes() == [node]

    return chosen


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


def add_frame(document, layer, number):
    """Animate a layer, with a frame of its own at that number besides the one that it has. The first one is shown."""
    layer.enableAnimation()
    yield from activate(document, layer)
    document.setCurrentTime(number)
    document.waitForDone()
    yield turns()
    action("add_blank_frame").trigger()
    document.waitForDone()

    def added():
        """the frame"""
        return layer.hasKeyframeAtTime(number)

    yield added
    document.setCurrentTime(0)
    document.waitForDone()
    yield turns()


# -- windows -----------------------------------------------------------------------------------------------------------


def visible(kind):
    """All windows of a class of Qt's."""
    return [w for w in QApplication.topLevelWidgets() if isinstance(w, kind) and w.isVisible()]


def messages():
    return visible(QMessageBox)


def photograph_screen(name):
    assert QGuiApplication.primaryScreen().grabWindow(0).save(str(FOLDER / name)), name
