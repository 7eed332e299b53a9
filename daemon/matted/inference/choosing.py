"""Choosing: the best model for this computer, by quality, pace and memory, where nobody names one."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from matted_client import Rejected, messages
from matted_client.models import BEST, FIRST, MEMORY, ONLY, PATIENCE, QUICKEST

from matted.inference.paces import Paces
from matted.models.catalogue import Catalogue
from matted.models.spec import Entry, ModelSpec
from matted.settings.config import Config

# What was chosen before stays within these limits, so that noise does not change the model from picture to picture.
SLACK = 1.5  # times the patience that it may take
MARGIN = 1.25  # times its peak that another one needs of free memory to take its place
QUICKER = 0.8  # share of its seconds that another one as good takes at most


class Installed(Protocol):
    """What is asked of the Store."""

    def installed(self, entry: Entry) -> bool:
        """Return whether a model can be used without a download."""


@dataclass(frozen=True)
class Choice:
    """A model that was chosen by itself.

    reason: why this one and none better: BEST, ONLY, FIRST, PATIENCE, MEMORY or QUICKEST; see matted_client.models.
    seconds: that an inference is expected to take, infinite where nothing tells.
    measured: whether that was measured, or is an estimate.
    """

    spec: ModelSpec
    reason: str
    seconds: float
    measured: bool


def _never(spec: ModelSpec) -> bool:
    return False


class Chooser:
    """Chooses among the models that may be chosen by themselves: `ModelSpec.can_be_chosen`. Thread-safe.

    A choice stands until another model is clearly better, or this one clearly too slow or too large: SLACK, MARGIN,
    QUICKER. `forget` ends that.
    """

    def __init__(self, store: Installed, paces: Paces, in_memory: Callable[[ModelSpec], bool] = _never) -> None:
        """Choose nothing yet.

        store: tells which models are on this computer.
        paces: tell how long they take.
        in_memory: tells whether a model is loaded: then there is memory for it.
        """
        self._store = store
        self._paces = paces
        self._in_memory = in_memory
        self._standing: tuple[str, float] | None = None  # id of the model that was chosen, and the patience then
        self._lock = threading.Lock()

    def best(self, catalogue: Catalogue, patience: float, free_memory: int) -> Choice:
        """Choose among the models on this computer.

        The best within the patience that there is memory for; of several as good, the quickest. If there is none, the
        quickest of all.

        patience: seconds that an inference may take.
        free_memory: bytes that a model which is not loaded may take.

        Raises Rejected("model_not_installed") if there is none at all, which a catalogue with the automatic model has.
        """
        there = [spec for spec in catalogue.specs.values() if spec.can_be_chosen and self._there(spec)]
        if not there:
            message = "No model on this computer may be chosen by itself."
            raise Rejected(messages.MODEL_NOT_INSTALLED, message, "Name one; see: matted models")
        with self._lock:
            standing = next((spec for spec in there if (spec.id, patience) == self._standing), None)
            chosen = self._choose(there, patience, free_memory, standing)
            self._standing = chosen.id, patience
        return self._as_choice(chosen, self._reason(chosen, there, patience, free_memory))

    def better(self, catalogue: Catalogue, patience: float, free_memory: int) -> Choice | None:
        """Return what `best` would choose if it were here: a model that is better and can be had without conditions.

        None if there is none, or if it was never run by those who wrote its spec. The parameters are those of `best`.
        """
        here = self.best(catalogue, patience, free_memory).spec
        others = [
            spec
            for spec in catalogue.specs.values()
            if spec.can_be_chosen and spec.downloadable and not spec.unseen and not self._there(spec)
            if spec.quality > here.quality and self._fits(spec, patience, free_memory)
        ]
        return self._as_choice(max(others, key=self._rank), BEST) if others else None

    def has(self, catalogue: Catalogue, spec: ModelSpec) -> bool:
        """Return whether a model that was chosen is still what it was, and on this computer."""
        return catalogue.specs.get(spec.id) == spec and self._there(spec)

    def forget(self) -> None:
        """Let the next choice be made without regard to the one that stands: the settings have changed, say."""
        with self._lock:
            self._standing = None

    def _there(self, spec: ModelSpec) -> bool:
        return spec.automatic or self._store.installed(spec)

    def _choose(
        self, there: Iterable[ModelSpec], patience: float, free_memory: int, standing: ModelSpec | None
    ) -> ModelSpec:
        if standing is not None and self._fits(standing, SLACK * patience, free_memory):
            others = [spec for spec in there if self._fits(spec, patience, int(free_memory / MARGIN))]
            best = max(others, key=self._rank, default=standing)
            return best if self._clearly_better(best, standing) else standing
        fitting = [spec for spec in there if self._fits(spec, patience, free_memory)]
        return max(fitting, key=self._rank) if fitting else min(there, key=self._seconds)

    def _clearly_better(self, spec: ModelSpec, standing: ModelSpec) -> bool:
        if spec.quality == standing.quality:
            return self._seconds(spec) <= QUICKER * self._seconds(standing)
        return spec.quality > standing.quality

    def _reason(self, chosen: ModelSpec, there: list[ModelSpec], patience: float, free_memory: int) -> str:
        if len(there) == 1:
            return ONLY if self._store.installed(chosen) else FIRST
        if not self._fits(chosen, SLACK * patience, free_memory):
            return QUICKEST
        better = [spec for spec in there if spec.quality > chosen.quality]
        if not better:
            return BEST
        return PATIENCE if all(self._seconds(spec) > patience for spec in better) else MEMORY

    def _fits(self, spec: ModelSpec, patience: float, free_memory: int) -> bool:
        return self._seconds(spec) <= patience and (spec.peak_bytes <= free_memory or self._in_memory(spec))

    def _rank(self, spec: ModelSpec) -> tuple[int, float]:
        return spec.quality, -self._seconds(spec)

    def _seconds(self, spec: ModelSpec) -> float:
        return self._paces.expected(spec).seconds

    def _as_choice(self, spec: ModelSpec, reason: str) -> Choice:
        expected = self._paces.expected(spec)
        return Choice(spec, reason, expected.seconds, expected.measured)


def without_daemon(settings: Config, known: Catalogue, store: Installed) -> tuple[Choice, Choice | None]:
    """Return what a daemon without a model in memory would choose, and what could be had that is better, or None.

    Raises Rejected, as `Chooser.best`.
    """
    import psutil  # here: `matted doctor` has to run where that is broken

    chooser = Chooser(store, Paces(settings.paces, settings.target))
    free = int(psutil.virtual_memory().available)
    free = min(free, settings.memory or free)
    best = chooser.best(known, settings.patience, free)
    return best, chooser.better(known, settings.patience, free)


def as_fact(seconds: float) -> float | None:
    """Return seconds as the protocol and JSON have them: None where nothing tells."""
    return seconds if seconds < math.inf else None
