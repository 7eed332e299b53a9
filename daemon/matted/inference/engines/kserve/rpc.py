"""The connection by gRPC, which grpcio does. No proxy is taken from the environment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc
import numpy as np
from google.protobuf.message import DecodeError

from matted.inference.engines.kserve import connection, files, wire
from matted.inference.engines.kserve.connection import Array, Metadata, ServerError, Tensor
from matted.settings.server import ServedGraph, ServerSettings

_HEADER_BYTES = 64 << 10
_CONTENTS = {
    "BOOL": "bool_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
}
_OPTIONS = [
    ("grpc.max_receive_message_length", connection.MAX_ANSWER_BYTES),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_metadata_size", _HEADER_BYTES),
    ("grpc.absolute_max_metadata_size", _HEADER_BYTES),
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),  # matted tries again by itself
    ("grpc.use_local_subchannel_pool", 1),  # or a new connection would wait out the failures of the one before
    ("grpc.service_config_disable_resolution", 1),
]
# What grpcio says where a certificate is not trusted; it has no code of its own for that.
_UNTRUSTED = ("certificate", "verification check", "handshaker", "handshake failed")

Code = grpc.StatusCode


class RpcConnection:
    """A Connection by gRPC."""

    def __init__(self, settings: ServerSettings) -> None:
        """Prepare. Raises ServerError if a file of the settings cannot be used."""
        self._timeout = settings.timeout
        token = files.token(settings)
        self._metadata = [("authorization", f"Bearer {token}")] if token else []
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        target = f"dns:///{host}:{settings.port}"
        if settings.uses_tls:
            files.context(settings)  # says what is wrong with the files
            self._channel = grpc.secure_channel(target, _credentials(settings), _OPTIONS)
        else:
            self._channel = grpc.insecure_channel(target, _OPTIONS)
        self._methods: dict[str, Any] = {}
        for name in ("ModelReady", "ModelMetadata", "RepositoryIndex", "ModelInfer"):
            self._methods[name] = self._channel.unary_unary(
                f"/{wire.SERVICE}/{name}",
                request_serializer=_serialized,
                response_deserializer=wire.message(f"{name}Response").FromString,
            )

    def index(self) -> set[str]:
        """Return the names of the models that are ready, as `Connection.index`."""
        answer = self._ask("RepositoryIndex", wire.message("RepositoryIndexRequest")())
        return {each.name for each in answer.models if connection.is_ready(each.state)}

    def ready(self, model: ServedGraph) -> bool:
        """Return whether a model is ready."""
        request = wire.message("ModelReadyRequest")(name=model.name, version=model.version)
        try:
            return bool(self._ask("ModelReady", request).ready)
        except ServerError as error:
            if error.kind in (connection.OF_MODEL, connection.MISSING):
                return False
            raise

    def metadata(self, model: ServedGraph) -> Metadata:
        """Return the inputs and outputs of a model, as `Connection.metadata`."""
        request = wire.message("ModelMetadataRequest")(name=model.name, version=model.version)
        found = self._ask("ModelMetadata", request)
        return Metadata(_tensors(found.inputs), _tensors(found.outputs))

    def infer(self, model: ServedGraph, inputs: Sequence[tuple[str, Array]], outputs: Sequence[Tensor]) -> RpcCall:
        """Ask for an inference, as `Connection.infer`."""
        request = wire.message("ModelInferRequest")(model_name=model.name, model_version=model.version)
        for name, array in inputs:
            request.inputs.add(name=name, datatype=connection.datatype(array), shape=array.shape)
            request.raw_input_contents.append(array.tobytes())
        for each in outputs:
            request.outputs.add(name=each.name)
        return RpcCall(self._begin("ModelInfer", request), outputs, self._timeout)

    def close(self) -> None:
        """End the connection."""
        self._channel.close()

    def _begin(self, method: str, request: Any) -> Any:
        try:
            return self._methods[method].future(request, timeout=self._timeout, metadata=self._metadata)
        except ValueError as error:  # it is closed, as the settings have changed
            raise connection.cancelled() from error

    def _ask(self, method: str, request: Any) -> Any:
        return _result(self._begin(method, request), self._timeout)


class RpcCall:
    """A Call by gRPC."""

    def __init__(self, future: Any, outputs: Sequence[Tensor], timeout: float) -> None:
        self._future = future
        self._outputs = outputs
        self._timeout = timeout

    def result(self) -> list[Array]:
        """Wait for the outputs, as `Call.result`."""
        return _outputs(_result(self._future, self._timeout), self._outputs)

    def cancel(self) -> None:
        """Stop waiting at once, as `Call.cancel`."""
        self._future.cancel()


def _credentials(settings: ServerSettings) -> grpc.ChannelCredentials:
    """Return what the server is checked with. Without ca_file: the authorities that come with grpcio."""
    authorities = files.read(settings.ca_file, "ca_file") if settings.ca_file is not None else None
    own = None
    if settings.client_certificate is not None:
        own = files.read(
            settings.client_certificate, "client_certificate"
        )  # the key and the certificate are both in it
    return grpc.ssl_channel_credentials(authorities, own, own)


def _serialized(request: Any) -> bytes:
    return bytes(request.SerializeToString())


def _result(future: Any, timeout: float) -> Any:
    """Wait for an answer. Raises ServerError."""
    try:
        error = future.exception()  # `result` would raise the future itself, which would hold all callers' variables
        if error is None:
            return future.result()
    except grpc.FutureCancelledError:
        raise connection.cancelled() from None
    except DecodeError:
        raise connection.garbage("that is no message of the protocol") from None
    raise _translated(error, timeout)


def _translated(error: Any, timeout: float) -> ServerError:
    """Return what an error of grpcio's means."""
    code, text = error.code(), connection.said(error.details() or "")
    lower = text.lower()
    if code == Code.CANCELLED:
        return connection.cancelled()
    if code == Code.DEADLINE_EXCEEDED:
        return connection.slow(timeout)
    if code in (Code.UNAUTHENTICATED, Code.PERMISSION_DENIED):
        return connection.token_refused()
    if code == Code.NOT_FOUND or (code == Code.INVALID_ARGUMENT and "unknown model" in lower):
        return connection.missing(text)
    if code == Code.UNIMPLEMENTED:
        return connection.missing(text)
    if code == Code.UNAVAILABLE:
        if any(sign in lower for sign in _UNTRUSTED):
            return connection.untrusted(text)
        if "not ready" in lower:
            return connection.not_ready(text)
        return connection.away(text)
    if code == Code.RESOURCE_EXHAUSTED and "larger than max" in lower:
        return connection.too_much() if _is_ours(text) else connection.too_large_a_question(text)
    if code == Code.RESOURCE_EXHAUSTED:
        return connection.failed(f"out of memory, or too many requests: {text}")
    if code == Code.INTERNAL and ("deserializing" in lower or "parsing" in lower or "protocol" in lower):
        return connection.garbage(text)
    return connection.failed(text)


def _is_ours(text: str) -> bool:
    """Return whether this computer found a message too large, and not the server. text: grpcio's, of either."""
    return "SERVER:" not in text and f"vs. {connection.MAX_ANSWER_BYTES})" in text


def _tensors(listed: Any) -> tuple[Tensor, ...]:
    return tuple(Tensor(each.name, each.datatype, tuple(each.shape)) for each in listed)


def _outputs(answer: Any, wanted: Sequence[Tensor]) -> list[Array]:
    """Return the outputs of an answer, in the order in which they are wanted. Raises ServerError."""
    raw = answer.raw_output_contents
    if raw and len(raw) != len(answer.outputs):
        raise connection.garbage(f"it has {len(answer.outputs)} outputs, and the numbers of {len(raw)}")
    by_name = {each.name: each for each in wanted}
    found: dict[str, Array] = {}
    for index, each in enumerate(answer.outputs):
        if each.name in by_name:
            content = (
                raw[index] if raw else np.asarray(getattr(each.contents, _CONTENTS.get(each.datatype, "fp32_contents")))
            )
            found[each.name] = connection.output(by_name[each.name], each.datatype, tuple(each.shape), content)
    return connection.in_order(found, wanted)
