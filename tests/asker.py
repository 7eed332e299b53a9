"""Asks the pipeline questions about a picture, with a fake engine, as the workers do."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from fakes import TARGET, Engines, FakeStore, paces
from matted.inference.cache import ModelCache
from matted.inference.compiled import CompiledFiles
from matted.inference.predictor import Predictor
from matted.inference.timing import Stopwatch
from matted.masking.finishing import Outcome
from matted.masking.picture import Picture
from matted.masking.pipeline import Pipeline
from matted.masking.subject.finding import ModelNeeded
from matted.models.spec import ModelSpec
from matted.system.task import Task
from matted_client.messages import MaskRequest


class Asker:
    """Asks about one open picture. picture: may be replaced."""

    def __init__(self, folder: Path, spec: ModelSpec, picture: Picture, clicks: ModelSpec | None = None) -> None:
        """folder: for compiled files. spec: of the fake model. clicks: of one that answers clicks; None for none."""
        self.picture = picture
        self.engines = Engines()
        self._spec = spec
        self._clicks = clicks
        clock = self.engines.clock
        cache = ModelCache(1 << 40, lambda: 1 << 40, clock)
        files = CompiledFiles(folder, 0)
        self._predictor = Predictor(FakeStore().as_store, cache, files, paces(folder), TARGET, self.engines, clock)

    def ask(self, **fields: Any) -> Outcome:
        """Make a mask. fields: of the MaskRequest."""
        stopwatch = Stopwatch(self.engines.clock.now, self.engines.clock)
        request = MaskRequest(picture=1, **fields)
        while True:
            pipeline = Pipeline(self._spec, Task(), request, self.picture, stopwatch, clicks=self._clicks)
            if pipeline.needed is None:
                return pipeline.run(None)
            with self._predictor.hold(Task(), pipeline.needed, 60.0, stopwatch) as held, suppress(ModelNeeded):
                return pipeline.run(held)

    @property
    def inferences(self) -> int:
        """How many inferences there were, without those of decoders."""
        return sum(engine.inferences for engine in self.engines.made)

    @property
    def decodings(self) -> int:
        """How many inferences of decoders there were."""
        return sum(engine.decodings for engine in self.engines.made)
