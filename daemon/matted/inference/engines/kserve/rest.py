"""The connection by REST: HTTP/1.1 with the binary tensor extension. Nothing is followed elsewhere, or proxied.

A server that does not know the extension, as MLServer, is sent numbers as JSON, which takes much longer.

Each question has a thread of its own, so that whoever waits for it can stop at once and at any time: while a name is
looked up, too, which nothing can interrupt.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import closing, suppress
from typing import Any
from urllib.parse import quote

import numpy as np

from matted.inference.engines.kserve import connection, files
from matted.inference.engines.kserve.connection import Array, Metadata, ServerError, Tensor
from matted.settings.server import ServedGraph, ServerSettings

CONNECT_SECONDS = 5.0  # for a connection to be made, TLS included
_TEXT_BYTES = 1 << 20  # that an index, or what is said of a model, may have
_NUMBER_BYTES = 40  # that a number takes at most in JSON
_BLOCK = 1 << 20
_FORM_REFUSED = (400, 415, 422, 500)  # what servers answer that do not know the form of a question
_HEAD_LENGTH = "Inference-Header-Content-Length"
# A connection that was kept may have been ended by the server meanwhile.
_ENDED = (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError, ConnectionAbortedError)


class _NotUnderstood(ServerError):
    """The server does not understand the form of a question."""


class RestConnection:
    """A Connection by REST. It keeps sockets for the next questions.

    knows_binary: whether the server knows the extension; None until that was seen.
    """

    def __init__(self, settings: ServerSettings) -> None:
        """Prepare. Raises ServerError if a file of the settings cannot be used."""
        self._settings = settings
        self._context = files.context(settings) if settings.uses_tls else None
        token = files.token(settings)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._idle: deque[http.client.HTTPConnection] = deque(maxlen=settings.max_in_flight)
        self._closed = False
        self.knows_binary: bool | None = None

    def index(self) -> set[str]:
        """Return the names of the models that are ready, as `Connection.index`."""
        listed = self._json("POST", "/v2/repository/index", [b"{}"])
        if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
            raise connection.garbage("its list of models is none")
        return {str(each.get("name")) for each in listed if connection.is_ready(each.get("state", ""))}

    def ready(self, model: ServedGraph) -> bool:
        """Return whether a model is ready."""
        try:
            _Exchange(self, "GET", f"{_path(model)}/ready", [], {}, _TEXT_BYTES).wait()
        except ServerError as error:
            if error.kind in (connection.OF_MODEL, connection.MISSING):
                return False
            raise
        return True

    def metadata(self, model: ServedGraph) -> Metadata:
        """Return the inputs and outputs of a model, as `Connection.metadata`."""
        found = self._json("GET", _path(model), [])
        if not isinstance(found, dict):
            raise connection.garbage("what it says of a model is no object")
        return Metadata(_tensors(found.get("inputs")), _tensors(found.get("outputs")))

    def infer(self, model: ServedGraph, inputs: Sequence[tuple[str, Array]], outputs: Sequence[Tensor]) -> RestCall:
        """Ask for an inference, as `Connection.infer`."""
        return RestCall(self, f"{_path(model)}/infer", inputs, outputs)

    def ask(self, path: str, inputs: Sequence[tuple[str, Array]], outputs: Sequence[Tensor], binary: bool) -> _Exchange:
        """Ask for an inference, for `RestCall`. binary: its form. The other parameters are those of `infer`."""
        arrays = [np.ascontiguousarray(array) for _, array in inputs]
        head = {
            "inputs": [
                {
                    "name": name,
                    "shape": list(array.shape),
                    "datatype": connection.datatype(array),
                    **(
                        {"parameters": {"binary_data_size": array.nbytes}}
                        if binary
                        else {"data": array.ravel().tolist()}
                    ),
                }
                for (name, _), array in zip(inputs, arrays, strict=True)
            ],
            "outputs": [
                {"name": each.name, **({"parameters": {"binary_data": True}} if binary else {})} for each in outputs
            ],
        }
        encoded = json.dumps(head, separators=(",", ":")).encode()
        limit = connection.most_bytes(outputs, _NUMBER_BYTES)
        if not binary:
            return _Exchange(self, "POST", path, [encoded], {"Content-Type": "application/json"}, limit)
        headers = {_HEAD_LENGTH: str(len(encoded)), "Content-Type": "application/octet-stream"}
        body: list[bytes | memoryview] = [encoded, *(array.reshape(-1).view(np.uint8).data for array in arrays)]
        return _Exchange(self, "POST", path, body, headers, limit)

    def close(self) -> None:
        """Close the sockets that nobody uses."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _json(self, method: str, path: str, body: Sequence[bytes]) -> Any:
        headers = {"Content-Type": "application/json"} if body else {}
        content, _ = _Exchange(self, method, path, body, headers, _TEXT_BYTES).wait()
        return _parsed(content)

    def take(self) -> tuple[http.client.HTTPConnection, bool]:
        """Return a socket to the server, and whether it was used before; for `_Exchange`."""
        with suppress(IndexError):
            return self._idle.pop(), True
        host, port = self._settings.host, self._settings.port
        seconds = min(CONNECT_SECONDS, self._settings.timeout)
        if self._context is None:
            return http.client.HTTPConnection(host, port, timeout=seconds), False
        return http.client.HTTPSConnection(host, port, timeout=seconds, context=self._context), False

    def keep(self, used: http.client.HTTPConnection) -> None:
        """Keep a socket for the next question; for `_Exchange`."""
        if self._closed or len(self._idle) == self._idle.maxlen:
            used.close()
        else:
            self._idle.append(used)

    @property
    def timeout(self) -> float:
        return self._settings.timeout

    @property
    def prefix(self) -> str:
        """The path before the protocol's own."""
        return self._settings.parts.path

    @property
    def headers(self) -> dict[str, str]:
        """What every question has."""
        return self._headers


class _Exchange:
    """A question to the server, which begins at once in a thread of its own, and its answer."""

    def __init__(
        self,
        rest: RestConnection,
        method: str,
        path: str,
        body: Sequence[bytes | memoryview],
        headers: dict[str, str],
        limit: int,
    ) -> None:
        """body: parts of it. limit: bytes that the answer may have."""
        self._rest = rest
        self._request = method, f"{rest.prefix}{path}", body, {**rest.headers, **headers}
        self._limit = limit
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._given_up = self._was_cancelled = False
        self._used: http.client.HTTPConnection | None = None
        self._answer: tuple[bytearray, int | None] | None = None
        self._error: ServerError | None = None
        thread = threading.Thread(target=self._run, name="asks the server", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the system has no more
            raise ServerError("The system has no thread left to ask the server.", "Close other programs.") from error

    def wait(self) -> tuple[bytearray, int | None]:
        """Return the answer's body, and the bytes of its head if it says so. Raises ServerError."""
        if not self._ended.wait(self._rest.timeout):
            self._give_up()
            raise connection.slow(self._rest.timeout)
        if self._was_cancelled:
            raise connection.cancelled()
        if self._error is not None:
            raise self._error.alone()
        assert self._answer is not None
        return self._answer

    def cancel(self) -> None:
        """Let `wait` return at once, and drop the connection."""
        self._was_cancelled = True
        self._give_up()
        self._ended.set()

    def _give_up(self) -> None:
        with self._lock:
            self._given_up = True
            if self._used is not None:
                _drop(self._used)

    def _run(self) -> None:
        try:
            self._answer = self._ask()
        except ServerError as error:
            self._error = error.alone()
        except TimeoutError:
            self._error = connection.slow(min(CONNECT_SECONDS, self._rest.timeout))
        except ssl.SSLCertVerificationError as error:
            self._error = connection.untrusted(error.verify_message or str(error))
        except ssl.SSLError as error:
            self._error = connection.away(f"TLS failed ({error.reason or error})")
        except socket.gaierror as error:
            self._error = connection.away(error.strerror or str(error))
        except OSError as error:
            self._error = connection.away(error.strerror or str(error) or type(error).__name__)
        except http.client.HTTPException as error:
            self._error = connection.garbage(f"that is no HTTP ({type(error).__name__})")
        except (ValueError, MemoryError) as error:
            self._error = connection.garbage(f"it cannot be read ({type(error).__name__})")
        except BaseException:  # a fault of this module's: whoever waits must not wait for ever
            self._error = connection.garbage("it could not be read")
            raise
        finally:
            self._ended.set()

    def _ask(self) -> tuple[bytearray, int | None]:
        used, was_used = self._rest.take()
        if was_used:
            try:
                return self._exchange(used)
            except _ENDED:
                if self._given_up:
                    raise
                used = self._rest.take()[0]
        return self._exchange(used)

    def _exchange(self, used: http.client.HTTPConnection) -> tuple[bytearray, int | None]:
        answered = False
        with self._lock:
            self._used = used
        try:
            if used.sock is None:
                used.connect()
                made: Any = used.sock
                made.settimeout(None)  # from now on, `wait` has the clock, and drops the connection
            if self._given_up:
                raise connection.cancelled()
            method, path, body, headers = self._request
            length = {"Content-Length": str(sum(len(part) for part in body))} if body else {}
            used.request(method, path, iter(body) if body else None, {**headers, **length})
            response = used.getresponse()
            with closing(response):  # a connection that is for this answer alone ends with it
                content = _read(response, self._limit)
            answered = not response.will_close
            _raise_for(response, content)
            return content, _head_length(response)
        finally:
            with self._lock:
                self._used = None
                given_up = self._given_up
            if answered and not given_up:
                self._rest.keep(used)
            else:
                used.close()


class RestCall:
    """A Call by REST."""

    def __init__(
        self, rest: RestConnection, path: str, inputs: Sequence[tuple[str, Array]], outputs: Sequence[Tensor]
    ) -> None:
        """Ask for an inference, in the form that the server knows. The parameters are those of `RestConnection.ask`."""
        self._rest = rest
        self._question = path, inputs, outputs
        self._outputs = outputs
        self._cancelled = False
        self._lock = threading.Lock()
        self._exchange = rest.ask(*self._question, rest.knows_binary is not False)

    def result(self) -> list[Array]:
        """Wait for the outputs, as `Call.result`."""
        try:
            content, head_length = self._exchange.wait()
        except _NotUnderstood:
            if self._rest.knows_binary is not None:
                raise
            with self._lock:  # with the start, so that no cancel is lost in between
                if self._cancelled:
                    raise connection.cancelled() from None
                self._exchange = self._rest.ask(*self._question, False)
            content, head_length = self._exchange.wait()
            self._rest.knows_binary = False  # only now, as the server may have refused something else
        if self._rest.knows_binary is None:
            self._rest.knows_binary = True
        return _outputs(content, len(content) if head_length is None else head_length, self._outputs)

    def cancel(self) -> None:
        """Stop waiting at once, as `Call.cancel`."""
        with self._lock:
            self._cancelled = True
            self._exchange.cancel()


def _path(model: ServedGraph) -> str:
    version = f"/versions/{quote(model.version)}" if model.version else ""
    return f"/v2/models/{quote(model.name)}{version}"


def _drop(used: http.client.HTTPConnection) -> None:
    """End a connection that another thread reads or writes: its call returns at once."""
    sock = used.sock
    if sock is not None:
        with suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)  # that of TLS would wait for the other side's goodbye


def _read(response: http.client.HTTPResponse, limit: int) -> bytearray:
    """Return the body. Raises ServerError if it is larger than the limit, http.client.HTTPException, OSError."""
    if response.length is not None and response.length > limit:
        raise connection.too_much()
    content = bytearray()
    while True:
        block = response.read(min(_BLOCK, limit + 1 - len(content)))
        if not block:
            break
        content += block
        if len(content) > limit:
            raise connection.too_much()
    if response.length:  # the connection ended before
        raise connection.away("it ended the connection in the middle of its answer")
    return content


def _raise_for(response: http.client.HTTPResponse, content: bytearray) -> None:
    """Raise ServerError if the answer is none."""
    status = response.status
    if status == 200:
        return
    text = _words_of(content)
    if status in (401, 403):
        raise connection.token_refused()
    if 300 <= status < 400:
        raise ServerError(
            "The server sends this computer elsewhere, which matted does not follow.", "Is server.url right?"
        )
    if status in (404, 405, 501) or (status == 400 and "unknown model" in text.lower()):
        raise connection.missing(text)
    if status == 413:
        raise connection.too_large_a_question(text)
    if status in (502, 504):
        raise connection.away(f"what stands before it answers {status} {_reason(response)}")
    if status in (429, 503):
        raise connection.not_ready(text)
    failure = connection.failed(text or f"{status} {_reason(response)}")
    error = _NotUnderstood if status in _FORM_REFUSED else ServerError
    raise error(failure.message, failure.hint, failure.kind)


def _reason(response: http.client.HTTPResponse) -> str:
    """Return the words beside an answer's status."""
    return connection.said(response.reason)


def _words_of(content: bytearray) -> str:
    """Return what the server says of an error, empty if that is not for people."""
    try:
        found = json.loads(bytes(content))
    except (ValueError, RecursionError):
        return ""
    text = found.get("error") or found.get("detail") if isinstance(found, dict) else ""
    return connection.said(text) if isinstance(text, str) else ""


def _head_length(response: http.client.HTTPResponse) -> int | None:
    text = response.headers.get(_HEAD_LENGTH)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise connection.garbage(f"its {_HEAD_LENGTH} is no number")
    return int(text)


def _parsed(content: bytearray | memoryview) -> Any:
    try:
        return json.loads(bytes(content))
    except (ValueError, RecursionError):
        raise connection.garbage("it is no JSON") from None


def _tensors(listed: Any) -> tuple[Tensor, ...]:
    """Return the inputs or outputs that JSON describes. Raises ServerError."""
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise connection.garbage("what it says of a model has no inputs or outputs")
    tensors = []
    for each in listed:
        shape = each.get("shape")
        if not isinstance(shape, list) or not all(type(side) is int for side in shape):
            raise connection.garbage("what it says of a model has no shapes")
        tensors.append(Tensor(str(each.get("name")), str(each.get("datatype")), tuple(shape)))
    return tuple(tensors)


def _outputs(content: bytearray, head_length: int, wanted: Sequence[Tensor]) -> list[Array]:
    """Return the outputs of an answer, in the order in which they are wanted. Raises ServerError."""
    if head_length > len(content):
        raise connection.garbage("it is shorter than its own head")
    whole = memoryview(content)
    head = _parsed(whole[:head_length])
    listed = head.get("outputs") if isinstance(head, dict) else None
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise connection.garbage("it has no outputs")
    found: dict[str, Array] = {}
    place = head_length
    by_name = {each.name: each for each in wanted}
    for each in listed:
        name, parameters = each.get("name"), each.get("parameters")
        size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
        data: Any = each.get("data")
        if size is not None:
            if type(size) is not int or not 0 <= size <= len(content) - place:
                raise connection.garbage("an output is longer than the answer")
            data, place = whole[place : place + size], place + size
        if name in by_name:
            if data is None:
                raise connection.garbage(f"its output {name!r} is empty")
            found[name] = connection.output(by_name[name], each.get("datatype"), each.get("shape"), data)
    return connection.in_order(found, wanted)
