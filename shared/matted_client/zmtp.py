"""A ZeroMQ DEALER that does no I/O: bytes in, messages out.

Speaks ZMTP 3.0 (https://rfc.zeromq.org/spec/23/) as a client with the PLAIN mechanism
(https://rfc.zeromq.org/spec/24/). The caller owns the socket:

    peer = Dealer(username, password)
    send(peer.greeting())
    while True:
        count = recv_into(peer.wanted())
        for message in peer.received(count): ...      # message: list of frames
        send(peer.to_send())

`wanted()` is a view of the buffer where the next bytes belong, so a 100 MB frame is received straight into its
final place, without a copy.
"""

from __future__ import annotations

import struct
from typing import Callable, Iterable, Iterator, List, Optional, Union

from .errors import ProtocolError, Rejected
from .filling import Filling

Frame = Union[memoryview, Filling]  # of bytes

MORE, LONG, COMMAND = 1, 2, 4  # flag bits of a frame
MAX_COMMAND_BYTES = 4096  # handshake commands are tens of bytes
MAX_FRAMES = 16  # a matted reply has four frames at most
DEFAULT_FRAME_BYTES = 1 << 20  # until a larger reply is expected: headers stay far below

_SIGNATURE = b"\xff" + b"\0" * 8 + b"\x7f"
_GREETING_BYTES = 64


class Dealer:
    """One connection's protocol state. `max_frame_bytes` bounds what a peer can make us allocate."""

    def __init__(self, username: bytes, password: bytes) -> None:
        self.ready = False
        self._welcomed = False
        self.max_frame_bytes = DEFAULT_FRAME_BYTES
        self._hello = _command(b"HELLO", _short(username) + _short(password))
        self._outgoing: List[bytes] = []
        self._frames: List[bytearray] = []
        self._flags = 0
        self._expect(_GREETING_BYTES, self._on_greeting)

    # -- sending ---------------------------------------------------------------------------------------------

    def greeting(self) -> bytes:
        """The 64 bytes that open a connection."""
        return _SIGNATURE + b"\x03\x00" + b"PLAIN".ljust(20, b"\0") + b"\0" * 32

    def to_send(self) -> bytes:
        """Handshake bytes that the last `received` call made necessary; empty most of the time."""
        data, self._outgoing = b"".join(self._outgoing), []
        return data

    @staticmethod
    def message(frames: Iterable[Frame]) -> Iterator[Frame]:
        """Yield the parts of one message in order: before each frame what goes ahead of it, then the frame itself."""
        every = [frame if isinstance(frame, Filling) else memoryview(frame).cast("B") for frame in frames]
        for index, frame in enumerate(every):
            flags = MORE if index + 1 < len(every) else 0
            if len(frame) < 256:
                yield memoryview(struct.pack(">BB", flags, len(frame)))
            else:
                yield memoryview(struct.pack(">BQ", flags | LONG, len(frame)))
            yield frame

    # -- receiving -------------------------------------------------------------------------------------------

    def wanted(self) -> memoryview:
        """Where the next bytes go; never empty."""
        return memoryview(self._buffer)[self._filled :]

    def received(self, count: int) -> List[List[bytearray]]:
        """Account for `count` bytes written into `wanted()`; return the messages that are now complete.

        Raises ProtocolError if the peer breaks ZMTP, Rejected("unauthorized") if it refuses our credentials.
        """
        self._filled += count
        messages: List[List[bytearray]] = []
        while self._filled == len(self._buffer):  # a frame of no bytes is complete at once
            message = self._step(self._buffer)
            if message is not None:
                messages.append(message)
        return messages

    def _expect(self, count: int, step: Callable[[bytearray], Optional[List[bytearray]]]) -> None:
        self._buffer = bytearray(count)
        self._filled = 0
        self._step = step

    def _on_greeting(self, data: bytearray) -> None:
        if data[0] != 0xFF or not data[9] & 1:
            raise ProtocolError("The program on the daemon's port does not speak ZeroMQ.")
        if data[10] < 3:
            raise ProtocolError("The program on the daemon's port speaks a ZeroMQ protocol older than version 3.")
        mechanism = bytes(data[12:32]).rstrip(b"\0")
        if mechanism != b"PLAIN":
            raise ProtocolError("The program on the daemon's port does not ask for a key, so it is not matted.")
        self._outgoing.append(self._hello)
        self._expect(1, self._on_flags)

    def _on_flags(self, data: bytearray) -> None:
        self._flags = data[0]
        if self._flags > 7 or self._flags & (COMMAND | MORE) == (COMMAND | MORE):
            raise ProtocolError("The daemon sent a malformed frame.")
        self._expect(8 if self._flags & LONG else 1, self._on_length)

    def _on_length(self, data: bytearray) -> None:
        length = int.from_bytes(data, "big")
        limit = MAX_COMMAND_BYTES if self._flags & COMMAND else self.max_frame_bytes
        if length > limit:
            raise ProtocolError("The daemon announced %d bytes where at most %d were expected." % (length, limit))
        self._expect(length, self._on_body)

    def _on_body(self, data: bytearray) -> Optional[List[bytearray]]:
        flags = self._flags
        self._expect(1, self._on_flags)
        if flags & COMMAND:
            self._on_command(bytes(data))
            return None
        if not self.ready:
            raise ProtocolError("The daemon sent a message before the handshake was over.")
        self._frames.append(data)
        if len(self._frames) > MAX_FRAMES:
            raise ProtocolError("The daemon sent a message of too many frames.")
        if flags & MORE:
            return None
        message, self._frames = self._frames, []
        return message

    def _on_command(self, body: bytes) -> None:
        name = body[1 : 1 + body[0]] if body and body[0] < len(body) else b""
        if name == b"ERROR":
            raise Rejected("unauthorized", "The program on the daemon's port refused our key.")
        if self.ready:
            return  # later commands (PING and the like) are for newer revisions than the one we announced
        if name == b"WELCOME" and not self._welcomed:
            self._welcomed = True
            properties = _property(b"Socket-Type", b"DEALER") + _property(b"Identity", b"")
            self._outgoing.append(_command(b"INITIATE", properties))
        elif name == b"READY" and self._welcomed:
            self.ready = True
        else:
            raise ProtocolError("The daemon sent an unknown handshake command.")


def _short(data: bytes) -> bytes:
    return struct.pack("B", len(data)) + data


def _property(name: bytes, value: bytes) -> bytes:
    return _short(name) + struct.pack(">I", len(value)) + value


def _command(name: bytes, data: bytes) -> bytes:
    body = _short(name) + data
    if len(body) < 256:
        return struct.pack(">BB", COMMAND, len(body)) + body
    return struct.pack(">BQ", COMMAND | LONG, len(body)) + body
