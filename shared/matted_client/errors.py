"""What can go wrong between a program and the daemon, as exceptions.

Every error is one sentence for a person (`message`) and, where there is something to do about it, one more that
says what (`hint`). A host catches `MattedError` once and shows both. They are in English; `sentences` has them in other
languages.
"""

from __future__ import annotations

from typing import Tuple


class MattedError(Exception):
    """Base of everything this package raises on purpose.

    values: what the placeholders of `sentence` stand for, which can be translated without them; `message` is both.
    """

    def __init__(self, sentence: str, hint: str = "", values: Tuple[object, ...] = ()) -> None:
        self.sentence = sentence
        self.values = values
        self.message = sentence % values if values else sentence
        self.hint = hint
        super().__init__(self.message)

    def __str__(self) -> str:
        return "%s %s" % (self.message, self.hint) if self.hint else self.message


class Unavailable(MattedError):
    """No daemon that is ours answers, and none could be started."""


class Timeout(MattedError):
    """The daemon was there and went silent."""


class ProtocolError(MattedError):
    """The other side broke the protocol: bad frames, a bad proof, a reply of the wrong size."""


class Rejected(MattedError):
    """The daemon understood the request and said no. `code` is one of the codes of docs/protocol.md."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.code = code
