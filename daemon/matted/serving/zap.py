"""The door: libzmq asks here, over ZAP, whether a connection may in, before it reads any message of it.

https://rfc.zeromq.org/spec/27/
"""

from __future__ import annotations

import zmq
from matted_client import messages

DOMAIN = b"matted"
ZAP_ENDPOINT = "inproc://zeromq.zap.01"
_VERSION = b"1.0"


class ZapHandler:
    """Answers ZAP requests. `socket` is to be polled; `answer` is to be called when it is readable."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], key: bytes) -> None:
        self._key = key
        self.socket = context.socket(zmq.REP)
        self.socket.linger = 0
        self.socket.bind(ZAP_ENDPOINT)

    def answer(self) -> None:
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
