"""What went wrong, in a person's language.

The daemon speaks English, and says precisely what happened. Its error codes are what a translation can rely on: each
that a click can meet has a sentence here, in docs/protocol.md's meaning of the code.
"""

from __future__ import annotations

from typing import Dict, Tuple

from . import messages
from .errors import MattedError, Rejected
from .translations import ENGLISH, N_, Words

# By code: the sentence, and what to do about it. Where that is empty, it takes the daemon's own words to know.
SENTENCES: Dict[str, Tuple[str, str]] = {
    messages.UNSUPPORTED_VERSION: (N_("The matted daemon and this plug-in do not belong together."), ""),
    messages.TOO_LARGE: (N_("The picture is too large."), ""),
    messages.BUSY: (N_("matted has too much to do already."), N_("Try again in a moment.")),
    messages.MODEL_NOT_FOUND: (N_("matted does not know this model."), N_("Choose another model.")),
    messages.MODEL_NOT_INSTALLED: (N_("The model is not on this computer."), ""),
    messages.LICENCE_NOT_ACCEPTED: (N_("The licence of the model has not been accepted."), ""),
    messages.PLATE_NEEDED: (
        N_("The model compares the picture with a second one: the same scene without the subject."),
        N_("Choose a layer that shows it, or another model."),
    ),
    messages.OUT_OF_MEMORY: (
        N_("There is not enough memory."),
        N_("Close other programs, choose a smaller model, or scale the picture down."),
    ),
    messages.NO_SUBJECT: (
        N_("No subject was found in this picture."),
        N_("Try a picture whose subject stands out from its background."),
    ),
    messages.SHUTTING_DOWN: (N_("The matted daemon is shutting down."), N_("Try again in a moment.")),
    messages.INTERNAL: (N_("matted met an error of its own."), N_("Try another model. In a terminal: matted doctor")),
}
# Of these the sentence says everything; to the others, the daemon's own is added.
COMPLETE = (messages.BUSY, messages.PLATE_NEEDED, messages.NO_SUBJECT, messages.SHUTTING_DOWN)

# What the client itself says. With a placeholder: see MattedError.values.
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
    N_("The matted daemon does not read what it is sent."),
    N_("The Remove Background plug-in is not completely installed."),
    N_("Run: matted install gimp, or: matted install krita"),
    N_("Run: matted serve"),
    N_("Run: matted stop"),
    N_("Run: matted stop; matted start"),
)


def in_words(error: MattedError, words: Words = ENGLISH) -> Tuple[str, str]:
    """A sentence and what to do about it, which may be empty.

    In English, and for a code that nobody has translated, the sentence is the daemon's own, and so is the hint unless
    there is one here, which is for a click and not for a terminal.
    """

    def translate(text: str) -> str:
        return words.gettext(text) if text else ""  # gettext's word for "" is the head of its file

    code = error.code if isinstance(error, Rejected) else ""
    sentence, hint = SENTENCES.get(code, ("", ""))
    told = translate(error.sentence)
    if told == error.sentence and translate(sentence) != sentence:
        exactly = "" if code in COMPLETE else "(%s)" % (error.message if hint else error)
        return translate(sentence), "\n".join(part for part in (translate(hint), exactly) if part)
    return told % error.values if error.values else told, translate(hint or error.hint)
