"""The thread that asks the daemon: the newest question first, whatever happens to the connection."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from matted_client import MattedError, Rejected, Unavailable, messages
from matted_client.client import Session
from matted_client.messages import MaskResult
from matted_client.pictures import Mask
from matted_client.preview.conversation import Conversation, Layer

PATIENCE = 10.0  # seconds
LAYER = Layer(b"pixels", 3, 2, "GRAY8")


class Daemon:
    """Opens sessions that keep pictures, and counts them. `trouble`: raised by the next connection, or opening."""

    def __init__(self) -> None:
        self.sessions: list[FakeSession] = []
        self.trouble: list[Exception] = []

    def connect(self, on_progress: object, cancelled: object) -> Session:
        if self.trouble:
            raise self.trouble.pop(0)
        self.sessions.append(FakeSession())
        return cast(Session, self.sessions[-1])

    @property
    def open(self) -> list[Layer]:
        return [each.layer for session in self.sessions if not session.closed for each in session.pictures]


class FakeSession:
    def __init__(self) -> None:
        self.pictures: list[FakePicture] = []
        self.closed = False

    def open(self, *layer: Any, cancelled: object) -> FakePicture:
        self.pictures.append(FakePicture(self, Layer(*layer)))
        return self.pictures[-1]

    def close(self) -> None:
        self.closed = True


class FakePicture:
    def __init__(self, session: FakeSession, layer: Layer) -> None:
        self.layer = layer
        self._session = session

    def close(self) -> None:
        self._session.pictures.remove(self)


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


@pytest.fixture
def heard() -> queue.Queue[Any]:
    """What was called back."""
    return queue.Queue()


@pytest.fixture
def conversation(daemon: Daemon) -> Iterator[Conversation]:
    made = Conversation(daemon.connect, LAYER, lambda act: act())
    yield made
    made.close()
    ended(made)


def ended(conversation: Conversation) -> None:
    conversation.join(PATIENCE)
    assert not conversation._thread.is_alive()


def mask(number: int) -> Mask:
    return Mask(bytearray([number]), MaskResult(1, 1, 8, "", "", 0.0))


def asks(conversation: Conversation, heard: queue.Queue[Any], ask: Callable[..., Mask]) -> None:
    conversation.ask(ask, lambda found: heard.put(found.alpha[0]), heard.put, lambda progress: None)


def quick(number: int) -> Callable[..., Mask]:
    return lambda picture, on_progress, cancelled: mask(number)


def until_cancelled(began: threading.Event) -> Callable[..., Mask]:
    def ask(picture: object, on_progress: object, cancelled: Callable[[], bool]) -> Mask:
        began.set()
        waiting = threading.Event()
        while not cancelled():
            waiting.wait(0.001)
        raise Rejected(messages.CANCELLED, "Cancelled.")

    return ask


def test_the_picture_is_opened_before_anybody_asks_and_once(
    daemon: Daemon, conversation: Conversation, heard: queue.Queue[Any]
) -> None:
    conversation.start()
    for number in range(3):
        asks(conversation, heard, quick(number))
        assert heard.get(timeout=PATIENCE) == number
    assert daemon.open == [LAYER] and len(daemon.sessions) == 1


def test_a_newer_question_ends_the_older_one_without_a_word(
    conversation: Conversation, heard: queue.Queue[Any]
) -> None:
    conversation.start()
    began = threading.Event()
    asks(conversation, heard, until_cancelled(began))
    assert began.wait(PATIENCE)
    asks(conversation, heard, quick(2))
    assert heard.get(timeout=PATIENCE) == 2 and heard.empty()


def test_of_several_that_wait_the_last_one_is_asked(conversation: Conversation, heard: queue.Queue[Any]) -> None:
    for number in range(5):
        asks(conversation, heard, quick(number))
    conversation.start()
    assert heard.get(timeout=PATIENCE) == 4 and heard.empty()


def test_a_lasting_question_is_answered_to_who_waits_for_it(
    conversation: Conversation, heard: queue.Queue[Any]
) -> None:
    conversation.start()
    began = threading.Event()
    asks(conversation, heard, until_cancelled(began))
    assert began.wait(PATIENCE)
    assert conversation.mask(quick(7), lambda progress: None, lambda: False).alpha == b"\x07"
    with pytest.raises(Rejected, match="Cancelled"):
        conversation.mask(until_cancelled(threading.Event()), lambda progress: None, lambda: True)
    assert heard.empty()


def test_a_daemon_that_was_restarted_is_asked_again(
    daemon: Daemon, conversation: Conversation, heard: queue.Queue[Any]
) -> None:
    conversation.start()
    asks(conversation, heard, quick(1))
    assert heard.get(timeout=PATIENCE) == 1

    def gone_once(*arguments: object) -> Mask:
        if len(daemon.sessions) == 1:
            raise Unavailable("gone")
        return mask(2)

    assert conversation.mask(gone_once, lambda progress: None, lambda: False).alpha == b"\x02"
    assert len(daemon.sessions) == 2 and daemon.open == [LAYER]


@pytest.mark.parametrize("error", [ConnectionError, Unavailable])
def test_a_daemon_that_ends_again_fails_one_question_and_the_next_one_starts_anew(
    daemon: Daemon, conversation: Conversation, heard: queue.Queue[Any], error: type[Exception]
) -> None:
    conversation.start()

    def fails(*arguments: object) -> Mask:
        raise error("gone")

    asks(conversation, heard, fails)
    assert isinstance(heard.get(timeout=PATIENCE), MattedError)
    asks(conversation, heard, quick(1))
    assert heard.get(timeout=PATIENCE) == 1
    assert daemon.open == [LAYER]


def test_a_quick_answer_comes_also_where_the_next_question_waits(
    conversation: Conversation, heard: queue.Queue[Any]
) -> None:
    conversation.start()
    began, goes_on = threading.Event(), threading.Event()

    def ask(picture: object, on_progress: object, cancelled: Callable[[], bool]) -> Mask:
        began.set()
        assert goes_on.wait(PATIENCE) and not cancelled()
        return mask(1)

    conversation.ask(ask, lambda found: heard.put(found.alpha[0]), heard.put, lambda progress: None, fair=PATIENCE)
    assert began.wait(PATIENCE)
    asks(conversation, heard, quick(2))
    goes_on.set()
    assert [heard.get(timeout=PATIENCE), heard.get(timeout=PATIENCE)] == [1, 2]


def test_a_question_that_is_urgent_ends_the_older_one_at_once(
    conversation: Conversation, heard: queue.Queue[Any]
) -> None:
    conversation.start()
    began = threading.Event()
    patient = until_cancelled(began)
    conversation.ask(patient, heard.put, heard.put, lambda progress: None, fair=float("inf"))
    assert began.wait(PATIENCE)
    conversation.ask(quick(2), lambda found: heard.put(found.alpha[0]), heard.put, lambda progress: None, urgent=True)
    assert heard.get(timeout=PATIENCE) == 2 and heard.empty()


def test_all_that_wait_are_answered(conversation: Conversation) -> None:
    found: list[int] = []

    def wait(number: int) -> None:
        found.append(conversation.mask(quick(number), lambda progress: None, lambda: False).alpha[0])

    waiting = [threading.Thread(target=wait, args=(number,)) for number in range(5)]
    for each in waiting:
        each.start()
    conversation.start()
    for each in waiting:
        each.join(PATIENCE)
    assert sorted(found) == [0, 1, 2, 3, 4]


def test_who_waits_while_the_layer_is_sent_can_give_up(daemon: Daemon, conversation: Conversation) -> None:
    sending = threading.Event()

    def stalls(session: FakeSession, *layer: Any, cancelled: Callable[[], bool]) -> FakePicture:
        sending.set()
        pause = threading.Event()
        while not cancelled():
            pause.wait(0.001)
        raise Rejected(messages.CANCELLED, "Cancelled.")

    daemon.trouble = [Unavailable("Not yet.")]  # of the opening before anybody asks
    FakeSession.open, kept = stalls, FakeSession.open  # type: ignore[assignment, method-assign]
    try:
        conversation.start()
        with pytest.raises(Rejected, match="Cancelled"):
            conversation.mask(quick(1), lambda progress: None, sending.is_set)
    finally:
        FakeSession.open = kept  # type: ignore[method-assign]


def test_a_refusal_keeps_the_connection(daemon: Daemon, conversation: Conversation, heard: queue.Queue[Any]) -> None:
    conversation.start()

    def refused(*arguments: object) -> Mask:
        raise Rejected(messages.NO_SUBJECT, "Nothing.")

    asks(conversation, heard, refused)
    assert heard.get(timeout=PATIENCE).code == messages.NO_SUBJECT
    asks(conversation, heard, quick(1))
    assert heard.get(timeout=PATIENCE) == 1 and len(daemon.sessions) == 1


def test_without_a_daemon_each_question_says_so_and_tries_again(
    daemon: Daemon, conversation: Conversation, heard: queue.Queue[Any]
) -> None:
    daemon.trouble = [Unavailable("Not running.")] * 2  # of the opening, and of the first question
    conversation.start()
    asks(conversation, heard, quick(1))
    assert heard.get(timeout=PATIENCE).message == "Not running."
    asks(conversation, heard, quick(1))
    assert heard.get(timeout=PATIENCE) == 1


def test_another_layer_takes_the_place_of_the_first_in_the_daemon_too(
    daemon: Daemon, conversation: Conversation, heard: queue.Queue[Any]
) -> None:
    conversation.start()
    asks(conversation, heard, quick(1))
    assert heard.get(timeout=PATIENCE) == 1
    with_plate = Layer(b"pixels", 3, 2, "GRAY8", plate=b"scenes")
    conversation.replace(with_plate)
    asks(conversation, heard, quick(2))
    assert heard.get(timeout=PATIENCE) == 2
    assert daemon.open == [with_plate] and len(daemon.sessions) == 1


def test_nothing_is_left_when_it_is_closed(daemon: Daemon, conversation: Conversation, heard: queue.Queue[Any]) -> None:
    conversation.start()
    began = threading.Event()
    asks(conversation, heard, until_cancelled(began))
    assert began.wait(PATIENCE)
    conversation.close()
    ended(conversation)
    (session,) = daemon.sessions
    assert session.closed and session.pictures == []
    with pytest.raises(Rejected, match="Cancelled"):
        conversation.mask(quick(1), lambda progress: None, lambda: False)


def test_who_joins_waits_for_the_session_to_be_closed(daemon: Daemon, conversation: Conversation) -> None:
    conversation.join(PATIENCE)  # before it is started there is nothing to wait for
    closing, goes_on = threading.Event(), threading.Event()

    def slow_close() -> None:
        closing.set()
        assert goes_on.wait(PATIENCE)
        session.closed = True

    conversation.start()
    assert conversation.mask(quick(1), lambda progress: None, lambda: False).alpha[0] == 1
    (session,) = daemon.sessions
    session.close = slow_close  # type: ignore[method-assign]
    conversation.close()
    assert closing.wait(PATIENCE)
    conversation.join(0.0)
    assert not session.closed
    goes_on.set()
    conversation.join(PATIENCE)
    assert session.closed


def test_who_waits_is_told_when_it_is_closed(conversation: Conversation) -> None:
    began, ends = threading.Event(), []

    def wait() -> None:
        try:
            conversation.mask(until_cancelled(began), lambda progress: None, lambda: False)
        except Rejected as refusal:
            ends.append(refusal.code)

    conversation.start()
    waiting = threading.Thread(target=wait)
    waiting.start()
    assert began.wait(PATIENCE)
    conversation.close()
    waiting.join(PATIENCE)
    assert ends == [messages.CANCELLED]
