"""The exceptions of this package.

Every error has one sentence for a person (`message`) and, where something can be done, one that says what (`hint`). A
host catches `MattedError` once and shows both. They are in English; `sentences` translates them.
"""

from __future__ import annotations

from typing import Tuple


class MattedError(Exception):
    """The base of the exceptions of this package.

    sentence: what happened, with the placeholders of the % operator where there are `values`.
    hint: what to do about it. Empty if there is nothing to do.
    values: for the placeholders, so that `sentence` can be translated without them. `message` has both.
    code: which kind of error it is, for programs.
    """

    code = "failed"

    def __init__(self, sentence: str, hint: str = "", values: Tuple[object, ...] = ()) -> None:
        self.sentence = sentence
        self.values = values
        self.message = sentence % values if values else sentence
        self.hint = hint
        super().__init__(self.message)

    def alone(self) -> "MattedError":
        """Return one that says the same, for whoever keeps it or raises what was kept.

        An error that was raised refers to the variables of all functions that it came through, pixels among them. To
        raise one that is kept would close the circle.
        """
        twin = type(self).__new__(type(self), *self.args)
        twin.__dict__.update(self.__dict__)
        return twin

    def __str__(self) -> str:
        return "%s %s" % (self.message, self.hint) if self.hint else self.message


class Unavailable(MattedError):
    """No daemon of this user answers, and none could be started."""

    code = "unavailable"


class NotRunning(Unavailable):
    """No daemon of this user runs, as far as can be seen: to start one may help."""

    code = "not_running"


class Timeout(MattedError):
    """The daemon stopped answering."""

    code = "timeout"


class ProtocolError(MattedError):
    """The other side broke the protocol: bad frames, a bad proof, a reply of the wrong size."""

    code = "protocol"


class Rejected(MattedError):
    """The daemon refused the request. `code`: one of the codes of docs/protocol.md."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.code = code


class SceneForgotten(MattedError):
    """The daemon has forgotten the frames of a scene before this one, as where a client has too many scenes."""

    code = "scene_forgotten"
