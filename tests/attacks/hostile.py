"""The kinds of hostile clients: a function for each, which gets a new connection."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from itertools import islice
from random import Random

from attacks import corpus
from attacks.decoders import SEPARATOR
from matted_client import messages
from matted_client.endpoint import Connection
from matted_client.zmtp import Dealer
from peers import disc

SIZE = (96, 64)
SEND_SECONDS = 60.0  # for which the daemon may leave what is sent unread
GREETING = Dealer(b"", b"").greeting()
SPARED = (b"shutdown", b"download")  # allowed with the key, but they would end the test or download models


class Stranger:
    """A hostile client: a new connection, and the random number generator of its attack."""

    def __init__(self, daemon: Connection, random: Random) -> None:
        self.daemon = daemon
        self.random = random
        self.socket = socket.create_connection(("127.0.0.1", daemon.port), SEND_SECONDS)

    def send(self, *parts: bytes) -> None:
        self.socket.sendall(b"".join(parts))

    def read_a_little(self) -> None:
        """Read what the daemon sends within 20 ms, at most 4096 bytes."""
        self.socket.settimeout(0.02)
        try:
            self.socket.recv(4096)
        except TimeoutError:
            pass
        self.socket.settimeout(SEND_SECONDS)

    def credentials(self, key: bytes) -> bytes:
        """Return a HELLO command of the PLAIN mechanism with the password that follows from a key."""
        username = self.random.randbytes(16).hex().encode()
        return command(b"HELLO", short(username) + short(messages.client_password(key, username)))

    def log_in(self) -> None:
        """Send the whole handshake with the right key."""
        self.send(GREETING, self.credentials(self.daemon.key), command(b"INITIATE", b"\x0bSocket-Type\0\0\0\x06DEALER"))

    def send_frames(self, *frames: bytes) -> None:
        """Send a message of these frames."""
        for buffer in Dealer.message([memoryview(frame) for frame in frames]):
            self.send(bytes(buffer))


def short(data: bytes) -> bytes:
    """Return the data behind its length in one byte."""
    return struct.pack("B", len(data)) + data


def command(name: bytes, body: bytes) -> bytes:
    """Return a ZMTP command."""
    data = short(name) + body
    return struct.pack(">BB", 4, len(data)) + data if len(data) < 256 else struct.pack(">BQ", 6, len(data)) + data


# -- the attacks; each gets a connected stranger -----------------------------------------------------------------------


def nothing(stranger: Stranger) -> None:
    """Connect and leave."""


def noise(stranger: Stranger) -> None:
    stranger.send(stranger.random.randbytes(stranger.random.randint(1, 3000)))


def browser(stranger: Stranger) -> None:
    """Send what a web page can have a browser send to a port: requests, form posts, and WebSocket handshakes."""
    body = stranger.random.randbytes(stranger.random.randint(0, 500))
    host = b"Host: 127.0.0.1:%d\r\nOrigin: https://example.com\r\n" % stranger.daemon.port
    opening = stranger.random.choice(
        [
            b"GET / HTTP/1.1\r\n%s\r\n" % host,
            b"POST /mask HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n" % (host, len(body)),
            b"GET / HTTP/1.1\r\n%sUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n"
            % host,
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        ]
    )
    stranger.send(opening, body)
    stranger.read_a_little()


def half_a_greeting(stranger: Stranger) -> None:
    stranger.send(GREETING[: stranger.random.randint(1, 63)])


def damaged_greeting(stranger: Stranger) -> None:
    greeting = bytearray(GREETING)
    for _ in range(stranger.random.randint(1, 5)):
        greeting[stranger.random.randrange(64)] = stranger.random.randrange(256)
    stranger.send(bytes(greeting), stranger.credentials(stranger.daemon.key))
    stranger.read_a_little()


def other_mechanism(stranger: Stranger) -> None:
    mechanism = stranger.random.choice([b"NULL", b"CURVE", b"GSSAPI", b"", b"PLAINER", b"\xff" * 20])
    stranger.send(GREETING[:12], mechanism.ljust(20, b"\0"), b"\0" * 32, command(b"READY", b""))
    stranger.read_a_little()


def wrong_key(stranger: Stranger) -> None:
    stranger.send(GREETING, stranger.credentials(stranger.random.randbytes(32)))
    stranger.read_a_little()


def odd_credentials(stranger: Stranger) -> None:
    """Send credentials with wrong lengths, and names that are missing or far too long."""
    body = stranger.random.randbytes(stranger.random.randint(0, 300))
    stranger.send(GREETING, command(b"HELLO", body), command(b"INITIATE", b""))
    stranger.read_a_little()


def early_message(stranger: Stranger) -> None:
    """Send a request in place of the credentials."""
    stranger.send(GREETING)
    stranger.send_frames(messages.StatusRequest().to_wire(1))
    stranger.read_a_little()


def huge_handshake(stranger: Stranger) -> None:
    stranger.send(GREETING, struct.pack(">BQ", 6, stranger.random.choice([1 << 31, 1 << 62, (1 << 64) - 1])), b"x" * 99)


def huge_frame(stranger: Stranger) -> None:
    stranger.log_in()
    stranger.send(struct.pack(">BQ", 2, stranger.random.choice([messages.MAX_FRAME_BYTES + 1, 1 << 62, (1 << 64) - 1])))
    stranger.read_a_little()


def vanishing(stranger: Stranger) -> None:
    """Send what a correct client sends, and leave after any byte of it."""
    request = messages.MaskRequest(*SIZE, "RGBA8").to_wire(1)
    username = stranger.random.randbytes(16).hex().encode()
    password = messages.client_password(stranger.daemon.key, username)
    said = [GREETING, command(b"HELLO", short(username) + short(password)), command(b"INITIATE", b"")]
    said += [bytes(each) for each in Dealer.message([memoryview(request), memoryview(disc(*SIZE))])]
    everything = b"".join(said)
    stranger.send(everything[: stranger.random.randint(1, 400 if stranger.random.random() < 0.8 else len(everything))])


def garbage_headers(stranger: Stranger) -> None:
    """Log in, and send mutations of correct messages."""
    stranger.log_in()
    known = len(corpus.seeds("service"))
    for data in islice(corpus.mutated("service", known + 3, stranger.random.getrandbits(32)), known, None):
        frames = data.split(SEPARATOR)
        if not any(word in frames[0] for word in SPARED):
            stranger.send_frames(*frames)
    stranger.read_a_little()


def wrong_frames(stranger: Stranger) -> None:
    """Log in, and send a correct header with too few, too many, or too long frames."""
    stranger.log_in()
    frames = [stranger.random.randbytes(stranger.random.randint(0, 300)) for _ in range(stranger.random.randint(0, 40))]
    stranger.send_frames(messages.MaskRequest(*SIZE, "RGBA8", plate=stranger.random.random() < 0.3).to_wire(1), *frames)
    stranger.read_a_little()


def unfinished_message(stranger: Stranger) -> None:
    """Log in, and send frames that announce more frames, which never come."""
    stranger.log_in()
    stranger.send(b"\x01\x05hello" * stranger.random.randint(1, 200))
    stranger.read_a_little()


def impatient(stranger: Stranger) -> None:
    """Log in, send a request, and leave before the mask comes."""
    stranger.log_in()
    pixels = disc(*SIZE, shade=stranger.random.randrange(400))
    stranger.send_frames(messages.MaskRequest(*SIZE, "RGBA8").to_wire(1), pixels)
    stranger.read_a_little()


def deaf(stranger: Stranger) -> None:
    """Log in, and send many requests without reading any reply."""
    stranger.log_in()
    for number in range(stranger.random.randint(1, 200)):
        stranger.send_frames(messages.ModelsRequest().to_wire(number))


def hoarding(stranger: Stranger) -> None:
    """Log in, and open pictures under ever new names, and the same ones, and close none."""
    stranger.log_in()
    pixels = disc(*SIZE, shade=stranger.random.randrange(400))
    for _ in range(stranger.random.randint(1, 100)):
        stranger.send_frames(messages.Open(stranger.random.randrange(60), *SIZE, "RGBA8").to_wire(1), pixels)
    stranger.read_a_little()


def half_a_picture(stranger: Stranger) -> None:
    """Log in, announce a picture, and leave in the middle of it."""
    stranger.log_in()
    opening, pixels = messages.Open(1, *SIZE, "RGBA8").to_wire(1), disc(*SIZE)
    sent = b"".join(bytes(each) for each in Dealer.message([memoryview(opening), memoryview(pixels)]))
    stranger.send(sent[: stranger.random.randrange(len(sent))])


def asking_anew(stranger: Stranger) -> None:
    """Log in, open a picture, ask for views of it without waiting for any, and leave or close it meanwhile."""
    stranger.log_in()
    stranger.send_frames(messages.Open(1, *SIZE, "RGBA8").to_wire(1), disc(*SIZE, stranger.random.randrange(400)))
    for number in range(2, stranger.random.randint(3, 40)):
        view = [0, 0, *SIZE, stranger.random.randint(1, SIZE[0]), stranger.random.randint(1, SIZE[1])]
        stranger.send_frames(messages.MaskRequest(picture=1, view=view).to_wire(number))
    if stranger.random.random() < 0.5:
        stranger.send_frames(messages.Close(1).to_wire(99))
    stranger.read_a_little()


def absurd_hints(stranger: Stranger) -> None:
    """Log in, open a picture, and say of it what cannot be: points and boxes outside, views of nothing, wrong hints."""
    stranger.log_in()
    random, far = stranger.random, messages.MAX_SIDE
    stranger.send_frames(messages.Open(1, *SIZE, "RGBA8").to_wire(1), disc(*SIZE))
    said = [
        {"keep": [[random.randrange(far), random.randrange(far)] for _ in range(random.choice([1, 1000, 1001, 9000]))]},
        {"drop": [[SIZE[0], 0]]},
        {"box": [random.randrange(far) for _ in range(4)]},
        {"view": [random.randrange(SIZE[0]) for _ in range(6)]},
        {"view": [0, 0, *SIZE, 0, 0]},
        {"view": [0, 0, *SIZE, far, far]},
        {"picture": random.randrange(3)},
    ]
    for number, fields in enumerate(said, 2):
        kind = random.choice([messages.MaskRequest, messages.RefineRequest])
        hint = [random.randbytes(random.choice([0, 1, SIZE[0] * SIZE[1]]))] * random.choice([0, 0, 1, 2])
        stranger.send_frames(kind(**{"picture": 1, "hint": bool(hint), **fields}).to_wire(number), *hint)
    stranger.read_a_little()


def broken_films(stranger: Stranger) -> None:
    """Log in, and send frames that do not go together, of ever new sequences and of the same ones; close some."""
    stranger.log_in()
    random = stranger.random
    for number in range(2, random.randint(3, 60)):
        width, height = random.choice([SIZE, SIZE, SIZE, (SIZE[1], SIZE[0]), (1, 1)])
        frames = [disc(width, height, random.randrange(400))]
        said = random.choice([{}, {}, {"steady": False}, {"edges": "off"}, {"model": "flat"}, {"model": "auto"}])
        if random.random() < 0.3:
            frames += frames[:1]
            said = {**said, "plate": True}
        name = random.choice([1, 1, 1, 2, random.randrange(1000)])
        request = messages.MaskRequest(width, height, "RGBA8", sequence=name, **said)
        stranger.send_frames(request.to_wire(number), *frames)
        if random.random() < 0.3:
            stranger.send_frames(messages.Cancel(random.randint(2, number)).to_wire(1000 + number))
        if random.random() < 0.1:
            stranger.send_frames(messages.Close(sequence=name).to_wire(2000 + number))
    stranger.read_a_little()


ATTACKS: list[Callable[[Stranger], None]] = [
    nothing,
    noise,
    browser,
    half_a_greeting,
    damaged_greeting,
    other_mechanism,
    wrong_key,
    odd_credentials,
    early_message,
    huge_handshake,
    huge_frame,
    vanishing,
    garbage_headers,
    wrong_frames,
    unfinished_message,
    impatient,
    deaf,
    hoarding,
    half_a_picture,
    asking_anew,
    absurd_hints,
    broken_films,
]
