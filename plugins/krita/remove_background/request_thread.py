"""Threads that wait for the daemon, so that Krita stays responsive."""

from __future__ import annotations

import threading
import traceback
from typing import Any, Callable, Set

from .matted_client.errors import MattedError
from .matted_client.messages import OUT_OF_MEMORY
from .matted_client.pictures import Cancelled, OnProgress
from .matted_client.sentences import SENTENCES
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
        except MattedError as error:
            self.failed.emit(error)
        except MemoryError:
            traceback.print_exc()
            self.failed.emit(MattedError(*SENTENCES[OUT_OF_MEMORY]))
        except Exception as error:
            traceback.print_exc()
            reason = "%s: %s" % (type(error).__name__, error)
            self.failed.emit(MattedError(_("The request to the matted daemon failed."), reason))
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
