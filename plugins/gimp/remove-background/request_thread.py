"""A thread that has a session with the daemon and waits for its answers. This module knows nothing of GIMP.

GIMP may be called from the plug-in's own thread alone. So that one reads layers while this one sends what is there, and
is told here what there is to show.
"""

from __future__ import annotations

import threading
from queue import SimpleQueue

_PROGRESS, _ERROR, _ANSWER = range(3)


class RequestThread(threading.Thread):
    """Answers questions one after the other. Connects to the daemon at once; where that fails, the answers say so.

    It does not keep the process alive: GIMP ends that when its user cancels, which the daemon notices.
    """

    def __init__(self, open_session):
        """open_session: called with an `on_progress`, gives the session."""
        super().__init__(daemon=True)
        self._open_session = open_session
        self._questions = SimpleQueue()
        self._said = SimpleQueue()  # pairs of _PROGRESS, _ERROR or _ANSWER and what it is
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self._questions.put(None)  # after the one that is under way

    def ask(self, question):
        """question: called in the thread, with the session and an `on_progress`."""
        self._questions.put(question)

    def answer(self, on_progress):
        """Wait for the answer to the earliest question that has none yet, and return it or raise its error."""
        while True:
            kind, value = self._said.get()
            if kind == _PROGRESS:
                on_progress(value)
            elif kind == _ERROR:
                raise value
            else:
                return value

    def run(self):
        def on_progress(progress):
            self._said.put((_PROGRESS, progress))

        try:
            session = self._open_session(on_progress)
        except Exception as error:
            while self._questions.get() is not None:
                self._said.put((_ERROR, error))
            return
        with session:
            while (question := self._questions.get()) is not None:
                try:
                    self._said.put((_ANSWER, question(session, on_progress)))
                except Exception as error:
                    self._said.put((_ERROR, error))
