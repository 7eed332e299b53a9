"""Which clients have left, with real sockets of libzmq. For silent connections see attacks/test_faults.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import zmq
from conftest import wait_for
from matted.serving.connections import Connections

WAIT_MS = 60_000


class Router:
    """A ROUTER whose connections are watched.

    heard: the routing ids of messages, in order, and whether their connections were there.
    left: the routing ids of the clients that have left.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        self._socket = context.socket(zmq.ROUTER)
        self._socket.linger = 0
        self.connections = Connections(self._socket)
        self.port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        self.heard: list[tuple[bytes, bool]] = []
        self.left = set[bytes]()

    def update(self) -> set[bytes]:
        self.left |= self.connections.update()
        return self.left

    def hear(self) -> bytes:
        """Wait for a message, and return the routing id of its client."""
        assert self._socket.poll(WAIT_MS)
        peer, *_ = self._socket.recv_multipart(copy=False)
        self.update()
        self.heard.append((peer.bytes, self.connections.hear(peer)))
        return peer.bytes

    def close(self) -> None:
        self.connections.close()
        self._socket.close()


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    made: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    yield made
    made.destroy(0)


@pytest.fixture
def router(context: zmq.Context[zmq.Socket[bytes]]) -> Iterator[Router]:
    made = Router(context)
    yield made
    made.close()


def client(context: zmq.Context[zmq.Socket[bytes]], router: Router, name: bytes = b"") -> zmq.Socket[bytes]:
    """Connect a client, which sends a message."""
    made = context.socket(zmq.DEALER)
    if name:
        made.routing_id = name
    made.linger = WAIT_MS
    made.connect(f"tcp://127.0.0.1:{router.port}")
    made.send(b"hello")
    return made


def test_a_client_that_leaves_is_told_and_nobody_else_is(
    context: zmq.Context[zmq.Socket[bytes]], router: Router
) -> None:
    sockets = {}
    for _ in range(5):
        made = client(context, router)
        sockets[router.hear()] = made
    assert router.update() == set() and all(there for _, there in router.heard)
    gone = list(sockets)[2]
    sockets.pop(gone).close()
    wait_for(router.update, "the news")
    assert router.left == {gone}
    for made in sockets.values():
        made.close()
    wait_for(lambda: router.update() == {peer for peer, _ in router.heard}, "the others")


def test_a_descriptor_that_is_used_again_is_another_client(
    context: zmq.Context[zmq.Socket[bytes]], router: Router
) -> None:
    """The system gives the lowest free descriptor to the next connection: that of the client that has just left."""
    for number in range(100):
        made = client(context, router)
        peer = router.hear()
        made.close()
        following = client(context, router)
        assert router.hear() != peer
        wait_for(lambda count=2 * number + 1: len(router.update()) == count, "the end of the first")
        assert peer in router.left and router.heard[-1][0] not in router.left
        following.close()
        wait_for(lambda count=2 * number + 2: len(router.update()) == count, "the end of the second")
    assert all(there for _, there in router.heard)


def test_what_a_client_said_before_it_left_is_known_to_come_from_nobody(
    context: zmq.Context[zmq.Socket[bytes]], router: Router
) -> None:
    made = client(context, router)
    made.send(b"more")
    assert router._socket.poll(WAIT_MS)
    router.update()
    known = router.connections._clients
    assert len(known) == 1
    made.close()
    wait_for(lambda: router.update() == set() and not known, "the end of a client that was not heard yet")
    peer = router.hear()
    assert router.hear() == peer and router.heard == [(peer, False)] * 2


def test_a_client_that_comes_back_under_its_own_name_is_there(
    context: zmq.Context[zmq.Socket[bytes]], router: Router
) -> None:
    made = client(context, router, b"own name")
    assert router.hear() == b"own name"
    made.close()
    wait_for(router.update, "its end")
    tries: list[zmq.Socket[bytes]] = []

    def come_back() -> bool:
        """Try it once: libzmq refuses a name until it has forgotten the connection that had it."""
        tries.append(client(context, router, b"own name"))
        return bool(router._socket.poll(500))

    wait_for(come_back, "its return")
    router.hear()
    assert router.heard[-1] == (b"own name", True)
    for each in tries:
        each.close(0)


def test_a_hundred_clients_that_come_and_leave_at_once_are_all_told(
    context: zmq.Context[zmq.Socket[bytes]], router: Router
) -> None:
    for made in [client(context, router) for _ in range(100)]:
        made.close()
    peers = {router.hear() for _ in range(100)}
    late = {peer for peer, there in router.heard if not there}
    wait_for(lambda: router.update() | late == peers, "their ends")
