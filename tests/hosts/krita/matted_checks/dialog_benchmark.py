"""What a person does in the dialog with the preview, on large layers, and how soon it is seen.

benchmarks/dialogs.py puts the pictures there, and dialog_watch.py, and reads this.
"""

import os
import time

import remove_background
from PyQt5.QtCore import QPoint, Qt
from PyQt5.QtTest import QTest
from PyQt5.QtWidgets import QDialogButtonBox, QWidget
from remove_background import outputs
from remove_background.matted_client.client import Session
from remove_background.matted_client.filling import Filling
from remove_background.matted_client.preview.conversation import Conversation
from remove_background.matted_client.preview.presenter import Presenter
from remove_background.preview.preview_widget import PreviewWidget

from .benchmark import SETTLE, pictures, ticking
from .program import (
    action,
    close,
    krita,
    messages,
    show,
    turns,
)
from .steps import (
    click,
    idle,
    options_dialog,
)
from .wishes import press


def dialogs(seen):
    """The first picture is a small one, with which daemon and model come up."""
    from . import dialog_watch

    small, *large = pictures()
    document = yield from show(krita.openDocument(str(small)))
    click()
    yield idle
    yield from close(document)
    watch = dialog_watch.Watch(os.path.dirname(remove_background.__file__), ())
    watch.start()
    watch.watch_client(Filling, Session, Conversation)
    watch.watch_presenter(Presenter)
    _watch_the_host(watch)
    seen["dialogs"] = []
    for picture in large:
        document = yield from show(krita.openDocument(str(picture)))
        yield turns(SETTLE)
        with ticking(watch):
            called = time.perf_counter()
            action("remove_background_options").trigger()
            yield options_dialog
            yield from watch.use(Person(options_dialog()))
            yield lambda: watch.done
            yield idle
            yield turns(SETTLE)
        assert not messages()
        seen["dialogs"].append({"called": called, **watch.told()})
        yield from close(document)


def _watch_the_host(watch):
    paint, put = PreviewWidget.paintEvent, outputs.put

    def painted(widget, event):
        paint(widget, event)
        watch.painted()

    def putting(*args):
        begun = time.perf_counter()
        result = yield from put(*args)
        watch.inserts(begun)
        return result

    PreviewWidget.paintEvent, outputs.put = painted, putting


class Person:
    """Does in the dialog what dialog_watch.py says."""

    def __init__(self, window):
        self._window = window

    def set(self, option, value):
        self._window.findChild(QWidget, option).setValue(value)

    def click(self, x, y):
        preview = self._window.findChild(QWidget, "preview")
        QTest.mouseClick(
            preview, Qt.MouseButton.LeftButton, pos=QPoint(int(preview.width() * x), int(preview.height() * y))
        )

    def accept(self):
        press(self._window, QDialogButtonBox.StandardButton.Ok)


ALL = [("dialogs", dialogs)]
