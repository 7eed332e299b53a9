"""One removal, from the click to the mask.

Every step is started by Krita's own event loop and returns to it: the layer is read, the worker thread asks the
daemon, its signal brings the mask, the mask is put on the layer. There is no nested event loop, because Krita holds
events back while one runs.
"""

from __future__ import annotations

import os
import traceback
from typing import Any, Callable, Optional

from krita import Krita

from . import layers, masks
from .dialog import ProgressDialog, show_message
from .layers import Picture
from .matted_client.errors import MattedError
from .matted_client.messages import Progress
from .matted_client.progress import describe, overall
from .qt import QObject, QTimer, pyqtSignal
from .worker import Worker

FOLDER = os.path.dirname(os.path.abspath(__file__))
PAINT_MS = 30  # lets the dialog appear before reading a layer keeps Krita busy


class Removal(QObject):
    """Emits `finished` exactly once, whatever happens."""

    finished = pyqtSignal(object)  # self

    def __init__(self, main_window: Any, document: Any) -> None:
        super().__init__()
        self.main_window = main_window
        self._document = document
        self._layer: Any = None
        self._picture: Optional[Picture] = None
        self._dialog: Optional[ProgressDialog] = None
        self._worker: Optional[Worker] = None
        self._over = False

    def start(self) -> None:
        self._step(self._begin)

    def _step(self, step: Callable[..., None], *values: Any) -> None:
        """Run one step. An error ends the removal with one message."""
        if self._over:
            return
        try:
            step(*values)
        except MattedError as error:
            self._end(error)
        except Exception as error:  # ours or Krita's: an exception that leaves a slot would open a second dialog
            traceback.print_exc()
            reason = "%s: %s" % (type(error).__name__, error)
            self._end(MattedError("The background could not be removed.", "Krita said: %s" % reason))

    def _begin(self) -> None:
        self._layer = layers.target(self._document)
        self._dialog = ProgressDialog(self.main_window)
        self._dialog.cancelled.connect(self._cancel)
        self._dialog.show()
        QTimer.singleShot(PAINT_MS, lambda: self._step(self._read))

    def _read(self) -> None:
        layers.require(self._document, self._layer)
        self._picture = layers.read(self._document, self._layer)
        self._worker = Worker(FOLDER, "Krita %s" % Krita.instance().version(), self._picture)
        self._worker.progressed.connect(lambda progress: self._step(self._show, progress))
        self._worker.succeeded.connect(lambda alpha: self._step(self._insert, alpha))
        self._worker.failed.connect(lambda error: self._step(self._fail, error))
        self._worker.start()

    def _show(self, progress: Progress) -> None:
        self._dialog.report(describe(progress), overall(progress))

    def _insert(self, alpha: bytearray) -> None:
        layers.require(self._document, self._layer)
        masks.put(self.main_window, self._document, self._layer, self._picture, alpha)
        QTimer.singleShot(0, lambda: self._step(self._settle))

    def _settle(self) -> None:
        # Krita has made the new mask the active node meanwhile; who goes on painting wants to paint on the layer
        self._document.setActiveNode(self._layer)
        self._end()

    def _fail(self, error: MattedError) -> None:
        raise error

    def _cancel(self) -> None:
        if self._worker is not None:
            self._worker.cancel()  # it tells the daemon and ends by itself; nobody listens to it any more
        self._end()

    def _end(self, error: Optional[MattedError] = None) -> None:
        if self._over:
            return
        self._over = True
        self._picture = self._worker = None  # a large layer's pixels do not wait for Python to collect this object
        self.finished.emit(self)
        try:
            if self._dialog is not None:
                self._dialog.finish()
            if error is not None:
                show_message(self.main_window, error)
        except RuntimeError:  # Qt's objects are gone: the Krita window was closed, and the dialog with it
            traceback.print_exc()
