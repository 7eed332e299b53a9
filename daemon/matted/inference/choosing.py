"""Choosing: the best model for this computer, by quality, pace and memory, where nobody names one."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from matted_client import Rejected, messages
from matted_client.models import BEST, FIRST, MEMORY, ONLY, PATIENCE, QUICKEST

from matted.inference import cache
from matted.inference.paces import Paces
from matted.models.catalogue import Catalogue
from matted.models.convert import ranges
from matted.models.spec import ModelSpec
from matted.settings.config import Config

# What was chosen before stays within these limits, so that noise does not change the model from picture to picture.
SLACK = 1.5  # times the patience that it may take
MARGIN = 1.25  # times its peak that another one needs of free memory to take its place
QUICKER = 0.8  # share of its seconds that another one as good takes at most


class Installed(Protocol):
    """What is asked of the Store."""

    def installed_of(self, specs: Iterable[ModelSpec]) -> set[str]:
        """Return the ids of the models that can be used without a download."""

    def damaged_of(self, specs: Iterable[ModelSpec]) -> set[str]:
        """Return the ids of the models that were installed, and have lost a file or a part of one since."""


@dataclass(frozen=True)
class Choice:
    """A model that was chosen by itself.

    reason: why this one and none better: BEST, ONLY, FIRST, PATIENCE, MEMORY or QUICKEST; see matted_client.models.
    seconds: that an inference is expected to take, infinite where nothing tells.
    measured: whether that was measured, or is an estimate.
    damaged: better models that would have been chosen, but for their files.
    """

    spec: ModelSpec
    reason: str
    seconds: float
    measured: bool
    damaged: tuple[ModelSpec, ...] = ()

    @property
    def remarks(self) -> list[str]:
        """Why better models were not chosen though somebody had got them, a sentence or two each."""
        return [
            f"{spec.title} is not used: its files are damaged. Get it again with: {spec.how_to_get}"
            for spec in self.damaged
        ]


@dataclass(frozen=True)
class _Candidate:
    """A model that may be chosen. memory: bytes that it needs beside what is taken; none if it is in memory."""

    spec: ModelSpec
    seconds: float
    measured: bool
    memory: int

    @property
    def rank(self) -> tuple[int, float]:
        return self.spec.quality, -self.seconds

    def fits(self, patience: float, free_memory: float) -> bool:
        return self.seconds <= patience and self.memory <= free_memory

    def is_clearly_better(self, than: _Candidate) -> bool:
        if self.spec.quality == than.spec.quality:
            return self.seconds <= QUICKER * than.seconds
        return self.spec.quality > than.spec.quality

    def as_choice(self, reason: str) -> Choice:
        return Choice(self.spec, reason, self.seconds, self.measured)


def _never(spec: ModelSpec) -> bool:
    return False


class Chooser:
    """Chooses among the models that may be chosen by themselves: `ModelSpec.can_be_chosen`. Thread-safe.

    A choice stands until another model is clearly better, or this one clearly too slow or too large: SLACK, MARGIN,
    QUICKER. `forget` ends that.

    Choosing takes a fraction of a millisecond, as every request may ask for it: no model's file is read.
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
        quickest of all. The automatic model counts as one on this computer.

        patience: seconds that an inference may take.
        free_memory: bytes that a model which is not loaded may take.

        Raises Rejected("model_not_installed") if there is none at all, which a catalogue with the automatic model has.
        """
        return self._divide(catalogue, patience, free_memory)[0]

    def best_and_better(self, catalogue: Catalogue, patience: float, free_memory: int) -> tuple[Choice, Choice | None]:
        """Return what `best` does, and what it would choose if it were here: one that can be had without conditions.

        None if there is none that is better, or if it was never run by those who wrote its spec. The parameters are
        those of `best`.
        """
        best, others = self._divide(catalogue, patience, free_memory)
        had = [
            self._to_be(other)
            for other in others
            if other.spec.downloadable and not other.spec.unseen and other.spec.quality > best.spec.quality
        ]
        fitting = [other for other in had if other.fits(patience, free_memory)]
        return best, max(fitting, key=lambda other: other.rank).as_choice(BEST) if fitting else None

    def has(self, catalogue: Catalogue, spec: ModelSpec) -> bool:
        """Return whether a model that was chosen is still what it was, and on this computer."""
        return catalogue.specs.get(spec.id) == spec and (spec.automatic or bool(self._store.installed_of([spec])))

    def forget(self) -> None:
        """Let the next choice be made without regard to the one that stands: the settings have changed, say."""
        with self._lock:
            self._standing = None

    def _divide(self, catalogue: Catalogue, patience: float, free_memory: int) -> tuple[Choice, list[_Candidate]]:
        """Return the best model, and those that are not on this computer. As `best`."""
        all_models = [self._candidate(spec) for spec in catalogue.specs.values() if spec.can_be_chosen]
        installed = self._store.installed_of(each.spec for each in all_models)
        here = [each for each in all_models if each.spec.automatic or each.spec.id in installed]
        if not here:
            message = "No model on this computer may be chosen by itself."
            raise Rejected(messages.MODEL_NOT_INSTALLED, message, "Name one; see: matted models")
        with self._lock:
            standing = next((each for each in here if (each.spec.id, patience) == self._standing), None)
            chosen = _choose(here, patience, free_memory, standing)
            self._standing = chosen.spec.id, patience
        if len(here) == 1:
            reason = ONLY if installed else FIRST
        else:
            reason = _reason(chosen, here, patience, free_memory)
        others = [each for each in all_models if each not in here]
        better = [each for each in others if each.fits(patience, free_memory) and each.is_clearly_better(chosen)]
        damaged = self._store.damaged_of(each.spec for each in better)
        choice = chosen.as_choice(reason)
        return replace(choice, damaged=tuple(each.spec for each in better if each.spec.id in damaged)), others

    def _candidate(self, spec: ModelSpec) -> _Candidate:
        expected = self._paces.expected(spec)
        return _Candidate(spec, expected.seconds, expected.measured, 0 if self._in_memory(spec) else spec.peak_bytes)

    def _to_be(self, missing: _Candidate) -> _Candidate:
        """Return a model that is not here as it will be: with its INT8 variant, where that is made of it at once."""
        if missing.measured or not ranges.covers(missing.spec):
            return missing
        quicker = self._paces.expected_in_int8(missing.spec).seconds
        return replace(missing, seconds=min(missing.seconds, quicker))


def _choose(here: list[_Candidate], patience: float, free_memory: int, standing: _Candidate | None) -> _Candidate:
    """Choose a model. standing: the one that was chosen before, None if there is none."""
    if standing is not None and standing.fits(SLACK * patience, free_memory):
        fitting = [each for each in here if each.fits(patience, free_memory / MARGIN)]
        best = max(fitting, key=lambda each: each.rank, default=standing)
        return best if best.is_clearly_better(standing) else standing
    fitting = [each for each in here if each.fits(patience, free_memory)]
    if fitting:
        return max(fitting, key=lambda each: each.rank)
    return min(here, key=lambda each: each.seconds)


def _reason(chosen: _Candidate, here: list[_Candidate], patience: float, free_memory: int) -> str:
    """Return why one of several was chosen, and none better."""
    if not chosen.fits(SLACK * patience, free_memory):
        return QUICKEST
    better = [each for each in here if each.spec.quality > chosen.spec.quality]
    if not better:
        return BEST
    return PATIENCE if all(each.seconds > patience for each in better) else MEMORY


@dataclass(frozen=True)
class _Everywhere:
    """What is Installed here, and on a server. there: the ids of that one's models."""

    here: Installed
    there: Collection[str]

    def installed_of(self, specs: Iterable[ModelSpec]) -> set[str]:
        every = list(specs)
        return {spec.id for spec in every if spec.id in self.there} | self.here.installed_of(every)

    def damaged_of(self, specs: Iterable[ModelSpec]) -> set[str]:
        return self.here.damaged_of(spec for spec in specs if spec.id not in self.there)


def without_daemon(
    settings: Config, known: Catalogue, store: Installed, paces: Paces, there: Mapping[str, str] | None = None
) -> tuple[Choice, Choice | None]:
    """Return what a daemon without a model in memory would choose, and what could be had that is better, or None.

    there: where the server runs models, by their ids, as `Engine.device`. They need no memory of this computer.

    Raises Rejected, as `Chooser.best`.
    """
    import psutil  # here: `matted doctor` has to run where that is broken

    free = min(int(psutil.virtual_memory().available), cache.budget(settings.memory))
    elsewhere = there or {}
    paces.elsewhere = lambda model: elsewhere.get(model, "")
    chooser = Chooser(_Everywhere(store, elsewhere), paces, lambda spec: spec.id in elsewhere)
    return chooser.best_and_better(known, settings.patience, free)


def as_fact(seconds: float) -> float | None:
    """Return seconds as the protocol and JSON have them: None where nothing tells."""
    return seconds if seconds < math.inf else None
