"""Translates errors for a person.

The daemon's messages are English and exact. For other languages each error code that a click can meet has a sentence
here, with the meaning that docs/protocol.md gives the code.
"""

from __future__ import annotations

import traceback
from typing import Dict, Tuple

from . import messages
from .errors import MattedError, Rejected
from .translations import ENGLISH, N_, Words

# By code: what happened, and what to do about it; empty where only the daemon's hint says that.
SENTENCES: Dict[str, Tuple[str, str]] = {
    messages.UNSUPPORTED_VERSION: (N_("The matted daemon and this plug-in have different versions."), ""),
    messages.TOO_LARGE: (N_("The picture is too large."), ""),
    messages.BUSY: (N_("matted is busy with other requests."), N_("Try again in a moment.")),
    messages.MODEL_NOT_FOUND: (N_("matted does not know this model."), N_("Choose another model.")),
    messages.MODEL_NOT_INSTALLED: (N_("The model is not on this computer."), ""),
    messages.LICENCE_NOT_ACCEPTED: (N_("The licence of the model has not been accepted."), ""),
    messages.PLATE_NEEDED: (
        N_("The model compares the picture with a second one: the same scene without the subject."),
        N_("Choose a layer that shows it, or another model."),
    ),
    messages.CLICKS_NEEDED: (
        N_("The model cuts out what is pointed at, and nothing is."),
        N_("Draw a box around the subject or click on it in the preview, or choose another model."),
    ),
    messages.OUT_OF_MEMORY: (
        N_("There is not enough memory."),
        N_("Close other programs, choose a smaller model, or scale the picture down."),
    ),
    messages.NO_SUBJECT: (
        N_("No subject was found in this picture."),
        N_("Try a picture whose subject stands out from its background."),
    ),
    messages.NO_GROUND: (N_("This picture has no flat ground."), N_("Choose another model.")),
    messages.SERVER_FAILED: (
        N_("The server that runs this model cannot be used."),
        N_("Try again in a moment, or choose a model that is on this computer."),
    ),
    messages.SHUTTING_DOWN: (N_("The matted daemon is shutting down."), N_("Try again in a moment.")),
    messages.INTERNAL: (
        N_("An internal error occurred in matted."),
        N_("Try another model. In a terminal: matted doctor"),
    ),
}
# The sentences of these codes say everything. The daemon's message is added to the others.
COMPLETE = (
    *(messages.BUSY, messages.PLATE_NEEDED, messages.CLICKS_NEEDED),
    *(messages.NO_SUBJECT, messages.NO_GROUND, messages.SHUTTING_DOWN),
)

# Sentences and hints of the client's own errors. Placeholders: see MattedError.values.
OF_THE_CLIENT = (
    N_("The matted daemon could not be started: %s: %s."),
    N_("If matted was moved or removed, install it and its plug-ins again."),
    N_("The matted daemon did not start: %s"),
    N_("The matted daemon did not come up within %d s."),
    N_("The matted daemon is not running, and this Flatpak may not start programs outside its sandbox."),
    N_("The matted daemon is not running, and this Snap may not start programs outside its sandbox."),
    N_("Start it in a terminal with: matted start"),
    N_("The matted daemon ended in the middle of the work."),
    N_("Try again; it will be restarted."),
    N_("The matted daemon does not answer."),
    N_("A matted daemon runs already, and cannot be reached."),
    N_("The connection file %s is damaged."),
    N_("The connection file %s cannot be read: %s."),
    N_("The connection file %s belongs to another user; it was not used."),
    N_("The connection file %s can be read or written by other users; it was not used."),
    N_("What answers on the daemon's port is not the daemon of the connection file."),
    N_("Another program took the daemon's port; nothing was sent to it."),
    N_("The connection to the matted daemon is closed."),
    N_("The matted daemon does not read what it is sent."),
    N_("The matted daemon has forgotten the frames before this one."),
    N_("The Remove Background plug-in is not completely installed."),
    N_("Run: matted install gimp, or: matted install krita"),
    N_("Run: matted serve"),
    N_("Delete it."),
    N_("Try again."),
    N_("Run: matted stop; matted start"),
)


def nothing_found() -> Rejected:
    """Return the error of a frame in which there is no subject: the daemon has an empty mask in its place."""
    return Rejected(messages.NO_SUBJECT, *SENTENCES[messages.NO_SUBJECT])


def as_matted_error(error: Exception, sentence: str, hint: str = "") -> MattedError:
    """Return the error that is caught now as one for a person. What is none yet is also told on stderr.

    sentence, hint: of a fault; %s stands for its type and text.
    """
    if isinstance(error, MattedError):
        return error
    traceback.print_exc()
    if isinstance(error, MemoryError):
        return MattedError(*SENTENCES[messages.OUT_OF_MEMORY])
    reason = "%s: %s" % (type(error).__name__, error)
    return MattedError(sentence.replace("%s", reason), hint.replace("%s", reason))


def in_words(error: MattedError, words: Words = ENGLISH) -> Tuple[str, str]:
    """Return what happened and what to do about it, which may be empty.

    In English, and for an unknown code, both are the daemon's own. A hint from here is preferred: it suits a click, the
    daemon's a terminal.
    """

    def translate(text: str) -> str:
        return words.gettext(text) if text else ""  # gettext translates "" to the head of its file

    code = error.code if isinstance(error, Rejected) else ""
    sentence, hint = SENTENCES.get(code, ("", ""))
    told = translate(error.sentence)
    if told == error.sentence and translate(sentence) != sentence:
        exactly = "" if code in COMPLETE else "(%s)" % (error.message if hint else error)
        return translate(sentence), "\n".join(part for part in (translate(hint), exactly) if part)
    return told % error.values if error.values else told, translate(hint or error.hint)
