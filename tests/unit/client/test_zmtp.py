"""The ZeroMQ protocol state machine, fed with server streams that are put together here from the specification."""

from __future__ import annotations

import itertools
import random
import struct
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matted_client import ProtocolError, Rejected
from matted_client.zmtp import DEFAULT_FRAME_BYTES, MAX_FRAMES, Dealer

Message = list[bytes]


def greeting(version: tuple[int, int] = (3, 0), mechanism: bytes = b"PLAIN", as_server: bool = True) -> bytes:
    return b"\xff\0\0\0\0\0\0\0\0\x7f" + bytes(version) + mechanism.ljust(20, b"\0") + bytes([as_server]) + b"\0" * 31


def command(name: bytes, body: bytes = b"") -> bytes:
    data = bytes([len(name)]) + name + body
    return bytes([4, len(data)]) + data


def frame(body: bytes, more: bool = False, long: bool | None = None) -> bytes:
    if long if long is not None else len(body) > 255:
        return struct.pack(">BQ", 2 | more, len(body)) + body
    return struct.pack(">BB", int(more), len(body)) + body


def message(frames: Sequence[bytes]) -> bytes:
    return b"".join(frame(body, more=index + 1 < len(frames)) for index, body in enumerate(frames))


WELCOME = command(b"WELCOME")
READY = command(b"READY", b"\x0bSocket-Type\0\0\0\x06ROUTER\x08Identity\0\0\0\0")
HANDSHAKE = greeting() + WELCOME + READY


class Peer:
    """A dealer whose bytes come in pieces of the given sizes."""

    def __init__(self) -> None:
        self.dealer = Dealer(b"nonce", b"password")
        self.sent = self.dealer.greeting()
        self.messages: list[Message] = []

    def feed(self, data: bytes, sizes: Iterable[int] = ()) -> Peer:
        pieces = itertools.chain(sizes, itertools.repeat(1 << 30))
        while data:
            view = self.dealer.wanted()
            assert len(view) > 0
            count = min(next(pieces), len(view), len(data))
            view[:count] = data[:count]
            self.messages += [[bytes(part) for part in parts] for parts in self.dealer.received(count)]
            self.sent += self.dealer.to_send()
            data = data[count:]
        return self


def shaken() -> Peer:
    return Peer().feed(HANDSHAKE)


FRAME = st.one_of(st.binary(max_size=20), st.sampled_from([0, 1, 254, 255, 256, 257, 70_000]).map(lambda n: b"x" * n))
MESSAGES = st.lists(st.lists(FRAME, min_size=1, max_size=4), max_size=5)
RELAXED = settings(max_examples=100)


# -- what is said ----------------------------------------------------------------------------------------------------


def test_the_greeting_is_that_of_a_zmtp_3_0_client_with_plain() -> None:
    assert Dealer(b"u", b"p").greeting() == greeting(as_server=False)


def test_nothing_but_the_greeting_is_said_before_the_server_greets() -> None:
    assert Peer().feed(greeting()[:63]).sent == greeting(as_server=False)


def test_the_credentials_follow_the_greeting() -> None:
    hello = command(b"HELLO", b"\x05nonce\x08password")
    assert Peer().feed(greeting()).sent == greeting(as_server=False) + hello


def test_the_socket_type_follows_the_welcome() -> None:
    peer = Peer().feed(greeting())
    before = peer.sent
    peer.feed(WELCOME)
    assert peer.sent[len(before) :] == command(b"INITIATE", b"\x0bSocket-Type\0\0\0\x06DEALER\x08Identity\0\0\0\0")


def test_what_was_handed_out_for_sending_is_not_handed_out_again() -> None:
    peer = Peer().feed(greeting())
    assert peer.dealer.to_send() == b""


def test_the_handshake_is_over_with_ready_and_not_before() -> None:
    peer = Peer().feed(greeting() + WELCOME + READY[:-1])
    assert not peer.dealer.ready
    assert peer.feed(READY[-1:]).dealer.ready


@pytest.mark.parametrize("size", [0, 1, 255, 256, 70_000])
def test_a_sent_frame_has_a_header_of_its_size_class(size: int) -> None:
    sent = b"".join(Dealer.message([memoryview(b"h"), memoryview(b"x" * size)]))
    assert sent == message([b"h", b"x" * size])


def test_payloads_are_sent_without_a_copy() -> None:
    payload = bytearray(1000)
    views = list(Dealer.message([memoryview(payload)]))
    payload[500] = 7
    assert views[1][500] == 7


def test_a_payload_of_wider_items_is_sent_as_its_bytes() -> None:
    payload = memoryview(bytearray(range(8))).cast("H")
    assert b"".join(Dealer.message([payload])) == frame(bytes(range(8)))


# -- what is understood ----------------------------------------------------------------------------------------------


@RELAXED
@given(MESSAGES, st.randoms(use_true_random=False))
def test_messages_survive_any_fragmentation(sent: list[Message], order: random.Random) -> None:
    stream = HANDSHAKE + b"".join(message(frames) for frames in sent)
    sizes = (order.choice([1, 2, 3, 9, 64, 300, 5000]) for _ in itertools.count())
    assert Peer().feed(stream, sizes).messages == sent


def test_messages_survive_being_fed_byte_by_byte() -> None:
    sent = [[b"header", b"", b"x" * 255, b"y" * 256], [b""], [b"z" * 1000]]
    stream = HANDSHAKE + b"".join(message(frames) for frames in sent)
    assert Peer().feed(stream, itertools.repeat(1)).messages == sent


def test_a_message_that_ends_with_an_empty_frame_is_complete_at_once() -> None:
    assert shaken().feed(message([b"header", b""])).messages == [[b"header", b""]]


def test_a_message_is_not_given_out_before_its_last_frame() -> None:
    peer = shaken().feed(frame(b"header", more=True))
    assert peer.messages == []
    assert peer.feed(frame(b"end")).messages == [[b"header", b"end"]]


def test_a_small_frame_may_have_a_long_header() -> None:
    assert shaken().feed(frame(b"small", long=True)).messages == [[b"small"]]


def test_a_large_frame_is_received_into_its_final_place() -> None:
    peer = shaken().feed(frame(b"x" * 1000)[:9])
    view = peer.dealer.wanted()
    assert len(view) == 1000
    view[:] = bytes(range(250)) * 4
    [[body]] = peer.dealer.received(1000)
    assert view.obj is body


def test_as_many_frames_as_allowed_are_taken() -> None:
    sent = [b"f"] * MAX_FRAMES
    assert shaken().feed(message(sent)).messages == [sent]


def test_a_frame_of_the_allowed_size_is_taken() -> None:
    body = b"x" * DEFAULT_FRAME_BYTES
    assert shaken().feed(frame(body)).messages == [[body]]


def test_the_allowed_size_can_be_raised() -> None:
    peer = shaken()
    peer.dealer.max_frame_bytes = DEFAULT_FRAME_BYTES + 1
    body = b"x" * (DEFAULT_FRAME_BYTES + 1)
    assert peer.feed(frame(body)).messages == [[body]]


def test_a_server_of_a_later_minor_version_is_accepted() -> None:
    assert Peer().feed(greeting((3, 1)) + WELCOME + READY).dealer.ready


def test_commands_after_the_handshake_are_passed_over() -> None:
    assert shaken().feed(command(b"PING", b"\0\0") + message([b"after"])).messages == [[b"after"]]


# -- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mechanism", [b"NULL", b"CURVE", b"", b"PLAINER"])
def test_another_mechanism_is_refused(mechanism: bytes) -> None:
    with pytest.raises(ProtocolError, match="key"):
        Peer().feed(greeting(mechanism=mechanism))


def test_credentials_are_not_given_to_a_server_without_plain() -> None:
    peer = Peer()
    with pytest.raises(ProtocolError):
        peer.feed(greeting(mechanism=b"NULL"))
    assert peer.dealer.to_send() == b""


@pytest.mark.parametrize("major", [0, 1, 2])
def test_an_older_zeromq_is_refused(major: int) -> None:
    with pytest.raises(ProtocolError, match="older"):
        Peer().feed(greeting((major, 0)))


@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad Request\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", b"\0" * 64, b"\xff" * 9])
def test_another_protocol_is_refused(said: bytes) -> None:
    with pytest.raises(ProtocolError):
        Peer().feed(said.ljust(64, b"\0"))


@pytest.mark.parametrize("flags", [5, 7, 8, 0x10, 0xFF])
def test_a_frame_with_impossible_flags_is_refused(flags: int) -> None:
    with pytest.raises(ProtocolError):
        shaken().feed(bytes([flags, 0]))


@pytest.mark.parametrize("size", [DEFAULT_FRAME_BYTES + 1, 2**40, 2**62, 2**64 - 1])
def test_an_oversized_frame_is_refused_before_its_memory_is_taken(size: int) -> None:
    with pytest.raises(ProtocolError, match=str(size)):
        shaken().feed(struct.pack(">BQ", 2, size))


@pytest.mark.parametrize("size", [4097, 2**62])
def test_an_oversized_command_is_refused_before_its_memory_is_taken(size: int) -> None:
    with pytest.raises(ProtocolError, match=str(size)):
        Peer().feed(greeting() + struct.pack(">BQ", 6, size))


def test_a_message_before_the_end_of_the_handshake_is_refused() -> None:
    with pytest.raises(ProtocolError, match="before"):
        Peer().feed(greeting() + WELCOME + message([b"early"]))


@pytest.mark.parametrize("start", [greeting(), greeting() + WELCOME])
def test_an_error_command_means_that_the_key_was_refused(start: bytes) -> None:
    with pytest.raises(Rejected) as refusal:
        Peer().feed(start + command(b"ERROR", b"\x03400"))
    assert refusal.value.code == "unauthorized"


@pytest.mark.parametrize("body", [b"", b"\0", b"\xffWELCOME", b"\x05OTHER"])
def test_an_unknown_handshake_command_is_refused(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        Peer().feed(greeting() + bytes([4, len(body)]) + body)


def test_ready_before_welcome_is_refused() -> None:
    with pytest.raises(ProtocolError):
        Peer().feed(greeting() + READY)


def test_a_message_of_too_many_frames_is_refused() -> None:
    with pytest.raises(ProtocolError, match="frames"):
        shaken().feed(frame(b"f", more=True) * (MAX_FRAMES + 1))


@settings(max_examples=300)
@given(st.binary(max_size=200), st.sampled_from([b"", greeting(), greeting() + WELCOME, HANDSHAKE]))
def test_garbage_raises_nothing_but_what_is_documented(garbage: bytes, start: bytes) -> None:
    try:
        Peer().feed(start + garbage)
    except ProtocolError:
        pass
    except Rejected as refusal:
        assert refusal.code == "unauthorized"
