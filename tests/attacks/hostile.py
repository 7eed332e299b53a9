"""What hostile clients do, one function a kind; each gets a connection of its own."""

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
PATIENCE = 60.0  # seconds for which the daemon may leave what it is sent unread
GREETING = Dealer(b"", b"").greeting()
SPARED = (b"shutdown", b"download")  # what clients inside may do, and what would end the test or fetch other models


class Stranger:
    """One hostile client: a fresh connection, and a random number generator to be hostile with."""

    def __init__(self, daemon: Connection, random: Random) -> None:
        self.daemon = daemon
        self.random = random
        self.socket = socket.create_connection(("127.0.0.1", daemon.port), PATIENCE)

    def send(self, *parts: bytes) -> None:
        self.socket.sendall(b"".join(parts))

    def hear(self) -> None:
        """Read a little, if anything comes."""
        self.socket.settimeout(0.02)
        try:
            self.socket.recv(4096)
        except TimeoutError:
            pass
        self.socket.settimeout(PATIENCE)

    def credentials(self, key: bytes) -> bytes:
        username = self.random.randbytes(16).hex().encode()
        return command(b"HELLO", short(username) + short(messages.client_password(key, username)))

    def log_in(self) -> None:
        """The whole handshake, as a client of the user does it."""
        self.send(GREETING, self.credentials(self.daemon.key), command(b"INITIATE", b"\x0bSocket-Type\0\0\0\x06DEALER"))

    def send_frames(self, *frames: bytes) -> None:
        for buffer in Dealer.message([memoryview(frame) for frame in frames]):
            self.send(bytes(buffer))


def short(data: bytes) -> bytes:
    return struct.pack("B", len(data)) + data


def command(name: bytes, body: bytes) -> bytes:
    data = short(name) + body
    return struct.pack(">BB", 4, len(data)) + data if len(data) < 256 else struct.pack(">BQ", 6, len(data)) + data


# -- what they do; each gets a connected stranger ----------------------------------------------------------------------


def nothing(stranger: Stranger) -> None:
    """Connect and leave."""


def noise(stranger: Stranger) -> None:
    stranger.send(stranger.random.randbytes(stranger.random.randint(1, 3000)))


def browser(stranger: Stranger) -> None:
    """What a page in a browser can make it send to a port: requests, form posts, and WebSocket handshakes."""
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
    stranger.hear()


def half_a_greeting(stranger: Stranger) -> None:
    stranger.send(GREETING[: stranger.random.randint(1, 63)])


def damaged_greeting(stranger: Stranger) -> None:
    greeting = bytearray(GREETING)
    for _ in range(stranger.random.randint(1, 5)):
        greeting[stranger.random.randrange(64)] = stranger.random.randrange(256)
    stranger.send(bytes(greeting), stranger.credentials(stranger.daemon.key))
    stranger.hear()


def other_mechanism(stranger: Stranger) -> None:
    mechanism = stranger.random.choice([b"NULL", b"CURVE", b"GSSAPI", b"", b"PLAINER", b"\xff" * 20])
    stranger.send(GREETING[:12], mechanism.ljust(20, b"\0"), b"\0" * 32, command(b"READY", b""))
    stranger.hear()


def wrong_key(stranger: Stranger) -> None:
    stranger.send(GREETING, stranger.credentials(stranger.random.randbytes(32)))
    stranger.hear()


def odd_credentials(stranger: Stranger) -> None:
    """Lengths that lie, names that are missing or far too long."""
    body = stranger.random.randbytes(stranger.random.randint(0, 300))
    stranger.send(GREETING, command(b"HELLO", body), command(b"INITIATE", b""))
    stranger.hear()


def early_message(stranger: Stranger) -> None:
    """A request in place of the credentials."""
    stranger.send(GREETING)
    stranger.send_frames(messages.StatusRequest().to_wire(1))
    stranger.hear()


def huge_handshake(stranger: Stranger) -> None:
    stranger.send(GREETING, struct.pack(">BQ", 6, stranger.random.choice([1 << 31, 1 << 62, (1 << 64) - 1])), b"x" * 99)


def huge_frame(stranger: Stranger) -> None:
    stranger.log_in()
    stranger.send(struct.pack(">BQ", 2, stranger.random.choice([messages.MAX_FRAME_BYTES + 1, 1 << 62, (1 << 64) - 1])))
    stranger.hear()


def vanishing(stranger: Stranger) -> None:
    """A good client that is cut off at any byte."""
    request = messages.MaskRequest(*SIZE, "RGBA8").to_wire(1)
    username = stranger.random.randbytes(16).hex().encode()
    password = messages.client_password(stranger.daemon.key, username)
    said = [GREETING, command(b"HELLO", short(username) + short(password)), command(b"INITIATE", b"")]
    said += [bytes(each) for each in Dealer.message([memoryview(request), memoryview(disc(*SIZE))])]
    everything = b"".join(said)
    stranger.send(everything[: stranger.random.randint(1, 400 if stranger.random.random() < 0.8 else len(everything))])


def garbage_headers(stranger: Stranger) -> None:
    """Inside, with messages that are mutations of good ones."""
    stranger.log_in()
    known = len(corpus.seeds("service"))
    for data in islice(corpus.mutated("service", known + 3, stranger.random.getrandbits(32)), known, None):
        frames = data.split(SEPARATOR)
        if not any(word in frames[0] for word in SPARED):
            stranger.send_frames(*frames)
    stranger.hear()


def wrong_frames(stranger: Stranger) -> None:
    """Inside, with a good header, and too few, too many, or too long frames behind it."""
    stranger.log_in()
    frames = [stranger.random.randbytes(stranger.random.randint(0, 300)) for _ in range(stranger.random.randint(0, 40))]
    stranger.send_frames(messages.MaskRequest(*SIZE, "RGBA8", plate=stranger.random.random() < 0.3).to_wire(1), *frames)
    stranger.hear()


def unfinished_message(stranger: Stranger) -> None:
    """Inside, with frames that are said to be followed by more, and never are."""
    stranger.log_in()
    stranger.send(b"\x01\x05hello" * stranger.random.randint(1, 200))
    stranger.hear()


def impatient(stranger: Stranger) -> None:
    """Inside, with a request whose mask it does not wait for."""
    stranger.log_in()
    pixels = disc(*SIZE, shade=stranger.random.randrange(400))
    stranger.send_frames(messages.MaskRequest(*SIZE, "RGBA8").to_wire(1), pixels)
    stranger.hear()


def deaf(stranger: Stranger) -> None:
    """Inside, with more questions than it has room for the answers, none of which it reads."""
    stranger.log_in()
    for number in range(stranger.random.randint(1, 200)):
        stranger.send_frames(messages.ModelsRequest().to_wire(number))


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
]
