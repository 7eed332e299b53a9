"""Threads that wait for the daemon, so that Krita stays responsive."""

from __future__ import annotations

import threading
from typing import Any, Callable, Set

from .matted_client.pictures import Cancelled, OnProgress
from .matted_client.sentences import as_matted_error
from .qt import QtCore
from .texts import _

Task = Callable[[OnProgress, Cancelled], Any]

STOP_MS = 7000  # a cancelled request is given up after 5 s at the latest

_running: Set["RequestThread"] = set()  # Qt aborts the program when a QThread is collected while it runs


class RequestThread(QtCore.QThread):
    """Sends one request. Emits `progressed` any number of times, then `succeeded` or `failed` once."""

    progressed = QtCore.pyqtSignal(object)  # Progress
    succeeded = QtCore.pyqtSignal(object)  # what the task gives
    failed = QtCore.pyqtSignal(object)  # MattedError

    def __init__(self, task: Task) -> None:
        super().__init__()
        self._task = task
        self._cancelled = threading.Event()
        _running.add(self)
        self.finished.connect(self._forget)

    def cancel(self) -> None:
        self._cancelled.set()

    def run(self) -> None:
        try:
            result = self._task(self.progressed.emit, self._cancelled.is_set)
        except Exception as error:
            self.failed.emit(as_matted_error(error, _("The request to the matted daemon failed."), "%s"))
        else:
            self.succeeded.emit(result)

    def _forget(self) -> None:
        _running.discard(self)


def stop_all() -> None:
    """Cancel every request and wait for the threads, before Krita quits."""
    for request in list(_running):
        request.cancel()
    for request in list(_running):
        request.wait(STOP_MS)
