"""A client without the key is refused, and a server without the key gets no picture: with real sockets."""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgpack
import pytest
import zmq
from conftest import Daemon, wait_for
from matted_client import Unavailable
from matted_client.client import connect
from peers import LibzmqClient, disc


def requests(daemon: Daemon) -> int:
    with daemon.session() as session:
        return int(session.status()["requests"])


def assert_refused(client: LibzmqClient) -> None:
    """Assert that the server ends the handshake and sends no reply."""
    client.send("status")
    assert client.refused(10_000), "the connection was not refused"
    assert not client.socket.poll(200), "a stranger got a reply"


@pytest.mark.parametrize("key", [b"\0" * 32, b"guess"])
def test_a_client_with_a_wrong_key_gets_nothing(daemon: Daemon, key: bytes) -> None:
    before = requests(daemon)
    with LibzmqClient(daemon.connection_file, key=key) as stranger:
        assert_refused(stranger)
    assert requests(daemon) == before + 2  # the hello and the status of `requests` itself


def test_a_client_without_a_key_gets_nothing(daemon: Daemon) -> None:
    before = requests(daemon)
    with LibzmqClient(daemon.connection_file, plain=False) as stranger:
        assert_refused(stranger)
    assert requests(daemon) == before + 2


@pytest.mark.parametrize(
    "noise",
    [
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"\0" * 10_000,
        os.urandom(5000),
        b"\xff" + b"\0" * 8 + b"\x7f" + b"\x03\x00PLAIN" + b"\0" * 47 + b"\x06" + struct.pack(">Q", 1 << 62),
        b"\xff",
    ],
)
def test_noise_on_the_port_is_shrugged_off(daemon: Daemon, noise: bytes) -> None:
    port = int(json.loads(daemon.connection_file.read_text())["endpoint"].rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port)) as stranger:
        stranger.sendall(noise)
        with daemon.session() as session:
            assert session.status()["pid"] == daemon.pid()


def test_half_a_message_and_then_silence_holds_nobody_up(daemon: Daemon) -> None:
    with daemon.session() as half, daemon.session() as other:
        half._socket.sendall(b"\x03" + struct.pack(">Q", 500_000_000) + b"\x01" * 1000)
        assert other.mask(disc(64, 64), 64, 64, "RGBA8").info.width == 64


def test_only_the_owner_can_read_the_connection_file(daemon: Daemon) -> None:
    assert daemon.connection_file.stat().st_mode & 0o777 == 0o600
    assert daemon.state.stat().st_mode & 0o777 == 0o700


def test_the_key_is_new_at_every_start_and_never_logged(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon().start("--log-level", "debug")
    first = json.loads(daemon.connection_file.read_text())["key"]
    daemon.run("stop")
    daemon.start("--log-level", "debug")
    second = json.loads(daemon.connection_file.read_text())["key"]
    assert first != second
    assert first not in daemon.log and second not in daemon.log


class Impostor:
    """A server of real libzmq that does not know the key, accepts every client, and records what it gets.

    frames: all frames of messages that it got.
    """

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._zap = self._context.socket(zmq.REP)
        self._zap.bind("inproc://zeromq.zap.01")
        self._router = self._context.socket(zmq.ROUTER)
        self._router.plain_server = True
        self._router.linger = 0
        self.port = self._router.bind_to_random_port("tcp://127.0.0.1")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop)
        self._thread.start()

    def _loop(self) -> None:
        poller = zmq.Poller()
        poller.register(self._zap, zmq.POLLIN)
        poller.register(self._router, zmq.POLLIN)
        while not self._stop.is_set():
            ready = dict(poller.poll(20))
            if self._zap in ready:
                request = self._zap.recv_multipart()
                self._zap.send_multipart([b"1.0", request[1], b"200", b"OK", b"", b""])
            if self._router in ready:
                peer, *frames = self._router.recv_multipart()
                self.frames += frames
                request_id = msgpack.unpackb(frames[0])["id"]
                welcome = {"op": "welcome", "id": request_id, "v": 1, "version": "9", "proof": b"\1" * 32}
                welcome.update({"max_pixels": 10**9, "max_side": 10**5, "formats": ["RGBA8"]})
                self._router.send_multipart([peer, msgpack.packb(welcome)])

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._router.close()
        self._zap.close(0)
        self._context.term()


@pytest.fixture
def impostor() -> Iterator[Impostor]:
    fake = Impostor()
    yield fake
    fake.close()


def leave_stale_file(daemon: Daemon, port: int) -> Path:
    """Write a connection file that leads to this port, and return its path."""
    fields = {"endpoint": f"tcp://127.0.0.1:{port}", "pid": 1, "version": "0", "key": "ab" * 32}
    daemon.write_connection_file(json.dumps(fields).encode())
    return daemon.connection_file


def test_a_fake_server_on_a_stale_port_gets_no_pixels(new_daemon: Callable[..., Daemon], impostor: Impostor) -> None:
    daemon = new_daemon()
    path = leave_stale_file(daemon, impostor.port)
    with pytest.raises(Unavailable, match="nothing was sent"):
        connect("tests", path=str(path), start=False).mask(b"secret pixels!!!", 2, 2, "RGBA8")
    assert len(impostor.frames) == 1, "only hello may reach a server that has not proven itself"
    assert b"secret" not in b"".join(impostor.frames)


def test_behind_a_fake_server_the_next_click_still_works(new_daemon: Callable[..., Daemon], impostor: Impostor) -> None:
    daemon = new_daemon()
    leave_stale_file(daemon, impostor.port)
    done = daemon.run("start")
    assert done.returncode == 0, done.stderr
    assert daemon.pid() != 1
    assert wait_for(lambda: daemon.run("status").returncode == 0, "the daemon's answer")
