"""The ZAP handler (https://rfc.zeromq.org/spec/27/): libzmq asks it whether to accept a connection.

It asks during the handshake, before it reads a message.
"""

from __future__ import annotations

import zmq
from matted_client import messages

DOMAIN = b"matted"
ZAP_ENDPOINT = "inproc://zeromq.zap.01"
_VERSION = b"1.0"


class ZapHandler:
    """Accepts the connections of clients that know the key.

    socket: to be polled; call `answer` when it is readable.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], key: bytes) -> None:
        """Bind the socket to which libzmq sends its requests.

        context: of the sockets that are guarded, those with the ZAP domain DOMAIN.
        key: the daemon's secret, from the connection file.
        """
        self._key = key
        self.socket = context.socket(zmq.REP)
        self.socket.linger = 0
        self.socket.bind(ZAP_ENDPOINT)

    def answer(self) -> None:
        """Answer one request: 200 if the client knows the key, else 400."""
        request = self.socket.recv_multipart()
        request_id = request[1] if len(request) > 1 else b""
        if self._knows_the_key(request):
            self.socket.send_multipart([_VERSION, request_id, b"200", b"OK", b"", b""])
        else:
            self.socket.send_multipart([_VERSION, request_id, b"400", b"the key is wrong", b"", b""])

    def _knows_the_key(self, request: list[bytes]) -> bool:
        # version, id, domain, address, identity, mechanism, credentials...
        if len(request) != 8 or request[0] != _VERSION or request[2] != DOMAIN or request[5] != b"PLAIN":
            return False
        username, password = request[6], request[7]
        if len(username) < 2 * messages.NONCE_BYTES:
            return False
        return messages.same_secret(password, messages.client_password(self._key, username))

    def close(self) -> None:
        self.socket.close()
