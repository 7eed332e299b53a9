"""Recommend a model for this computer and get it, or the one that was named; and make what is quicker of it."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

from matted_client import MattedError, Rejected, messages
from matted_client.models import quality
from matted_client.options import AUTO_MODEL

from matted.cli.models import changing, getting
from matted.cli.models.context import Context as Models
from matted.cli.models.context import reload_daemon
from matted.cli.output import megabytes
from matted.cli.setup import processor
from matted.cli.setup.dialogue import say
from matted.cli.setup.step import Step
from matted.doctor.context import Context
from matted.evaluation import int8
from matted.inference import choosing
from matted.inference.choosing import Choice
from matted.models.catalogue import Catalogue
from matted.models.spec import Entry, ModelSpec, Source
from matted.settings import config


@dataclass(frozen=True)
class Wishes:
    """What the command line says of the model.

    model: id of the one that is wanted; AUTO_MODEL for the choice by itself; empty for what the settings say.
    source: name of the source; empty for those that need not be named.
    accept: whether its licence is accepted.
    offline: whether nothing is to be downloaded.
    """

    model: str
    source: str
    accept: bool
    offline: bool


class Model(Step):
    """The settings are left alone, unless a model was named."""

    title = "The model"

    def __init__(self, context: Context, wishes: Wishes) -> None:
        self._settings = context.settings
        self._wishes = wishes
        self._missing: ModelSpec | None = None  # what is to be got
        self._sources: list[Source] = []  # of it
        self._slow: ModelSpec | None = None  # what is there, and has no INT8 variant, which would be quicker
        self._use = ""  # id of the model that the settings are to name from now on

    def look(self) -> str:
        self._models = Models.of(self._settings)
        wanted = self._wishes.model or self._settings.model
        if wanted != self._settings.model:
            self._use = wanted
        if wanted == AUTO_MODEL:
            self._recommend()
        else:
            entry = self._models.known.find(wanted)
            changing.refuse_refiner(entry)  # before it is downloaded
            self._find(entry)
        if self._missing is not None:
            self._sources = getting.list_sources(self._missing, self._wishes.source or None, None, trust=False)
            getting.announce(self._missing, self._sources[0], say)
            return f'Get it, and set model = "{self._use}"?' if self._use else "Get it?"
        if self._slow is not None:
            say("In 8-bit arithmetic it is quicker on this processor. That takes half a minute, and downloads nothing.")
            return "Make this variant of it?"
        return f'Set model = "{self._use}"?' if self._use else ""

    def act(self) -> None:
        try:
            if self._missing is not None:
                self._get(self._missing)
            if self._use:
                changing.use(self._use, self._models, say)
            if self._slow is not None and self._missing is None:
                getting.make_quicker(self._slow, self._models, say)
        finally:
            reload_daemon()

    def leave(self) -> None:
        if self._missing is not None:
            say(f"Nothing was downloaded. To get it later: matted models pull {self._missing.id}")
        elif self._slow is not None:
            say(f"It stays as it is. To make the variant later: matted models quantize {self._slow.id}")

    @property
    def can_be_tried(self) -> bool:
        """Whether the daemon has what it needs for a cut-out, or gets it by itself."""
        try:
            settings = config.load({}, os.environ)
            models = Models.of(settings)
            choice = settings.model == AUTO_MODEL
            entry = self._choose(models.known)[0].spec if choice else models.known.find(settings.model)
        except MattedError:  # the doctor says so
            return False
        if not isinstance(entry, ModelSpec) or not entry.takes_a_picture_alone:
            return False
        return models.store.installed(entry) or (entry.automatic and not self._wishes.offline)

    # -- what there is -----------------------------------------------------------------------------------------------

    def _recommend(self) -> None:
        """Say which model is the best of those that are there, and look for a better one."""
        now, better = self._choose(self._models.known)
        if better is not None and self._wishes.source:
            better = self._choose(_with_source(self._models.known, self._wishes.source))[1] or better
        spec = now.spec
        if self._models.store.installed(spec):
            if not self._is_intact(spec):
                self._repair(spec)
                return
            say(f"{spec.title} ({spec.id}) is the best that is here: {_pace(now)}.")
            self._slow = spec if self._lacks_variant(spec) else None
        elif self._wishes.offline:
            raise _nothing_here(spec)
        else:
            say(f"{spec.title} ({spec.id}), {megabytes(spec.bytes)}, {spec.licence}, comes by itself: {_pace(now)}.")
        if better is None:
            say("None of the others that are free is better here. All of them: matted models")
            return
        say(f"Recommended: {better.spec.title}. {better.spec.about}")
        say(f"Its masks are {_quality(better)}, not {_quality(now)}; {_pace(better)}.")
        if self._wishes.offline:
            say(f"It is {megabytes(better.spec.bytes)}, and --offline downloads nothing.")
        else:
            self._missing = better.spec

    def _repair(self, spec: ModelSpec) -> None:
        """Have a model whose files are damaged got again. Raises MattedError where that is another command's work."""
        message = f"The files of {spec.title} ({spec.id}) are damaged."
        if spec.own or self._wishes.offline:
            raise MattedError(message, f"Get it again with: {spec.how_to_get}")
        say(message)
        self._missing = spec

    def _find(self, entry: Entry) -> None:
        """Say whether a model that was named is there. Raises MattedError where it is not, and nothing is to travel."""
        store = self._models.store
        if not isinstance(entry, ModelSpec) or self._is_intact(entry):
            say(f"{entry.title} ({entry.id}) is there.")
            store.licences.require(entry)
        elif store.origin(entry) is not None:
            self._repair(entry)
        elif self._wishes.offline:
            raise _nothing_here(entry)
        else:
            self._missing = entry

    def _is_intact(self, spec: ModelSpec) -> bool:
        """Whether the files are what was installed, or a file that was put there by hand, which the daemon checks."""
        store = self._models.store
        return store.installed(spec) and (store.origin(spec) is None or store.verify(spec))

    def _choose(self, known: Catalogue) -> tuple[Choice, Choice | None]:
        """Return what is chosen by itself now, and what would be if it were here and is better."""
        return choosing.without_daemon(self._settings, known, self._models.store, self._models.paces)

    def _get(self, spec: ModelSpec) -> None:
        getting.settle_licence(spec, self._wishes.accept, self._models.store.licences)
        try:
            getting.fetch(spec, self._sources, self._models, say)
        except Rejected as error:
            others = [each for each in spec.sources if each.digest and each not in self._sources]
            if error.code != messages.MODEL_NOT_INSTALLED or not others:
                raise
            named = f" --model {self._wishes.model}" if self._wishes.model else ""
            hint = f"{error.hint} Another source of it: matted setup{named} --source {others[0].name}"
            raise Rejected(error.code, error.message, hint) from error

    def _lacks_variant(self, spec: ModelSpec) -> bool:
        """Whether an INT8 variant can be made of a model without a download, and is surely quicker."""
        known = int8.known_ranges(spec, self._models.store) is not None and processor.is_quick_in_int8()
        return known and int8.variant_id(spec) not in self._models.known.specs


def _with_source(known: Catalogue, name: str) -> Catalogue:
    """Return the models that have a source of this name, and those that come by themselves."""

    def fits(entry: Entry) -> bool:
        named = isinstance(entry, ModelSpec) and any(source.name == name for source in entry.sources)
        return named or (isinstance(entry, ModelSpec) and entry.automatic)

    return Catalogue({model: entry for model, entry in known.entries.items() if fits(entry)})


def _nothing_here(spec: ModelSpec) -> MattedError:
    hint = f"Give a file that you have: matted models pull {spec.id} --from FILE"
    return MattedError(f"{spec.title} is not on this computer, and --offline downloads nothing.", hint)


def _quality(choice: Choice) -> str:
    return quality(choice.spec.facts())


def _pace(choice: Choice) -> str:
    """Say how long a picture takes, as far as that is known."""
    if choice.seconds == math.inf:
        return "how long it takes is not known yet"
    return f"about {choice.seconds:.1f} s a picture" + ("" if choice.measured else ", by an estimate")
