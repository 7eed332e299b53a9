"""A SOCKS5 proxy for the tests: everything that is asked for is one server's."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Proxy:
    """A running proxy. asked: the host names and addresses that it was asked to connect to."""

    port: int
    asked: list[str] = field(default_factory=list)


@contextmanager
def proxy(target: int) -> Iterator[Proxy]:
    """Run a proxy until the end of the block, which connects to port `target` of this computer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running = Proxy(listener.getsockname()[1])
        threading.Thread(target=_serve, args=(listener, running, target), daemon=True).start()
        yield running
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def _serve(listener: socket.socket, running: Proxy, target: int) -> None:
    with suppress(OSError):
        while True:
            client = listener.accept()[0]
            threading.Thread(target=_answer, args=(client, running, target), daemon=True).start()


def _answer(client: socket.socket, running: Proxy, target: int) -> None:
    """RFC 1928, without authentication."""
    with client, client.makefile("rb") as read, suppress(OSError, struct.error, IndexError):
        _version, methods = read.read(2)
        read.read(methods)
        client.sendall(b"\5\0")
        kind = read.read(4)[3]
        host = read.read(read.read(1)[0]).decode() if kind == 3 else socket.inet_ntoa(read.read(4))
        read.read(2)
        running.asked.append(host)
        with socket.create_connection(("127.0.0.1", target)) as server:
            client.sendall(b"\5\0\0\1" + bytes(6))
            back = threading.Thread(target=_copy, args=(server, client), daemon=True)
            back.start()
            _copy(client, server)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while block := source.recv(65536):
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)
