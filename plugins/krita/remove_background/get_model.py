"""What stands beneath the list of models: what gets one that is not here, how far that is, a better one."""

from __future__ import annotations

import html
from typing import Any, Callable, List, Optional, Tuple

from . import daemon_requests
from .controls import with_key
from .matted_client.errors import MattedError, Rejected
from .matted_client.getting import Getting, Question
from .matted_client.messages import Progress
from .matted_client.models import Facts
from .preview.dialog_parts import Note
from .qt import QtCore, QtWidgets
from .request_thread import RequestThread
from .texts import WORDS

STEPS = 1000


class GetModel(QtWidgets.QWidget):
    """A sentence, and a row of the button, the licence, the bar, and a second button.

    Emits `listed` with the facts of all models when they are others, and whether the model came; `busy` when a download
    begins, and when it ends.
    """

    listed = QtCore.pyqtSignal(object, bool)
    busy = QtCore.pyqtSignal(bool)

    def __init__(self) -> None:
        super().__init__()
        self._request: Optional[RequestThread] = None
        self._getting = Getting(self._show, WORDS)
        self._text = Note()
        self._button, self._leave = QtWidgets.QPushButton(), QtWidgets.QPushButton()
        self._button.setObjectName("get")
        self._leave.setObjectName("leave")
        for each in (self._button, self._leave):
            each.setAutoDefault(False)  # Return is for the dialog's own button
        self._about = QtWidgets.QLabel()
        self._about.setTextFormat(QtCore.Qt.TextFormat.PlainText)
        self._bar = QtWidgets.QProgressBar()
        self._bar.setRange(0, STEPS)
        self._bar.setTextVisible(False)
        self._button.clicked.connect(lambda _checked: self._ask())
        self._leave.clicked.connect(lambda _checked: self._refuse())
        row = QtWidgets.QHBoxLayout()
        row.addWidget(self._button)
        row.addWidget(self._about, 1)
        row.addWidget(self._bar, 1)
        row.addWidget(self._leave)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._text)
        layout.addLayout(row)
        self._show()

    def fill(self, models: List[Facts], offered: Facts) -> None:
        """Take what `getting.ask` said."""
        self._getting.fill(models, offered)

    def choose(self, model: str) -> None:
        """Take the model that is chosen in the list."""
        self._getting.choose(model)

    def stop(self) -> None:
        """The dialog ends: so does the download. What has arrived is kept."""
        if self._request is not None:
            self._request.cancel()
            self._request = None

    def _show(self) -> None:
        line = self._getting.line()
        self._text.say(line.text)
        self._about.setText(line.about)
        self._about.setVisible(bool(line.about))
        for button, text in ((self._button, line.get), (self._leave, line.leave)):
            button.setText(with_key(text))
            button.setVisible(bool(text))
        self._bar.setVisible(line.fraction is not None)
        self._bar.setValue(round((line.fraction or 0.0) * STEPS))
        self.setVisible(bool(line.text or line.get))

    def _ask(self) -> None:
        question = self._getting.question()
        if question is not None:
            _open(self.window(), question, lambda: self._start(question))

    def _start(self, question: Question) -> None:
        if self._getting.is_busy:
            return
        self._getting.start(question.model)
        self._request = RequestThread(daemon_requests.get(question.model, question.licence))
        self._request.progressed.connect(self._progress)
        self._request.succeeded.connect(self._end)
        self._request.failed.connect(self._fail)
        self.busy.emit(True)
        self._request.start()

    def _refuse(self) -> None:
        if self._request is not None:
            self._request.cancel()
        else:
            self._getting.decline()

    def _progress(self, progress: Progress) -> None:
        if self._request is not None:
            self._getting.show(progress)

    def _end(self, answer: Tuple[List[Facts], Optional[Rejected]]) -> None:
        if self._request is not None:
            self._request = None
            models, refusal = answer
            came = self._getting.end(models, refusal)
            self.busy.emit(False)
            self.listed.emit(models, came)

    def _fail(self, error: MattedError) -> None:
        if self._request is not None:
            self._request = None
            self._getting.fail(error)
            self.busy.emit(False)


def _open(window: Any, question: Question, accepted: Callable[[], None]) -> None:
    """Ask a Question in front of a window, and return at once. accepted: called where the answer is yes."""
    buttons = QtWidgets.QMessageBox.StandardButton.Cancel
    box = QtWidgets.QMessageBox(
        QtWidgets.QMessageBox.Icon.Question, question.message, question.message, buttons, window
    )
    hint = html.escape(question.hint)
    if question.address:
        link = html.escape(question.link)
        hint += '<br><a href="%s">%s</a>' % (html.escape(question.address, quote=True), link)
    box.setTextFormat(QtCore.Qt.TextFormat.RichText)
    box.setText(html.escape(question.message))
    box.setInformativeText(hint)
    box.setTextInteractionFlags(QtCore.Qt.TextInteractionFlag.TextBrowserInteraction)
    box.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
    yes = box.addButton(with_key(question.button), QtWidgets.QMessageBox.ButtonRole.AcceptRole)
    box.setDefaultButton(yes)
    yes.clicked.connect(lambda _checked: accepted())
    box.open()
