"""Who has connected and not said anything yet: a few may wait here, and of more the one that waits for longest leaves.

libzmq accepts connections as long as it can. Once the process has no descriptors left it tries again at once, for ever,
on a whole core, and those who are connected get no masks, as these need descriptors too. So nobody may fill the daemon
with connections who does not know the key.
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

PLACES = 64  # our own clients say hello within milliseconds, so that hardly more than one is ever here
SHARE = 4  # of the descriptors that the process may have, only one in so many is for the lobby
HANDSHAKE_MS = 10_000  # how long libzmq itself waits for a handshake


class IdleConnections:
    """Watches the connections of `router`. `events` is to be polled; `heed` is to be called when it is readable."""

    def __init__(self, router: zmq.Socket[bytes]) -> None:
        router.handshake_ivl = HANDSHAKE_MS
        self._router = router
        self._silent: dict[int, None] = {}  # descriptors, who came first is first
        self._crowded = False
        self.events = router.get_monitor_socket(zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)

    def heed(self) -> None:
        """Read who came and who left, and send away whom there is no place for."""
        while self.events.poll(0):
            news = recv_monitor_message(self.events)
            if news["event"] == zmq.EVENT_ACCEPTED:
                self._silent[news["value"]] = None
            else:
                self._silent.pop(news["value"], None)
        places = _places()
        if len(self._silent) > places and not self._crowded:  # said once for each crowd
            log.warning("there are too many connections that say nothing, and the oldest are ended")
        self._crowded = len(self._silent) > places // 2
        while len(self._silent) > places:
            oldest = next(iter(self._silent))
            del self._silent[oldest]
            _hang_up(oldest)

    def greet(self, frame: zmq.Frame) -> None:
        """Whoever sent this is a client."""
        self.heed()  # its coming may not be known yet
        self._silent.pop(int(frame.get("__fd")), None)

    def close(self) -> None:
        self._router.disable_monitor()
        self.events.close(0)


def _places() -> int:
    if sys.platform == "win32":  # which has no such limit
        return PLACES
    return min(PLACES, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // SHARE)


def _hang_up(descriptor: int) -> None:
    """libzmq sees the end of the connection, and closes the descriptor, which is its own."""
    with suppress(OSError):  # it has just been closed
        connection = socket.socket(fileno=descriptor)
        try:
            connection.shutdown(socket.SHUT_RDWR)
        finally:
            connection.detach()
