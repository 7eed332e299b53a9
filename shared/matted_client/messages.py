"""The messages of `matted/1`, one frozen dataclass each. docs/protocol.md is their specification.

A message is a msgpack map (the header) and raw frames behind it. The header has `op`, the message's name, and `id`,
which the client chooses and every reply to that request repeats. Unknown header fields are ignored, so that a minor
version can add some.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
from dataclasses import dataclass
from typing import Any, ClassVar, Dict, List, Optional, Tuple, Type, TypeVar

from .errors import ProtocolError
from .fields import Field
from .options import MaskOptions
from .packing import pack, unpack

PROTOCOL = 1  # the major version; checked in hello

BYTES_PER_PIXEL = {"RGBA8": 4, "BGRA8": 4, "RGB8": 3, "GRAYA8": 2, "GRAY8": 1}
MASK_DEPTHS = (8, 16)  # bits; 16-bit masks are little-endian

# Limits of one request. 200 megapixels is twice the largest camera frame in use; RGBA8 of it is the largest frame.
MAX_PIXELS = 200_000_000
MAX_SIDE = 65_535
MAX_FRAME_BYTES = 4 * MAX_PIXELS
MAX_HEADER_BYTES = 64 * 1024
MAX_TEXT = 1024  # characters of any text a client sends

NONCE_BYTES = 16
_SERVER_PROOF = b"matted/1 server "  # keeps a server's proof from ever equalling a client's password

# Error codes
BAD_REQUEST = "bad_request"
UNSUPPORTED_VERSION = "unsupported_version"
TOO_LARGE = "too_large"
BUSY = "busy"
PLATE_NEEDED = "plate_needed"
MODEL_NOT_FOUND = "model_not_found"
MODEL_NOT_INSTALLED = "model_not_installed"
LICENCE_NOT_ACCEPTED = "licence_not_accepted"
OUT_OF_MEMORY = "out_of_memory"
NO_SUBJECT = "no_subject"
CANCELLED = "cancelled"
SHUTTING_DOWN = "shutting_down"
INTERNAL = "internal"


def client_password(key: bytes, nonce: bytes) -> bytes:
    """The PLAIN password for the PLAIN username `nonce`: shows that the client can read the connection file."""
    return hmac.new(key, nonce, hashlib.sha256).hexdigest().encode()


def server_proof(key: bytes, nonce: bytes) -> bytes:
    """32 bytes, the answer to the nonce in `hello`: shows that the server wrote the connection file."""
    return hmac.new(key, _SERVER_PROOF + nonce, hashlib.sha256).digest()


def same_secret(one: bytes, other: bytes) -> bool:
    return hmac.compare_digest(one, other)


def _field(
    *kinds: type,
    low: Optional[float] = None,
    high: Optional[float] = None,
    values: Tuple[Any, ...] = (),
    default: Any = dataclasses.MISSING,
) -> Any:
    """A field of a header; see Field for the parameters."""
    metadata = {"field": Field(kinds, low, high, values)}
    if isinstance(default, (list, dict)):
        return dataclasses.field(metadata=metadata, default_factory=lambda: type(default)(default))
    return dataclasses.field(metadata=metadata, default=default)


M = TypeVar("M", bound="Message")


@dataclass(frozen=True)
class Message:
    """Base: turns a header map into checked fields and back."""

    op: ClassVar[str] = ""

    def to_wire(self, request_id: int) -> bytes:
        header = {"op": self.op, "id": request_id}
        header.update({f.name: getattr(self, f.name) for f in dataclasses.fields(self)})
        return pack(header)

    @classmethod
    def from_wire(cls: Type[M], header: Dict[str, Any]) -> M:
        """Raises ProtocolError that names the field which is missing, of a wrong type, or out of range."""
        values = {}
        for field in dataclasses.fields(cls):
            if field.name in header:
                problem = field.metadata["field"].problem(header[field.name])
                if problem:
                    raise ProtocolError("'%s' has the field '%s' %s." % (cls.op, field.name, problem))
                values[field.name] = header[field.name]
            elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                raise ProtocolError("'%s' lacks the field '%s'." % (cls.op, field.name))
        return cls(**values)


def split_header(data: bytes) -> Tuple[str, int, Dict[str, Any]]:
    """Return (op, id, header). Raises ProtocolError unless `data` is a header with both."""
    if len(data) > MAX_HEADER_BYTES:
        raise ProtocolError("The message header is larger than %d bytes." % MAX_HEADER_BYTES)
    header = unpack(data)
    if not isinstance(header, dict):
        raise ProtocolError("The message header is not a map.")
    op, request_id = header.get("op"), header.get("id")
    if not isinstance(op, str) or not op:
        raise ProtocolError("The message header lacks 'op'.")
    if not isinstance(request_id, int) or isinstance(request_id, bool) or not 0 <= request_id < 1 << 63:
        raise ProtocolError("The message header lacks 'id', an integer from 0 to 2^63 - 1.")
    return op, request_id, header


# -- requests --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Hello(Message):
    """Comes first on every connection."""

    op: ClassVar[str] = "hello"
    v: int = _field(int, low=0)
    nonce: bytes = _field(bytes, low=NONCE_BYTES, high=64)
    client: str = _field(str, high=MAX_TEXT, default="")


@dataclass(frozen=True)
class _Picture:
    """The fields of a mask request that describe its picture."""

    width: int = _field(int, low=1, high=MAX_SIDE)
    height: int = _field(int, low=1, high=MAX_SIDE)
    format: str = _field(str, values=tuple(BYTES_PER_PIXEL))


@dataclass(frozen=True)
class MaskRequest(Message, MaskOptions, _Picture):
    """One frame follows: width x height pixels, rows from the top, no padding, sRGB.

    The fields are those of the picture, those of MaskOptions, and:
    depth: bits of a sample of the mask.
    plate: a second frame follows, of the same size and format: the same scene without the subject.
    foreground: the result shall have the pixels of what is kept too, in its own colours.
    keep_alive: seconds for which the model shall stay in memory.
    """

    op: ClassVar[str] = "mask"
    depth: int = _field(int, values=MASK_DEPTHS, default=8)
    plate: bool = _field(bool, default=False)
    foreground: bool = _field(bool, default=False)
    keep_alive: Optional[float] = _field(float, int, type(None), low=0, default=None)

    @property
    def frame_bytes(self) -> int:
        """Size of the pixel frame."""
        return self.width * self.height * BYTES_PER_PIXEL[self.format]

    @property
    def mask_bytes(self) -> int:
        return self.width * self.height * self.depth // 8

    @property
    def foreground_bytes(self) -> int:
        """Size of the foreground frame of the result, RGBA8 or BGRA8."""
        return self.width * self.height * 4


@dataclass(frozen=True)
class Cancel(Message):
    """Stop the request of this connection whose id is `target`."""

    op: ClassVar[str] = "cancel"
    target: int = _field(int, low=0)


@dataclass(frozen=True)
class StatusRequest(Message):
    op: ClassVar[str] = "status"


@dataclass(frozen=True)
class ModelsRequest(Message):
    op: ClassVar[str] = "models"


@dataclass(frozen=True)
class Load(Message):
    """Have a model in memory before it is needed.

    download: get it first if it is not on this computer; only models that anybody may use without asking.
    """

    op: ClassVar[str] = "load"
    model: str = _field(str, high=MAX_TEXT, default="default")
    keep_alive: Optional[float] = _field(float, int, type(None), low=0, default=None)
    download: bool = _field(bool, default=False)


@dataclass(frozen=True)
class Unload(Message):
    """Give a model's memory back. One that is at work goes when its work is done."""

    op: ClassVar[str] = "unload"
    model: str = _field(str, high=MAX_TEXT, default="default")


@dataclass(frozen=True)
class Reload(Message):
    """Read the settings and the user's own models anew."""

    op: ClassVar[str] = "reload"


@dataclass(frozen=True)
class Shutdown(Message):
    """Let the running request finish, refuse new ones, end."""

    op: ClassVar[str] = "shutdown"


# -- replies ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Welcome(Message):
    """The reply to hello: proves the server and says its limits."""

    op: ClassVar[str] = "welcome"
    v: int = _field(int, low=0)
    version: str = _field(str)
    proof: bytes = _field(bytes, low=32, high=32)
    max_pixels: int = _field(int, low=1)
    max_side: int = _field(int, low=1)
    formats: List[str] = _field(list, default=[])


@dataclass(frozen=True)
class Progress(Message):
    """Any number of them before a result. Sent at least twice a second while a request is alive."""

    op: ClassVar[str] = "progress"
    stage: str = _field(str)  # waiting, downloading, loading, preparing, inference, second_look, edges, mask, colours
    fraction: Optional[float] = _field(float, int, type(None), low=0, high=1, default=None)  # of this stage
    place: int = _field(int, low=0, default=0)  # how many requests this one waits for, in any stage
    detail: str = _field(str, default="")  # downloading: what, how big, which licence; loading: the model


@dataclass(frozen=True)
class MaskResult(Message):
    """One frame follows: the mask, width x height samples of `depth` bits, 0 background, full scale subject.

    foreground: a second frame follows: width x height pixels of 4 bytes, BGRA8 if the request was, else RGBA8: the
        subject's colours without the background's, and the picture's alpha times the mask.
    confidence: how sure the model is that this is the subject, 0..1. second_look: a second look was taken, and used.
    """

    op: ClassVar[str] = "result"
    width: int = _field(int, low=1)
    height: int = _field(int, low=1)
    depth: int = _field(int)
    model: str = _field(str)
    device: str = _field(str)
    coverage: float = _field(float, low=0, high=1)  # mean of the mask, 0..1
    foreground: bool = _field(bool, default=False)
    confidence: float = _field(float, low=0, high=1, default=1.0)
    second_look: bool = _field(bool, default=False)
    timings: Dict[str, float] = _field(dict, default={})  # seconds by stage
    warnings: List[str] = _field(list, default=[])


@dataclass(frozen=True)
class Failure(Message):
    """The request ended without a result."""

    op: ClassVar[str] = "error"
    code: str = _field(str)
    message: str = _field(str)
    hint: str = _field(str, default="")


@dataclass(frozen=True)
class Done(Message):
    """The reply to cancel, load, unload, reload and shutdown.

    `found` is false if there was nothing to cancel or unload.
    """

    op: ClassVar[str] = "done"
    found: bool = _field(bool, default=True)


@dataclass(frozen=True)
class StatusReply(Message):
    op: ClassVar[str] = "status"
    status: Dict[str, Any] = _field(dict)


@dataclass(frozen=True)
class ModelsReply(Message):
    op: ClassVar[str] = "models"
    models: List[Dict[str, Any]] = _field(list)
