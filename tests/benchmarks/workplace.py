"""Where the benchmarks work: the user's own models, everything else apart from what the user has."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peer import Rembg
from benchmarks.photographs import Layer
from benchmarks.stopwatch import Run, timed
from conftest import Daemon
from matted.inference import model_io
from matted.inference.engines import backend
from matted.inference.engines.engine import Planes
from matted.inference.layer import Layer as Pixels
from matted.models import catalogue
from matted.models.spec import ModelSpec
from matted.models.store import Store
from matted.settings import config
from matted.settings.target import ARITHMETICS, AUTO, Target

MODELS = ("u2netp", "isnet-general-use", "isnet-general-use-int8")


@dataclass(frozen=True)
class Subject:
    """A model as it is measured. arithmetic: the daemon's setting."""

    spec: ModelSpec
    arithmetic: str = AUTO

    @property
    def name(self) -> str:
        return self.spec.id if self.arithmetic == AUTO else f"{self.spec.id} in {self.arithmetic}"


class Bare:
    """OpenVINO alone, in this process: the same compiled model and properties as the daemon's."""

    def __init__(self, subject: Subject, path: Path, compiled: Path) -> None:
        self._spec = subject.spec
        self._model = backend.load(subject.spec, path, Target(arithmetic=subject.arithmetic), compiled)
        self._planes: Planes | None = None

    def show(self, layer: Layer) -> None:
        """Prepare its input. What is in the picture does not matter to the time that the inference takes."""
        fit = model_io.choose_fit(layer.width, layer.height, self._spec, self._model.size)
        self._planes = model_io.prepare(Pixels(layer.pixels), self._spec, fit)

    def run(self) -> Run:
        assert self._planes is not None
        planes = self._planes
        return timed(lambda: self._model.infer([planes]))


@dataclass(frozen=True)
class Workplace:
    """cache: what is kept between runs. rembg: the peer. quick: a first look, few repetitions, small folders.

    beside: a checkout whose plug-ins are measured as well, or None.
    """

    cache: Path
    rembg: Rembg
    quick: bool
    beside: Path | None = None

    def subjects(self) -> list[Subject]:
        """The models of MODELS that the user has; u2netp is fetched if need be. Those in bfloat16 in float32 too."""
        _, known, store = self._user()
        store.obtain(known.find(MODELS[0]), lambda fraction: None, lambda: None)
        specs = [known.specs[model] for model in MODELS if model in known.specs and store.installed(known.specs[model])]
        return [Subject(spec, how) for spec in specs for how in (ARITHMETICS if spec.bfloat16 else [AUTO])]

    def bare(self, subject: Subject) -> Bare:
        return Bare(subject, self._user()[2].path(subject.spec), self.cache / "compiled-bare")

    @contextmanager
    def daemon(self, arithmetic: str = AUTO) -> Iterator[Daemon]:
        """The user's models, with all other settings as they come, but not the user's daemon. Not started yet.

        What OpenVINO compiled is kept between runs, as it is on a user's computer.
        """
        settings = self._user()[0]
        with tempfile.TemporaryDirectory(prefix="matted-benchmark-") as folder:
            daemon = Daemon(Path(folder), None)
            daemon.environ.update(MATTED_DATA_DIR=str(settings.data), MATTED_CACHE_DIR=str(self.cache))
            daemon.environ["MATTED_ARITHMETIC"] = arithmetic
            own = settings.folder / catalogue.OWN_FILE
            if own.exists():
                (Path(folder) / "config").mkdir()
                shutil.copy(own, Path(folder) / "config")
            try:
                yield daemon
            finally:
                daemon.end()

    def _user(self) -> tuple[config.Config, catalogue.Catalogue, Store]:
        settings = config.load({}, os.environ)
        return settings, catalogue.load(settings.folder / catalogue.OWN_FILE), Store(settings.models)
