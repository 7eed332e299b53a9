"""The dialogs with a preview: seen, clicked in, accepted and left. As checks.py; test_krita_preview.py says what for."""

from PyQt5.QtCore import QPoint, Qt
from PyQt5.QtTest import QTest
from PyQt5.QtWidgets import QComboBox, QDialogButtonBox, QDoubleSpinBox, QLabel, QProgressBar, QSpinBox, QToolButton, QWidget

from .program import (
    FOLDER,
    krita,
    open_photograph,
    photograph_screen,
    turns,
)
from .steps import daemon_status, idle, options_dialog, take_messages
from .wishes import open_options, press


def preview_of(window):
    return window.findChild(QWidget, "preview")


def settled_preview(window):
    """A condition: the preview shows an answer of the daemon's, and waits for no other."""

    def settled():
        """the preview"""
        presenter = preview_of(window).presenter
        return presenter is not None and not presenter.is_busy and presenter.frames() and presenter.frames()[-1][0].alpha

    return settled


def grab(window):
    """What the preview shows, as bytes."""
    image = preview_of(window).grab().toImage()
    return bytes(image.constBits().asarray(image.byteCount()))


def first(seen):
    document = yield from open_photograph()
    window = yield from open_options()
    yield turns(2)
    photograph_screen("preview-opening.png")
    yield settled_preview(window)
    yield turns(10)
    photograph_screen("preview.png")
    preview = preview_of(window)
    QTest.mouseClick(preview, Qt.LeftButton, pos=QPoint(preview.width() // 2, preview.height() // 2))
    yield turns(2)
    yield settled_preview(window)
    photograph_screen("preview-clicked.png")
    shades = window.findChild(QComboBox, "shade")
    for row in range(shades.count()):
        shades.setCurrentIndex(row)
        yield turns(5)
        photograph_screen(f"preview-shade-{row}.png")
    press(window, QDialogButtonBox.StandardButton.Ok)
    yield idle
    yield turns()
    photograph_screen("preview-done.png")
    seen["messages"] = take_messages()
    seen["status"] = daemon_status()


ALL = [("preview first", first)]
