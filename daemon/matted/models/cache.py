"""The compiled models in memory: loaded once, kept."""

from __future__ import annotations

from collections.abc import Callable

from matted.backend import Model
from matted.models.catalogue import Row


class ModelCache:
    """Used by the worker thread; `loaded` may be called from any thread."""

    def __init__(self, load: Callable[[Row], Model]) -> None:
        self._load = load
        self._models: dict[str, Model] = {}

    def get(self, row: Row) -> tuple[Model, bool]:
        """The model, and whether it had to be loaded just now."""
        model = self._models.get(row.id)
        if model is not None:
            return model, False
        model = self._load(row)
        self._models[row.id] = model
        return model, True

    def loaded(self) -> list[Model]:
        return list(self._models.values())
