"""What a removal and a refinement have in common: the daemon is asked while a layer is read, and progress is shown.

This module knows nothing of GIMP. It is imported before the first pixel is read, and imports the client's session with
the daemon only when that goes on, in the thread that opens one: it takes 30 to 80 ms.
"""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from typing import TYPE_CHECKING, Any, Callable, Optional

from request_thread import RequestThread
from texts import WORDS, _

if TYPE_CHECKING:
    from matted_client.pictures import Mask


class Asker:
    """Asks the daemon about one layer after the other. To be used in a `with` block.

    folder: of the plug-in. host: name and version, for the daemon's log.
    bar: a ProgressBar.
    """

    def __init__(self, folder: str, host: str, bar: "ProgressBar") -> None:
        self._folder = folder
        self._host = host
        self._bar = bar
        self._stack = ExitStack()
        self._daemon: Optional[RequestThread] = None

    def __enter__(self) -> "Asker":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()

    def answer(self, question: Callable[..., Mask], *readings: Any) -> Mask:
        """Ask while the layer is read. question: called in a thread, with a session and an `on_progress`."""
        if self._daemon is None:
            self._daemon = self._stack.enter_context(RequestThread(self._connect))
        self._daemon.ask(question)
        for reading in readings:
            for _part in reading.parts:
                pass
        return self._daemon.answer(self._bar.show)

    def answer_about(self, opened: Any, ask: Callable[..., Mask]) -> Mask:
        """Ask about a layer that a preview has opened. ask: called in a thread, as a Conversation calls it."""
        from matted_client.pictures import never

        def question(session: None, on_progress: Any) -> Mask:
            mask: Mask = opened.conversation.mask(ask, on_progress, never)
            return mask

        with RequestThread(lambda on_progress: nullcontext()) as thread:  # the conversation has a session of its own
            thread.ask(question)
            opened.read_all()
            return thread.answer(self._bar.show)

    def _connect(self, on_progress: Any) -> Any:
        """Open a session. Called in the thread."""
        import daemon_requests

        return daemon_requests.session(self._folder, self._host, on_progress)


class ProgressBar:
    """Shows the daemon's progress on the picture, and only changes: each call goes to another process."""

    def __init__(self, picture, layers):
        self._picture = picture
        self._layers = layers
        self._done = 0
        self._text = ""
        self._fraction = 0.0
        picture.begin_progress()

    def next_layer(self):
        self._done += 1

    def show(self, news):
        from matted_client import progress

        text = progress.describe(news, WORDS)
        if self._layers > 1:
            text = _("Layer %d of %d: %s") % (self._done + 1, self._layers, text)
        fraction = max(self._fraction, (self._done + progress.overall(news)) / self._layers)
        if (text, fraction) != (self._text, self._fraction):
            self._text, self._fraction = text, fraction
            self._picture.show_progress(text, fraction)


def named(warnings, layer, picture):
    """The warnings about a layer, with its name where there are several."""
    return warnings if len(picture.layers) == 1 else ["%s: %s" % (layer.name, each) for each in warnings]
