"""What can be done about an error: decided here once, offered by each host in its own way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from . import messages
from .client import Session
from .errors import MattedError, Rejected
from .models import Facts, find, is_downloadable, megabytes, use
from .sentences import in_words
from .translations import ENGLISH, N_, Words

# What a remedy does.
DOWNLOAD = "download"  # have the daemon get the model, then try again with the same options
READ_LICENCE = "read the licence"  # open its page in the web browser
USE_ANYWAY = "use anyway"  # try again with the option `anyway`

_BUTTONS = {
    DOWNLOAD: N_("_Download"),
    READ_LICENCE: N_("_Open the licence page"),
    USE_ANYWAY: N_("_Use the mask anyway"),
}
_OF_A_MODEL = (messages.MODEL_NOT_INSTALLED, messages.LICENCE_NOT_ACCEPTED)


@dataclass(frozen=True)
class Remedy:
    """What is offered, in a person's language.

    action: DOWNLOAD, READ_LICENCE or USE_ANYWAY.
    message, hint: what went wrong, and what the button is about.
    button: its label, with _ before the letter of its key.
    facts: those of the model that DOWNLOAD gets, or whose `licence_url` READ_LICENCE opens. Else empty.
    """

    action: str
    message: str
    hint: str
    button: str
    facts: Facts


def is_of_a_model(error: MattedError) -> bool:
    """Return whether `remedy` has to know something of the model that was asked for: see `facts_for`."""
    return _code(error) in _OF_A_MODEL


def facts_for(session: Session, model: str) -> Facts:
    """Return what `remedy` has to know of the model where `is_of_a_model`. {} if the daemon knows no such model."""
    return find(session.models(), model)


def remedy(error: MattedError, facts: Facts, words: Words = ENGLISH) -> Optional[Remedy]:
    """What to offer, or None where nothing helps that a button could do. facts: see `facts_for`; else {}."""
    action = _action(_code(error), facts)
    if not action:
        return None
    message, hint = in_words(error, words)
    if action == DOWNLOAD:
        message = words.gettext("%s is not on this computer.") % facts["title"]
        licence = words.gettext("Licence: %s (%s).") % (facts["licence"], use(facts, words))
        hint = " ".join((licence, words.gettext("%d MB will be downloaded.") % megabytes(facts)))
    return Remedy(action, message, hint, words.gettext(_BUTTONS[action]), facts)


def _action(code: str, facts: Facts) -> str:
    if code == messages.NO_SUBJECT:
        return USE_ANYWAY
    if code not in _OF_A_MODEL or not facts:
        return ""
    if code == messages.MODEL_NOT_INSTALLED and is_downloadable(facts):
        return DOWNLOAD
    return READ_LICENCE if facts["licence_url"] else ""


def _code(error: MattedError) -> str:
    return error.code if isinstance(error, Rejected) else ""
