"""The settings and the models that hold at a time, and which model a request gets."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from matted_client import Rejected, messages, options
from matted_client.messages import Load, MaskRequest, RefineRequest

from matted.inference.choosing import Choice, Chooser
from matted.masking import keying
from matted.masking.picture import Picture
from matted.models.catalogue import Catalogue
from matted.models.spec import Entry, ModelSpec
from matted.serving.jobs import Job
from matted.settings.config import Config

FirstUsable = Callable[[Sequence[ModelSpec]], ModelSpec | None]
_STAYS = "model"  # by which a picture's findings have the choice that was made for it


class Setup(NamedTuple):
    """The settings and the models that hold at a time. A reload replaces both."""

    config: Config
    catalogue: Catalogue

    @property
    def remarks(self) -> list[str]:
        """What the settings name and what is no model, a sentence each: requests that need it fail."""
        config = self.config
        named = {"model": (config.model, ""), "refiner": (config.refiner, options.OFF), "preload": (config.preload, "")}
        return [
            f"The settings say {setting} = {model[:80]!r}, and there is no such model. See: matted models"
            for setting, (model, none) in named.items()
            if model not in (options.AUTO_MODEL, none, *self.catalogue.entries)
        ]

    def leaves_choice(self, requested: str) -> bool:
        """Return whether a request leaves its model to matted, by itself or as the settings say so."""
        return self._named(requested) == options.AUTO_MODEL

    def model_id(self, requested: str, chosen: Choice | None) -> str:
        """Resolve "default" to the settings' model, and "auto" to the one that was chosen."""
        named = self._named(requested)
        return chosen.spec.id if chosen is not None and named == options.AUTO_MODEL else named

    def model(self, requested: str, chosen: Choice | None) -> Entry:
        """Return the entry of a requested model. Raises Rejected("model_not_found")."""
        return self.catalogue.find(self.model_id(requested, chosen))

    def model_of(self, job: Job) -> str | None:
        """Return the id of the model that a job is for, None if it is for none."""
        return None if job.model is None else self.model_id(job.model, job.chosen)

    def keep_alive(self, job: Job) -> float:
        """Return for how many seconds the model of a job stays in memory after its use."""
        request = job.request
        assert isinstance(request, (MaskRequest, Load)), "a request without a model"
        if self.config.preload and self.model_of(job) == self.model_id(self.config.preload, job.chosen):
            return math.inf
        asked = request.keep_alive if self.config.client_keep_alive else None
        return self.config.keep_alive if asked is None else asked

    @property
    def uses_grounds(self) -> bool:
        """Whether flat grounds are used without being asked for."""
        return self.config.flat_ground == options.AUTO

    def refiner(self, request: MaskRequest | RefineRequest, first_usable: FirstUsable) -> ModelSpec | None:
        """Return the model that refines the edge that a request asks for; None: matted's own methods do.

        first_usable: returns the first of some models that is on this computer, and may be used; None if none is.

        Raises Rejected if the settings name a model that is none.
        """
        if isinstance(request, MaskRequest) and request.edges != options.HAIR:
            return None
        helpers = [spec for spec in self.catalogue.specs.values() if spec.refines]
        why_not = "as the refiner, but it refines no edges"
        return self._helper("refiner", self.config.refiner, helpers, first_usable, why_not)

    def answers_clicks(self, spec: ModelSpec, first_usable: FirstUsable) -> ModelSpec | None:
        """Return the model that answers a box and clicks beside a model, or in its place; None if there is none.

        first_usable: as for `refiner`.

        Raises Rejected if the settings name a model that is none.
        """
        if spec.takes_clicks:
            return spec
        if spec.needs_plate:
            return None
        helpers = [each for each in self.catalogue.specs.values() if each.takes_clicks]
        return self._helper("clicks", self.config.clicks, helpers, first_usable, "for clicks, but it takes none")

    def keep_refiner_alive(self, spec: ModelSpec) -> float:
        """Return for how many seconds a model that refines stays in memory after its use."""
        return math.inf if spec.id == self.config.preload else self.config.keep_alive

    def takes_flat(self, job: Job) -> bool | None:
        """Return whether a picture's flat ground makes its mask in the place of a model. It takes no time.

        None: that depends on the ground, for which nobody has looked yet.
        """
        request, picture = job.request, job.picture
        if not isinstance(request, MaskRequest) or picture is None:
            return False
        if job.sequence is not None and job.sequence.flat is not None:
            return job.sequence.flat
        if request.model not in (options.DEFAULT_MODEL, options.AUTO_MODEL):
            return False
        if not self.uses_grounds or picture.has_plate:
            return False
        if not isinstance(self.catalogue.entries.get(self.model_id(request.model, job.chosen)), ModelSpec):
            return False
        return keying.known_to_be_flat(picture)

    def _helper(
        self,
        setting: str,
        wanted: str,
        helpers: Sequence[ModelSpec],
        first_usable: FirstUsable,
        why_not: str,
    ) -> ModelSpec | None:
        """Return the one of the helpers that a setting means: OFF for none, AUTO for the first that can be used, an id.

        why_not: what is said of a model that is none of them, behind its id. Raises Rejected.
        """
        if wanted == options.OFF:
            return None
        if wanted == options.AUTO:
            return first_usable(helpers)
        entry = self.catalogue.find(wanted)
        found = next((spec for spec in helpers if spec.id == entry.id), None)
        if found is None:
            hint = f'Set {setting} = "auto" in config.toml, then: matted reload'
            raise Rejected(messages.BAD_REQUEST, f"The settings name {entry.id} {why_not}.", hint)
        return found

    def _named(self, requested: str) -> str:
        return self.config.model if requested == options.DEFAULT_MODEL else requested


class _Standing(NamedTuple):
    """What was chosen for a picture. got: how many models somebody had got by then."""

    choice: Choice
    got: int


class Selection:
    """Chooses models for the requests that leave it to matted. Thread-safe.

    What is asked about a picture has one model, the first that was chosen for it: views that follow each other shall
    not differ by chance. A model that somebody gets meanwhile is no chance: then the choice is made anew.

    A model that was chosen and cannot be used, as its files are damaged, say, is passed over, until the settings are
    read again or somebody gets a model.
    """

    def __init__(self, chooser: Chooser, free_memory: Callable[[], int]) -> None:
        """Choose nothing yet. free_memory: gives the bytes that a model which is not loaded may take."""
        self._chooser = chooser
        self._free_memory = free_memory
        self._got = 0  # counts the models that somebody got
        self._passed_over: dict[str, str] = {}  # by id of a model: why it is not used, a sentence

    def remarks(self, choice: Choice | None) -> list[str]:
        """Return why others than the chosen model are not used, in sentences: whoever gets this one is told."""
        return [*self._passed_over.values(), *(choice.remarks if choice is not None else [])]

    def best(self, setup: Setup) -> Choice:
        """Choose a model. Raises Rejected("model_not_installed") if there is none that may be chosen."""
        return self._chooser.best(self._usable(setup), setup.config.patience, self._free_memory())

    def best_and_better(self, setup: Setup) -> tuple[Choice, Choice | None]:
        """Return what `best` does, and what would be chosen if it were on this computer; None if nothing is better."""
        return self._chooser.best_and_better(self._usable(setup), setup.config.patience, self._free_memory())

    def for_request(self, setup: Setup, requested: str, picture: Picture | None = None) -> Choice | None:
        """Return what a request gets, None if it leaves no choice. Raises as `best`.

        requested: what it says of the model. `flat` asks the settings' model about doubtful holes.
        picture: what it is about.
        """
        asks = options.DEFAULT_MODEL if requested == options.FLAT else requested
        if not setup.leaves_choice(asks):
            return None
        if picture is None:
            return self.best(setup)
        standing: list[_Standing] = picture.findings.get(_STAYS, _nothing, stays=True)
        if not standing or not self._stands(setup, standing[0]):
            standing[:] = [_Standing(self.best(setup), self._got)]
        return standing[0].choice

    def again(self, setup: Setup, job: Job) -> bool:
        """Choose once more for a job for whose model there was not enough memory. Returns whether it gets another."""
        before = _changeable(setup, job)
        if before is None:
            return False
        try:
            now = self.best(setup)
        except Rejected:  # there is none any more
            return False
        if now.spec.peak_bytes >= before.spec.peak_bytes:
            return False
        self._give(job, now)
        return True

    def here(self, setup: Setup, job: Job) -> bool:
        """Choose once more for a job whose model the server cannot run now. Returns whether it gets another."""
        before = _changeable(setup, job)
        if before is None:
            return False
        try:
            now = self.best(setup)
        except Rejected:  # there is none on this computer
            return False
        if now.spec == before.spec:
            return False
        self._give(job, now)
        return True

    def pass_over(self, setup: Setup, job: Job, error: Rejected) -> bool:
        """Give a job another model than the one that was chosen for it and cannot be used. Returns whether it gets one.

        error: why the model that it asked cannot be used.
        """
        before = _changeable(setup, job)
        if before is None or job.asked != before.spec.id:
            return False
        others = {**self._passed_over, before.spec.id: f"{before.spec.title} is not used: {error}"}
        before_this, self._passed_over = self._passed_over, others
        try:
            self._give(job, self.best(setup))
        except Rejected:  # there is no other one
            self._passed_over = before_this
            return False
        return True

    def got(self, model: str) -> None:
        """Choose anew for the pictures that were asked about before: somebody got a model."""
        self._got += 1
        self.trust(model)

    def trust(self, model: str) -> None:
        """Choose a model again that was passed over, if it was: somebody may have replaced its files."""
        if model in self._passed_over:
            self._got += 1
            self._passed_over = {each: why for each, why in self._passed_over.items() if each != model}

    def forget(self) -> None:
        """Choose anew from now on, whatever stood: the settings have changed."""
        self._passed_over = {}
        self._chooser.forget()

    def _give(self, job: Job, choice: Choice) -> None:
        job.chosen = choice
        if job.sequence is not None:
            job.sequence.chosen = choice
        elif job.picture is not None:
            job.picture.findings.get(_STAYS, _nothing, stays=True)[:] = [_Standing(choice, self._got)]

    def _usable(self, setup: Setup) -> Catalogue:
        if not self._passed_over:
            return setup.catalogue
        entries = setup.catalogue.entries.items()
        return Catalogue({model: entry for model, entry in entries if model not in self._passed_over})

    def _stands(self, setup: Setup, standing: _Standing) -> bool:
        return standing.got == self._got and self._chooser.has(self._usable(setup), standing.choice.spec)


def _changeable(setup: Setup, job: Job) -> Choice | None:
    """Return the choice that was made for a job if another model may take its place, else None.

    A frame keeps its model whatever happens, once others had that model before it.
    """
    if job.sequence is not None and job.frame is not None and (job.sequence.answered or job.frame.passed):
        return None
    chosen = job.chosen
    return chosen if chosen is not None and setup.model_of(job) == chosen.spec.id else None


def _nothing() -> tuple[list[_Standing], int]:
    return [], 0
