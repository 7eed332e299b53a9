"""What the verbs of `matted models` work on, and what they share."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from matted_client import MattedError, connect

from matted.inference.compiled import CompiledFiles
from matted.models import catalogue
from matted.models.catalogue import Catalogue
from matted.models.spec import ModelSpec
from matted.models.store import Store
from matted.settings import config


@dataclass(frozen=True)
class Context:
    """What the subcommands work on."""

    settings: config.Config
    known: Catalogue
    store: Store
    compiled: CompiledFiles

    @property
    def own_file(self) -> Path:
        return self.settings.folder / catalogue.OWN_FILE


def how_to_get(spec: ModelSpec) -> str:
    return f"matted models remove {spec.id}, then add it again" if spec.own else f"matted models pull {spec.id}"


def tell_the_daemon() -> None:
    """One that runs shall know what has changed. One that is too old for that is told by the next `restart`."""
    with suppress(MattedError), connect("matted models", start=False) as session:
        session.reload()
