"""The daemon's answers about one open picture: a thread that always asks the newest question."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any, Callable, Deque, Optional

from ..client import Session
from ..errors import MattedError, Rejected, Unavailable
from ..messages import CANCELLED, Progress
from ..pictures import Cancelled, Mask, OnProgress, OpenPicture, ignore, never
from ..sentences import as_matted_error

FAIR_SECONDS = 0.3  # as long a question may take, whatever comes behind it: else a moved slider would show nothing

Connect = Callable[[OnProgress, Cancelled], Session]
Ask = Callable[[OpenPicture, OnProgress, Cancelled], Mask]
Post = Callable[[Callable[[], None]], Any]


@dataclass(frozen=True)
class Layer:
    """The pixels of a layer as `Session.open` takes them. They may be Fillings that somebody fills meanwhile."""

    pixels: Any
    width: int
    height: int
    format: str
    plate: Any = None
    hint: Any = None


_NO_LAYER = Layer(b"", 0, 0, "")  # in the place of one that is over


@dataclass(frozen=True)
class _Question:
    """lasting: it is not replaced by the next one. given_up: whether nobody waits for the answer any more.

    fair: seconds that it has, whatever comes behind it. urgent: but not before this one.
    """

    ask: Ask
    answered: Callable[[Mask], None]
    failed: Callable[[MattedError], None]
    on_progress: OnProgress
    lasting: bool = False
    given_up: Cancelled = never
    fair: float = FAIR_SECONDS
    urgent: bool = False


class Conversation:
    """Opens a layer in the daemon and asks about it, one question at a time.

    A question that is asked while another one waits takes its place; one that is being answered is given up, unless the
    answer comes soon. What is called back is called in the thread of the one who asks, by way of `post`. A daemon that
    has ended is started again; one that cannot be fails the question, and the next question tries again.
    """

    def __init__(self, connect: Connect, layer: Layer, post: Post) -> None:
        """Take a layer to be opened.

        connect: opens a session; it may start the daemon.
        post: runs a function later, in the thread of the dialog.
        """
        self._connect = connect
        self._layer = layer
        self._post = post
        self._session: Optional[Session] = None
        self._picture: Optional[OpenPicture] = None
        self._opened_layer: Optional[Layer] = None  # whose picture that is
        self._next: Optional[_Question] = None
        self._lasting: Deque[_Question] = deque()  # come first
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="matted preview", daemon=True)

    def start(self) -> None:
        """Begin to open the layer, whether or not there is a question."""
        self._thread.start()

    def replace(self, layer: Layer) -> None:
        """Take another picture in the place of this one, for all questions from now on: one with a plate, say."""
        with self._changed:
            self._layer = layer

    def ask(
        self,
        ask: Ask,
        answered: Callable[[Mask], None],
        failed: Callable[[MattedError], None],
        on_progress: OnProgress,
        fair: float = FAIR_SECONDS,
        urgent: bool = False,
    ) -> None:
        """Ask in the place of what was asked before.

        answered, failed, on_progress: called in the dialog's thread.
        fair: seconds for which it is not given up for the next question.
        urgent: whether what was asked before is given up at once: its answer would say nothing any more.
        """
        self._put(
            _Question(
                ask,
                lambda mask: self._post(lambda: answered(mask)),
                lambda error: self._post(lambda: failed(error)),
                lambda progress: self._post(lambda: on_progress(progress)),
                fair=fair,
                urgent=urgent,
            )
        )

    def mask(self, ask: Ask, on_progress: OnProgress, cancelled: Cancelled) -> Mask:
        """Ask in the place of what was asked before, and wait. For a thread that may wait: OK has been pressed.

        on_progress: called in the conversation's thread. Raises what the question raises.
        """
        done = threading.Event()
        masks, errors = [], []

        def answered(mask: Mask) -> None:
            masks.append(mask)
            done.set()

        def failed(error: MattedError) -> None:
            errors.append(error)
            done.set()

        self._put(_Question(ask, answered, failed, on_progress, True, cancelled))
        done.wait()
        if errors:
            raise errors[0]
        return masks[0]

    def close(self) -> None:
        """Have the daemon forget the layer. Returns at once; a question that waits fails."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def join(self, seconds: float) -> None:
        """Wait, at most so long, until its thread has ended after `close`. For a program that ends."""
        if self._thread.ident is not None:
            self._thread.join(seconds)

    def _put(self, question: _Question) -> None:
        with self._changed:
            if self._closing:
                question.failed(_given_up())
                return
            if question.lasting:
                self._lasting.append(question)
                self._next = None
            else:
                self._next = question
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            self._open()
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._closing or self._lasting or self._next is not None)
                    if self._closing:
                        break
                    question: Optional[_Question]
                    if self._lasting:
                        question = self._lasting.popleft()
                    else:
                        question, self._next = self._next, None
                if question is not None:
                    self._answer(question)
        finally:
            if self._session is not None:
                if self._picture is not None:
                    self._picture.close()
                self._session.close()
            with self._changed:
                self._closing = True
                waiting = [*self._lasting, *([self._next] if self._next is not None else [])]
                self._layer = self._opened_layer = _NO_LAYER  # pixels do not wait for Python to collect this
            for each in waiting:
                each.failed(_given_up())

    def _open(self) -> None:
        """Connect and send what is there before anybody asks. The first question says what went wrong."""
        try:
            self._opened(ignore, lambda: self._closing)
        except Exception:
            self._lose()

    def _answer(self, question: _Question) -> None:
        known = self._picture is not None
        try:
            try:
                mask = self._ask(question)
            except Unavailable:
                if not known:
                    raise
                self._lose()  # the daemon ended since the last answer, as it does when it is restarted
                mask = self._ask(question)
        except Rejected as refusal:
            if refusal.code != CANCELLED or question.lasting:
                question.failed(refusal)
        except Exception as error:  # the thread has to live as long as the dialog
            self._lose()
            question.failed(as_matted_error(error, "%s"))
        else:
            question.answered(mask)

    def _ask(self, question: _Question) -> Mask:
        picture = self._opened(question.on_progress, lambda: self._closing or question.given_up())
        begun = time.monotonic()

        def cancelled() -> bool:
            if self._closing or question.given_up():
                return True
            follower, unfair = self._next, time.monotonic() - begun > question.fair
            overtaken = self._lasting or (follower is not None and (unfair or follower.urgent))
            return bool(overtaken) and not question.lasting

        return question.ask(picture, question.on_progress, cancelled)

    def _opened(self, on_progress: OnProgress, cancelled: Cancelled) -> OpenPicture:
        """Return the open picture. Raises what Session.open raises.

        A question that came meanwhile does not end the sending of pixels, which would cost the connection.
        """
        layer = self._layer
        if self._picture is not None and self._opened_layer is not layer:
            self._picture.close()
            self._picture = None
        if self._session is None or self._session.closed:
            self._picture = None
            self._session = self._connect(on_progress, cancelled)
        if self._picture is None:
            on_progress(Progress("preparing"))
            self._picture = self._session.open(
                layer.pixels,
                layer.width,
                layer.height,
                layer.format,
                layer.plate,
                layer.hint,
                cancelled=cancelled,
            )
            self._opened_layer = layer
        return self._picture

    def _lose(self) -> None:
        """Give up a connection of which it is not known what comes next."""
        if self._session is not None:
            self._session.close()
        self._session = self._picture = None


def _given_up() -> Rejected:
    return Rejected(CANCELLED, "Cancelled.")
