"""The daemon's models in words. Knows nothing of GIMP."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from texts import _


@dataclass(frozen=True)
class Entry:
    """One line of the list of models. about: what is said when it is chosen. plate: whether it needs one."""

    id: str
    label: str
    about: str
    plate: bool


def entries(facts):
    """The Entries that can be chosen.

    facts: as Session.models gives them. The first entry is the default; then come models on this computer, then those
    that may be fetched without asking, since they are free. What has to be accepted first is named with the default.
    """
    here = [each for each in facts if each["installed"]]
    free = [each for each in facts if not each["installed"] and each["commercial"]]
    asked_for = [each for each in facts if not each["installed"] and not each["commercial"]]
    listed = [_entry(each, "%s (%s)" % (each["title"], use(each))) for each in here]
    listed += [_entry(each, _("%s (download, %d MB)") % (each["title"], megabytes(each))) for each in free]
    for each in facts:
        if each["default"]:
            default = _entry(each, _("The default: %s") % each["title"], "default")
            if asked_for:
                commands = ["matted models pull %s" % other["id"] for other in asked_for]
                about = "\n".join([default.about, _("More, to be had in a terminal:"), *commands])
                default = dataclasses.replace(default, about=about)
            listed.insert(0, default)
    return listed


def _entry(facts, label, chosen_as=""):
    about = "%s %s" % (facts["about"], _("Licence: %s (%s).") % (facts["licence"], use(facts)))
    return Entry(chosen_as or facts["id"], label, about, facts.get("plate", True))


def use(facts):
    """What may be done with the masks of a model."""
    return _("free") if facts["commercial"] else _("non-commercial only")


def megabytes(facts):
    return max(1, round(facts["bytes"] / 1e6))
