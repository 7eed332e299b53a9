"""A session with the daemon over its one socket, for the command line and the plug-ins.

with connect("my program") as session:
    mask = session.mask(pixels, width, height, "RGBA8")
"""

from __future__ import annotations

import os
import socket
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple, Type, Union

from . import endpoint, messages, python
from .errors import MattedError, NotRunning, ProtocolError, Rejected, Timeout, Unavailable
from .filling import Filling
from .messages import (
    Cancel,
    Close,
    Done,
    Failure,
    Hello,
    MaskRequest,
    Message,
    Open,
    Progress,
    Question,
    RefineRequest,
    Welcome,
)
from .pictures import Cancelled, Mask, OnProgress, OpenPicture, ignore, never, received, result_sizes, views
from .scenes import Scene
from .zmtp import Dealer, Frame

CONNECT_SECONDS = 5.0  # TCP and handshake on loopback take milliseconds, unless the daemon hangs
START_SECONDS = 20.0  # a cold disk can make the first Python start slow
OTHER_SECONDS = 3.0  # for a daemon that runs and cannot be reached yet, or no longer
SILENCE_SECONDS = 60.0  # the daemon reports twice a second; memory pressure may stall it for a while
POLL_SECONDS = 0.05  # how often `cancelled` is asked
SEND_CHUNK = 1 << 20
# What is sent to a daemon that is gone is an error, and no signal: a Python inside of another program, as in Krita,
# leaves SIGPIPE as it is, which ends the program.
NO_SIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)
SO_NOSIGPIPE = 0x1022  # of macOS, which has no such flag; Python does not name it

STARTING = "starting"  # a stage that the daemon cannot report itself

_Message = Tuple[str, Dict[str, Any], List[bytearray]]  # op, header and frames of a reply


def connect(
    client: str,
    path: Optional[str] = None,
    command: Optional[Sequence[str]] = None,
    start: bool = True,
    on_progress: OnProgress = ignore,
    cancelled: Cancelled = never,
) -> "Session":
    """Open a session with the daemon, starting it first if it does not run.

    client: the name of the program, for the daemon's log.
    path: the connection file. None: this user's.
    command: runs matted. None: with this Python.
    start: False to raise Unavailable where no daemon runs.
    on_progress: called when the daemon has to be started.
    cancelled: True ends the wait for the daemon.

    Raises Unavailable, or Rejected("unsupported_version") from a daemon of another major version.
    """
    path = path or endpoint.connection_path()
    door = _Door(path, client)
    try:
        return door.open()
    except Unavailable:
        if not start:
            raise
        on_progress(Progress(STARTING))
        return _start_and_connect(door, endpoint.Starter(command or _this_matted(), os.path.dirname(path)), cancelled)


def _this_matted() -> List[str]:
    return python.command(python.MATTED)


class _Door:
    """Opens sessions with the daemon that the connection file names."""

    def __init__(self, path: str, client: str) -> None:
        self._path = path
        self._client = client
        self._silent: Optional[endpoint.Connection] = None
        self._silence = Unavailable("")

    def open(self, again: bool = False) -> "Session":
        """Open a session. Raises Unavailable; at once, where the daemon was silent before and is the same.

        again: try a silent one again: it may have stood still for a while, for want of memory, say.
        """
        connection = endpoint.read_connection(self._path)
        if connection == self._silent and not again:
            raise self._silence
        try:
            return Session(connection, self._client)
        except Unavailable as error:
            if isinstance(error.__cause__, (Timeout, socket.timeout)):
                self._silent, self._silence = connection, error
            raise


def _start_and_connect(door: _Door, starter: endpoint.Starter, cancelled: Cancelled) -> "Session":
    process, pause = starter.start(), 0.0
    deadline = time.monotonic() + START_SECONDS
    give_up = None  # when another daemon runs, and was given time to come up or to end
    while True:
        if cancelled():
            raise Rejected(messages.CANCELLED, "Cancelled.")
        code = process.poll()
        try:
            return door.open()
        except Unavailable as error:
            cause = error
        if code:
            raise Unavailable("The matted daemon did not start: %s", "Run: matted serve", (starter.reason(),))
        now = time.monotonic()
        if code == 0:  # another one runs
            give_up = give_up or now + OTHER_SECONDS
            if now > give_up:
                try:
                    return door.open(again=True)
                except Unavailable as error:
                    raise _unreachable(error) from error
            if isinstance(cause, NotRunning):  # it may have been about to end: try again, with longer pauses
                pause += 0.2
                time.sleep(pause)
                process = starter.start()
        if now > deadline:
            raise _late(cause)
        time.sleep(POLL_SECONDS)


def _unreachable(cause: Unavailable) -> Unavailable:
    """Say why a daemon that runs cannot be used."""
    if isinstance(cause, NotRunning):  # its connection file is gone, or another program's
        return Unavailable("A matted daemon runs already, and cannot be reached.", endpoint.RESTART)
    return cause


def _late(cause: Unavailable) -> Unavailable:
    """Say why a daemon that was started cannot be used."""
    if isinstance(cause, NotRunning):
        return Unavailable("The matted daemon did not come up within %d s.", "Run: matted serve", (START_SECONDS,))
    return cause


@dataclass(frozen=True)
class _Request:
    """A message that is ready to be sent. header: as it goes over the wire."""

    id: int
    header: memoryview


@dataclass(frozen=True)
class Sent:
    """A question that was sent. size: of its picture."""

    id: int
    question: Question
    size: Tuple[int, int]


class Session:
    """One authenticated connection. Not for use from two threads at once.

    It is closed by every error but a refusal by the daemon: what follows on a connection is unknown after that. A
    session that is closed raises Unavailable.
    """

    def __init__(self, connection: endpoint.Connection, client: str) -> None:
        nonce = os.urandom(messages.NONCE_BYTES)
        username = nonce.hex().encode()
        self._peer = Dealer(username, messages.client_password(connection.key, username))
        self._last_id = self._last_picture = self._last_scene = 0
        self._closed = False
        self._inbox: List[List[bytearray]] = []
        # By the id of a question that was sent: what came of it while somebody waited for another reply.
        self._sent: Dict[int, List[_Message]] = {}
        try:
            self._socket = socket.create_connection(("127.0.0.1", connection.port), CONNECT_SECONDS)
        except socket.timeout as error:
            raise Unavailable("The matted daemon does not answer.", endpoint.RESTART) from error
        except OSError as error:
            raise NotRunning("The matted daemon is not running.", "Start it with: matted start") from error
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if sys.platform == "darwin":
                self._socket.setsockopt(socket.SOL_SOCKET, SO_NOSIGPIPE, 1)
            self._socket.settimeout(POLL_SECONDS)
            self.welcome = self._shake_hands(connection.key, client)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True
        self._socket.close()

    @contextmanager
    def _exchange(self, request: Message) -> Iterator["_Request"]:
        """A request and its replies. Closes the session if it ends in the middle of them.

        Raises Rejected, TypeError, OverflowError for a request that cannot be sent; the session stays open.
        """
        self._refuse_if_closed()
        packed = self._pack(request)
        with self._closing():
            yield packed

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise Unavailable("The connection to the matted daemon is closed.", "Try again.")

    @contextmanager
    def _closing(self) -> Iterator[None]:
        """Close the session if the block ends by an error that is no refusal."""
        try:
            yield
        except Rejected:
            raise  # by the daemon, in a reply
        except BaseException:
            self.close()
            raise

    def _shake_hands(self, key: bytes, client: str) -> Welcome:
        """Exchange proofs of the key. Raises Unavailable unless the other side is the daemon of the connection file."""
        deadline = time.monotonic() + CONNECT_SECONDS
        try:
            self._send_bytes(memoryview(self._peer.greeting()), deadline)
            while not self._peer.ready:
                self._receive_some(deadline)
            nonce = os.urandom(messages.NONCE_BYTES)
            hello = self._pack(Hello(messages.PROTOCOL, nonce, client[: messages.MAX_TEXT]))
            self._send(hello, deadline=deadline)
            op, header, _ = self._reply(hello.id, deadline)
            if op == Failure.op:
                raise _rejected(header)
            welcome = Welcome.from_wire(header)
        except (Rejected, Unavailable) as error:
            if isinstance(error, Rejected) and error.code != "unauthorized":
                raise
            message = "What answers on the daemon's port is not the daemon of the connection file."
            raise Unavailable(message, endpoint.RESTART) from error
        except (ProtocolError, Timeout) as error:
            raise Unavailable(error.sentence, endpoint.RESTART, error.values) from error
        if not messages.same_secret(welcome.proof, messages.server_proof(key, nonce)):
            raise Unavailable("Another program took the daemon's port; nothing was sent to it.", endpoint.RESTART)
        return welcome

    # -- requests ----------------------------------------------------------------------------------------------------

    def mask(
        self,
        pixels: Any,
        width: int,
        height: int,
        format: str,
        model: str = "default",
        plate: Any = None,
        hint: Any = None,
        on_progress: OnProgress = ignore,
        cancelled: Cancelled = never,
        **options: Any,
    ) -> Mask:
        """Ask for the mask of a picture and wait for it.

        pixels: a bytes-like object of width x height pixels, rows from the top without padding, sRGB; or a Filling,
            which is sent as it fills.
        format: a key of formats.BYTES_PER_PIXEL.
        plate: like `pixels`, the scene without the subject, for models that need it.
        hint: width x height bytes: 0 is background, 255 is subject, all else is undecided.
        cancelled: called about every 50 ms; True ends the request in the daemon too. The session can be used at once.
        options: other fields of MaskRequest: box, keep and drop, view, depth, foreground and those of MaskOptions.

        Raises Rejected with the daemon's code, Timeout, ProtocolError, Unavailable.
        """
        has_plate, has_hint = plate is not None, hint is not None
        request = MaskRequest(width, height, format, model=model, plate=has_plate, hint=has_hint, **options)
        return self.answer(request, views(pixels, plate, hint), request, on_progress, cancelled)

    def refine(
        self,
        pixels: Any,
        width: int,
        height: int,
        format: str,
        hint: Any,
        on_progress: OnProgress = ignore,
        cancelled: Cancelled = never,
        **options: Any,
    ) -> Mask:
        """Ask for the refined mask of a picture, and wait for it. As `mask`, but for:

        hint: width x height bytes: the mask that is there already.
        options: other fields of RefineRequest: box, keep and drop, view, band, depth, foreground and those of
            RefineOptions.
        """
        request = RefineRequest(width, height, format, hint=True, **options)
        return self.answer(request, views(pixels, hint), request, on_progress, cancelled)

    def open(
        self,
        pixels: Any,
        width: int,
        height: int,
        format: str,
        plate: Any = None,
        hint: Any = None,
        cancelled: Cancelled = never,
    ) -> OpenPicture:
        """Have the daemon keep a picture for several questions. Parameters and errors are those of `mask`."""
        self._last_picture += 1
        opening = Open(self._last_picture, width, height, format, plate is not None, hint is not None)
        frames = views(pixels, plate, hint)
        self.keep(opening, frames, cancelled)
        return OpenPicture(self, opening, frames)

    def keep(self, opening: Open, frames: Sequence[Frame], cancelled: Cancelled = never) -> None:
        """Have the daemon keep a picture. Raises what `mask` raises."""
        self._check_picture(opening)
        _check_frames(opening, opening, frames, opening.frame_sizes)
        with self._exchange(opening) as request:
            self._send(request, frames, cancelled=cancelled)
            _expect(Done, self._result(request.id, ignore, never)[0], opening)

    def forget(self, opening: Open) -> None:
        """Have the daemon forget a picture."""
        self._ask(Close(opening.picture), Done)

    def answer(
        self,
        question: Question,
        frames: Sequence[Frame],
        about: Union[Open, Question],
        on_progress: OnProgress,
        cancelled: Cancelled,
    ) -> Mask:
        """Ask a question and wait for the mask. Raises what `mask` raises. Parameters are those of `send`."""
        return self.receive(self.send(question, frames, about, cancelled), on_progress, cancelled)

    def send(
        self, question: Question, frames: Sequence[Frame], about: Union[Open, Question], cancelled: Cancelled = never
    ) -> Sent:
        """Send a question, whose mask `receive` waits for. Raises what `mask` raises.

        frames: those that follow the question. They may be changed afterwards.
        about: what has the width, height and format of the picture: the question itself, unless its picture is open.
        """
        size = about.width, about.height
        self._check_picture(about)
        problem = question.problem() or question.outside(*size)
        if problem:
            raise Rejected(messages.BAD_REQUEST, "'%s' %s." % (question.op, problem))
        _check_frames(question, about, frames, question.frame_sizes(*size, about.format))
        results = result_sizes(question, *size)
        with self._exchange(question) as request:
            # Never less than before: the reply to a request that was cancelled may still come.
            self._peer.max_frame_bytes = max(self._peer.max_frame_bytes, *results)
            # Where no picture is sent, a cancel waits until the message is: half a message would cost the connection.
            interrupted = cancelled if question.picture is None else never
            self._send(request, frames, cancelled=interrupted)
            self._sent[request.id] = []
            return Sent(request.id, question, size)

    def receive(self, sent: Sent, on_progress: OnProgress = ignore, cancelled: Cancelled = never) -> Mask:
        """Wait for the mask of a question that was sent. Raises what `mask` raises. Once for each question."""
        self._refuse_if_closed()
        question = sent.question
        given_up = question.picture is not None and question.view is not None
        with self._closing():
            try:
                return received(*self._result(sent.id, on_progress, cancelled, given_up), question, sent.size)
            finally:
                self._sent.pop(sent.id, None)  # what comes of it after that is skipped

    def scene(
        self, width: int, height: int, format: str, plate: Any = None, model: str = "default", **options: Any
    ) -> Scene:
        """Begin a scene, whose frames follow. Nothing is sent yet.

        width, height, format: of every frame, and of the plate.
        plate: the scene without the subject, for models that need it: it is sent until the mask of a frame has come.
        options: other fields of MaskRequest that hold for every frame.
        """
        self._last_scene += 1
        return Scene(self, self._last_scene, width, height, format, plate, model, options)

    def end_scene(self, sequence: int) -> None:
        """Have the daemon forget a scene."""
        self._ask(Close(sequence=sequence), Done)

    def give_up(self, sent: Sequence[Sent]) -> None:
        """Cancel questions whose masks nobody waits for any more."""
        self._refuse_if_closed()
        with self._closing():
            for each in sent:
                self._sent.pop(each.id, None)
                self._send(self._pack(Cancel(each.id)))

    def status(self) -> Dict[str, Any]:
        return dict(self._ask(messages.StatusRequest(), messages.StatusReply).status)

    def models(self) -> List[Dict[str, Any]]:
        return list(self._ask(messages.ModelsRequest(), messages.ModelsReply).models)

    def load(
        self,
        model: str = "default",
        on_progress: OnProgress = ignore,
        cancelled: Cancelled = never,
        keep_alive: Optional[float] = None,
        download: bool = False,
        accept_licence: str = "",
    ) -> None:
        """Have the daemon load a model before it is needed.

        keep_alive: seconds for which it stays in memory.
        download: get it first if it is not on this computer.
        accept_licence: the model's licence, if a person has read it and accepts it.

        Raises what `mask` raises.
        """
        load = messages.Load(model, keep_alive, download, accept_licence)
        with self._exchange(load) as request:
            self._send(request)
            _expect(Done, self._result(request.id, on_progress, cancelled)[0], load)

    def offer(self, model: str) -> bool:
        """Ask whether a person may be told now that this better model could be had. True once on a computer."""
        return bool(self._ask(messages.Offer(model), Done).found)

    def unload(self, model: str = "default") -> bool:
        """Have the daemon unload a model. Returns False if it was not in memory."""
        return bool(self._ask(messages.Unload(model), Done).found)

    def reload(self) -> None:
        """Have the daemon read its settings and the user's own models again. Raises Rejected if they are wrong."""
        self._ask(messages.Reload(), Done)

    def shutdown(self) -> None:
        self._ask(messages.Shutdown(), Done)

    def wait_until_gone(self, seconds: float) -> bool:
        """Wait until the daemon has ended, which closes this connection. Returns whether it has."""
        deadline = time.monotonic() + seconds
        try:
            while True:
                self._receive_some(deadline)
        except Timeout:
            return False
        except MattedError:
            return True

    def _check_picture(self, about: Union[Open, Question]) -> None:
        """Refuse a picture that the daemon would refuse, before any pixel is sent."""
        if about.format not in self.welcome.formats:
            raise Rejected(messages.BAD_REQUEST, "The daemon does not know the pixel format %s." % about.format)
        if about.width < 1 or about.height < 1:
            raise Rejected(messages.BAD_REQUEST, "The picture has no pixels.")
        limit, side = self.welcome.max_pixels, self.welcome.max_side
        if about.width * about.height > limit or max(about.width, about.height) > side:
            message = "The picture is too large: %d x %d pixels." % (about.width, about.height)
            raise Rejected(
                messages.TOO_LARGE,
                message,
                "At most %d megapixels and %d pixels a side are possible; scale it down." % (limit // 1000000, side),
            )

    def _ask(self, message: Message, reply: Any) -> Any:
        deadline = time.monotonic() + CONNECT_SECONDS
        with self._exchange(message) as request:
            self._send(request, deadline=deadline)
            op, header, _ = self._reply(request.id, deadline)
            if op == Failure.op:
                raise _rejected(header)
            _expect(reply, op, message)
            return reply.from_wire(header)

    # -- messages ----------------------------------------------------------------------------------------------------

    def _result(
        self, request_id: int, on_progress: OnProgress, cancelled: Cancelled, given_up: bool = False
    ) -> _Message:
        """Report progress until the reply comes, and return its op, header and frames. Raises Rejected for an error.

        given_up: nobody waits any more once `cancelled` is true, but the daemon is not told.
        """
        while True:
            op, header, frames = self._reply(request_id, time.monotonic() + SILENCE_SECONDS, cancelled)
            if op == "":  # the caller wants to stop; the reply that comes then is skipped like all to other requests
                if not given_up:
                    self._send(self._pack(Cancel(request_id)))
                raise Rejected(messages.CANCELLED, "Cancelled.")
            if op == Progress.op:
                on_progress(Progress.from_wire(header))
            elif op == Failure.op:
                raise _rejected(header)
            else:
                return op, header, frames

    def _pack(self, message: Message) -> "_Request":
        """Give a message its id and encode it. Raises Rejected, TypeError, OverflowError if it cannot be sent."""
        self._last_id += 1
        header = memoryview(message.to_wire(self._last_id))
        if len(header) > messages.MAX_HEADER_BYTES:
            raise Rejected(messages.BAD_REQUEST, "There are more points in the request than the daemon takes.")
        return _Request(self._last_id, header)

    def _send(
        self,
        request: "_Request",
        frames: Sequence[Frame] = (),
        deadline: Optional[float] = None,
        cancelled: Cancelled = never,
    ) -> None:
        for part in self._peer.message([request.header, *frames]):
            if isinstance(part, Filling):
                self._send_filling(part, cancelled)
            else:
                self._send_bytes(part, deadline, cancelled)

    def _send_filling(self, filling: Filling, cancelled: Cancelled) -> None:
        """Send a frame as it fills, however long that takes. Raises the error of the one who fills it."""
        sent = 0
        try:
            while sent < len(filling):
                there = filling.after(sent, POLL_SECONDS)
                self._send_bytes(there, cancelled=cancelled)
                sent += len(there)
                if sent < len(filling) and cancelled():
                    raise Rejected(messages.CANCELLED, "Cancelled.")
        except MattedError:
            self.close()  # as a message that is half sent can't be ended otherwise
            raise

    def _reply(self, request_id: int, deadline: float, cancelled: Cancelled = never) -> _Message:
        """Return the next message for `request_id`, or ("", {}, []) once `cancelled` is true."""
        kept = self._sent.get(request_id)
        if kept:
            return kept.pop(0)
        while True:
            while self._inbox:
                frames = self._inbox.pop(0)
                op, reply_id, header = messages.split_header(bytes(frames[0]))
                if reply_id == request_id:
                    return op, header, frames[1:]
                if reply_id in self._sent and op != Progress.op:
                    self._sent[reply_id].append((op, header, frames[1:]))
            if not self._receive_some(deadline, cancelled):
                return "", {}, []

    # -- bytes -------------------------------------------------------------------------------------------------------

    def _send_bytes(self, data: memoryview, deadline: Optional[float] = None, cancelled: Cancelled = never) -> None:
        limit = deadline or time.monotonic() + SILENCE_SECONDS
        while len(data):
            try:
                data = data[self._socket.send(data[:SEND_CHUNK], NO_SIGNAL) :]
                limit = deadline or time.monotonic() + SILENCE_SECONDS
            except socket.timeout as error:
                if time.monotonic() > limit:
                    raise Timeout("The matted daemon does not read what it is sent.", endpoint.RESTART) from error
            except OSError as error:
                raise self._gone() from error
            if len(data) and cancelled():  # a message that is half sent can only be ended by closing the connection
                self.close()
                raise Rejected(messages.CANCELLED, "Cancelled.")

    def _receive_some(self, deadline: float, cancelled: Cancelled = never) -> bool:
        """Wait for bytes and read them. Returns False once `cancelled` is true. Raises Timeout at the deadline."""
        while True:
            if cancelled():
                return False
            try:
                count = self._socket.recv_into(self._peer.wanted())
                break
            except socket.timeout as error:
                if time.monotonic() > deadline:
                    raise Timeout("The matted daemon does not answer.", endpoint.RESTART) from error
            except OSError as error:
                raise self._gone() from error
        if count == 0:
            raise self._gone()
        self._inbox += self._peer.received(count)
        answer = self._peer.to_send()
        if answer:
            self._send_bytes(memoryview(answer), deadline)
        return True

    @staticmethod
    def _gone() -> Unavailable:
        return Unavailable("The matted daemon ended in the middle of the work.", "Try again; it will be restarted.")


def _rejected(header: Dict[str, Any]) -> Rejected:
    failure = Failure.from_wire(header)
    return Rejected(failure.code, failure.message, failure.hint)


def _check_frames(
    message: Union[Open, Question], about: Union[Open, Question], frames: Sequence[Frame], expected: List[int]
) -> None:
    """Refuse frames that the daemon would refuse.

    message: that they follow.
    about: what has the width, height and format of the picture.
    expected: the bytes of each frame.
    """
    names = ["plate"] * getattr(message, "plate", False) + ["hint"] * message.hint
    if isinstance(message, Open) or message.picture is None:
        names.insert(0, "picture")
    if len(frames) != len(expected):
        values = len(frames), ", ".join(names) or "none"
        raise Rejected(messages.BAD_REQUEST, "There are %d frames of pixels; expected: %s." % values)
    for k, name in enumerate(names):
        if len(frames[k]) != expected[k]:
            form = "one byte each" if name == "hint" else about.format
            sizes = name, len(frames[k]), about.width, about.height, form, expected[k]
            raise Rejected(messages.BAD_REQUEST, "The %s has %d bytes: %d x %d pixels of %s take %d." % sizes)


def _expect(kind: Type[Message], op: str, request: Message) -> None:
    """Raise ProtocolError unless a reply is of this kind."""
    if op != kind.op:
        raise ProtocolError("The daemon answered '%s' with '%s'." % (request.op, op))
