"""A click and the dialog where a server runs the model. As checks.py; test_studio.py says what for."""

from PyQt5.QtWidgets import QDialogButtonBox, QLabel

from .previewing import settled, status
from .program import open_photograph, photograph_screen, save_mask, turns
from .steps import click, daemon_status, idle, progress, take_messages
from .wishes import open_options, press

DRAWN_TURNS = 20


def clicked(seen):
    document = yield from open_photograph()
    click()
    yield progress
    yield idle
    yield turns()
    seen["messages"] = take_messages()
    seen["server"] = daemon_status()["server"]
    save_mask(document.activeNode(), "clicked.mask")


def dialog(seen):
    document = yield from open_photograph()
    node = document.activeNode()
    window = yield from open_options()
    yield settled(window)
    yield turns(DRAWN_TURNS)
    seen["status"] = status(window)
    seen["texts"] = [each.text() for each in window.findChildren(QLabel) if each.isVisible()]
    photograph_screen("studio-dialog.png")
    press(window, QDialogButtonBox.StandardButton.Ok)
    yield idle
    yield turns()
    seen["messages"] = take_messages()
    save_mask(node, "dialog.mask")


ALL = [("clicked", clicked), ("dialog", dialog)]
