"""Asks the pipeline questions about a picture, with a fake engine, as the workers do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fakes import TARGET, Engines, FakeStore, paces
from matted.inference.cache import ModelCache
from matted.inference.compiled import CompiledFiles
from matted.inference.predictor import Predictor
from matted.inference.timing import Stopwatch
from matted.mask.finishing import Outcome
from matted.mask.picture import Picture
from matted.mask.pipeline import Pipeline
from matted.models.spec import ModelSpec
from matted.system.task import Task
from matted_client.messages import MaskRequest


class Asker:
    """Asks about one open picture. picture: may be replaced."""

    def __init__(self, folder: Path, spec: ModelSpec, picture: Picture) -> None:
        """folder: for compiled files. spec: of the fake model."""
        self.picture = picture
        self.engines = Engines()
        self._spec = spec
        clock = self.engines.clock
        cache = ModelCache(1 << 40, lambda: 1 << 40, clock)
        files = CompiledFiles(folder, 0)
        self._predictor = Predictor(FakeStore().as_store, cache, files, paces(folder), TARGET, self.engines, clock)

    def ask(self, **fields: Any) -> Outcome:
        """Make a mask. fields: of the MaskRequest."""
        stopwatch = Stopwatch(self.engines.clock.now, self.engines.clock)
        pipeline = Pipeline(self._spec, Task(), MaskRequest(picture=1, **fields), self.picture, stopwatch)
        if not pipeline.needs_model:
            return pipeline.run(None)
        with self._predictor.hold(Task(), self._spec, 60.0, stopwatch) as held:
            return pipeline.run(held)

    @property
    def inferences(self) -> int:
        """How many inferences there were."""
        return sum(engine.inferences for engine in self.engines.made)
