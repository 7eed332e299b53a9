"""The daemon's models, as a person chooses among them in GIMP and in Krita."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, List, Sequence

from .options import DEFAULT_MODEL

Facts = Dict[str, Any]  # of one model, as the daemon's `models` gives them
Translate = Callable[[str], str]


@dataclass(frozen=True)
class ListedModel:
    """One line of the list of models. `about`: what is said when it is chosen. `plate`: whether it takes one."""

    id: str
    label: str
    about: str
    plate: bool


def listed(models: Sequence[Facts], translate: Translate = str) -> List[ListedModel]:
    """The default one first, then those that are on this computer, then the free ones, then the rest.

    models: as Session.models gives them. All can be chosen; what is not here yet says how it is had, and a click with
    it offers to get it, or to read its licence.
    """
    found = []
    for facts in sorted(models, key=lambda facts: (not facts["installed"], not facts["commercial"])):
        entry = ListedModel(facts["id"], _label(facts, translate), _about(facts, translate), bool(facts["plate"]))
        found.append(entry)
        if facts["default"]:
            found.insert(0, replace(entry, id=DEFAULT_MODEL, label=translate("Default: %s") % entry.label))
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


def _label(facts: Facts, translate: Translate) -> str:
    """As "U²-Net small (free, about 2 s)"."""
    known = [_use(facts, translate)]
    if not facts["installed"]:
        known.append(translate("not on this computer"))
    elif facts["seconds"] is not None:  # how long its inference took lately
        seconds = round(facts["seconds"])
        known.append(translate("about %d s") % seconds if seconds else translate("less than 1 s"))
    return "%s (%s)" % (facts["title"], ", ".join(known))


def _about(facts: Facts, translate: Translate) -> str:
    parts = [translate(facts["about"]), translate("Licence: %s (%s).") % (facts["licence"], _use(facts, translate))]
    if not facts["installed"] and facts["commercial"]:
        parts.append(translate("It is downloaded when it is first used: %d MB.") % megabytes(facts))
    elif not facts["installed"]:
        parts.append(translate("Get it in a terminal with: matted models pull %s") % facts["id"])
    return " ".join(parts)


def _use(facts: Facts, translate: Translate) -> str:
    """What may be done with the masks of a model."""
    return translate("free") if facts["commercial"] else translate("non-commercial only")
