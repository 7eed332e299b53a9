"""Makes the list of models, from which a person chooses in GIMP and Krita."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Dict, List, Sequence

from .options import DEFAULT_MODEL
from .translations import ENGLISH, Words

# Why a model was chosen by itself: it is the best on this computer; the only one; the best that is quick enough; the
# best that there is memory for; or the quickest, as none is quick enough, or there is memory for none.
BEST, ONLY, PATIENCE, MEMORY, QUICKEST = "best", "only", "patience", "memory", "quickest"

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
    """List the default model first, then those on this computer, then the free ones, then the rest.

    models: as Session.models gives them. All can be chosen: a model that is not on this computer says how to get it,
    and a click with it has a remedy.
    """
    found = []
    for facts in sorted(models, key=lambda facts: (not facts["installed"], not facts["commercial"])):
        entry = ListedModel(facts["id"], _label(facts, words), _about(facts, words), bool(facts["plate"]))
        found.append(entry)
        if facts["default"]:
            found.insert(0, replace(entry, id=DEFAULT_MODEL, label=words.gettext("Default: %s") % entry.label))
    return found


def find(models: Sequence[Facts], model: str) -> Facts:
    """Return the facts of a model, or of the default one; {} if there is none of that id."""
    for facts in models:
        if facts["id"] == model or (model == DEFAULT_MODEL and facts["default"]):
            return facts
    return {}


def is_downloadable(facts: Facts) -> bool:
    """Return whether the daemon gets the model where a request asks for that. It never gets a person's own."""
    return bool(facts["downloadable"])


def megabytes(facts: Facts) -> int:
    """Return the size of a model's file in megabytes, at least 1."""
    return max(1, round(int(facts["bytes"]) / 1e6))


def _label(facts: Facts, words: Words) -> str:
    """As "U²-Net small (free, about 2 s)"."""
    known = [_use(facts, words)]
    if not facts["installed"]:
        known.append(words.gettext("not on this computer"))
    elif facts["seconds"] is not None:  # of its latest inference
        seconds = round(facts["seconds"])
        known.append(words.gettext("about %d s") % seconds if seconds else words.gettext("less than 1 s"))
    title = words.gettext(facts["title"]) if facts["title"] else ""
    return "%s (%s)" % (title, ", ".join(known))


def _about(facts: Facts, words: Words) -> str:
    parts = [words.gettext(facts["about"])] if facts["about"] else []
    parts.append(words.gettext("Licence: %s (%s).") % (facts["licence"], _use(facts, words)))
    if not facts["installed"] and is_downloadable(facts):
        parts.append(words.gettext("It is downloaded when it is first used: %d MB.") % megabytes(facts))
    elif not facts["installed"] and facts["bytes"]:  # a person's own model cannot be pulled
        parts.append(words.gettext("Get it in a terminal with: matted models pull %s") % facts["id"])
    return " ".join(parts)


def _use(facts: Facts, words: Words) -> str:
    """Return what the licence allows."""
    return words.gettext("free") if facts["commercial"] else words.gettext("non-commercial only")
