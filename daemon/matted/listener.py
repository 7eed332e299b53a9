"""The port, and who is let in when there is too little room: nobody more, until some have left.

libzmq accepts connections as long as it can. Once the process has no descriptors left it tries again at once, for ever,
on a whole core, and nobody who is connected gets a mask, which needs descriptors too. So the daemon stops listening
while half of its descriptors are in use. The port stays its own meanwhile: who connects then waits to be accepted.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from contextlib import suppress

import zmq
from matted_client.endpoint import LOOPBACK
from zmq.utils.monitor import recv_monitor_message

if sys.platform != "win32":
    import resource

WAITING_ROOM = 64  # connections that the system holds until they are accepted
RETRY_SECONDS = 1.0
HANDSHAKE_MS = 10_000  # on loopback it takes milliseconds; who takes longer is no client of ours, or is stopped


class Listener:
    """Has `router` listen on a free port of the loopback address. `events` is to be polled, and then `heed` called.

    endpoint: where that is.
    """

    def __init__(self, router: zmq.Socket[bytes]) -> None:
        self._router = router
        self._closed_at: float | None = None
        router.handshake_ivl = HANDSHAKE_MS
        self.events = router.get_monitor_socket(zmq.EVENT_ACCEPTED | zmq.EVENT_ACCEPT_FAILED)
        self._socket: socket.socket | None = None
        if sys.platform == "win32":  # no limit of descriptors there, and libzmq itself keeps the port from others
            router.bind(f"{LOOPBACK}*")
            self.endpoint = str(router.getsockopt_string(zmq.LAST_ENDPOINT)).rstrip("\0")
            return
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=WAITING_ROOM)
        self.endpoint = f"{LOOPBACK}{self._socket.getsockname()[1]}"
        self._open(self._socket)

    def heed(self) -> None:
        """Read the news; stop listening if there are too many connections."""
        crowded = False
        while self.events.poll(0):
            news = recv_monitor_message(self.events)
            crowded |= news["event"] == zmq.EVENT_ACCEPT_FAILED or _is_late(news["value"])
        if crowded and self._socket is not None and self._closed_at is None:
            self._closed_at = time.monotonic()
            self._router.unbind(self.endpoint)

    def seconds(self) -> float | None:
        """After which `retry` is to be called, None for never."""
        return None if self._closed_at is None else max(0.0, self._closed_at + RETRY_SECONDS - time.monotonic())

    def retry(self) -> bool:
        """Listen again if there is room. Returns whether it listens."""
        if self._socket is not None and self.seconds() == 0.0:
            self._closed_at = time.monotonic()
            with suppress(OSError):
                self._open(self._socket)
                self._closed_at = None
        return self._closed_at is None

    def close(self) -> None:
        self._router.disable_monitor()
        self.events.close(0)
        if self._socket is not None:
            self._socket.close()

    def _open(self, own: socket.socket) -> None:
        """Raises OSError if there is no room."""
        lent = os.dup(own.fileno())  # libzmq closes what it is given
        if _is_late(lent):
            os.close(lent)
            raise OSError("too many connections")
        self._router.setsockopt(zmq.USE_FD, lent)
        self._router.bind(self.endpoint)


def _is_late(descriptor: int) -> bool:
    """Whether a descriptor that was given just now shows that half of them are in use: the lowest free one is given."""
    return sys.platform != "win32" and descriptor >= resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2
