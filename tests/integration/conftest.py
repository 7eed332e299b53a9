"""Clients of the module's daemon."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conftest import Daemon
from peers import LibzmqClient


@pytest.fixture
def client(daemon: Daemon) -> Iterator[LibzmqClient]:
    """A client of libzmq. After the test the daemon must still make a mask for it."""
    with LibzmqClient(daemon.connection_file) as peer:
        yield peer
        header, frames = peer.reply(peer.mask(64, 48))
        assert header["op"] == "result" and len(frames[0]) == 64 * 48
