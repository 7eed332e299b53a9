"""Context: the settings, models and folders that the verbs of `matted models` work on; and helpers of theirs."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from matted_client import MattedError
from matted_client.client import connect

from matted.inference.compiled import CompiledFiles
from matted.inference.paces import Paces
from matted.models import catalogue
from matted.models.catalogue import Catalogue
from matted.models.spec import ModelSpec
from matted.models.store import Store
from matted.settings import config


@dataclass(frozen=True)
class Context:
    """The settings, all models, and the folders of their files."""

    settings: config.Config
    known: Catalogue
    store: Store
    compiled: CompiledFiles

    @classmethod
    def of(cls, settings: config.Config) -> Context:
        """Make the context of these settings. Raises CatalogueError."""
        known = catalogue.load(settings.folder / catalogue.OWN_FILE)
        compiled = CompiledFiles(settings.compiled, settings.compiled_limit)
        return cls(settings, known, Store(settings.models, _try_out), compiled)

    @cached_property  # a damaged file is told of once
    def paces(self) -> Paces:
        return Paces(self.settings.paces, self.settings.target)

    @cached_property  # one that hangs is waited for once
    def asked_of_server(self) -> dict[str, Any]:
        """What the server of the settings says, as in a daemon's status, asked from here: no daemon runs."""
        if self.settings.server is None:
            return {"models": {}}
        from matted.inference.engines.kserve import once  # here: most have no server, and that needs NumPy

        return once.ask(self.settings.server, self.known.specs)

    @property
    def own_file(self) -> Path:
        return self.settings.folder / catalogue.OWN_FILE

    def unload(self, model: str) -> None:
        """Have nothing in use that was made from a model's files: they go, or become others."""
        with suppress(MattedError), connect("matted models", start=False) as session:
            session.unload(model)
        self.compiled.forget(model)


def _try_out(spec: ModelSpec, file: Path) -> int:
    from matted.evaluation import trial  # here: to list models needs no NumPy, and that may be broken

    return trial.try_out(spec, file)


def reload_daemon() -> None:
    """Have a running daemon read settings and models again. If it fails, the next start of a daemon does."""
    with suppress(MattedError), connect("matted models", start=False) as session:
        session.reload()
