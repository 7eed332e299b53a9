"""The daemon's sockets and its event loop, which carries messages and never waits for an inference."""

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
from matted_client import MattedError, messages, options
from matted_client.endpoint import KEY_BYTES, LOOPBACK

from matted import __version__
from matted.hosts import places, sharing
from matted.models import catalogue
from matted.serving.connections import Connections
from matted.serving.instance import SingleInstance
from matted.serving.jobs import NO_CLIENT
from matted.serving.service import Identity, Service
from matted.serving.setup import Setup
from matted.serving.workers import Reply
from matted.serving.zap import DOMAIN, ZapHandler
from matted.settings.config import OFF, Config, ConfigError
from matted.system import allocator

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 0.25  # between progress messages, by which a client that has vanished is also noticed
RELOAD_SIGNAL: int | None = getattr(signal, "SIGHUP", None)  # Windows has none
MAX_POLL_MS = 3_600_000  # libzmq counts milliseconds in 32 bits
STOP_SECONDS = 60.0  # for running requests to finish when the daemon is asked to end
LINGER_MS = 2000  # for the last replies to be sent before the socket closes
KEEP_MEMORY_SECONDS = 3.0  # freed memory is kept for the next picture: people try options, and do layer after layer
RECEIVE_QUEUE = 2  # messages of a client that libzmq receives in advance; more wait in the client's own socket


def serve(config: Config, reread: Callable[[], Config]) -> None:
    """Run the daemon until it is asked to end.

    reread: reads the settings again for a reload; may raise ConfigError.

    Raises AlreadyRunning, StateFolderError, CatalogueError.
    """
    allocator.keep_blocks()
    instance = SingleInstance(config.state, lambda: sharing.shared_folders(places.here()))
    with instance, Server(_setup(config), instance, lambda: _setup(reread())) as server:
        server.run()


def _setup(config: Config) -> Setup:
    known = catalogue.load(config.folder / catalogue.OWN_FILE)
    clicks = [model for model, entry in known.entries.items() if entry.takes_clicks]
    if config.clicks not in (options.AUTO, OFF, *clicks):
        hint = f"One of {', '.join([options.AUTO, OFF, *clicks])} is expected."
        raise ConfigError(f"clicks cannot be {config.clicks!r}.", hint)
    return Setup(config, known)


class Server:
    """The sockets of a daemon, its service, and the loop between them.

    It binds its socket before `run` publishes the connection file, so that a client that reads the file can connect.
    """

    def __init__(self, setup: Setup, instance: SingleInstance, reread: Callable[[], Setup]) -> None:
        """Bind the socket and start the service.

        instance: holds the single-instance lock.
        reread: reads the setup again for a reload; may raise MattedError.
        """
        self._instance = instance
        self._key = os.urandom(KEY_BYTES)
        self._signals_received: set[int] = set()
        self._return_memory_at = math.inf
        self._cleanup = ExitStack()
        self._wake_reader, self._wake_writer = socket.socketpair()
        for end in (self._wake_reader, self._wake_writer):
            end.setblocking(False)
            self._cleanup.callback(end.close)
        context: zmq.Context[zmq.Socket[bytes]] = self._cleanup.enter_context(zmq.Context())
        self._zap = ZapHandler(context, self._key)
        self._cleanup.callback(self._zap.close)
        self._router = context.socket(zmq.ROUTER)
        self._cleanup.callback(self._router.close, LINGER_MS)
        self._connections = Connections(self._router)
        self._cleanup.callback(self._connections.close)
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
        router.router_mandatory = True  # a reply to a client that has left is an error; it would be dropped silently
        router.maxmsgsize = messages.MAX_FRAME_BYTES
        router.rcvhwm = RECEIVE_QUEUE
        router.bind(f"{LOOPBACK}*")
        return str(router.getsockopt_string(zmq.LAST_ENDPOINT)).rstrip("\0")

    def run(self) -> None:
        """Serve until a signal, a shutdown request or the idle time, then let the running requests finish."""
        with self._signals():
            self._instance.publish(self._endpoint, __version__, self._key)
            log.info("matted %s listens at %s", __version__, self._endpoint)
            try:
                self._loop()
            finally:
                # before the sockets close: a client that sees its connection end may start the next daemon at once
                self._instance.release()
        log.info("matted ends")

    def _loop(self) -> None:
        poller = zmq.Poller()
        for readable in (self._router, self._zap.socket, self._connections.events, self._wake_reader):
            poller.register(readable, zmq.POLLIN)
        next_progress, deadline = 0.0, math.inf
        while not (self._service.stopping and self._service.finished()):
            working = self._service.working()
            ready = dict(poller.poll(self._poll_milliseconds(working)))
            if self._connections.events in ready:
                self._let_go()
            if self._zap.socket in ready:
                self._zap.answer()
            if self._wake_reader.fileno() in ready:
                self._read_wake_bytes()
            if self._router in ready:
                self._receive()
            self._send(self._service.collect())
            now = time.monotonic()
            forgot = self._service.expire()
            self._return_memory_when_quiet(bool(ready) or working or forgot, now)
            if working and now >= next_progress:
                self._send(self._service.progress())
                next_progress = now + PROGRESS_SECONDS
            self._handle_signals()
            if self._service.idle() and not self._service.stopping:
                log.info("no request came for a while, so matted ends")
                self._send(self._service.stop())
            if self._service.stopping:
                deadline = min(deadline, now + STOP_SECONDS)
            if now > deadline:
                log.warning("a running request did not finish in time and is given up")
                return

    def _poll_milliseconds(self, working: bool) -> int | None:
        """Return how long the loop may sleep, None for no limit. working: whether jobs wait or run."""
        if working or self._service.stopping:
            return int(PROGRESS_SECONDS * 1000)
        seconds = min(
            self._service.seconds_to_idle(),
            self._service.seconds_to_expiry(),
            max(0.0, self._return_memory_at - time.monotonic()),
        )
        return None if seconds == math.inf else min(MAX_POLL_MS, int(seconds * 1000) + 1)

    def _return_memory_when_quiet(self, busy: bool, now: float) -> None:
        if busy:
            self._return_memory_at = now + KEEP_MEMORY_SECONDS
        elif now >= self._return_memory_at:
            allocator.return_free_memory()
            self._return_memory_at = math.inf

    def _handle_signals(self) -> None:
        while self._signals_received:
            number = self._signals_received.pop()
            if number == RELOAD_SIGNAL:
                try:
                    self._service.reload()
                except MattedError as error:
                    log.error("the settings were not read again, and stay as they were: %s", error)
            elif not self._service.stopping:
                self._send(self._service.stop())

    def _receive(self) -> None:
        try:
            peer, *frames = self._router.recv_multipart(zmq.NOBLOCK, copy=False)
        except zmq.Again:
            return
        self._let_go()
        connected = self._connections.hear(peer)
        if frames:
            self._send(self._service.handle(peer.bytes, [frame.buffer for frame in frames]))
        if not connected:
            self._service.leave(peer.bytes)

    def _let_go(self) -> None:
        """Forget the clients whose connections have ended."""
        for peer in self._connections.update():
            self._service.leave(peer)

    def _send(self, replies: list[Reply]) -> None:
        for reply in replies:
            if reply.peer == NO_CLIENT:
                continue
            parts: list[Any] = [reply.peer, reply.message.to_wire(reply.id), *reply.frames]
            try:
                self._router.send_multipart(parts, zmq.NOBLOCK, copy=False)
            except zmq.ZMQError as error:
                if error.errno not in (zmq.EHOSTUNREACH, zmq.EAGAIN):
                    raise
                self._service.abandon(reply.peer, reply.id)

    # -- waking the loop from worker threads and from signals --------------------------------------------------------

    def _wake(self) -> None:
        with suppress(BlockingIOError):  # full: the loop wakes anyway
            self._wake_writer.send(b"\0")

    def _read_wake_bytes(self) -> None:
        with suppress(BlockingIOError):
            while self._wake_reader.recv(4096):
                pass

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def record(number: int, frame: FrameType | None) -> None:
            self._signals_received.add(number)

        numbers = [signal.SIGTERM, signal.SIGINT, *([RELOAD_SIGNAL] if RELOAD_SIGNAL else [])]
        before = {number: signal.signal(number, record) for number in numbers}
        wakeup = signal.set_wakeup_fd(self._wake_writer.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
