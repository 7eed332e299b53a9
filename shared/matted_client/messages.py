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
from .formats import BYTES_PER_PIXEL
from .options import MaskOptions, RefineOptions, SceneOptions
from .packing import pack, unpack

PROTOCOL = 1  # the major version; checked in hello

MASK_DEPTHS = (8, 16)  # bits; 16-bit masks are little-endian
TILE = 64  # pixels a side of a tile of the cut-out

# Limits of one request. 200 megapixels is twice the largest camera frame in use; RGBA8 of it is the largest frame.
MAX_PIXELS = 200_000_000
MAX_SIDE = 65_535
MAX_FRAME_BYTES = 4 * MAX_PIXELS
MAX_HEADER_BYTES = 64 * 1024
MAX_TEXT = 1024  # characters of any text a client sends
MAX_POINTS = 1000  # of each kind in a request: many times as many as a person clicks

NONCE_BYTES = 16
_SERVER_PROOF = b"matted/1 server "  # keeps a server's proof from ever equalling a client's password

# Error codes
BAD_REQUEST = "bad_request"
UNSUPPORTED_VERSION = "unsupported_version"
TOO_LARGE = "too_large"
BUSY = "busy"
PICTURE_FORGOTTEN = "picture_forgotten"
PLATE_NEEDED = "plate_needed"
CLICKS_NEEDED = "clicks_needed"
MODEL_NOT_FOUND = "model_not_found"
MODEL_NOT_INSTALLED = "model_not_installed"
LICENCE_NOT_ACCEPTED = "licence_not_accepted"
OUT_OF_MEMORY = "out_of_memory"
NO_SUBJECT = "no_subject"
NO_GROUND = "no_ground"
CANCELLED = "cancelled"
SHUTTING_DOWN = "shutting_down"
SERVER_FAILED = "server_failed"
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
    each: Optional[Field] = None,
    default: Any = dataclasses.MISSING,
) -> Any:
    """A field of a header; see Field for the parameters."""
    metadata = {"field": Field(kinds, low, high, values, each)}
    if isinstance(default, (list, dict)):
        return dataclasses.field(metadata=metadata, default_factory=lambda: type(default)(default))
    return dataclasses.field(metadata=metadata, default=default)


def _is_default(message: Any, field: Any) -> bool:
    if field.default_factory is not dataclasses.MISSING:
        return bool(getattr(message, field.name) == field.default_factory())
    return field.default is not dataclasses.MISSING and bool(getattr(message, field.name) == field.default)


def _frame_sizes(width: int, height: int, format: str, pictures: int, hint: bool) -> List[int]:
    """The bytes of the frames behind a header.

    width, height, format: of the picture.
    pictures: how many frames of that format follow.
    hint: whether a hint follows.
    """
    pixels = width * height
    return [pixels * BYTES_PER_PIXEL[format]] * pictures + [pixels] * hint


M = TypeVar("M", bound="Message")


@dataclass(frozen=True)
class Message:
    """Base: turns a header map into checked fields and back."""

    op: ClassVar[str] = ""

    def to_wire(self, request_id: int) -> bytes:
        """The header. Fields that have their defaults are left out."""
        header = {"op": self.op, "id": request_id}
        header.update({f.name: getattr(self, f.name) for f in dataclasses.fields(self) if not _is_default(self, f)})
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
        message = cls(**values)
        problem = message.problem()
        if problem:
            raise ProtocolError("'%s' %s." % (cls.op, problem))
        return message

    def problem(self) -> str:
        """What is wrong with the fields together, to stand behind the message's name. Empty if nothing is."""
        return ""


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


_COORDINATE = Field((int,), 0, MAX_SIDE)
_POINT = Field((list,), 2, 2, each=_COORDINATE)
_NAME = (0, (1 << 63) - 1)  # the range of a picture's name, and of a sequence's


@dataclass(frozen=True)
class Open(Message):
    """Keep a picture for the requests that name it, in the place of one of the same name.

    One frame follows: width x height pixels, rows from the top, no padding, sRGB.

    picture: its name, which the client chooses; other connections do not see it.
    plate: a second frame follows, of the same size and format: the same scene without the subject.
    hint: one more frame follows, width x height bytes: the hint of the requests that bring none.
    """

    op: ClassVar[str] = "open"
    picture: int = _field(int, low=_NAME[0], high=_NAME[1])
    width: int = _field(int, low=1, high=MAX_SIDE)
    height: int = _field(int, low=1, high=MAX_SIDE)
    format: str = _field(str, values=tuple(BYTES_PER_PIXEL))
    plate: bool = _field(bool, default=False)
    hint: bool = _field(bool, default=False)

    @property
    def frame_sizes(self) -> List[int]:
        """The bytes of each frame that follows."""
        return _frame_sizes(self.width, self.height, self.format, 1 + self.plate, self.hint)


@dataclass(frozen=True)
class Close(Message):
    """Forget a picture, or what is known of a sequence.

    Requests about it go on, but for those with a view. A frame that names the sequence then begins another one.
    """

    op: ClassVar[str] = "close"
    picture: Optional[int] = _field(int, type(None), low=_NAME[0], high=_NAME[1], default=None)
    sequence: Optional[int] = _field(int, type(None), low=_NAME[0], high=_NAME[1], default=None)

    def problem(self) -> str:
        """As Message.problem."""
        if (self.picture is None) == (self.sequence is None):
            return "has to name either a picture or a sequence"
        return ""


@dataclass(frozen=True)
class Question(Message):
    """A request for a mask, of either kind: which picture, what a person says of it, and what to send.

    width, height, format: of the picture whose pixels follow in one frame. Left out where `picture` is given.
    picture: the name of an open picture.
    box: left, top, right, bottom, in pixels of the picture: the subject lies in left <= x < right, top <= y < bottom.
    keep, drop: points x, y, in pixels of the picture, that belong to the subject, or do not.
    hint: one more frame follows, a byte for each pixel of the picture: 0 background, 255 subject, else undecided.
    view: left, top, right, bottom of a part of the picture, and the width and height at which it is shown, no larger
        than the part. None: the whole picture at its own size.
    depth: bits of a sample of the mask.
    foreground: the result shall have the pixels of what is kept too, in its own colours.
    tiles: of these pixels, those tiles are enough whose colours may be others than the picture's.
    """

    width: int = _field(int, low=1, high=MAX_SIDE, default=0)
    height: int = _field(int, low=1, high=MAX_SIDE, default=0)
    format: str = _field(str, values=tuple(BYTES_PER_PIXEL), default="")
    picture: Optional[int] = _field(int, type(None), low=_NAME[0], high=_NAME[1], default=None)
    box: Optional[List[int]] = _field(list, type(None), low=4, high=4, each=_COORDINATE, default=None)
    keep: List[List[int]] = _field(list, high=MAX_POINTS, each=_POINT, default=[])
    drop: List[List[int]] = _field(list, high=MAX_POINTS, each=_POINT, default=[])
    hint: bool = _field(bool, default=False)
    view: Optional[List[int]] = _field(list, type(None), low=6, high=6, each=_COORDINATE, default=None)
    depth: int = _field(int, values=MASK_DEPTHS, default=8)
    foreground: bool = _field(bool, default=False)
    tiles: bool = _field(bool, default=False)

    def problem(self) -> str:
        """As Message.problem."""
        described = [bool(self.width), bool(self.height), bool(self.format)]
        if self.picture is None and not all(described):
            return "has neither the name of an open picture nor width, height and format of one that follows"
        if self.picture is not None and any(described):
            return "has both the name of an open picture and the size or format of another"
        if self.box is not None and not (self.box[0] < self.box[2] and self.box[1] < self.box[3]):
            return "has a box without pixels"
        if self.view is not None:
            left, top, right, bottom, width, height = self.view
            if not (left < right and top < bottom and width and height):
                return "has a view without pixels"
            if width > right - left or height > bottom - top:
                return "has a view that is larger than its part of the picture"
        return ""

    def outside(self, width: int, height: int) -> str:
        """What lies outside a picture of this size, to stand behind the message's name. Empty if nothing does."""
        if any(x >= width or y >= height for x, y in [*self.keep, *self.drop]):
            return "has a point outside the picture of %d x %d pixels" % (width, height)
        for name, part in (("box", self.box), ("view", self.view)):
            if part is not None and (part[2] > width or part[3] > height):
                return "has a %s outside the picture of %d x %d pixels" % (name, width, height)
        return ""

    def frame_sizes(self, width: int, height: int, format: str) -> List[int]:
        """The bytes of each frame that follows. width, height, format: of the picture."""
        return _frame_sizes(width, height, format, int(self.picture is None), self.hint)

    def result_size(self, width: int, height: int) -> Tuple[int, int]:
        """Width and height of the mask. width, height: of the picture."""
        return (self.view[4], self.view[5]) if self.view else (width, height)


@dataclass(frozen=True)
class MaskRequest(SceneOptions, MaskOptions, Question):
    """Make a mask. The frames that follow: the picture unless it is an open one, the plate, the hint, if there are any.

    The fields are those of Question, those of MaskOptions and SceneOptions, and:
    plate: a frame follows, of the picture's size and format: the same scene without the subject.
    keep_alive: seconds for which the model shall stay in memory.
    sequence: the name of the sequence that the picture is a frame of, which the client chooses. The first frame begins
        it. Frames follow in time, have one size and format, and bring their pixels. A plate holds for those after it.
    """

    op: ClassVar[str] = "mask"
    plate: bool = _field(bool, default=False)
    keep_alive: Optional[float] = _field(float, int, type(None), low=0, default=None)
    sequence: Optional[int] = _field(int, type(None), low=_NAME[0], high=_NAME[1], default=None)

    def problem(self) -> str:
        """As Message.problem."""
        if self.picture is not None and self.plate:
            return "has a plate of its own, where the plate comes with 'open'"
        if self.sequence is not None and self.picture is not None:
            return "has the name of an open picture, where a frame of a sequence brings its pixels"
        if self.sequence is not None and self.view is not None:
            return "has a view, which a frame of a sequence cannot have"
        return super().problem()

    def frame_sizes(self, width: int, height: int, format: str) -> List[int]:
        """As Question.frame_sizes."""
        return _frame_sizes(width, height, format, int(self.picture is None) + self.plate, self.hint)


@dataclass(frozen=True)
class RefineRequest(RefineOptions, Question):
    """Refine a mask. The frames that follow: the picture unless it is an open one, the hint.

    The fields are those of Question and of RefineOptions. The hint is the mask that is there already: its 0 and
    255 stay further than the reach from where they meet; all else is undecided.

    band: the result shall be the band that would be made anew, at full scale, instead of the refined mask. It takes a
        part of the time. TuningOptions, `foreground` and `tiles` have no effect on it.
    """

    op: ClassVar[str] = "refine"
    band: bool = _field(bool, default=False)

    def problem(self) -> str:
        """As Message.problem."""
        if self.picture is None and not self.hint:
            return "has no hint, which is the mask to be refined"
        return super().problem()


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

    download: get it first if it is not on this computer.
    accept_licence: the licence of the model that a person has read and accepts; empty: nobody was asked. Without it, a
        model whose licence has to be accepted is refused.
    """

    op: ClassVar[str] = "load"
    model: str = _field(str, high=MAX_TEXT, default="default")
    keep_alive: Optional[float] = _field(float, int, type(None), low=0, default=None)
    download: bool = _field(bool, default=False)
    accept_licence: str = _field(str, high=MAX_TEXT, default="")


@dataclass(frozen=True)
class Offer(Message):
    """Ask whether a person may be told now of a better model that could be had: once on a computer, by any host."""

    op: ClassVar[str] = "offer"
    model: str = _field(str, high=MAX_TEXT)


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
    """Any number of them before a result. Sent at least twice a second while a request is alive.

    stage: waiting, downloading, quantizing, loading, preparing, inference, second_look, edges, refining, mask, colours,
        or another.
    """

    op: ClassVar[str] = "progress"
    stage: str = _field(str)
    fraction: Optional[float] = _field(float, int, type(None), low=0, high=1, default=None)  # of this stage
    place: int = _field(int, low=0, default=0)  # how many requests this one waits for, in any stage
    detail: str = _field(str, default="")  # downloading: what, how big, which licence; quantizing, loading: the model


@dataclass(frozen=True)
class MaskResult(Message):
    """One frame follows: the mask, width x height samples of `depth` bits, 0 background, full scale subject.

    width, height: of the view, or of the picture.
    model, device: empty where no model was used.
    foreground: a second frame follows: width x height pixels of 4 bytes, BGRA8 if the request was, else RGBA8: the
        subject's colours without the background's, and the picture's alpha times the mask.
    tiles: two frames follow in the place of that one: a byte for each tile of TILE x TILE pixels, row after row, which
        is not 0 where its pixels follow; and the pixels of these tiles, one tile after the other. Those at the right
        and lower edge are smaller. In all other tiles the colours are the picture's.
    confidence: how sure the model is that this is the subject, 0..1. second_look: a second look was taken, and used.
    ground: the kind of the flat ground that the mask's edge is from: one of `grounds`, or of a later version; empty
        where none was used. With the model FLAT it also said what the subject is.
    ground_colour: the ground's mean: R, G, B in sRGB, 0..255; empty where none was used.
    chosen: nobody named the model: FLAT, because the ground is surely flat, or the best one for the computer.
    reason: why that one, of `models`; empty for FLAT, and where it was not chosen.
    clicks_by: the model that takes clicks which has chosen the subject by the box and the clicks; empty if none has.
    refined_by: the model that refined the edge; empty where matted's own methods did, or there was nothing to refine.
    clicks_on, refined_on: where these two ran, as `device`.
    frame: the how many-th of its sequence the picture was, from 1 on; 0: it was of none.
    steadied: the matte was settled over this frame and those before.
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
    ground: str = _field(str, default="")
    ground_colour: List[int] = _field(list, high=3, each=Field((int,), 0, 255), default=[])
    chosen: bool = _field(bool, default=False)
    reason: str = _field(str, default="")
    clicks_by: str = _field(str, default="")
    clicks_on: str = _field(str, default="")
    refined_by: str = _field(str, default="")
    refined_on: str = _field(str, default="")
    frame: int = _field(int, low=0, default=0)
    steadied: bool = _field(bool, default=False)
    tiles: bool = _field(bool, default=False)

    def problem(self) -> str:
        """As Message.problem."""
        return "" if len(self.ground_colour) in (0, 3) else "has a ground_colour that is not red, green and blue"


@dataclass(frozen=True)
class Failure(Message):
    """The request ended without a result."""

    op: ClassVar[str] = "error"
    code: str = _field(str)
    message: str = _field(str)
    hint: str = _field(str, default="")


@dataclass(frozen=True)
class Done(Message):
    """The reply to open, close, cancel, load, offer, unload, reload and shutdown.

    `found` is false if there was nothing to close, cancel or unload, or if there was an offer before.
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
