"""Gets models from the dialogs: what stands beneath the list of models, what is asked, and what a better model is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Tuple

from .client import Session
from .errors import MattedError, Rejected
from .messages import CANCELLED, Progress
from .models import Facts, find, is_downloadable, megabytes, use
from .options import AUTO_MODEL, DEFAULT_MODEL
from .pictures import Cancelled, OnProgress
from .progress import describe
from .sentences import in_words
from .translations import ENGLISH, N_, Words

GET = N_("Get… (%d M_B)")
STOP = N_("A_bort")
NOT_YET = N_("Not _yet")
DOWNLOAD = N_("_Download")
ACCEPT = N_("_Accept and download")
READ = N_("Read the licence")
STOPPED = N_("The download was stopped. What has arrived is kept for the next time.")
WAIT = N_("Until it is here, the background cannot be removed.")

_DOWNLOADING = "downloading"  # a stage of the daemon's
_NONE = "-", ""  # no trouble: no model has this id


@dataclass(frozen=True)
class Line:
    """What stands beneath the list of models, in a person's language. What is empty is not shown.

    text: a sentence.
    get: the label of the button that asks the Question, with the size, and _ before the letter of its key.
    about: what stands beside that button: the licence.
    leave: the label of a second button, which stops the download, or declines the offer.
    fraction: how far the download is, 0 to 1; None: there is none.
    """

    text: str = ""
    get: str = ""
    about: str = ""
    leave: str = ""
    fraction: Optional[float] = None


@dataclass(frozen=True)
class Question:
    """What is asked before a download, once.

    model: its id. licence: what is accepted with the button; empty where nothing has to be.
    message, hint: which model, and what it is good for, how big it is, under which licence.
    link, address: words for the licence's page, and where that is; both empty where it is not known.
    button: the label that says yes, with _ before the letter of its key.
    """

    model: str
    licence: str
    message: str
    hint: str
    link: str
    address: str
    button: str


def ask(session: Session, chosen: str) -> Tuple[List[Facts], Facts]:
    """Return the facts of every model, and those of the one to offer, or {}. What is offered is offered this once.

    chosen: the model that is chosen in the dialog. Who chose one by its name, there or in the settings, is offered no
        other.

    Raises MattedError.
    """
    models = session.models()
    if not _is_left_open(models, chosen):
        return models, {}
    better: Dict[str, Any] = (session.status().get("auto") or {}).get("better") or {}
    facts = find(models, better["model"]) if better else {}
    if not is_to_be_had(facts) or facts["accept"] or not session.offer(facts["id"]):
        return models, {}
    return models, facts


def get(
    session: Session, model: str, licence: str, on_progress: OnProgress, cancelled: Cancelled
) -> Tuple[List[Facts], Optional[Rejected]]:
    """Have the daemon get a model. Returns what it says of all models then, and why it has not got this one, or None.

    licence: the one that a person accepts, as in Question.

    Raises MattedError where the daemon cannot be asked.
    """
    refusal = None
    try:
        session.load(model, on_progress, cancelled, download=True, accept_licence=licence)
    except Rejected as error:
        refusal = error
    return session.models(), refusal


def is_to_be_had(facts: Facts) -> bool:
    """Return whether a button can get the model: it is not here, does not come by itself, and the daemon may get it."""
    return bool(facts) and not facts["installed"] and not facts["automatic"] and is_downloadable(facts)


def _is_left_open(models: List[Facts], chosen: str) -> bool:
    """Return whether it is left to matted which model is used."""
    return chosen == AUTO_MODEL or (chosen == DEFAULT_MODEL and not any(facts["default"] for facts in models))


class Getting:
    """What a dialog says of getting models. All is called in the dialog's thread.

    offered: the facts of the model that is offered; {}: none is.
    """

    def __init__(self, changed: Callable[[], None], words: Words = ENGLISH) -> None:
        """changed: called when `line` or `is_busy` is another."""
        self.offered: Facts = {}
        self._changed = changed
        self._words = words
        self._models: List[Facts] = []
        self._chosen = DEFAULT_MODEL
        self._coming: Facts = {}  # of the model that is being downloaded
        self._progress = ""
        self._fraction = 0.0
        self._trouble = _NONE  # id of a model that could not be had, and why

    @property
    def is_busy(self) -> bool:
        """Whether a download is under way. Another one, and OK, have to wait for it."""
        return bool(self._coming)

    def fill(self, models: List[Facts], offered: Facts) -> None:
        """Take what `ask` said."""
        self._models, self.offered = models, offered
        self._changed()

    def choose(self, model: str) -> None:
        """Take the model that is chosen in the list."""
        if model != self._chosen:
            self._chosen = model
            self._changed()

    def line(self) -> Line:
        _ = self._words.gettext
        if self._coming:
            return Line("%s\n%s" % (self._progress, _(WAIT)), leave=_(STOP), fraction=self._fraction)
        model, trouble = self._trouble
        facts = self._wanted()
        if not facts:  # a model may be here, and still be too large for the memory
            return Line(trouble) if model == find(self._models, self._chosen).get("id") else Line()
        get = _(GET) % megabytes(facts)
        leave = _(NOT_YET) if facts is self.offered else ""
        if model == facts["id"]:
            return Line(trouble, get, facts["licence"], leave)
        better = _("Better masks: %s (%s).") % (facts["title"], use(facts, self._words))
        return Line(better if leave else "", get, facts["licence"], leave)

    def question(self) -> Optional[Question]:
        """Return what the button asks, or None where there is nothing to get."""
        _, facts = self._words.gettext, self._wanted()
        if self._coming or not facts:
            return None
        parts = [_(facts["about"])] if facts["about"] else []
        parts.append(_("%d MB will be downloaded.") % megabytes(facts))
        parts.append(_("Licence: %s (%s).") % (facts["licence"], use(facts, self._words)))
        if facts["accept"]:
            parts.append(_("It has to be accepted first."))
        return Question(
            facts["id"],
            facts["licence"] if facts["accept"] else "",
            _("Get %s?") % facts["title"],
            " ".join(parts),
            _(READ) if facts["licence_url"] else "",
            facts["licence_url"],
            _(ACCEPT) if facts["accept"] else _(DOWNLOAD),
        )

    def start(self, model: str) -> None:
        """The download begins."""
        self._coming = find(self._models, model)
        self._progress, self._fraction, self._trouble = self._words.gettext("Starting"), 0.0, _NONE
        self._changed()

    def show(self, progress: Progress) -> None:
        """Take news of the download."""
        if not self._coming:
            return
        if progress.stage == _DOWNLOADING:
            self._fraction = progress.fraction or 0.0
            title, whole = self._coming["title"], megabytes(self._coming)
            if self._fraction < 1.0:
                values = title, int(whole * self._fraction), whole
                self._progress = self._words.gettext("Downloading %s: %d of %d MB") % values
            else:  # it is checked, converted and tried
                self._progress = self._words.gettext("Installing %s") % title
        else:
            self._progress = describe(progress, self._words)
        self._changed()

    def end(self, models: List[Facts], refusal: Optional[Rejected]) -> bool:
        """Take what `get` said. Returns whether the model is here."""
        came, self._coming = self._coming, {}
        self._models = models
        if refusal is None:
            self.offered = {}
            self._changed()
            return True
        if self.offered:
            facts = find(models, self.offered["id"])
            self.offered = facts if is_to_be_had(facts) else {}
        self._trouble = came["id"], self._why(refusal)
        self._changed()
        return False

    def fail(self, error: MattedError) -> None:
        """Take that the daemon could not be asked."""
        came, self._coming = self._coming, {}
        self._trouble = came["id"], self._why(error)
        self._changed()

    def decline(self) -> None:
        """Take that a person does not want what is offered."""
        self.offered = {}
        self._changed()

    def _wanted(self) -> Facts:
        """Return the facts of the model that the button gets, or {}."""
        if self.offered and _is_left_open(self._models, self._chosen):
            return self.offered
        facts = find(self._models, self._chosen)
        return facts if is_to_be_had(facts) else {}

    def _why(self, error: MattedError) -> str:
        """Return one sentence. In other languages than the daemon's, what it said stands behind it."""
        if isinstance(error, Rejected) and error.code == CANCELLED:
            return self._words.gettext(STOPPED)
        told, more = in_words(error, self._words)
        return told if told == error.message else " ".join(part for part in (told, *more.split("\n")) if part)
