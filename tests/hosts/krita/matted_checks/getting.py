"""Getting a model in the dialog of Remove Background…. As checks.py; test_krita_getting.py says what for."""

import os
from pathlib import Path

from PyQt5.QtWidgets import QComboBox, QDialogButtonBox, QLabel, QProgressBar, QPushButton, QWidget

from .previewing import clipped, settled, status
from .program import FOLDER, messages, open_photograph, photograph_screen, save_mask, turns
from .steps import (
    daemon_status,
    idle,
    options_dialog,
    take_messages,
    wish,
)
from .wishes import MODELS, matted, open_options, press, press_button, sources_of, words_of

MODEL, BOUND = "isnet-general-use", "rmbg-1.4"
OK, CANCEL = QDialogButtonBox.StandardButton.Ok, QDialogButtonBox.StandardButton.Cancel
DRAWN_TURNS = 20
OFFERED = Path(os.environ["HOME"]) / ".local/share/matted/offered.json"


# -- what stands beneath the list --------------------------------------------------------------------------------------


def getter(window):
    return next(each for each in window.findChildren(QWidget) if type(each).__name__ == "GetModel")


def line(window):
    """What is seen of it: the texts, the buttons, and how far the bar is."""
    there = getter(window)
    if not there.isVisible():
        return None
    texts = [each.text() for each in there.findChildren(QLabel) if each.isVisible()]
    buttons = [each.text() for each in there.findChildren(QPushButton) if each.isVisible()]
    return {"texts": texts, "buttons": buttons, "bar": bar(window)}


def bar(window):
    found = getter(window).findChild(QProgressBar)
    return found.value() if found.isVisible() else None


def button(window, name):
    return getter(window).findChild(QPushButton, name)


def can_get(window):
    """A condition: the button is there."""

    def is_there():
        """the button that gets the model"""
        return button(window, "get").isVisible()

    return is_there


def ask_for_it(window):
    yield can_get(window)
    button(window, "get").click()
    yield messages
    return messages()[0]


def got_by(window):
    """Wait until the model is here and the preview is of it. Returns what the list shows, and the model's id."""

    def is_got():
        """the model"""
        return not getter(window).isVisible()

    yield is_got
    yield turns()
    yield settled(window)
    models = window.findChild(QComboBox, "model")
    return [models.currentText(), models.currentData()]


def end_with_ok(seen, window, node, name):
    """Press OK, and save the mask that comes of it."""
    press(window, OK)
    yield idle
    yield turns()
    seen["messages"] = take_messages()
    save_mask(node, name)


def no_question():
    """the end of the question"""
    return not messages()


def half(window):
    """A condition: half of the model is here, after which the server waits."""

    def is_here():
        """half of the model"""
        return bar(window)

    return is_here


def is_ok(window):
    return window.findChild(QDialogButtonBox).button(OK).isEnabled()


def size(window):
    return [window.width(), window.height()]


def no_jobs():
    """a daemon without work"""
    return not daemon_status()["jobs"]


def starting(name, **options):
    """The next daemon gets its models from where this file says; the next dialog begins with these options."""
    yield from sources_of(name)
    wish(**options)


# -- the checks --------------------------------------------------------------------------------------------------------


def got(seen):
    """A free model: not got, stopped half way, got and used."""
    document = yield from open_photograph()
    node = document.activeNode()
    yield from starting("sources.json", model=MODEL)
    window = yield from open_options()
    yield can_get(window)
    yield turns(DRAWN_TURNS)
    sizes = seen["sizes"] = [size(window)]
    seen["at first"] = line(window)
    seen["status at first"] = status(window)
    photograph_screen("get-at-first.png")
    question = yield from ask_for_it(window)
    seen["question"] = words_of(question)
    yield turns(DRAWN_TURNS)
    photograph_screen("get-question.png")
    press_button(question, "Cancel")
    yield no_question
    seen["after no"] = line(window)

    press_button((yield from ask_for_it(window)), "Download")
    yield half(window)
    yield turns(DRAWN_TURNS)
    seen["half"], seen["OK at half"] = line(window), is_ok(window)
    seen["clipped"] = clipped(window)
    sizes.append(size(window))
    photograph_screen("get-half.png")
    button(window, "leave").click()
    yield can_get(window)
    yield turns(DRAWN_TURNS)
    seen["stopped"], seen["OK then"] = line(window), is_ok(window)
    sizes.append(size(window))
    photograph_screen("get-stopped.png")
    yield no_jobs

    press_button((yield from ask_for_it(window)), "Download")
    FOLDER.joinpath("seen-half").touch()
    seen["got"] = [*(yield from got_by(window)), status(window), is_ok(window)]
    sizes.append(size(window))
    yield turns(DRAWN_TURNS)
    photograph_screen("get-done.png")
    yield from end_with_ok(seen, window, node, "got.mask")


def trouble(seen):
    """Nobody has the model: the dialog says so, and goes on."""
    document = yield from open_photograph()
    node = document.activeNode()
    yield from starting("nowhere.json", model=BOUND)
    window = yield from open_options()
    press_button((yield from ask_for_it(window)), "Download")
    yield no_question
    yield can_get(window)
    yield turns(DRAWN_TURNS)
    seen["trouble"], seen["OK"] = line(window), is_ok(window)
    seen["clipped"] = clipped(window)
    photograph_screen("get-trouble.png")
    models = window.findChild(QComboBox, "model")
    models.setCurrentIndex(models.findData("u2netp"))
    seen["another"] = line(window)
    yield from end_with_ok(seen, window, node, "after-trouble.mask")


def closed(seen):
    """The dialog is closed in the middle of a download, whose licence was accepted."""
    yield from open_photograph()
    yield from starting("sources.json", model=BOUND)
    window = yield from open_options()
    question = yield from ask_for_it(window)
    seen["question"] = words_of(question)
    yield turns(DRAWN_TURNS)
    photograph_screen("get-licence.png")
    press_button(question, "Accept")
    yield half(window)
    press(window, CANCEL)
    yield lambda: options_dialog() is None
    yield no_jobs
    seen["messages"] = take_messages()


def offered(seen):
    """A better model: offered and declined, not offered again; offered as if for the first time, and got."""
    document = yield from open_photograph()
    node = document.activeNode()
    matted("models", "remove", MODEL)
    OFFERED.unlink()
    yield from starting("sources.json")
    window = yield from open_options()
    yield can_get(window)
    yield turns(DRAWN_TURNS)
    seen["offer"], seen["clipped"] = line(window), clipped(window)
    photograph_screen("get-better.png")
    button(window, "leave").click()
    seen["declined"] = line(window)
    press(window, CANCEL)
    yield turns()
    window = yield from open_options()
    yield listed(window)
    yield turns(DRAWN_TURNS)
    seen["again"] = line(window)
    press(window, CANCEL)
    yield turns()

    OFFERED.unlink()
    window = yield from open_options()
    press_button((yield from ask_for_it(window)), "Download")
    seen["got"] = yield from got_by(window)
    yield from end_with_ok(seen, window, node, "better.mask")


def listed(window):
    """A condition: the dialog knows the models."""
    models = window.findChild(QComboBox, "model")
    return lambda: models.count() > len(MODELS)


ALL = [("closed", closed), ("got", got), ("trouble", trouble), ("offered", offered)]
