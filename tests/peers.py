"""Peers for the tests: a client of libzmq and msgpack, written from docs/protocol.md, its picture, and a TCP relay."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import os
import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import msgpack
import zmq

REPLY_MS = 30_000
REFUSALS = zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_DISCONNECTED


class LibzmqClient:
    """A matted/1 client that shares no code with matted."""

    def __init__(self, connection_file: Path, key: bytes | None = None, plain: bool = True) -> None:
        """key: in place of the connection file's. plain: whether it uses the PLAIN mechanism."""
        fields = json.loads(connection_file.read_text())
        self.key = bytes.fromhex(fields["key"]) if key is None else key
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.linger = 0
        if plain:
            username = os.urandom(16).hex().encode()
            self.socket.plain_username = username
            self.socket.plain_password = hmac.new(self.key, username, hashlib.sha256).hexdigest().encode()
        # Before the connection, or its end could come first: libzmq does not try again after a wrong mechanism.
        self._monitor = self.socket.get_monitor_socket(REFUSALS)
        self.socket.connect(fields["endpoint"])
        self.last_id = 0
        self._others: list[tuple[dict[str, Any], list[bytes]]] = []

    def __enter__(self) -> LibzmqClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.socket.disable_monitor()
        self._monitor.close(0)
        self.socket.close(0)
        self.context.term()

    def refused(self, timeout_ms: int) -> bool:
        """Return whether the server ends the handshake or the connection in this time."""
        return bool(self._monitor.poll(timeout_ms))

    def send(self, op: str, frames: Sequence[Any] = (), **fields: Any) -> int:
        """Send a request with a new id, and return the id."""
        self.last_id += 1
        self.send_raw([msgpack.packb({"op": op, "id": self.last_id, **fields}), *frames])
        return self.last_id

    def send_raw(self, frames: Sequence[Any]) -> None:
        self.socket.send_multipart(frames)

    def receive(self, timeout_ms: int = REPLY_MS) -> tuple[dict[str, Any], list[bytes]]:
        """Return the next message, whatever it answers: its header and raw frames."""
        assert self.socket.poll(timeout_ms), "no reply came"
        header, *frames = self.socket.recv_multipart()
        return msgpack.unpackb(header), frames

    def reply(self, request_id: int) -> tuple[dict[str, Any], list[bytes]]:
        """Return the last reply to a request. Progress is skipped; the replies to other requests are kept for later."""
        for number, (header, frames) in enumerate(self._others):
            if header["id"] == request_id:
                del self._others[number]
                return header, frames
        while True:
            header, frames = self.receive()
            if header["id"] == request_id and header["op"] != "progress":
                return header, frames
            if header["op"] != "progress":
                self._others.append((header, frames))

    def ask(self, op: str, frames: Sequence[Any] = (), **fields: Any) -> dict[str, Any]:
        """Send a request, and return the header of its last reply."""
        return self.reply(self.send(op, frames, **fields))[0]

    def mask(self, width: int, height: int, pixels: bytes | None = None, new: bool = False, **fields: Any) -> int:
        """Request the mask of an RGBA8 picture, by default of `disc`, and return the request's id.

        new: use a shade that was not used before, so that the daemon has to run its model.
        """
        data = disc(width, height, next(_SHADES) if new else 0) if pixels is None else pixels
        return self.send("mask", [data], **{"width": width, "height": height, "format": "RGBA8", **fields})


_SHADES = itertools.count(1)


def disc(width: int, height: int, shade: int = 0) -> bytes:
    """Draw a bright disc on a dark ground, in which every model finds a subject. Returns RGBA8 pixels.

    The ground is in waves: nobody takes it for a flat one, which needs no model.

    shade: 0 to 399, the colour of the ground: another shade is another picture.
    """
    import numpy as np

    y, x = np.mgrid[:height, :width]
    inside = ((x - width / 2) / (width / 3)) ** 2 + ((y - height / 2) / (height / 3)) ** 2 < 1
    pixels = np.full((height, width, 4), (40 + shade % 20, 60 + shade // 20 % 20, 40, 255), np.uint8)
    pixels[..., :3] += (18 + 18 * np.sin(24 * x / width) * np.sin(18 * y / height)).astype(np.uint8)[..., np.newaxis]
    pixels[inside] = (240, 190, 120, 255)
    return pixels.tobytes()


class Relay:
    """A TCP relay to a server, for one client. It can fragment what it passes on, and fail at any byte."""

    def __init__(
        self,
        port: int,
        chunk: int = 65536,
        limit: int | None = None,
        forward_limit: int | None = None,
        hangs: bool = False,
    ):
        """Listen at `self.port`.

        port: of the server.
        chunk: the most bytes that are passed on at a time.
        limit: bytes from the server after which it hangs up; None for never.
        forward_limit: the same for bytes from the client.
        hangs: it passes nothing on after that, in the place of hanging up.
        """
        self._target = port
        self._chunk = chunk
        self._limits = {"back": limit, "forth": forward_limit}
        self._hangs = hangs
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = [self._listener]
        self.port = self._listener.getsockname()[1]
        self.passed = {"back": 0, "forth": 0}
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._hang_up()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:
            return
        server = socket.create_connection(("127.0.0.1", self._target))
        self._sockets += [client, server]
        other = threading.Thread(target=self._pass_on, args=(client, server, "forth"), daemon=True)
        self._threads.append(other)
        other.start()
        self._pass_on(server, client, "back")

    def _pass_on(self, source: socket.socket, target: socket.socket, way: str) -> None:
        limit = self._limits[way]
        try:
            while True:
                room = self._chunk if limit is None else min(self._chunk, limit - self.passed[way])
                if not room and self._hangs:
                    return  # the sockets stay open, and nobody reads this one
                data = source.recv(room) if room else b""
                if not data:
                    break
                target.sendall(data)
                self.passed[way] += len(data)
        except OSError:
            pass
        self._hang_up()

    def _hang_up(self) -> None:
        for end in self._sockets:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()
