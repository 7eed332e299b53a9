"""The interface of connections to a server that speaks KServe v2, and what can go wrong with one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from matted.settings.server import ServedModel

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
MAX_NUMBERS = 1 << 28  # in an answer: more than any model gives for the largest picture
_HEAD_BYTES = 64 << 10  # that an answer may take besides its numbers

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

    def ready(self, model: ServedModel) -> bool:
        """Return whether a model is ready."""

    def metadata(self, model: ServedModel) -> Metadata:
        """Return the inputs and outputs of a model. Raises ServerError."""

    def infer(self, model: ServedModel, inputs: Sequence[tuple[str, Array]], outputs: Sequence[Tensor]) -> Call:
        """Ask for an inference.

        inputs: name and numbers of each; left as they are until it has ended.
        outputs: those that are wanted, with the shapes that they will have.
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
    numbers = (int(np.prod(output.shape)) * (each or DTYPES[output.datatype].itemsize) for output in outputs)
    return sum(numbers) + _HEAD_BYTES


def output(wanted: Tensor, datatype: Any, shape: Any, content: Any) -> Array:
    """Return an output of an answer, checked against what was wanted.

    content: its bytes, or its numbers one by one, in lists or in an array.

    Raises ServerError.
    """
    if datatype != wanted.datatype or not isinstance(shape, (list, tuple)) or tuple(shape) != wanted.shape:
        given = f"{str(datatype)[:20]} {shape_in_words(shape)}"
        expected = f"{wanted.datatype} {shape_in_words(wanted.shape)}"
        raise garbage(f"its output {wanted.name!r} is {given}, not {expected}")
    dtype, count = DTYPES[wanted.datatype], int(np.prod(wanted.shape))
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
    return array.reshape(wanted.shape)


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


def slow(seconds: float) -> ServerError:
    hint = "It may be busy with others' pictures; server.timeout says how long to wait."
    return ServerError(f"The server did not answer within {seconds:g} s.", hint)


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
