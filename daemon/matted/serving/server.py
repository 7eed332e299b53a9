"""The sockets and the event loop. It carries messages and never waits for an inference."""

from __future__ import annotations

import logging
import math
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType
from typing import Any

import zmq
from matted_client import MattedError, messages
from matted_client.endpoint import KEY_BYTES, LOOPBACK

from matted import __version__
from matted.hosts import places, sharing
from matted.models import catalogue
from matted.serving.idle_connections import IdleConnections
from matted.serving.instance import SingleInstance
from matted.serving.jobs import OURSELVES
from matted.serving.service import Identity, Service
from matted.serving.workers import Reply, Setup
from matted.serving.zap import DOMAIN, ZapHandler
from matted.settings.config import Config
from matted.system import allocator

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 0.25  # how often waiting clients hear from us, which is also how a vanished one is noticed
RELOAD_SIGNAL: int | None = getattr(signal, "SIGHUP", None)  # Windows has none
MAX_POLL_MS = 3_600_000  # libzmq counts milliseconds in 32 bits
STOP_SECONDS = 60.0  # how long the running request may take to finish when the daemon is asked to end
GOODBYE_MS = 2000  # how long the last replies may take to leave
QUIET_SECONDS = 3.0  # how long memory is kept for the next picture: people try settings, and do layer after layer
RECEIVE_QUEUE = 2  # messages of one client that libzmq holds for us; more wait in the client's own socket


def serve(config: Config, reread: Callable[[], Config]) -> None:
    """Run the daemon until it is asked to end. Raises AlreadyRunning, StateFolderError, CatalogueError.

    reread: gives the settings again for a reload, and may raise ConfigError.
    """
    allocator.keep_blocks()
    instance = SingleInstance(config.state, lambda: sharing.shared_folders(places.here()))
    with instance, Server(_setup(config), instance, lambda: _setup(reread())) as server:
        server.run()


def _setup(config: Config) -> Setup:
    return Setup(config, catalogue.load(config.folder / catalogue.OWN_FILE))


class Server:
    """Binds first, then publishes the connection file, so that whoever finds the file finds the daemon."""

    def __init__(self, setup: Setup, instance: SingleInstance, reread: Callable[[], Setup]) -> None:
        self._instance = instance
        self._key = os.urandom(KEY_BYTES)
        self._signalled: set[int] = set()
        self._quiet_at = math.inf
        self._cleanup = ExitStack()
        self._wake_reader, self._wake_writer = socket.socketpair()
        for end in (self._wake_reader, self._wake_writer):
            end.setblocking(False)
            self._cleanup.callback(end.close)
        context: zmq.Context[zmq.Socket[bytes]] = self._cleanup.enter_context(zmq.Context())
        self._zap = ZapHandler(context, self._key)
        self._cleanup.callback(self._zap.close)
        self._router = context.socket(zmq.ROUTER)
        self._cleanup.callback(self._router.close, GOODBYE_MS)
        self._idle_connections = IdleConnections(self._router)
        self._cleanup.callback(self._idle_connections.close)
        self._endpoint = self._bind()
        identity = Identity(self._endpoint, str(instance.connection_file), self._key)
        self._service = Service(setup, reread, identity, self._wake)
        self._cleanup.callback(self._service.close)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._cleanup.close()

    def _bind(self) -> str:
        router = self._router
        router.plain_server = True
        router.zap_domain = DOMAIN
        router.router_mandatory = True  # a reply to a client that left is an error, not lost in silence
        router.maxmsgsize = messages.MAX_FRAME_BYTES
        router.rcvhwm = RECEIVE_QUEUE
        router.bind(f"{LOOPBACK}*")
        return str(router.getsockopt_string(zmq.LAST_ENDPOINT)).rstrip("\0")

    def run(self) -> None:
        """Serve until a signal or a shutdown request, then let the running request finish."""
        with self._signals():
            self._instance.publish(self._endpoint, __version__, self._key)
            log.info("matted %s listens at %s", __version__, self._endpoint)
            try:
                self._loop()
            finally:
                # before the sockets close: who sees the connection end may start the next daemon at once
                self._instance.leave()
        log.info("matted ends")

    def _loop(self) -> None:
        poller = zmq.Poller()
        for source in (self._router, self._zap.socket, self._idle_connections.events, self._wake_reader):
            poller.register(source, zmq.POLLIN)
        next_report, last_moment = 0.0, math.inf
        while not (self._service.stopping and self._service.finished()):
            working = self._service.working()
            ready = dict(poller.poll(self._patience(working)))
            if self._idle_connections.events in ready:
                self._idle_connections.heed()
            if self._zap.socket in ready:
                self._zap.answer()
            if self._wake_reader.fileno() in ready:
                self._drain_wake()
            if self._router in ready:
                self._receive()
            self._send(self._service.collect())
            now = time.monotonic()
            self._keep_house(bool(ready) or working, now)
            if working and now >= next_report:
                self._send(self._service.progress())
                next_report = now + PROGRESS_SECONDS
            self._heed_signals()
            if self._service.idle() and not self._service.stopping:
                log.info("nobody has asked for anything for a while")
                self._send(self._service.stop())
            if self._service.stopping:
                last_moment = min(last_moment, now + STOP_SECONDS)
            if now > last_moment:
                log.warning("the running request did not finish in time and is given up")
                return

    def _patience(self, working: bool) -> int | None:
        """Milliseconds to wait for news, None for any time."""
        if working or self._service.stopping:
            return int(PROGRESS_SECONDS * 1000)
        seconds = min(self._service.seconds_to_idle(), max(0.0, self._quiet_at - time.monotonic()))
        return None if seconds == math.inf else min(MAX_POLL_MS, int(seconds * 1000) + 1)

    def _keep_house(self, busy: bool, now: float) -> None:
        if busy:
            self._quiet_at = now + QUIET_SECONDS
        elif now >= self._quiet_at:
            allocator.return_the_rest()
            self._quiet_at = math.inf

    def _heed_signals(self) -> None:
        while self._signalled:
            number = self._signalled.pop()
            if number == RELOAD_SIGNAL:
                try:
                    self._service.reload()
                except MattedError as error:
                    log.error("the settings stay as they were: %s", error)
            elif not self._service.stopping:
                self._send(self._service.stop())

    def _receive(self) -> None:
        try:
            peer, *frames = self._router.recv_multipart(zmq.NOBLOCK, copy=False)
        except zmq.Again:
            return
        self._idle_connections.greet(peer)
        if frames:
            self._send(self._service.handle(peer.bytes, [frame.buffer for frame in frames]))

    def _send(self, replies: list[Reply]) -> None:
        for reply in replies:
            if reply.peer == OURSELVES:
                continue
            parts: list[Any] = [reply.peer, reply.message.to_wire(reply.id), *reply.frames]
            try:
                self._router.send_multipart(parts, zmq.NOBLOCK, copy=False)
            except zmq.ZMQError as error:
                if error.errno not in (zmq.EHOSTUNREACH, zmq.EAGAIN):
                    raise
                self._service.abandon(reply.peer, reply.id)

    # -- waking the loop from the worker thread and from signals -----------------------------------------------------

    def _wake(self) -> None:
        with suppress(BlockingIOError):  # full: the loop will wake anyway
            self._wake_writer.send(b"\0")

    def _drain_wake(self) -> None:
        with suppress(BlockingIOError):
            while self._wake_reader.recv(4096):
                pass

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def note(number: int, frame: FrameType | None) -> None:
            self._signalled.add(number)

        numbers = [signal.SIGTERM, signal.SIGINT, *([RELOAD_SIGNAL] if RELOAD_SIGNAL else [])]
        before = {number: signal.signal(number, note) for number in numbers}
        wakeup = signal.set_wakeup_fd(self._wake_writer.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
