"""Fuzz targets, one for each decoder that reads bytes of other programs.

A target takes any bytes, feeds them to its decoder, and checks what has to hold for every input. It raises
AssertionError if something does not hold, or the exception that the decoder should not have raised.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matted.masking.picture import Picture
from matted.models import catalogue
from matted.serving.service import Identity, Service
from matted.serving.setup import Setup
from matted.serving.zap import DOMAIN, ZapHandler
from matted.settings.config import Config
from matted_client import ProtocolError, Rejected, messages
from matted_client.packing import pack, unpack
from matted_client.zmtp import MAX_FRAMES, Dealer

KEY = bytes(range(32))
KINDS = {*messages.Message.__subclasses__(), *messages.Question.__subclasses__()} - {messages.Question}
PICTURE = messages.Open(1, 4, 4, "RGBA8", hint=True)  # is open whenever the service gets an input
# Separates the frames of a message in an input, so that a mutation can move their borders.
SEPARATOR = b"\xc1\xfe\xc1"  # msgpack never uses 0xc1


def fuzz_unpack(data: bytes) -> None:
    """Check that a value is the same after it was packed and unpacked."""
    try:
        value = unpack(data)
    except ProtocolError:
        return
    assert _same(unpack(pack(value)), value)


def fuzz_messages(data: bytes) -> None:
    """Read the header as every kind of message, and check that what was read survives writing and reading."""
    try:
        _, request_id, header = messages.split_header(data)
    except ProtocolError:
        return
    for kind in KINDS:
        try:
            message = kind.from_wire(header)
        except ProtocolError:
            continue
        again_op, again_id, again = messages.split_header(message.to_wire(request_id))
        assert (again_op, again_id) == (kind.op, request_id)
        assert _same(vars(kind.from_wire(again)), vars(message))


def fuzz_dealer(data: bytes) -> None:
    """Check that the client's ZMTP reads the same messages, or the same error, however the bytes are cut up."""
    whole, cut = _received(data[1:], len(data)), _received(data[1:], 1 + data[0] % 11 if data else 1)
    assert whole == cut


def _received(data: bytes, chunk: int) -> tuple[list[list[bytes]], str, bytes]:
    """Feed `data` to a dealer in chunks of at most so many bytes. Returns messages, the error's text, bytes to send."""
    dealer = Dealer(b"u" * 32, b"p" * 64)
    got: list[list[bytes]] = []
    said = b""
    while data:
        room = dealer.wanted()
        assert 0 < len(room) <= dealer.max_frame_bytes
        count = min(chunk, len(room), len(data))
        room[:count] = data[:count]
        try:
            arrived = dealer.received(count)
        except (ProtocolError, Rejected) as refusal:
            return got, str(refusal), said
        said += dealer.to_send()
        got += [[bytes(frame) for frame in message] for message in arrived]
        assert all(0 < len(message) <= MAX_FRAMES for message in got)
        data = data[count:]
    return got, "", said


def make_fuzz_service() -> Callable[[bytes], None]:
    """Make the target of the daemon's service: everything between socket and queue, for clients that know the key.

    The queue is closed, so that a request that passes every check is refused at the last step and no model is loaded.
    """
    folder = Path("/dev/null/nowhere")  # where nothing can be written
    setup = Setup(Config(folder, folder, folder, folder, queue=1, idle_exit=math.inf), catalogue.load())
    service = Service(setup, lambda: setup, Identity("tcp://127.0.0.1:1", "", KEY), lambda: None)
    service.stop()
    outcomes = {kind.op for kind in KINDS}
    pictures = service._questions.pictures
    frames_of_picture = [memoryview(bytes(size)) for size in PICTURE.frame_sizes]
    picture = Picture(PICTURE.width, PICTURE.height, PICTURE.format, frames_of_picture, hint=True)

    def fuzz_service(data: bytes) -> None:
        frames = [memoryview(frame) for frame in data.split(SEPARATOR)]
        pictures.clear()
        pictures.use(b"peer", PICTURE.picture, picture)
        for reply in service.handle(b"peer", frames):
            op, _, header = messages.split_header(reply.message.to_wire(reply.id))
            assert op in outcomes
            assert header.get("code") != messages.INTERNAL, header
        assert len(pictures) <= 1, "a daemon that ends took a picture"

    return fuzz_service


def make_fuzz_zap() -> Callable[[bytes], None]:
    """Make the target of the ZAP handler, which reads every client's credentials: nobody gets in without the key."""
    handler = ZapHandler.__new__(ZapHandler)  # without its socket: only its decision is checked
    handler._key = KEY
    front = [b"1.0", b"1", DOMAIN, b"127.0.0.1", b"", b"PLAIN"]

    def fuzz_zap(data: bytes) -> None:
        credentials = data.split(SEPARATOR)
        assert not handler._knows_the_key(credentials)
        if len(credentials) == 2:
            expected = credentials[1] == messages.client_password(KEY, credentials[0]) and len(credentials[0]) >= 32
            assert handler._knows_the_key([*front, *credentials]) == expected

    return fuzz_zap


TARGETS: dict[str, Callable[[], Callable[[bytes], None]]] = {
    "unpack": lambda: fuzz_unpack,
    "messages": lambda: fuzz_messages,
    "dealer": lambda: fuzz_dealer,
    "service": make_fuzz_service,
    "zap": make_fuzz_zap,
}


def _same(one: Any, other: Any) -> bool:
    """Return whether two values and their types are equal; NaN equals NaN."""
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, dict) and isinstance(other, dict):
        return len(one) == len(other) and all(
            _same(a, c) and _same(b, d) for (a, b), (c, d) in zip(one.items(), other.items(), strict=True)
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other, strict=True))
    return type(one) is type(other) and bool(one == other)
