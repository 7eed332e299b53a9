"""The interface of connections to a server that speaks KServe v2, and what can go wrong with one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from matted.settings.server import ServedGraph

Array = NDArray[Any]

DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
MAX_TEXT = 200  # characters of what a server says that are repeated
# A longer answer is not read. The largest of the catalogue is colours and a matte of 3840 x 2160: 84 MB at most.
MAX_ANSWER_BYTES = 128 << 20
OPEN_NUMBERS = 1 << 21  # in an output whose size is not known before: the largest state of a film has half as many
_HEAD_BYTES = 64 << 10  # that an answer may take besides its numbers
_BYTE_IN_FULL = 2  # bytes that a uint8 takes at most by gRPC where a server has no raw numbers, as MLServer

# What is wrong, by which others decide what to do about it.
CANCELLED, MISSING = "cancelled", "missing"
OF_MODEL, OF_SERVER = "model", "server"


class ServerError(Exception):
    """The server did not do what it was asked for.

    message: what happened, a sentence. hint: what a person can do about it.
    kind: CANCELLED: by this computer; MISSING: it has no such model, or does not know how to list them; OF_MODEL:
        other models may do; OF_SERVER: none will.
    """

    def __init__(self, message: str, hint: str = "", kind: str = OF_SERVER) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.kind = kind

    def alone(self) -> ServerError:
        """Return one that says the same, for whoever keeps it or raises what was kept.

        An error that was raised refers to the variables of all functions that it came through: to the picture, and to
        the engine with what it remembers. To raise one that is kept would close the circle.
        """
        return type(self)(self.message, self.hint, self.kind)


class TooSlow(ServerError):
    """The server did not answer in time."""


@dataclass(frozen=True)
class Tensor:
    """An input or output of a model, as its server describes it. shape: -1 where any number will do."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Metadata:
    """What a server says of one of its models."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


class Call(Protocol):
    """An inference that the server has been asked for."""

    def result(self) -> list[Array]:
        """Wait for the outputs, in the order in which they were asked for. Raises ServerError."""

    def cancel(self) -> None:
        """Stop waiting at once, from another thread. The server is told, by the end of the connection if need be."""


class Connection(Protocol):
    """A way to a server. All methods are thread-safe, and raise ServerError after the settings' timeout at the latest.

    The token and the certificates are those that their files had when it was made.
    """

    def index(self) -> set[str]:
        """Return the names of the models that are ready. Raises ServerError, MISSING if it does not list them."""

    def ready(self, model: ServedGraph) -> bool:
        """Return whether a model is ready."""

    def metadata(self, model: ServedGraph) -> Metadata:
        """Return the inputs and outputs of a model. Raises ServerError."""

    def infer(self, model: ServedGraph, inputs: Sequence[tuple[str, Array]], outputs: Sequence[Tensor]) -> Call:
        """Ask for an inference.

        inputs: name and numbers of each; left as they are until it has ended.
        outputs: those that are wanted, with the shapes that they will have, -1 where that is not known.
        """

    def close(self) -> None:
        """End the connection. What is under way may end, or fail."""


def is_ready(state: Any) -> bool:
    """Return whether a model of an index is ready. state: its word for that; MLServer says "State.READY" by gRPC."""
    return str(state).rpartition(".")[2] in ("READY", "")


def datatype(array: Array) -> str:
    """Return the protocol's name of an array's type."""
    return next(name for name, dtype in DTYPES.items() if dtype == array.dtype)


def most_bytes(outputs: Sequence[Tensor], each: int | None = None) -> int:
    """Return how many bytes an answer with these outputs takes at most. each: of a number; None: as its type has."""
    numbers = (_most_numbers(output.shape) * (each or DTYPES[output.datatype].itemsize) for output in outputs)
    return sum(numbers) + _HEAD_BYTES


def require_readable(outputs: Sequence[Tensor]) -> None:
    """Raise ServerError if an answer with these outputs would be longer than what is read."""
    sizes = (max(_BYTE_IN_FULL, DTYPES[each.datatype].itemsize) * _most_numbers(each.shape) for each in outputs)
    total = sum(sizes) + _HEAD_BYTES
    if total > MAX_ANSWER_BYTES:
        most = f"and matted reads {MAX_ANSWER_BYTES / 1e6:.0f} MB at most"
        message = f"An answer of the server's model may take {total / 1e6:.0f} MB here, {most}."
        hint = "Have this computer run the model: name only the others in server.models. Or use one of fewer pixels."
        raise ServerError(message, hint, OF_MODEL)


def _most_numbers(shape: Sequence[int]) -> int:
    return OPEN_NUMBERS if -1 in shape else int(np.prod(shape))


def output(wanted: Tensor, datatype: Any, shape: Any, content: Any) -> Array:
    """Return an output of an answer, checked against what was wanted.

    content: its bytes, or its numbers one by one, in lists or in an array.

    Raises ServerError.
    """
    if datatype != wanted.datatype or not _fits(shape, wanted.shape):
        given = f"{str(datatype)[:20]} {shape_in_words(shape)}"
        expected = f"{wanted.datatype} {shape_in_words(wanted.shape)}"
        raise garbage(f"its output {wanted.name!r} is {given}, not {expected}")
    dtype, count = DTYPES[wanted.datatype], math.prod(shape)
    try:
        if isinstance(content, (bytes, bytearray, memoryview)):
            if len(content) != count * dtype.itemsize:
                raise garbage(f"its output {wanted.name!r} has {len(content)} bytes, not {count * dtype.itemsize}")
            array = np.frombuffer(content, dtype)
        else:
            array = np.asarray(content, dtype).reshape(-1)
    except (ValueError, TypeError, OverflowError):
        raise garbage(f"its output {wanted.name!r} is not made of numbers") from None
    if array.size != count:
        raise garbage(f"its output {wanted.name!r} has {array.size} numbers, not {count}")
    if dtype.kind == "f" and not np.isfinite(array).all():
        raise garbage(f"its output {wanted.name!r} has numbers that are not finite")
    return array.reshape(tuple(shape))


def _fits(shape: Any, wanted: Sequence[int]) -> bool:
    """Return whether an output's shape is what was wanted, and not too large where any would do."""
    if not isinstance(shape, (list, tuple)) or len(shape) != len(wanted):
        return False
    if not all(type(side) is int and side > 0 and most in (-1, side) for side, most in zip(shape, wanted, strict=True)):
        return False
    return math.prod(shape) <= _most_numbers(wanted)


def in_order(found: Mapping[str, Array], wanted: Sequence[Tensor]) -> list[Array]:
    """Return the outputs of an answer in the order in which they are wanted. found: by name. Raises ServerError."""
    for each in wanted:
        if each.name not in found:
            raise garbage(f"its output {each.name!r} is missing")
    return [found[each.name] for each in wanted]


def shape_in_words(shape: Any) -> str:
    """Return a shape for people, as "1 x 3 x any x any". shape: may be anything that a server answers."""
    if not isinstance(shape, (list, tuple)):
        return "without a shape"
    return " x ".join("any" if each == -1 else str(each)[:12] for each in shape[:8])


def said(text: Any) -> str:
    """Return what a server said so that it can be repeated: one line, without control characters, short."""
    line = " ".join(str(text)[: 8 * MAX_TEXT].split())
    return "".join(each for each in line if each.isprintable())[:MAX_TEXT].rstrip(".")


def garbage(what: str) -> ServerError:
    """Return the error for an answer that is none. what: is wrong with it, a clause."""
    hint = "Does the address lead to a server for models (KServe v2)? Is its model what `matted models export` wrote?"
    return ServerError(f"The server answered what matted does not understand: {what}.", hint)


def too_much() -> ServerError:
    """Return the error for an answer that is larger than what was asked for."""
    return garbage("more than what was asked for, and the rest was not read")


def away(why: str) -> ServerError:
    return ServerError(f"The server cannot be reached: {said(why)}.", "Does it run, and is server.url right?")


def untrusted(why: str) -> ServerError:
    hint = "Set server.ca_file to the authority that signed its certificate, or see that it has the right one."
    return ServerError(f"The server's certificate is not trusted, and nothing was sent: {said(why)}.", hint)


def token_refused() -> ServerError:
    return ServerError(
        "The server lets this computer not in: it refuses the token.", "Put a valid token into the server.token_file."
    )


def slow(seconds: float) -> TooSlow:
    hint = "It may be busy with others' pictures; server.timeout says how long to wait."
    return TooSlow(f"The server did not answer within {seconds:g} s.", hint)


def too_large_a_question(text: Any = "") -> ServerError:
    """Return the error where the server, or what stands before it, takes no message as long as an inference needs."""
    said_so = f": {said(text)}" if text else ""
    hint = "Have it take longer messages: grpc_max_message_length of MLServer, client_max_body_size of nginx."
    return ServerError(f"What is sent for this picture is more than the server takes{said_so}.", hint, OF_MODEL)


def cancelled() -> ServerError:
    return ServerError("The connection to the server was ended.", kind=CANCELLED)


def missing(text: Any = "") -> ServerError:
    said_so = f": {said(text)}" if text else ""
    return ServerError(f"The server does not have this model{said_so}.", "See server.models in config.toml.", MISSING)


def not_ready(text: Any = "") -> ServerError:
    said_so = f": {said(text)}" if text else ""
    return ServerError(f"The server's model is not ready{said_so}.", "It may still be loading it.", OF_MODEL)


def failed(text: Any) -> ServerError:
    """Return the error for an inference that failed there. text: what the server said of it."""
    words = said(text) or "it gave no reason"
    if any(sign in words.lower() for sign in ("out of memory", "out-of-memory", "memory allocation", "bad_alloc")):
        return ServerError(f"The server has not enough memory: {words}.", "Try again when it has less to do.", OF_MODEL)
    return ServerError(f"The server could not run the model: {words}.", "Its log says more.", OF_MODEL)
