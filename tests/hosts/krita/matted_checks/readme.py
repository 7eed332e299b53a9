"""Krita as the documents show it: a picture, and the dialog of Remove Background... beside its subject."""

from PyQt5.QtWidgets import QComboBox, QDialogButtonBox

from .previewing import settled
from .program import FOLDER, action, krita, photograph_screen, show, turns, window
from .wishes import open_options, press

SIZE, DIALOG = (1360, 820), (1000, 600)  # of Krita's window and of the dialog, without their frames
MARGIN = 40  # pixels between the dialog and the window's right edge
SETTLED = 50  # turns after which Krita has drawn what a new size or window needs


def photograph(seen):
    yield from picture("photograph", seen)


def drawing(seen):
    yield from picture("drawing", seen)


def picture(name, seen):
    """The screen with the dialog and without it, and where on it the window and the dialog are."""
    main = window().qwindow()
    main.resize(*SIZE)
    yield from show(krita.openDocument(str(FOLDER / f"{name}.png")))
    action("zoom_to_fit").trigger()
    yield turns(SETTLED)
    photograph_screen(f"readme-{name}-before.png")
    dialog = yield from open_options()
    models = dialog.findChild(QComboBox)
    yield lambda: models.count() > 1
    dialog.resize(*DIALOG)
    yield turns(SETTLED)
    yield settled(dialog)
    seen["window"] = place_of(main)
    left, top, width, height = seen["window"]
    dialog.move(left + width - dialog.width() - MARGIN, top + (height - dialog.height()) // 2)
    yield turns(SETTLED)
    seen["dialog"] = place_of(dialog)
    photograph_screen(f"readme-{name}.png")
    press(dialog, QDialogButtonBox.StandardButton.Cancel)


def place_of(widget):
    """Left, top, width and height on the screen, without the frame."""
    inside = widget.geometry()
    return [inside.x(), inside.y(), inside.width(), inside.height()]


ALL = [("photograph", photograph), ("drawing", drawing)]
