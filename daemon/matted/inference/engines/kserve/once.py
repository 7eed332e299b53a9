"""Ask the server of the settings once, for a command that finds no daemon which knows it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from matted.inference.engines.kserve.server import Server, Standing
from matted.models.spec import ModelSpec
from matted.settings.server import ServerSettings


class _Visited(Server):
    """A server of which the caller says what is found, and not the log."""

    def _tell(self, standing: Standing) -> None:
        pass


def ask(settings: ServerSettings, specs: Mapping[str, ModelSpec]) -> dict[str, Any]:
    """Return what a server says, as `Server.facts`. It is waited for as long as a daemon's first requests wait.

    specs: of the catalogue, by id.
    """
    known = threading.Event()
    server = _Visited(settings, specs, known.set)
    try:
        known.wait()  # it loses patience by itself
        return server.facts()
    finally:
        server.close()
