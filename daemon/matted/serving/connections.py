"""Watch the connections: tell which clients have left, and limit those that have not sent a message yet.

libzmq accepts connections as long as it can. When the process has no file descriptors left, libzmq retries without a
pause, which takes a whole core, and masks cannot be made, as that needs descriptors too. So a program that does not
know the key must not be able to use them all up: above a limit, the oldest silent connections are ended.
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


class Connections:
    """The connections of a ROUTER socket, by their file descriptors.

    router: watched until `close`.
    events: a socket to be polled; call `update` when it is readable.

    libzmq tells the end of a connection by its descriptor, which the next connection may get at once, while messages of
    the former one may still be unread. So a descriptor may have clients of both for a while. None of them is taken for
    gone before the descriptor's connection has ended: to forget a client late does little harm, to forget one that is
    there would break its work.
    """

    def __init__(self, router: zmq.Socket[bytes]) -> None:
        router.handshake_ivl = HANDSHAKE_MS
        self._router = router
        self._clients: dict[int, set[bytes]] = {}  # the routing ids that messages of each open connection came from
        self._silent: dict[int, None] = {}  # the connections without a message yet, the oldest first
        self._was_crowded = False
        self.events = router.get_monitor_socket(zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)

    def update(self) -> set[bytes]:
        """Read which connections came and ended, and end the oldest silent ones above the limit.

        Returns the routing ids of the clients whose connections have ended.
        """
        left = set[bytes]()
        while self.events.poll(0):
            event = recv_monitor_message(self.events)
            descriptor = event["value"]
            left |= self._clients.pop(descriptor, set())
            self._silent.pop(descriptor, None)
            if event["event"] == zmq.EVENT_ACCEPTED:
                self._clients[descriptor] = set()
                self._silent[descriptor] = None
        self._end_silent()
        return left

    def hear(self, frame: zmq.Frame) -> bool:
        """Note a message. To be called after `update`, as the message may be the first of its connection.

        frame: the first of the message, which is the client's routing id.

        Returns False if its connection has ended already.
        """
        descriptor = int(frame.get("__fd"))
        self._silent.pop(descriptor, None)
        clients = self._clients.get(descriptor)
        if clients is not None:
            clients.add(frame.bytes)
        return clients is not None

    def close(self) -> None:
        """Stop watching. The connections stay."""
        self._router.disable_monitor()
        self.events.close(0)

    def _end_silent(self) -> None:
        most = _most_silent()
        if len(self._silent) > most and not self._was_crowded:  # log it once until the number has halved
            log.warning("there are too many connections without a message; the oldest are ended")
        self._was_crowded = len(self._silent) > most // 2
        while len(self._silent) > most:
            oldest = next(iter(self._silent))
            del self._silent[oldest]
            _disconnect(oldest)


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
