"""Downloads a model through the daemon, with progress and Cancel."""

from __future__ import annotations

from typing import Any

from . import daemon_requests
from .matted_client.messages import Progress
from .matted_client.progress import describe
from .progress_dialog import ProgressDialog
from .qt import QtCore
from .request_thread import RequestThread
from .texts import WORDS, _


class Download(QtCore.QObject):
    """Emits `finished` once, with None for success or a MattedError. Emits nothing when cancelled."""

    finished = QtCore.pyqtSignal(object)

    def __init__(self, main_window: Any, model: str) -> None:
        super().__init__()
        self._dialog = ProgressDialog(main_window, _("Downloading %s") % model)
        self._dialog.cancelled.connect(self._cancel)
        self._request = RequestThread(daemon_requests.download(model))
        self._request.progressed.connect(self._show)
        self._request.succeeded.connect(self._end)
        self._request.failed.connect(self._end)
        self._over = False

    def start(self) -> None:
        self._dialog.show()
        self._request.start()

    def _show(self, progress: Progress) -> None:
        if not self._over:
            self._dialog.report(describe(progress, WORDS), progress.fraction or 0.0)

    def _cancel(self) -> None:
        self._over = True
        self._request.cancel()

    def _end(self, error: Any) -> None:
        if not self._over:
            self._over = True
            self._dialog.finish()
            self.finished.emit(error)
