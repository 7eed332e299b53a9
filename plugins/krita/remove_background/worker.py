"""The thread that talks to the daemon, so that Krita stays responsive."""

from __future__ import annotations

import threading
import traceback
from typing import Set

from .layers import Picture
from .matted_client.errors import MattedError
from .matted_client.plugin import layer_mask
from .qt import QThread, pyqtSignal

STOP_MS = 7000  # a cancelled request is given up after 5 s at the latest

_running: Set["Worker"] = set()  # Qt aborts the program when a QThread is collected while it runs


class Worker(QThread):
    """Makes one request. Emits `progressed` any number of times, then `succeeded` or `failed` once."""

    progressed = pyqtSignal(object)  # Progress
    succeeded = pyqtSignal(object)  # bytearray, one sample a pixel of the picture, 0 background, 255 subject
    failed = pyqtSignal(object)  # MattedError

    def __init__(self, folder: str, client: str, picture: Picture) -> None:
        super().__init__()
        self._folder = folder
        self._client = client
        self._picture = picture
        self._cancelled = threading.Event()
        _running.add(self)
        self.finished.connect(self._forget)

    def cancel(self) -> None:
        self._cancelled.set()

    def run(self) -> None:
        try:
            mask = layer_mask(
                self._folder,
                self._client,
                self._picture.pixels,
                self._picture.width,
                self._picture.height,
                "BGRA8",
                self.progressed.emit,
                self._cancelled.is_set,
            )
        except MattedError as error:
            self.failed.emit(error)
        except Exception as error:
            traceback.print_exc()
            reason = "%s: %s" % (type(error).__name__, error)
            self.failed.emit(MattedError("The request to the matted daemon failed.", reason))
        else:
            self.succeeded.emit(mask.alpha)

    def _forget(self) -> None:
        _running.discard(self)


def stop_all() -> None:
    """Cancel every request and wait for the threads: Krita is about to quit."""
    for worker in list(_running):
        worker.cancel()
    for worker in list(_running):
        worker.wait(STOP_MS)
