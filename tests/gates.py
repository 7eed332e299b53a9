"""What stands before a server in a studio: a proxy that ends TLS and asks for a token, for REST and for gRPC."""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
from http_handlers import QuietQuestions

SECONDS = 60.0  # that it waits for the server
_MESSAGE_BYTES = 1 << 28
_BETWEEN_TWO = ("connection", "keep-alive", "transfer-encoding", "content-length", "host", "authorization")


@dataclass
class Gate:
    """Who may come in. It may be changed while the proxy runs.

    token: that is wanted, as a bearer's. let_in, refused: how many questions were.
    """

    token: str
    let_in: int = 0
    refused: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def opens(self, authorization: str | None) -> bool:
        """Return whether a question with this header is let in."""
        right = authorization == f"Bearer {self.token}"
        with self.lock:
            if right:
                self.let_in += 1
            else:
                self.refused += 1
        return right


class _RestHandler(QuietQuestions):
    server: _RestGate

    def answer(self, body: bytes) -> None:
        if not self.server.gate.opens(self.headers.get("Authorization")):
            self._send(401, {}, b'{"error": "the token is wrong"}')
            return
        way = http.client.HTTPConnection("127.0.0.1", self.server.behind, timeout=SECONDS)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _BETWEEN_TWO}
            way.request(self.command, self.path, body, headers)
            found = way.getresponse()
            self._send(found.status, dict(found.getheaders()), found.read())
        except (OSError, http.client.HTTPException):
            self._send(502, {}, b"")
        finally:
            way.close()

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in _BETWEEN_TWO:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _RestGate(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, behind: int, gate: Gate, certificate: Path) -> None:
        super().__init__(("127.0.0.1", 0), _RestHandler)
        self.behind = behind
        self.gate = gate
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        # Without the handshake, which is each connection's own, in its own thread.
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: who does not trust the certificate hangs up."""


class _RpcGate(grpc.GenericRpcHandler):  # type: ignore[misc]
    def __init__(self, behind: int, gate: Gate) -> None:
        options = [
            ("grpc.max_receive_message_length", _MESSAGE_BYTES),
            ("grpc.max_send_message_length", _MESSAGE_BYTES),
        ]
        self._way = grpc.insecure_channel(f"127.0.0.1:{behind}", options)
        self._gate = gate

    def service(self, details: Any) -> Any:
        opens = self._gate.opens(dict(details.invocation_metadata).get("authorization"))

        def answer(request: bytes, context: Any) -> Any:
            if not opens:
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "the token is wrong")
            try:
                return self._way.unary_unary(details.method)(request, timeout=SECONDS)
            except grpc.RpcError as error:
                context.abort(error.code(), error.details())

        return grpc.unary_unary_rpc_method_handler(answer)

    def close(self) -> None:
        self._way.close()


@contextmanager
def rest_gate(behind: int, gate: Gate, certificate: Path) -> Iterator[int]:
    """Let REST through to a port, by TLS with a certificate and its key. Yields the port."""
    server = _RestGate(behind, gate, certificate)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def rpc_gate(behind: int, gate: Gate, certificate: Path) -> Iterator[int]:
    """Let gRPC through, as `rest_gate`."""
    handler = _RpcGate(behind, gate)
    options = [("grpc.max_receive_message_length", _MESSAGE_BYTES), ("grpc.max_send_message_length", _MESSAGE_BYTES)]
    server = grpc.server(ThreadPoolExecutor(8), handlers=[handler], options=options)
    both = certificate.read_bytes()
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(both, both)]))
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait(SECONDS)
        handler.close()
