"""The client's own ZMTP with a server of real libzmq: frames of every size class, fragmentation, lost connections."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import zmq
from conftest import wait_for
from matted.serving.zap import DOMAIN, ZapHandler
from matted_client import MattedError, ProtocolError, Rejected, Timeout, Unavailable, client, messages
from matted_client.client import Session
from matted_client.endpoint import KEY_BYTES, Connection
from matted_client.errors import SceneForgotten
from matted_client.formats import BYTES_PER_PIXEL
from peers import Relay

KEY = bytes(range(KEY_BYTES))
FRAME_SIZES = [1, 254, 255, 256, 257, 65_535, 65_536, 1 << 20, 12_345_678]


class Server:
    """A libzmq ROUTER that proves itself and answers mask requests with the inverted pixels."""

    def __init__(self, plain: bool = True) -> None:
        self.seen: list[str] = []
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._zap = ZapHandler(self._context, KEY)
        self._router = self._context.socket(zmq.ROUTER)
        self._router.linger = 0
        if plain:
            self._router.plain_server = True
            self._router.zap_domain = DOMAIN
        self.port = self._router.bind_to_random_port("tcp://127.0.0.1")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop)
        self._thread.start()

    def connection(self, port: int | None = None, key: bytes = KEY) -> Connection:
        return Connection(f"tcp://127.0.0.1:{port or self.port}", 1, "test", key)

    def _loop(self) -> None:
        poller = zmq.Poller()
        poller.register(self._router, zmq.POLLIN)
        poller.register(self._zap.socket, zmq.POLLIN)
        while not self._stop.is_set():
            ready = dict(poller.poll(20))
            if self._zap.socket in ready:
                self._zap.answer()
            if self._router in ready:
                self._answer(*self._router.recv_multipart())

    def _answer(self, peer: bytes, raw: bytes, *frames: bytes) -> None:
        op, request_id, header = messages.split_header(raw)
        self.seen.append(op)
        if op == "hello":
            proof = messages.server_proof(KEY, header["nonce"])
            formats = list(BYTES_PER_PIXEL)
            reply = messages.Welcome(1, "test", proof, messages.MAX_PIXELS, messages.MAX_SIDE, formats)
            self._router.send_multipart([peer, reply.to_wire(request_id)])
        else:
            request = messages.MaskRequest.from_wire(header)
            size = (request.width, request.height, 8)
            mask = bytes(255 - sample for sample in frames[0]) if len(frames[0]) < 70_000 else frames[0]
            result = messages.MaskResult(*size, "echo", "none", 0.5)
            self._router.send_multipart([peer, messages.Progress("inference", 0.5).to_wire(request_id)])
            self._router.send_multipart([peer, result.to_wire(request_id), mask])

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._router.close()
        self._zap.close()
        self._context.term()


@pytest.fixture
def server() -> Iterator[Callable[..., Server]]:
    """server() makes a running server; server(plain=False) one without the PLAIN mechanism."""
    servers: list[Server] = []

    def make(plain: bool = True) -> Server:
        servers.append(Server(plain))
        return servers[-1]

    yield make
    for each in servers:
        each.close()


def ask(connection: Connection, size: int = 6) -> bytes:
    """Send `size` grey pixels, and return the mask."""
    with Session(connection, "tests") as session:
        width = size if size <= messages.MAX_SIDE else size // 2 if size % 2 == 0 and size < 131_071 else 1
        while size % width or size // width > messages.MAX_SIDE:
            width += 1
        pixels = bytes(range(256)) * (size // 256 + 1)
        return bytes(session.mask(pixels[:size], width, size // width, "GRAY8").alpha)


@pytest.mark.parametrize("size", FRAME_SIZES)
def test_frames_of_every_size_class_go_both_ways(server: Callable[..., Server], size: int) -> None:
    sent = (bytes(range(256)) * (size // 256 + 1))[:size]
    expected = bytes(255 - sample for sample in sent) if size < 70_000 else sent
    assert ask(server().connection(), size) == expected


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 63, 64, 65])
def test_any_fragmentation_is_put_together(server: Callable[..., Server], chunk: int) -> None:
    peer = server()
    with Relay(peer.port, chunk) as relay:
        assert ask(peer.connection(relay.port), 600) == bytes(255 - i % 256 for i in range(600))


def test_a_server_that_hangs_up_at_any_byte_is_an_error_and_never_a_hang(server: Callable[..., Server]) -> None:
    peer = server()
    with Relay(peer.port) as relay:
        ask(peer.connection(relay.port), 300)
        total = relay.passed["back"]
    assert total > 400
    for limit in [*range(0, 130), *range(130, total, 17), total - 1]:
        with Relay(peer.port, limit=limit) as relay, pytest.raises(MattedError):
            ask(peer.connection(relay.port), 300)


def test_a_server_that_stops_reading_at_any_byte_is_an_error(server: Callable[..., Server]) -> None:
    peer = server()
    with Relay(peer.port) as relay:
        ask(peer.connection(relay.port), 300)
        total = relay.passed["forth"]
    for limit in range(0, total, 23):
        with Relay(peer.port, forward_limit=limit) as relay, pytest.raises(MattedError):
            ask(peer.connection(relay.port), 300)


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="no such signal on this system")
def test_a_server_that_is_gone_does_not_end_the_program_that_sends() -> None:
    """An embedded Python, as in Krita, leaves the signal as it is: it would end the program, with all open pictures."""
    signals: list[int] = []
    before = signal.signal(signal.SIGPIPE, lambda number, _frame: signals.append(number))
    try:
        peer = Server()
        with Session(peer.connection(), "tests") as session:
            peer.close()
            with pytest.raises(Unavailable):
                session.mask(bytes(40_000_000), 8000, 5000, "GRAY8")
    finally:
        signal.signal(signal.SIGPIPE, before)
    assert signals == []


def test_the_wrong_key_is_refused_before_any_message_is_read(server: Callable[..., Server]) -> None:
    peer = server()
    with pytest.raises(Unavailable):
        ask(peer.connection(key=bytes(KEY_BYTES)))
    assert peer.seen == []


def test_a_server_that_checks_no_password_gets_nothing(server: Callable[..., Server]) -> None:
    peer = server(plain=False)
    with pytest.raises(Unavailable):
        ask(peer.connection())
    assert peer.seen == []


# -- several frames on their way -------------------------------------------------------------------------------------


class Late(Server):
    """A server that answers mask requests two by two, the later one first; the level REFUSED with a refusal."""

    REFUSED = 13

    def __init__(self) -> None:
        self.requests: list[messages.MaskRequest] = []
        self.plates: list[bytes] = []
        self.code = "internal"  # of a refusal
        self.closed: list[int | None] = []
        self._held: list[list[bytes]] = []
        super().__init__()

    def _answer(self, peer: bytes, raw: bytes, *frames: bytes) -> None:
        op, request_id, header = messages.split_header(raw)
        if op == "close":
            self.closed.append(messages.Close.from_wire(header).sequence)
            self._router.send_multipart([peer, messages.Done().to_wire(request_id)])
        elif op == "cancel":
            self.seen.append(op)
        elif op != "mask":
            super()._answer(peer, raw, *frames)
        else:
            self.requests.append(messages.MaskRequest.from_wire(header))
            self._router.send_multipart([peer, messages.Progress("inference", 0.5).to_wire(request_id)])
            info = messages.MaskResult(2, 1, 8, "echo", "none", 0.5, frame=len(self.requests))
            if self.requests[-1].plate:
                self.plates.append(frames[1])
            refused = frames[0][0] == self.REFUSED
            reply: messages.Message = messages.Failure(self.code, "Refused.") if refused else info
            self._held.append([peer, reply.to_wire(request_id), *([] if refused else [frames[0]])])
            if len(self._held) == 2:
                for held in reversed(self._held):
                    self._router.send_multipart(held)
                self._held.clear()

    def forget(self) -> None:
        """Begin every sequence anew."""
        self.requests.clear()


@pytest.fixture
def late() -> Iterator[Late]:
    server = Late()
    yield server
    server.close()


def frame(level: int) -> bytes:
    return bytes([level, level])


def test_masks_of_a_scene_come_in_the_order_of_its_frames(late: Late) -> None:
    with Session(late.connection(), "tests") as session:
        with session.scene(2, 1, "GRAY8", plate=frame(99), model="m", steady=False) as scene:
            frames = map(frame, range(6))
            found = [(bytes(mask.alpha), mask.info.frame) for mask in scene.masks(frames, ahead=2)]
            with pytest.raises(IndexError):
                scene.receive()
        assert late.closed == [1]
        with session.scene(2, 1, "GRAY8") as other:
            assert len(list(other.masks([frame(7), frame(8)]))) == 2
        assert late.closed == [1, 2]
    assert found == [(frame(level), level + 1) for level in range(6)]
    first, *rest = late.requests[:6]
    assert (first.sequence, first.model, first.steady, first.plate) == (1, "m", False, True)
    assert all((each.sequence, each.model) == (1, "m") for each in rest)
    assert [each.plate for each in rest] == [True, *[False] * 4], "until a mask has come"


def test_a_plate_is_sent_until_a_frame_that_brought_it_was_taken(late: Late) -> None:
    with Session(late.connection(), "tests") as session:
        scene = session.scene(2, 1, "GRAY8", plate=frame(99))
        for level in (late.REFUSED, late.REFUSED):
            scene.send(frame(level))
        for _ in range(2):
            with pytest.raises(Rejected, match="Refused"):
                scene.receive()
        assert len(list(scene.masks(map(frame, range(4)), ahead=2))) == 4
        scene.send(frame(late.REFUSED), plate=frame(50))
        scene.send(frame(1))
        with pytest.raises(Rejected, match="Refused"):
            scene.receive()
        scene.receive()
        scene.send(frame(1))
        scene.send(frame(late.REFUSED), plate=frame(60))
        scene.receive()
        with pytest.raises(Rejected, match="Refused"):
            scene.receive()
        assert len(list(scene.masks(map(frame, range(2)), ahead=2))) == 2, "a mask before it says nothing of the plate"
    assert [each.plate for each in late.requests] == [*[True] * 4, *[False] * 2, *[True] * 2, False, *[True] * 3]
    assert late.plates == [frame(99)] * 4 + [frame(50)] * 2 + [frame(60)] * 3


def test_a_scene_that_was_forgotten_is_an_error_and_begins_anew(late: Late) -> None:
    with Session(late.connection(), "tests") as session:
        scene = session.scene(2, 1, "GRAY8", plate=frame(99))
        assert len(list(scene.masks(map(frame, range(4)), ahead=2))) == 4
        late.forget()
        for level in (5, 6):
            scene.send(frame(level))
        with pytest.raises(SceneForgotten, match="forgotten the frames before"):
            scene.receive()
        assert bytes(scene.receive().alpha) == frame(6), "said once"
        assert len(list(scene.masks(map(frame, range(2)), ahead=2))) == 2
    assert [each.plate for each in late.requests] == [False, False, True, True], "the plate is sent anew, too"


def test_a_frame_that_lacks_the_plate_of_a_forgotten_scene_says_so(late: Late) -> None:
    with Session(late.connection(), "tests") as session:
        scene = session.scene(2, 1, "GRAY8", plate=frame(99))
        assert len(list(scene.masks(map(frame, range(2)), ahead=2))) == 2
        late.code = messages.PLATE_NEEDED
        for level in (late.REFUSED, 3):
            scene.send(frame(level))
        with pytest.raises(SceneForgotten):
            scene.receive()
        scene.receive()
        scene.send(frame(late.REFUSED))
        scene.send(frame(4))
        with pytest.raises(Rejected) as refusal:
            scene.receive()
        assert refusal.value.code == messages.PLATE_NEEDED, "that of a frame which brought one is said as it is"


def test_a_frame_that_is_refused_ends_nothing_but_itself(late: Late) -> None:
    with Session(late.connection(), "tests") as session:
        scene = session.scene(2, 1, "GRAY8")
        for level in (1, Late.REFUSED, 2, 3):
            scene.send(frame(level))
        assert bytes(scene.receive().alpha) == frame(1)
        with pytest.raises(Rejected, match="Refused"):
            scene.receive()
        assert bytes(scene.receive().alpha) == frame(2)
        assert bytes(scene.receive().alpha) == frame(3)
        with pytest.raises(IndexError):
            scene.receive()


def test_other_requests_go_between_the_frames(late: Late) -> None:
    with Session(late.connection(), "tests") as session:
        scene = session.scene(2, 1, "GRAY8")
        scene.send(frame(1))
        assert bytes(session.mask(frame(2), 2, 1, "GRAY8").alpha) == frame(2)
        assert bytes(scene.receive().alpha) == frame(1)


def test_a_scene_that_is_cancelled_cancels_every_frame_and_the_session_goes_on(late: Late) -> None:
    with Session(late.connection(), "tests") as session:
        scene = session.scene(2, 1, "GRAY8")
        for level in (1, 2, 3):
            scene.send(frame(level))
        assert [bytes(scene.receive().alpha) for _ in range(2)] == [frame(1), frame(2)]
        with pytest.raises(Rejected) as refusal:
            scene.receive(cancelled=lambda: True)
        assert refusal.value.code == messages.CANCELLED
        scene.send(frame(4))
        assert bytes(scene.receive().alpha) == frame(4)
        assert late.seen.count("cancel") == 1
        masks = scene.masks(map(frame, range(5, 9)), ahead=3)
        assert bytes(next(masks).alpha) == frame(5)
        masks.close()
        wait_for(lambda: late.seen.count("cancel") == 3, "the frames are cancelled")


# -- a session that broke --------------------------------------------------------------------------------------------

MANY = 16_000_000  # bytes of pixels: more than sockets hold
WIDTH = 4000


def mask(session: Session, size: int, **options: Any) -> None:
    session.mask(bytes(size), min(WIDTH, size), max(1, size // WIDTH), "GRAY8", **options)


def assert_closed(session: Session, relay: Relay) -> None:
    """Assert that a later request says that the session is closed, and that nothing more is sent."""
    before = relay.passed["forth"]
    for use in (lambda: mask(session, 300), session.status, session.load):
        with pytest.raises(Unavailable, match="closed") as refusal:
            use()
        assert refusal.value.hint
    assert relay.passed["forth"] == before and session._socket.fileno() == -1


@pytest.mark.parametrize("limits", [{"forward_limit": 500_000}, {"limit": 500_000}], ids=["sent", "received"])
def test_after_a_time_out_in_the_middle_of_a_message_the_session_is_closed(
    server: Callable[..., Server], monkeypatch: pytest.MonkeyPatch, limits: dict[str, int]
) -> None:
    peer = server()
    monkeypatch.setattr(client, "SILENCE_SECONDS", 0.5)
    with Relay(peer.port, **limits, hangs=True) as relay:
        session = Session(peer.connection(relay.port), "tests")
        with pytest.raises(Timeout):
            mask(session, MANY)
        assert_closed(session, relay)


def test_after_an_interruption_in_the_middle_of_a_send_the_session_is_closed(server: Callable[..., Server]) -> None:
    def interrupted() -> bool:
        raise KeyboardInterrupt

    peer = server()
    with Relay(peer.port) as relay:
        session = Session(peer.connection(relay.port), "tests")
        with pytest.raises(KeyboardInterrupt):
            mask(session, MANY, cancelled=interrupted)
        assert_closed(session, relay)


def test_after_a_reply_that_breaks_the_protocol_the_session_is_closed(server: Callable[..., Server]) -> None:
    peer = server()
    with Relay(peer.port) as relay:
        session = Session(peer.connection(relay.port), "tests")
        with pytest.raises(ProtocolError):
            session.mask(bytes(300), 300, 1, "GRAY8", depth=16)  # the mask that comes has 8 bits
        assert_closed(session, relay)


def test_after_a_request_that_the_client_itself_refused_the_session_goes_on(server: Callable[..., Server]) -> None:
    with Session(server().connection(), "tests") as session:
        with pytest.raises(Rejected):
            session.mask(bytes(299), 300, 1, "GRAY8")
        mask(session, 300)


@pytest.mark.parametrize("wrong", [[[1.5j, 0]], [[object(), 0]], [[-(2**70), 0]]])
def test_after_a_value_that_no_message_carries_the_session_goes_on(server: Callable[..., Server], wrong: Any) -> None:
    peer = server()
    with Session(peer.connection(), "tests") as session:
        with pytest.raises((TypeError, OverflowError)):
            session.mask(bytes(300), 300, 1, "GRAY8", keep=wrong)
        with pytest.raises(TypeError):
            session.load(object())  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            session.mask(bytes(300), 300, 1, "GRAY8", depth="8")
        mask(session, 300)
    assert peer.seen == ["hello", "mask"]


@pytest.mark.parametrize("integer", [np.int64, np.uint8, np.int16])
def test_a_point_may_be_of_any_type_of_integer(server: Callable[..., Server], integer: Callable[[int], Any]) -> None:
    points = {"keep": [[integer(7), integer(0)]], "drop": [[integer(100), integer(0)]]}
    with Session(server().connection(), "tests") as session:
        mask(session, 300, **points)


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ({"pixels": bytes(99)}, "The picture has 99 bytes: 10 x 5 pixels of GRAYA8 take 100."),
        ({"plate": bytes(50)}, "The plate has 50 bytes: 10 x 5 pixels of GRAYA8 take 100."),
        ({"hint": bytes(3)}, "The hint has 3 bytes: 10 x 5 pixels of one byte each take 50."),
    ],
)
def test_a_frame_of_a_wrong_size_is_named(server: Callable[..., Server], frames: dict[str, bytes], words: str) -> None:
    right = {"pixels": bytes(100), "plate": bytes(100), "hint": bytes(50)}
    with Session(server().connection(), "tests") as session:
        for ask in (session.mask, session.open):
            with pytest.raises(Rejected) as refusal:
                ask(width=10, height=5, format="GRAYA8", **{**right, **frames})
            assert (refusal.value.code, refusal.value.message) == ("bad_request", words)
        with pytest.raises(Rejected, match=r"^There are 0 frames of pixels; expected: picture, hint\.$"):
            question = messages.RefineRequest(10, 5, "GRAYA8", hint=True)
            session.answer(question, [], question, print, bool)
        mask(session, 300)
