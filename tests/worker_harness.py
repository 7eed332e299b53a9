"""Workers of a daemon with fakes around them, for the tests of one thing or another that they do."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from conftest import wait_for
from fakes import TARGET, Engines, FakeStore, Finished, paces
from matted.inference.cache import ModelCache
from matted.inference.choosing import Chooser
from matted.inference.compiled import CompiledFiles
from matted.inference.predictor import Predictor
from matted.models.catalogue import Catalogue
from matted.models.spec import Entry
from matted.serving.jobs import JobQueue
from matted.serving.setup import Selection, Setup
from matted.serving.workers import Workers
from matted.settings import config

GIGANTIC = 1 << 40


class WorkerHarness:
    """The workers, their queue, and the fakes. The model `small` is that of the settings.

    times: when the requests come, in order.
    free: bytes that a model may take, as the choice of models is told.
    room: bytes of free memory, as the cache of models is told.
    woken: how often the daemon was told that something is finished.
    """

    def __init__(self, folder: Path, entries: Mapping[str, Entry], **settings: Any) -> None:
        self.engines, self.store = Engines(), FakeStore()
        self.clock = self.engines.clock
        self.times = itertools.count(step=0.001)
        self.free = self.room = GIGANTIC
        self.queue = JobQueue(32, GIGANTIC)
        self.cache = ModelCache(GIGANTIC, lambda: self.room, self.clock)
        store, files = self.store.as_store, CompiledFiles(folder, 0)
        predictor = Predictor(store, self.cache, files, paces(folder), TARGET, self.engines, self.clock)
        self.selection = Selection(Chooser(store, predictor.paces, self.cache.holds), lambda: self.free)
        defaults = config.Config(folder, folder, folder, folder, model="small", **settings)
        self.setup = Setup(defaults, Catalogue(entries))
        self.woken = 0
        self.workers = Workers(self.setup, self.queue, self.cache, predictor, self.selection, self._wake)
        self.finished = Finished(self.workers.collect)

    def _wake(self) -> None:
        self.woken += 1

    def reload(self, **settings: Any) -> None:
        self.setup = self.workers.setup = self.setup._replace(config=replace(self.setup.config, **settings))

    def end(self) -> None:
        self.queue.close()
        for gate in [*self.engines.loading.values(), *self.engines.inferring.values(), self.store.downloading]:
            gate.open()
        wait_for(lambda: self.workers.collect() is not None and self.workers.ended(), "the end of the workers")
