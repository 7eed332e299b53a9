"""Which model: those of the daemon, the ones that are on this computer first."""

from __future__ import annotations

from typing import Dict, List

from .daemon import Facts
from .options import DEFAULT_MODEL
from .qt import QComboBox, Qt
from .texts import _

MEGABYTE = 1000000
TOOL_TIP = Qt.ItemDataRole.ToolTipRole
NON_COMMERCIAL = _("non-commercial use only")
FREE = _("free, also for commercial work")


class ModelsBox(QComboBox):
    """Until `fill` it has only the default one, and the one that `choose` asks for."""

    def __init__(self) -> None:
        super().__init__()
        self._facts: Dict[str, Facts] = {}
        self.addItem(_("Default"), DEFAULT_MODEL)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(36)

    def chosen(self) -> str:
        return str(self.currentData())

    def choose(self, model: str) -> None:
        if self.findData(model) < 0:
            if self._facts:
                model = DEFAULT_MODEL  # it is gone
            else:
                self.addItem(model, model)
        self.setCurrentIndex(self.findData(model))

    def fill(self, models: List[Facts]) -> None:
        """models: as the daemon gives them. The choice stays, if it can."""
        chosen = self.chosen()
        self._facts = {facts["id"]: facts for facts in models}
        default = [facts["title"] for facts in models if facts["default"]]
        self.clear()
        self.addItem(_("Default (%s)") % ", ".join(default), DEFAULT_MODEL)
        self.setItemData(0, _("The model of matted's settings"), TOOL_TIP)
        for facts in sorted(models, key=lambda facts: not facts["installed"]):
            self._add(facts)
        self.choose(chosen)

    def _add(self, facts: Facts) -> None:
        words = facts["title"]
        if not facts["installed"]:
            words += _(", not on this computer")
        self.addItem(words, facts["id"])
        if not facts["installed"] and not facts["commercial"]:  # it takes the terminal to accept its licence
            self.model().item(self.count() - 1).setEnabled(False)
            self.setItemData(self.count() - 1, _how_to_get(facts), TOOL_TIP)

    def about(self) -> str:
        """What there is to know of the chosen model; empty as long as nothing is."""
        facts = self._facts_of_chosen()
        if not facts:
            return ""
        parts = [facts["about"], "%s: %s." % (facts["licence"], FREE if facts["commercial"] else NON_COMMERCIAL)]
        if not facts["installed"]:
            parts.append(_how_to_get(facts))
        return " ".join(parts)

    def takes_plate(self) -> bool:
        """Also where nobody has said so."""
        return bool(self._facts_of_chosen().get("plate", True))

    def _facts_of_chosen(self) -> Facts:
        model = self.chosen()
        if model != DEFAULT_MODEL:
            return self._facts.get(model, {})
        return next((facts for facts in self._facts.values() if facts["default"]), {})


def _how_to_get(facts: Facts) -> str:
    if facts["commercial"]:
        return _("It is downloaded when it is first used: %d MB.") % max(1, facts["bytes"] // MEGABYTE)
    return _("Get it in a terminal with: matted models pull %s") % facts["id"]
