"""What a person does with the plug-in and its daemon, and sees of them: small functions for checks."""

import json
import os
import signal
import threading
from contextlib import contextmanager
from pathlib import Path

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QDialog, QDialogButtonBox, QLabel, QMessageBox, QProgressBar
from remove_background import request_thread
from remove_background.matted_client import MattedError
from remove_background.matted_client.client import connect

from .program import action, activate, krita, messages, turns, visible

STATE = Path(os.environ["MATTED_STATE_DIR"])
SETTINGS = Path(os.environ["HOME"]) / ".local/share/krita/pykrita/remove_background/matted.json"
BUSY_REQUESTS = 3  # one more than the daemon works on at a time
BUSY_SIDE = 5000  # a picture of 25 megapixels keeps the daemon busy for a good while


# -- the plug-in's windows ---------------------------------------------------------------------------------------------


def click():
    action("remove_background").trigger()


def progress():
    """the progress dialog"""
    dialogs = [w for w in visible(QDialog) if type(w).__name__ == "ProgressDialog"]
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
    dialogs = [w for w in visible(QDialog) if type(w).__name__ == "OptionsDialog"]
    return dialogs[0] if dialogs else None


def wish(**options):
    """Set the options of the next click; what is not given is as at first."""
    krita.writeSetting("remove_background", "options", json.dumps(options))


def wished():
    """The options of the next click."""
    return json.loads(krita.readSetting("remove_background", "options", "null"))


def opened():
    """a page in the browser"""
    page = Path(os.environ["HOME"]) / "opened.txt"
    if not page.exists():
        return ""
    address = page.read_text().strip()
    page.unlink()
    return address


# -- the daemon --------------------------------------------------------------------------------------------------------


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


@contextmanager
def daemon_that_stands_still():
    """It answers nothing meanwhile, however slow this Krita is. The plug-in gives it up after some seconds."""
    pid = daemon_pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def is_asking():
    """a request of the plug-in's that is under way"""
    return bool(request_thread._running)


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
