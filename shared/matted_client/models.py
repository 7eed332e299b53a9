"""The daemon's models, as a person chooses among them in GIMP and in Krita."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Dict, List, Sequence

from .options import DEFAULT_MODEL
from .translations import ENGLISH, Words

Facts = Dict[str, Any]  # of one model, as the daemon's `models` gives them


@dataclass(frozen=True)
class ListedModel:
    """One line of the list of models. `about`: what is said when it is chosen. `plate`: whether it takes one."""

    id: str
    label: str
    about: str
    plate: bool


def listed(models: Sequence[Facts], words: Words = ENGLISH) -> List[ListedModel]:
    """The default one first, then those that are on this computer, then the free ones, then the rest.

    models: as Session.models gives them. All can be chosen; what is not here yet says how it is had, and a click with
    it offers to get it, or to read its licence.
    """
    found = []
    for facts in sorted(models, key=lambda facts: (not facts["installed"], not facts["commercial"])):
        entry = ListedModel(facts["id"], _label(facts, words), _about(facts, words), bool(facts["plate"]))
        found.append(entry)
        if facts["default"]:
            found.insert(0, replace(entry, id=DEFAULT_MODEL, label=words.gettext("Default: %s") % entry.label))
    return found


def find(models: Sequence[Facts], model: str) -> Facts:
    """The facts of a model, or of the default one; {} if there is none of that id."""
    for facts in models:
        if facts["id"] == model or (model == DEFAULT_MODEL and facts["default"]):
            return facts
    return {}


def megabytes(facts: Facts) -> int:
    """What has to be downloaded, at least 1."""
    return max(1, round(int(facts["bytes"]) / 1e6))


def _label(facts: Facts, words: Words) -> str:
    """As "U²-Net small (free, about 2 s)"."""
    known = [_use(facts, words)]
    if not facts["installed"]:
        known.append(words.gettext("not on this computer"))
    elif facts["seconds"] is not None:  # how long its inference took lately
        seconds = round(facts["seconds"])
        known.append(words.gettext("about %d s") % seconds if seconds else words.gettext("less than 1 s"))
    return "%s (%s)" % (facts["title"], ", ".join(known))


def _about(facts: Facts, words: Words) -> str:
    parts = [words.gettext(facts["about"])] if facts["about"] else []
    parts.append(words.gettext("Licence: %s (%s).") % (facts["licence"], _use(facts, words)))
    if not facts["installed"] and facts["commercial"]:
        parts.append(words.gettext("It is downloaded when it is first used: %d MB.") % megabytes(facts))
    elif not facts["installed"]:
        parts.append(words.gettext("Get it in a terminal with: matted models pull %s") % facts["id"])
    return " ".join(parts)


def _use(facts: Facts, words: Words) -> str:
    """What may be done with the masks of a model."""
    return words.gettext("free") if facts["commercial"] else words.gettext("non-commercial only")
