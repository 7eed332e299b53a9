"""The list of models in the options dialog."""

from __future__ import annotations

from typing import Dict, List

from .matted_client.models import Facts, ListedModel, listed
from .matted_client.options import DEFAULT_MODEL
from .qt import QtWidgets
from .texts import WORDS, _

CHARACTERS = 36  # what the box is wide enough for; a longer line is cut there, and whole in the open list


class ModelChooser(QtWidgets.QComboBox):
    """Has only the default model, and the one that was chosen, until `fill`."""

    def __init__(self) -> None:
        super().__init__()
        self._known: Dict[str, ListedModel] = {}
        self.addItem(_("Default"), DEFAULT_MODEL)
        self.setSizeAdjustPolicy(QtWidgets.QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(CHARACTERS)

    def chosen(self) -> str:
        return str(self.currentData())

    def choose(self, model: str) -> None:
        if self.findData(model) < 0:
            if self._known:
                model = DEFAULT_MODEL  # it is gone
            else:
                self.addItem(model, model)
        self.setCurrentIndex(self.findData(model))

    def fill(self, models: List[Facts]) -> None:
        """Show the daemon's models. The choice stays if the model is among them."""
        chosen = self.chosen()
        self._known = {model.id: model for model in listed(models, WORDS)}
        self.clear()
        for model in self._known.values():
            self.addItem(model.label, model.id)
        self.choose(chosen)

    def about(self) -> str:
        """Return sentences about the chosen model; empty until they are known."""
        chosen = self._known.get(self.chosen())
        return chosen.about if chosen else ""

    def takes_plate(self) -> bool:
        """Return whether the chosen model takes a plate; True until that is known."""
        chosen = self._known.get(self.chosen())
        return chosen.plate if chosen else True
