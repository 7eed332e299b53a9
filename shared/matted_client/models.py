"""Makes the list of models, from which a person chooses in GIMP and Krita."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Dict, List, Sequence, Tuple

from .options import AUTO_MODEL, DEFAULT_MODEL
from .translations import ENGLISH, N_, Words

# Why a model was chosen by itself: it is the best that there is; the only one; the one that is fetched at first use;
# the best that is quick enough; the best that there is memory for; or the quickest, as no other will do.
BEST, ONLY, FIRST, PATIENCE, MEMORY, QUICKEST = "best", "only", "first", "patience", "memory", "quickest"
_REASONS: Dict[str, str] = {
    BEST: N_("The best of the free models that you have."),
    ONLY: N_("The only free model that you have for any subject."),
    FIRST: N_("The model that matted begins with."),
    PATIENCE: N_("The best of the free models that you have that are quick enough."),
    MEMORY: N_("The best of the free models that you have that there is memory for now."),
    QUICKEST: N_("The quickest of the free models that you have: none is quick enough, or there is little memory."),
}
# From which quality on a model's masks are called so. Those of a model whose quality is not known are not called.
_QUALITIES = ((67, N_("excellent")), (50, N_("very good")), (35, N_("good")), (1, N_("fair")))
QUALITY_LEVELS = len(_QUALITIES)
_SUBJECTS = ("any", "people", "drawings")  # in the order of the list

Facts = Dict[str, Any]  # of one model, as the daemon's `models` gives them


@dataclass(frozen=True)
class ListedModel:
    """One line of the list.

    about: sentences to show while it is chosen.
    plate: whether the model needs one.
    """

    id: str
    label: str
    about: str
    plate: bool


def listed(models: Sequence[Facts], words: Words = ENGLISH) -> List[ListedModel]:
    """List the models, each a line.

    First what "default" stands for, and what is chosen by itself if the settings name a model. Then all models: those
    on this computer before those to be had, free ones before those with conditions, those for any subject before those
    for one kind, the best first.

    models: as Session.models gives them. Those that only refine are left out, as nobody chooses them: where they are on
        this computer, they do. All others can be chosen: a model that is not on this computer says how to get it,
    and a click with it has a remedy.
    """
    found = [_entry(facts, words) for facts in in_order(models) if not facts["refines"]]
    fixed = [facts for facts in models if facts["default"]]
    first = [_named(DEFAULT_MODEL, words.gettext("Default: %s"), facts, words) for facts in fixed]
    auto = find(models, AUTO_MODEL)
    if auto:
        entry = _named(AUTO_MODEL if fixed else DEFAULT_MODEL, words.gettext("Automatic: %s"), auto, words)
        first.append(replace(entry, about="%s %s" % (why_chosen(auto["chosen"], words), entry.about)))
    return [*first, *found]


def in_order(models: Sequence[Facts]) -> List[Facts]:
    """Sort models as `listed` does."""
    return sorted(models, key=_place)


def find(models: Sequence[Facts], model: str) -> Facts:
    """Return the facts of a model, of the default one, or of the one that is chosen by itself; {} if there is none.

    Where no model is the default one, that is what is chosen by itself.
    """
    for facts in models:
        if facts["id"] == model or (model == DEFAULT_MODEL and facts["default"]):
            return facts
    if model in (DEFAULT_MODEL, AUTO_MODEL):
        return next((facts for facts in models if facts["chosen"]), {})
    return {}


def why_chosen(reason: str, words: Words = ENGLISH) -> str:
    """Return a sentence that says why a model was chosen by itself. reason: BEST and so on, or of a later version."""
    return words.gettext(_REASONS.get(reason, _REASONS[BEST]))


def quality_level(facts: Facts) -> int:
    """Return how good a model's masks are: 1 to QUALITY_LEVELS, 0 if that is not known."""
    return sum(facts["quality"] >= least for least, _ in _QUALITIES)


def quality(facts: Facts, words: Words = ENGLISH) -> str:
    """Return how good a model's masks are, in a word or two; empty if that is not known."""
    return next((words.gettext(name) for least, name in _QUALITIES if facts["quality"] >= least), "")


def pace(facts: Facts, words: Words = ENGLISH) -> str:
    """Return how long an inference takes on this computer, in words; empty if nothing is known of it."""
    if facts["seconds"] is None:
        return ""
    seconds = round(float(facts["seconds"]))
    if not seconds:
        return words.gettext("less than 1 s")
    form = words.gettext("about %d s") if facts["measured"] else words.gettext("estimated %d s")
    return form % seconds


def is_downloadable(facts: Facts) -> bool:
    """Return whether the daemon gets the model where a request asks for that. It never gets a person's own.

    Its licence may have to be accepted first.
    """
    return bool(facts["downloadable"])


def megabytes(facts: Facts) -> int:
    """Return the size of a model's file in megabytes, at least 1."""
    return max(1, round(int(facts["bytes"]) / 1e6))


def _place(facts: Facts) -> Tuple[Any, ...]:
    """Return by what the list is sorted."""
    subject = _SUBJECTS.index(facts["subject"]) if facts["subject"] in _SUBJECTS else len(_SUBJECTS)
    return not facts["installed"], not facts["commercial"], subject, -facts["quality"]


def _entry(facts: Facts, words: Words) -> ListedModel:
    return ListedModel(facts["id"], _label(facts, words), _about(facts, words), bool(facts["plate"]))


def _named(model: str, form: str, facts: Facts, words: Words) -> ListedModel:
    """Return the line of a model that is asked for by another id. form: of its label."""
    entry = _entry(facts, words)
    return replace(entry, id=model, label=form % entry.label)


def _label(facts: Facts, words: Words) -> str:
    """As "U²-Net small (free, fair, about 2 s)"."""
    known = [use(facts, words), quality(facts, words), pace(facts, words)]
    if not facts["installed"]:
        known.append(words.gettext("not on this computer"))
    title = words.gettext(facts["title"]) if facts["title"] else ""
    return "%s (%s)" % (title, ", ".join(each for each in known if each))


def _about(facts: Facts, words: Words) -> str:
    parts = [words.gettext(facts["about"])] if facts["about"] else []
    parts.append(words.gettext("Licence: %s (%s).") % (facts["licence"], use(facts, words)))
    if facts.get("server"):
        parts.append(
            words.gettext("It runs on the server %s, which is sent a small copy of the picture.") % facts["server"]
        )
    if not facts["installed"] and facts["automatic"]:
        parts.append(words.gettext("It is downloaded when it is first used: %d MB.") % megabytes(facts))
    elif not facts["installed"] and not is_downloadable(facts) and facts["bytes"]:  # a person's own cannot be pulled
        parts.append(words.gettext("Get it in a terminal with: matted models pull %s") % facts["id"])
    return " ".join(parts)


def use(facts: Facts, words: Words = ENGLISH) -> str:
    """Return what the licence allows."""
    return words.gettext("free") if facts["commercial"] else words.gettext("non-commercial only")
