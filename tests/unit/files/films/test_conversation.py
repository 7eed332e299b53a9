"""What is done where a daemon ends, or forgets the scene, in the middle of a film."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from matted.files.films import conversation
from matted.files.films.conversation import REMEMBERED, Conversation
from matted.files.pictures import Picture
from matted_client import MattedError, Rejected, Unavailable, messages
from matted_client.errors import SceneForgotten
from matted_client.messages import MaskResult
from matted_client.pictures import Mask, ignore
from PIL import Image


class Daemons:
    """One daemon after the other. Each is a session and its scene, and answers with the level of a frame.

    fails_at: by the number of the daemon, after how many answers which error comes.
    shown: the levels that each was sent. ended: which were waited for until they ended.
    """

    def __init__(self, fails_at: dict[int, tuple[int, MattedError]]) -> None:
        self.fails_at = fails_at
        self.shown: list[list[int]] = []
        self.ended: list[int] = []
        self.ends = True

    def connect(self, *_args: Any, **_words: Any) -> Any:
        self.shown.append([])
        return _Daemon(self, len(self.shown) - 1)


class _Daemon:
    def __init__(self, all_of_them: Daemons, number: int) -> None:
        self._all, self._number = all_of_them, number
        self._waiting: deque[int] = deque()
        self._answered = 0

    def scene(self, *_args: Any, **_words: Any) -> _Daemon:
        return self

    def send(self, pixels: bytes, **_words: Any) -> None:
        self._all.shown[self._number].append(pixels[0])
        self._waiting.append(pixels[0])

    def receive(self, *_args: Any) -> Mask:
        fails, error = self._all.fails_at.get(self._number, (None, None))
        if self._answered == fails and error is not None:
            raise error
        self._answered += 1
        return Mask(bytearray([self._waiting.popleft()]), MaskResult(1, 1, 8, "m", "CPU", 1.0))

    def wait_until_gone(self, seconds: float) -> bool:
        self._all.ended.append(self._number)
        return self._all.ends

    def close(self) -> None:
        pass


def answers(daemons: Daemons, count: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Ask for the masks of frames of the levels 0, 1 and so on, with three on their way."""
    monkeypatch.setattr(conversation, "connect", daemons.connect)
    found = []
    with Conversation({}, None, False, ignore) as asked:
        for level in range(count):
            asked.send(Picture(Image.new("RGB", (1, 1), (level, 0, 0)), {}))
            if level >= 2:
                found.append(asked.receive().alpha[0])
        while len(found) < count:
            found.append(asked.receive().alpha[0])
    return found


ENDS = [
    Unavailable("The matted daemon ended in the middle of the work."),
    SceneForgotten("The matted daemon has forgotten the frames before this one."),
    Rejected(messages.SHUTTING_DOWN, "The daemon is shutting down."),
]


@pytest.mark.parametrize("error", ENDS, ids=lambda error: error.code)
def test_the_next_daemon_is_shown_the_frames_before_and_every_frame_has_its_mask(
    monkeypatch: pytest.MonkeyPatch, error: MattedError
) -> None:
    daemons = Daemons({0: (20, error), 1: (REMEMBERED + 3, error)})
    assert answers(daemons, 40, monkeypatch) == list(range(40))
    first, second, third = daemons.shown
    assert first == list(range(23))
    assert second == list(range(20 - REMEMBERED, 26)), "what it forgot, then what was on its way"
    assert third == list(range(23 - REMEMBERED, 40))
    assert daemons.ended == ([0, 1] if error.code == messages.SHUTTING_DOWN else [])


def test_other_errors_and_a_daemon_that_does_not_end_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    full = Rejected(messages.OUT_OF_MEMORY, "There is not enough memory.")
    with pytest.raises(Rejected, match="not enough memory"):
        answers(Daemons({0: (4, full)}), 9, monkeypatch)
    stubborn = Daemons({0: (4, ENDS[2])})
    stubborn.ends = False
    with pytest.raises(Rejected, match="shutting down"):
        answers(stubborn, 9, monkeypatch)
    assert len(stubborn.shown) == 1
