"""What a removal and a refinement have in common: steps in Krita's own event loop, with progress, Cancel and an end.

Every step is started by Krita's own event loop and returns to it: a layer is read in turns while a thread sends what is
there and asks the daemon, its signal brings the mask, which is put into the document in turns. There is no nested event
loop, because Krita holds events back while one runs.
"""

from __future__ import annotations

import traceback
from typing import Any, Callable, List, Optional, Tuple

from . import windows
from .matted_client.errors import MattedError
from .matted_client.messages import Progress
from .matted_client.pictures import Mask
from .progress_dialog import ProgressDialog
from .qt import QtCore
from .request_thread import RequestThread, Task
from .turns import LATER_MS, NOW_MS, Turns, fault

Failure = Tuple[Any, MattedError]  # a layer, or None where it was not one layer's fault, and what went wrong


class Operation(QtCore.QObject):
    """Emits `finished` exactly once, whatever happens.

    failures: what went wrong then; empty after a cancellation.
    notices: what a person may not expect of the result, in sentences.
    remarks: what else there is to say of it, in sentences, which are shown beside notices only.
    """

    finished = QtCore.pyqtSignal(object)  # self

    def __init__(self, main_window: Any, document: Any, title: str) -> None:
        """title: of the dialog that shows progress."""
        super().__init__()
        self.main_window = main_window
        self.document = document
        self.failures: List[Failure] = []
        self.notices: List[str] = []
        self.remarks: List[str] = []
        self._title = title
        self._work: Optional[Turns] = None  # what is done in turns: reading, or putting
        self._dialog: Optional[ProgressDialog] = None
        self._request: Optional[RequestThread] = None
        self._asked = 0  # counts the requests
        self._over = False

    def start(self) -> None:
        self._step(self._begin)

    # -- what a subclass does ------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Do the first step."""
        raise NotImplementedError

    def _require(self) -> None:
        """Raise MattedError where the work in turns cannot go on."""
        raise NotImplementedError

    def _show(self, progress: Progress) -> None:
        """Show how far the daemon is."""
        raise NotImplementedError

    def _fail(self, error: MattedError) -> None:
        """Take an error of a step."""
        raise NotImplementedError

    def _forget(self) -> None:
        """Let go of what is large: it must not wait for Python to collect this object."""

    # -- steps ---------------------------------------------------------------------------------------------------------

    def _step(self, step: Callable[..., None], *values: Any) -> None:
        """Run one step. Its error goes to `_fail`."""
        if self._over:
            return
        try:
            step(*values)
        except Exception as error:
            self._fail(fault(error))

    def _show_dialog(self) -> None:
        self._dialog = ProgressDialog(self.main_window, title=self._title)
        self._dialog.cancelled.connect(self._cancel)
        self._dialog.show()

    def _soon(self, step: Callable[..., None]) -> None:
        QtCore.QTimer.singleShot(NOW_MS, lambda: self._step(step))

    def _go_on(self, work: Turns, then: Callable[[Any], None]) -> None:
        """Begin to work in turns. then: called with the result."""
        self._work = work
        self._turn(work, then)

    def _turn(self, work: Turns, then: Callable[[Any], None]) -> None:
        if work is not self._work:
            return  # it was given up
        self._require()
        try:
            pause = next(work)
        except StopIteration as end:
            then(end.value)
        else:
            QtCore.QTimer.singleShot(pause, lambda: self._step(self._turn, work, then))

    def _ask(
        self, task: Task, then: Callable[[Mask], None], refuse: Optional[Callable[[MattedError], None]] = None
    ) -> None:
        """Ask the daemon for a mask. then: called with it. refuse: called with an error; None: it goes to `_fail`."""
        self._asked += 1
        which = self._asked  # not the request: it would hold itself, and the pixels, until Python collects them
        self._request = RequestThread(task)
        self._request.progressed.connect(lambda progress: self._answered(which, self._show, progress))
        self._request.succeeded.connect(lambda mask: self._answered(which, then, mask))
        self._request.failed.connect(lambda error: self._answered(which, refuse or self._refuse, error))
        self._request.start()

    def _answer(self, task: Task) -> Turns:
        """Ask the daemon for a mask, and wait for it, in turns. Raises the error in its place."""
        ends: List[Tuple[Optional[Mask], Optional[MattedError]]] = []
        self._ask(task, lambda mask: ends.append((mask, None)), lambda error: ends.append((None, error)))
        while not ends:
            yield LATER_MS
        ((mask, error),) = ends
        if error is not None:
            raise error
        return mask

    def _answered(self, which: int, step: Callable[..., None], value: Any) -> None:
        """Run one step with what a request says, unless it was given up."""
        if which == self._asked and self._request is not None:
            self._step(step, value)

    def _refuse(self, error: MattedError) -> None:
        raise error

    def _notice(self, text: str) -> None:
        if text not in self.notices:
            self.notices.append(text)

    def _remark(self, text: str) -> None:
        if text and text not in self.remarks:
            self.remarks.append(text)

    def _give_up(self) -> None:
        """Cancel the request that runs, if one does, and what is half read, or half put into the document."""
        request, work = self._request, self._work
        self._request = self._work = None
        self._forget()
        if request is not None:
            request.cancel()  # it tells the daemon and ends by itself; nobody listens to it any more
        if work is not None:
            try:
                work.close()
            except Exception:  # what it puts back may be gone, as with the Krita window; the work has to end
                traceback.print_exc()

    def _cancel(self) -> None:
        self._give_up()
        self.failures = []
        self._end()

    def _end(self) -> None:
        if self._over:
            return
        self._over = True
        self._request = None
        self._forget()
        try:
            if self._dialog is not None:
                self._dialog.finish()
            if self.notices and not self.failures:
                windows.say(self.main_window, " ".join([*self.notices, *self.remarks]))
        except RuntimeError:  # Qt's objects are gone: the Krita window was closed, and the dialog with it
            traceback.print_exc()
        self.finished.emit(self)
