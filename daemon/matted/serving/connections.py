"""Limit the connections that have not sent a message yet: above the limit, the oldest are ended.

libzmq accepts connections as long as it can. When the process has no file descriptors left, libzmq retries without a
pause, which takes a whole core, and masks cannot be made, as that needs descriptors too. So a program that does not
know the key must not be able to use them all up.
"""

from __future__ import annotations

import logging
import socket
import sys
from contextlib import suppress

import zmq
from zmq.utils.monitor import recv_monitor_message

if sys.platform != "win32":
    import resource

log = logging.getLogger(__name__)

MAX_SILENT = 64  # connections; matted's clients say hello within milliseconds, so there is rarely more than one
DESCRIPTORS_A_PLACE = 4  # silent connections may take one in so many of the descriptors that the process may open
HANDSHAKE_MS = 10_000  # after which libzmq itself ends a connection without a handshake


class IdleConnections:
    """The connections of a ROUTER socket that have not sent a message yet.

    router: watched until `close`.
    events: a socket to be polled; call `update` when it is readable.
    """

    def __init__(self, router: zmq.Socket[bytes]) -> None:
        router.handshake_ivl = HANDSHAKE_MS
        self._router = router
        self._silent: dict[int, None] = {}  # their file descriptors, the oldest connection first
        self._was_crowded = False
        self.events = router.get_monitor_socket(zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)

    def update(self) -> None:
        """Read which connections came and ended, and end the oldest silent ones above the limit."""
        while self.events.poll(0):
            event = recv_monitor_message(self.events)
            if event["event"] == zmq.EVENT_ACCEPTED:
                self._silent[event["value"]] = None
            else:
                self._silent.pop(event["value"], None)
        most = _most_silent()
        if len(self._silent) > most and not self._was_crowded:  # log it once until the number has halved
            log.warning("there are too many connections without a message; the oldest are ended")
        self._was_crowded = len(self._silent) > most // 2
        while len(self._silent) > most:
            oldest = next(iter(self._silent))
            del self._silent[oldest]
            _disconnect(oldest)

    def mark_as_client(self, frame: zmq.Frame) -> None:
        """Take the connection that a frame came from off the silent ones."""
        self.update()  # its start may still be among the events
        self._silent.pop(int(frame.get("__fd")), None)

    def close(self) -> None:
        """Stop watching. The connections stay."""
        self._router.disable_monitor()
        self.events.close(0)


def _most_silent() -> int:
    if sys.platform == "win32":  # it has no limit of descriptors
        return MAX_SILENT
    return min(MAX_SILENT, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // DESCRIPTORS_A_PLACE)


def _disconnect(descriptor: int) -> None:
    """Shut a connection down. The descriptor is libzmq's, which notices and closes it."""
    with suppress(OSError):  # it has just been closed
        connection = socket.socket(fileno=descriptor)
        try:
            connection.shutdown(socket.SHUT_RDWR)
        finally:
            connection.detach()
