"""A relay before a server that counts the bytes which pass it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_BLOCK = 1 << 16


class Relay:
    """port: of this computer, that leads to the server. there, back: bytes that have passed since `reset`."""

    def __init__(self, behind: int) -> None:
        """behind: the server's port on this computer."""
        self._behind = behind
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.reset()
        threading.Thread(target=self._accept, daemon=True).start()

    def reset(self) -> None:
        """Count anew."""
        self.there = self.back = 0

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # it was closed
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._behind))
                threading.Thread(target=self._pass_on, args=(client, server, "there"), daemon=True).start()
                threading.Thread(target=self._pass_on, args=(server, client, "back"), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, counter: str) -> None:
        with suppress(OSError):
            while block := source.recv(_BLOCK):
                setattr(self, counter, getattr(self, counter) + len(block))
                target.sendall(block)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


@contextmanager
def relay(behind: int) -> Iterator[Relay]:
    """Run a relay to a port of this computer."""
    made = Relay(behind)
    try:
        yield made
    finally:
        made.close()
