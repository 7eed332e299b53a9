"""Messages that no correct client sends: each gets a clear error, and the daemon answers the next request."""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from typing import Any

import msgpack
import pytest
from conftest import Daemon, wait_for
from matted_client import messages
from matted_client.client import Session
from matted_client.endpoint import read_connection
from peers import LibzmqClient, disc


def fields(**changes: Any) -> dict[str, Any]:
    """Return the header of a correct mask request, with changes."""
    return {"op": "mask", "id": 9, "width": 4, "height": 4, "format": "RGBA8", **changes}


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"garbage, not msgpack",
        b"\xc1",
        b"\x81",
        b"\xdf\xff\xff\xff\xff",
        b"\x91" * 5000,
        msgpack.packb([1, 2, 3]),
        msgpack.packb({"id": 1}),
        msgpack.packb({"op": "status"}),
        msgpack.packb({"op": 7, "id": 1}),
        msgpack.packb({"op": "status", "id": "one"}),
        msgpack.packb({"op": "status", "id": True}),
        msgpack.packb({"op": "status", "id": -1}),
        msgpack.packb({"op": "status", "id": 1}) + b"\0",
        msgpack.packb({"op": "status", "id": 1, "pad": b"\0" * 70_000}),
        msgpack.packb({"op": "explode", "id": 1}),
        msgpack.packb({"op": "cancel", "id": 1}),
        msgpack.packb({"op": "hello", "id": 1, "v": 1, "nonce": b"short"}),
        msgpack.packb({"op": "hello", "id": 1, "v": "1", "nonce": b"\0" * 16}),
    ],
)
def test_a_header_that_makes_no_sense_is_a_bad_request(client: LibzmqClient, header: bytes) -> None:
    client.send_raw([header])
    reply, _ = client.receive()
    assert reply["op"] == "error" and reply["code"] == "bad_request"
    assert reply["message"].endswith(".")


@pytest.mark.parametrize(
    ("header", "frames"),
    [
        (fields(), []),
        (fields(), [b""]),
        (fields(), [b"\0" * 63]),
        (fields(), [b"\0" * 65]),
        (fields(), [b"\0" * 64, b"\0" * 64]),
        (fields(), [b"\0" * 64] * 100),
        (fields(width=0), [b""]),
        (fields(height=-4), [b"\0" * 64]),
        (fields(width=4.0), [b"\0" * 64]),
        (fields(width="4"), [b"\0" * 64]),
        (fields(width=1 << 40), [b"\0" * 64]),
        (fields(format="RGBA"), [b"\0" * 64]),
        (fields(format=None), [b"\0" * 64]),
        (fields(depth=12), [b"\0" * 64]),
        (fields(depth=8.0), [b"\0" * 64]),
        (fields(model=""), [b"\0" * 64]),
        (fields(model="../../etc/passwd"), [b"\0" * 64]),
        (fields(op="status"), [b"\0"]),
    ],
)
def test_a_mask_request_that_does_not_add_up_is_refused(
    client: LibzmqClient, header: dict[str, Any], frames: list[bytes]
) -> None:
    client.send_raw([msgpack.packb(header), *frames])
    reply, _ = client.receive()
    assert reply["op"] == "error" and reply["id"] == 9
    assert reply["code"] in ("bad_request", "model_not_found")


def test_a_huge_declared_size_is_refused_for_what_it_says(client: LibzmqClient) -> None:
    reply = client.ask("mask", [b"\0" * 64], width=65_535, height=65_535, format="RGBA8")
    assert reply["code"] == "too_large"
    assert "megapixels" in reply["hint"]


def test_the_same_id_twice_is_refused_while_the_first_is_alive(client: LibzmqClient) -> None:
    pixels = disc(400, 300)
    for _ in range(2):
        client.send_raw([msgpack.packb(fields(width=400, height=300)), pixels])
    outcomes = []
    while len(outcomes) < 2:
        header, _ = client.receive()
        if header["op"] != "progress":
            outcomes.append(header["op"])
    assert sorted(outcomes) == ["error", "result"]


def test_another_protocol_version_is_told_what_to_do(client: LibzmqClient) -> None:
    reply = client.ask("hello", v=2, nonce=b"\0" * 16)
    assert reply["code"] == "unsupported_version"
    assert "newer" in reply["message"] and "pip install" in reply["hint"]


def test_unknown_fields_are_ignored(client: LibzmqClient) -> None:
    reply = client.ask("hello", v=1, nonce=b"\0" * 16, colour="green")
    assert reply["op"] == "welcome"


def test_an_announced_frame_beyond_the_limit_ends_the_connection(daemon: Daemon, client: LibzmqClient) -> None:
    before = client.ask("status")["status"]["resident_bytes"]
    session = Session(read_connection(str(daemon.connection_file)), "tests")
    try:
        session._socket.settimeout(30)
        session._socket.sendall(b"\x02" + struct.pack(">Q", messages.MAX_FRAME_BYTES + 1))
        assert session._socket.recv(1) == b"", "libzmq hangs up"
    except ConnectionResetError:
        pass
    finally:
        session.close()
    assert client.ask("status")["status"]["resident_bytes"] - before < 50_000_000


def test_frames_without_a_header_are_a_bad_request(client: LibzmqClient) -> None:
    client.send_raw([b"", b"pixels"])
    assert client.receive()[0]["code"] == "bad_request"


def test_connections_that_come_and_go_leave_nothing_behind(daemon: Daemon, client: LibzmqClient) -> None:
    connection = read_connection(str(daemon.connection_file))
    descriptors = f"/proc/{daemon.pid()}/fd"
    for _ in range(50):
        socket.create_connection(("127.0.0.1", connection.port)).close()
        Session(connection, "tests").close()
    if Path(descriptors).exists():
        wait_for(lambda: len(list(Path(descriptors).iterdir())) < 60, "the end of the closed connections")
