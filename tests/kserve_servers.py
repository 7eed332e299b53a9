"""Servers that speak KServe v2 on real sockets, by REST and by gRPC, with every fault that a real one can have."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import trustme
from http_handlers import QuietQuestions
from matted.inference.engines.kserve import connection, wire
from numpy.typing import NDArray

SECONDS = 60.0  # that a server waits at most for a test to let it go on

# Faults of a server, for its inferences.
SLOW = "slow"  # it answers once the test says so
GARBAGE = "garbage"  # something else than the protocol
ENDLESS = "endless"  # without an end, by REST; by gRPC far too much
SHORT = "short"  # fewer numbers than it says
NOT_FINITE = "not finite"
OUT_OF_MEMORY = "out of memory"
NOT_READY = "not ready"
GONE = "gone"  # it ends the connection in the middle
REDIRECT = "redirect"


def tensor(name: str, datatype: str, *shape: int) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": list(shape)}


Arrays = dict[str, NDArray[Any]]


@dataclass
class ServedModel:
    """A model that gives the red plane of its input, 0..1; and its input as colours, if it has two outputs.

    compute: what it does instead: its outputs, by name, for its inputs.
    """

    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    compute: Callable[[Arrays], Arrays] | None = None

    @classmethod
    def of_side(cls, side: int, planes: int = 3, colours: bool = False) -> ServedModel:
        outputs = [tensor("matte", "FP32", 1, 1, side, side)]
        if colours:  # first, as a server may list them in any order
            outputs.insert(0, tensor("foreground", "UINT8", 1, 3, side, side))
        return cls([tensor("image", "UINT8", 1, planes, side, side)], outputs)


@dataclass
class Behaviour:
    """What a server does. It may be changed while the server runs.

    models: by name. has_index: whether it lists them. token: that it wants. fault: of its inferences.
    binary: whether questions and answers by REST may have their numbers behind the JSON. refusal: the status of what
        may not. questions: the paths or methods asked for.
    longest: bytes of a question that it takes; -1: of any.
    inferring, most: how many inferences run now, and ran at most at the same time.
    """

    models: dict[str, ServedModel]
    has_index: bool = True
    token: str = ""
    fault: str = ""
    binary: bool = True
    refusal: int = 0
    longest: int = -1
    questions: list[str] = field(default_factory=list)
    inferring: int = 0
    most: int = 0
    go_on: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def asked(self, what: str) -> int:
        """Return how many questions had this in them."""
        return sum(what in each for each in self.questions)

    @contextmanager
    def inference(self) -> Iterator[None]:
        """Mark an inference, which waits where the server is slow."""
        with self.lock:
            self.inferring += 1
            self.most = max(self.most, self.inferring)
        try:
            if self.fault == SLOW:
                self.go_on.wait(SECONDS)
            yield
        finally:
            with self.lock:
                self.inferring -= 1

    def answer(self, model: ServedModel, inputs: Arrays) -> list[tuple[dict[str, Any], NDArray[Any]]]:
        """Return the outputs of a model. The first input is a picture, 1 x planes x height x width."""
        if model.compute is not None:
            computed = model.compute(inputs)
            outputs = [(each, computed[each["name"]]) for each in model.outputs]
        else:
            picture = next(iter(inputs.values()))
            matte = picture[:, :1].astype(np.float32) / np.float32(255)
            if self.fault == NOT_FINITE:
                matte[0, 0, 0, 0] = np.nan
            found = {"FP32": matte, "UINT8": picture[:, :3]}
            outputs = [(each, found[each["datatype"]]) for each in model.outputs]
        return [({**each, "shape": list(array.shape)}, array) for each, array in outputs]


class Authority:
    """A certificate authority for tests. file: its own certificate."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self._folder = folder
        self.file = folder / "authority.pem"
        self._authority.cert_pem.write_to_path(str(self.file))

    def certificate(self, *names: str) -> Path:
        """Return a file with a certificate for names or addresses, and its key."""
        path = self._folder / f"{names[0]}.pem"
        self._authority.issue_cert(*names).private_key_and_cert_chain_pem.write_to_path(str(path))
        return path


class _Handler(QuietQuestions):
    server: _HttpServer

    def answer(self, body: bytes) -> None:
        behaviour = self.server.behaviour
        behaviour.questions.append(self.path)
        if behaviour.token and self.headers.get("Authorization") != f"Bearer {behaviour.token}":
            return self._json(401, {"error": "no"})
        if behaviour.fault == REDIRECT:
            return self._send(307, b"", {"Location": "http://127.0.0.1:1/"})
        if 0 <= behaviour.longest < len(body):
            return self._send(413, b"<html>too large</html>", {})
        if self.path.endswith("/v2/repository/index"):
            if not behaviour.has_index:
                return self._json(404, {"error": "no such path"})
            return self._json(200, [{"name": name, "state": "READY"} for name in behaviour.models])
        _, _, rest = self.path.partition("/v2/models/")
        name, _, verb = rest.partition("/")
        if name not in behaviour.models:
            return self._json(404, {"error": f"Model {name} is not found"})
        model = behaviour.models[name]
        if verb == "ready":
            return self._json(503 if behaviour.fault == NOT_READY else 200, {})
        if not verb or (verb.startswith("versions/") and not verb.endswith("/infer")):
            return self._json(200, {"name": name, "inputs": model.inputs, "outputs": model.outputs})
        with behaviour.inference():
            self._infer(model, body)

    def _infer(self, model: ServedModel, body: bytes) -> None:
        fault = self.server.behaviour.fault
        if fault == GARBAGE:
            return self._send(200, b"<html>this is a router</html>", {})
        if fault == OUT_OF_MEMORY:
            return self._json(500, {"error": "CUDA out of memory.\nTried to allocate 2 GiB"})
        if fault == NOT_READY:
            return self._json(503, {"error": "it is being loaded"})
        if fault == GONE:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc")
            self.close_connection = True
            return
        if fault == ENDLESS:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            with suppress(OSError):
                while True:
                    self.wfile.write(bytes(1 << 20))
            self.close_connection = True
            return
        length = int(self.headers.get("Inference-Header-Content-Length", len(body)))
        if self.server.behaviour.refusal and length < len(body):
            return self._send(self.server.behaviour.refusal, b"Internal Server Error", {})
        head = json.loads(body[:length])
        given: Arrays = {}
        place = length
        for each in head["inputs"]:
            dtype, shape = connection.DTYPES[each["datatype"]], each["shape"]
            if "data" in each:
                given[each["name"]] = np.array(each["data"], dtype).reshape(shape)
            else:
                given[each["name"]] = np.frombuffer(body, dtype, int(np.prod(shape)), place).reshape(shape)
                place += given[each["name"]].nbytes
        outputs = self.server.behaviour.answer(model, given)
        if self.server.behaviour.binary:
            described = [{**each, "parameters": {"binary_data_size": array.nbytes}} for each, array in outputs]
            content = b"".join(array.tobytes() for _, array in outputs)
            encoded = json.dumps({"outputs": described}).encode()
            content = content[:-4] if fault == SHORT else content
            self._send(200, encoded + content, {"Inference-Header-Content-Length": str(len(encoded))})
        else:
            self._json(200, {"outputs": [{**each, "data": array.tolist()} for each, array in outputs]})

    def _json(self, status: int, content: Any) -> None:
        self._send(status, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        with suppress(OSError):  # whoever asked has gone
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    behaviour: Behaviour
    tls: ssl.SSLContext | None = None

    def finish_request(self, request: Any, client_address: Any) -> None:
        with suppress(OSError):  # whoever does not trust the certificate leaves in the handshake
            if self.tls is not None:
                request = self.tls.wrap_socket(request, server_side=True)
            super().finish_request(request, client_address)
            request.close()


@contextmanager
def rest_server(behaviour: Behaviour, certificate: Path | None = None, authority: Path | None = None) -> Iterator[str]:
    """Run a server for REST. certificate: with its key, for TLS. authority: of clients, which then need one.

    Yields its URL.
    """
    server = _HttpServer(("127.0.0.1", 0), _Handler)
    server.behaviour = behaviour
    if certificate is not None:
        server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.tls.load_cert_chain(certificate)
        if authority is not None:
            server.tls.load_verify_locations(authority)
            server.tls.verify_mode = ssl.CERT_REQUIRED
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_address[1]}"
    finally:
        behaviour.go_on.set()
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def rpc_server(
    behaviour: Behaviour, certificate: Path | None = None, authority: Path | None = None, port: int = 0
) -> Iterator[str]:
    """Run a server for gRPC, as `rest_server`. port: that it takes, 0 for any."""
    limits = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", behaviour.longest)]
    server = grpc.server(ThreadPoolExecutor(16), options=[("grpc.so_reuseport", 0), *limits])
    server.add_generic_rpc_handlers((_handlers(behaviour),))
    if certificate is None:
        port = server.add_insecure_port(f"127.0.0.1:{port}")
    else:
        pem = certificate.read_bytes()
        root = authority.read_bytes() if authority is not None else None
        credentials = grpc.ssl_server_credentials([(pem, pem)], root, authority is not None)
        port = server.add_secure_port(f"127.0.0.1:{port}", credentials)
    server.start()
    try:
        yield f"{'grpcs' if certificate else 'grpc'}://127.0.0.1:{port}"
    finally:
        behaviour.go_on.set()
        server.stop(0).wait()


def _handlers(behaviour: Behaviour) -> Any:
    methods = {
        "ModelReady": _ready,
        "ModelMetadata": _metadata,
        "RepositoryIndex": _index,
        "ModelInfer": _infer,
    }

    def handler(name: str, method: Any) -> Any:
        def answer(request: Any, context: Any) -> Any:
            behaviour.questions.append(name)
            given = dict(context.invocation_metadata()).get("authorization")
            if behaviour.token and given != f"Bearer {behaviour.token}":
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "no")
            return method(behaviour, request, context)

        def serialized(response: Any) -> bytes:
            return response if isinstance(response, bytes) else bytes(response.SerializeToString())

        return grpc.unary_unary_rpc_method_handler(answer, wire.message(f"{name}Request").FromString, serialized)

    return grpc.method_handlers_generic_handler(
        wire.SERVICE, {name: handler(name, method) for name, method in methods.items()}
    )


def _model(behaviour: Behaviour, name: str, context: Any) -> ServedModel:
    if name not in behaviour.models:
        context.abort(grpc.StatusCode.NOT_FOUND, f"Model {name} is not found")
    return behaviour.models[name]


def _ready(behaviour: Behaviour, request: Any, context: Any) -> Any:
    return wire.message("ModelReadyResponse")(ready=behaviour.fault != NOT_READY)


def _metadata(behaviour: Behaviour, request: Any, context: Any) -> Any:
    model = _model(behaviour, request.name, context)
    return wire.message("ModelMetadataResponse")(name=request.name, inputs=model.inputs, outputs=model.outputs)


def _index(behaviour: Behaviour, request: Any, context: Any) -> Any:
    if not behaviour.has_index:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "no such method")
    return wire.message("RepositoryIndexResponse")(
        models=[{"name": name, "state": "State.READY"} for name in behaviour.models]
    )


def _infer(behaviour: Behaviour, request: Any, context: Any) -> Any:
    model = _model(behaviour, request.model_name, context)
    with behaviour.inference():
        if behaviour.fault == GARBAGE:
            return b"\xff\xff\xff\xff"
        if behaviour.fault == ENDLESS:
            return bytes(160 << 20)
        if behaviour.fault == OUT_OF_MEMORY:
            context.abort(grpc.StatusCode.INTERNAL, "CUDA out of memory.\nTried to allocate 2 GiB")
        if behaviour.fault in (NOT_READY, GONE):
            context.abort(grpc.StatusCode.UNAVAILABLE, "the model is not ready")
        given = {
            each.name: np.frombuffer(content, connection.DTYPES[each.datatype]).reshape(list(each.shape))
            for each, content in zip(request.inputs, request.raw_input_contents, strict=True)
        }
        outputs = behaviour.answer(model, given)
        response = wire.message("ModelInferResponse")(model_name=request.model_name)
        for each, array in outputs:
            response.outputs.add(name=each["name"], datatype=each["datatype"], shape=each["shape"])
            content = array.tobytes()
            response.raw_output_contents.append(content[:-4] if behaviour.fault == SHORT else content)
        return response


class Listener:
    """A port that somebody may connect to. It keeps what they send, and answers nothing."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self.received = bytearray()
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self._connections.append(connection)
                threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection: socket.socket) -> None:
        with suppress(OSError):
            while block := connection.recv(1 << 16):
                self.received += block

    def close(self) -> None:
        for each in (self._socket, *self._connections):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def mattes(outputs: Sequence[NDArray[Any]], planes: NDArray[np.uint8]) -> bool:
    """Return whether an engine's outputs are what a ServedModel gives for the planes."""
    return np.array_equal(outputs[0], planes[:1].astype(np.float32) / np.float32(255))
