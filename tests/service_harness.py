"""A service of a daemon with a fake engine, for the tests of what it answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import wait_for
from fakes import Engines, Finished, disc, model
from matted.models import catalogue
from matted.models.catalogue import Catalogue
from matted.models.spec import ModelSpec
from matted.models.store import Store
from matted.serving.service import Identity, Service
from matted.serving.setup import Setup
from matted.settings.config import Config
from matted_client.messages import Failure, MaskRequest, MaskResult, Message, Open

SPECS = {name: model(name) for name in ("small", "large")}
FLAT = catalogue.load().find("flat")
SIDE = 96
ME, OTHER = b"me", b"other"


class Daemon:
    """A service with a fake engine. `finished` collects the replies that are not due at once."""

    def __init__(self, folder: Path, specs: dict[str, ModelSpec] = SPECS, **settings: Any) -> None:
        self.engines = Engines()
        self.config = Config(folder, folder, folder, folder, **{"model": "small", **settings})
        self.setup = Setup(self.config, Catalogue({**specs, FLAT.id: FLAT}))
        identity = Identity("tcp://127.0.0.1:1", "connection.json", bytes(32))
        self.service = Service(self.setup, lambda: self.setup, identity, lambda: None, self.engines, self.engines.clock)
        self.finished = Finished(self.service.collect)

    def ask(self, request_id: int, message: Message, *frames: bytes, peer: bytes = ME) -> list[Message]:
        """Send a message, and return what is answered at once."""
        parts = [memoryview(message.to_wire(request_id)), *map(memoryview, frames)]
        replies = self.service.handle(peer, parts)
        assert all(reply.peer == peer for reply in replies)
        return [reply.message for reply in replies if reply.id == request_id]

    def mask(self, request_id: int, name: str = "small", peer: bytes = ME, **fields: Any) -> list[Message]:
        request = MaskRequest(width=SIDE, height=SIDE, format="RGB8", model=name, edges="off", **fields)
        return self.ask(request_id, request, disc(SIDE), peer=peer)

    def open(self, request_id: int, name: int = 1, peer: bytes = ME, *frames: bytes, **fields: Any) -> list[Message]:
        """Open the same picture. frames: those behind its pixels."""
        return self.ask(request_id, Open(name, SIDE, SIDE, "RGB8", **fields), disc(SIDE), *frames, peer=peer)

    def about(
        self, request_id: int, *frames: bytes, name: int = 1, peer: bytes = ME, model: str = "small", **fields: Any
    ) -> list[Message]:
        """Ask for the mask of an open picture."""
        request = MaskRequest(picture=name, model=model, edges="off", hint=bool(frames), **fields)
        return self.ask(request_id, request, *frames, peer=peer)

    def mask_of(self, request_id: int) -> bytes:
        """Wait for a mask, and return it."""
        reply = self.finished.of(request_id)
        assert isinstance(reply.message, MaskResult), reply.message
        return bytes(reply.frames[0])

    def failure_of(self, request_id: int) -> str:
        """Wait for an error, and return its code."""
        return refused([self.finished.of(request_id).message])

    def end(self) -> None:
        self.service.stop()
        for gate in [*self.engines.loading.values(), *self.engines.inferring.values()]:
            gate.open()
        wait_for(lambda: self.service.collect() is not None and self.service.finished(), "the end of the service")
        self.service.close()


def pretend_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that every model is installed: test_store.py tests the store with files."""
    monkeypatch.setattr(Store, "obtain", lambda *arguments: False)
    monkeypatch.setattr(Store, "installed", lambda *arguments: True)
    monkeypatch.setattr(
        Store, "installed_of", lambda store, specs: {spec.id for spec in specs if store.installed(spec)}
    )


def refused(answer: list[Message]) -> str:
    (message,) = answer
    assert isinstance(message, Failure)
    return message.code
