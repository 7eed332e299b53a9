"""matted as a user of a Debian root has it: a home, the plug-in, the weights, and a daemon that a click starts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hosts.roots import Root
from matted_client.client import Session, connect
from matted_client.messages import MaskRequest, split_header
from matted_client.pictures import Mask
from matted_client.zmtp import COMMAND, LONG, MORE
from PIL import Image

PATIENCE = 30.0  # seconds after which something that should have happened is called a failure
POLL_SECONDS = 0.02
GREETING_BYTES = 64  # with which a ZeroMQ connection begins

REQUEST, REPLY = "request", "reply"
# Called before some bytes are passed on: which way they go, and how many the plug-in has sent so far. Says whether to
# pass them on; if not, both sides are hung up.
Hook = Callable[[str, int], bool]


def until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Return the first true value of `condition`; fail with `what` was awaited if none comes."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"no {what} within {seconds} s")
        time.sleep(POLL_SECONDS)
    return value


class Installed:
    """A new home in `root`. Paths are as seen inside the root, except for `outside`'s."""

    def __init__(self, root: Root, weights: Path | None) -> None:
        """weights: what is in the home; None for nothing."""
        self.root = root
        root.outside("/home").mkdir(exist_ok=True)
        self.home = "/home/" + os.path.basename(tempfile.mkdtemp(prefix="matted-", dir=root.outside("/home")))
        self.state = f"{self.home}/.local/state/matted"
        if weights is not None:
            models = self.outside(f"{self.home}/.local/share/matted/models")
            models.mkdir(parents=True)
            shutil.copy(weights, models)
            self.offered.write_text("{}")  # what dialogs look like does not depend on which is the first
        self.env = {"HOME": self.home}
        self._pictures = 0

    def outside(self, path: str) -> Path:
        return self.root.outside(path)

    def matted(self, *arguments: str) -> str:
        return self.root.run(["/usr/bin/python3", "-m", "matted", *arguments], self.env).stdout

    @property
    def offered(self) -> Path:
        """The file that says that a better model was offered."""
        return self.outside(f"{self.home}/.local/share/matted/offered.json")

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.outside(self.home))

    # -- its daemon --------------------------------------------------------------------------------------------------

    @property
    def connection_file(self) -> Path:
        return self.outside(f"{self.state}/connection.json")

    def pid(self) -> int | None:
        """The daemon's process, None when none runs."""
        try:
            pid = int(json.loads(self.connection_file.read_text())["pid"])
            alive = b"matted" in Path(f"/proc/{pid}/cmdline").read_bytes()  # empty once it is a zombie
        except FileNotFoundError:
            return None
        return pid if alive else None

    def kill(self) -> None:
        """As with kill -9: at once, and with no chance to tidy up."""
        pid = self.pid()
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            until(lambda: self.pid() is None, "end of the killed daemon")

    def session(self) -> Session:
        return connect("tests", path=str(self.connection_file), start=False)

    def ensure_daemon(self) -> None:
        if self.pid() is None:
            self.matted("start")

    def put(self, picture: Image.Image) -> str:
        """Save the picture as a PNG in the home, under a name of its own. Returns its path."""
        self._pictures += 1
        path = f"{self.home}/picture-{self._pictures}.png"
        picture.save(self.outside(path), compress_level=1)
        return path

    def mask_of(self, picture: Image.Image, plate: Image.Image | None = None, **options: Any) -> bytes:
        """What the daemon answers to the picture's pixels, asked without any plug-in. options: of Session.mask."""
        return bytes(self.answer_to(picture, plate, **options).alpha)

    def answer_to(self, picture: Image.Image, plate: Image.Image | None = None, **options: Any) -> Mask:
        self.ensure_daemon()
        pixels, scene = (each and each.convert("RGBA").tobytes() for each in (picture, plate))
        with self.session() as session:
            return session.mask(pixels, picture.width, picture.height, "RGBA8", plate=scene, **options)

    @contextmanager
    def overheard(self) -> Iterator[list[MaskRequest]]:
        """Gather the mask requests that the plug-in's next connection sends. They are there at the end of the block."""
        requests: list[MaskRequest] = []
        with self.wire(lambda way, sent: True) as said:
            yield requests
        requests += mask_requests(bytes(said))

    @contextmanager
    def wire(self, hook: Hook) -> Iterator[bytearray]:
        """Lead the plug-in's next connection to the daemon through here. Gives what the plug-in sends, as it grows.

        Afterwards the connection file is as before, unless a daemon has written a new one.
        """
        self.ensure_daemon()
        before = self.connection_file.read_text()
        fields = json.loads(before)
        with _Wire(int(fields["endpoint"].rpartition(":")[2]), hook) as wire:
            led = json.dumps({**fields, "endpoint": f"tcp://127.0.0.1:{wire.port}"})
            self._replace_connection_file(led)
            try:
                yield wire.said
            finally:
                if self.connection_file.exists() and self.connection_file.read_text() == led:
                    self._replace_connection_file(before)

    def _replace_connection_file(self, text: str) -> None:
        draft = self.connection_file.with_suffix(".test")
        draft.touch(0o600)
        draft.write_text(text)
        draft.replace(self.connection_file)


def mask_requests(said: bytes) -> list[MaskRequest]:
    """The mask requests in all that a client has sent on a connection, frame by frame."""
    requests, begins, at = [], True, GREETING_BYTES
    while at < len(said):
        flags = said[at]
        digits = 8 if flags & LONG else 1
        start = at + 1 + digits
        at = start + int.from_bytes(said[at + 1 : start], "big")
        if begins and not flags & COMMAND:
            op, _, header = split_header(said[start:at])
            if op == MaskRequest.op:
                requests.append(MaskRequest.from_wire(header))
        begins = not flags & MORE
    return requests


class _Wire:
    """Carries one connection to `target`, a port of this machine. `said`: all that the plug-in has sent."""

    def __init__(self, target: int, hook: Hook) -> None:
        self._target = target
        self._hook = hook
        self.said = bytearray()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def __enter__(self) -> _Wire:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for end in [self._listener, *self._ends]:
            _hang_up(end)
        for thread in self._threads:
            thread.join()
        for end in self._ends:
            end.close()

    def _accept(self) -> None:
        with self._listener:
            try:
                plugin = self._listener.accept()[0]
            except OSError:
                return
        daemon = socket.create_connection(("127.0.0.1", self._target))
        self._ends += [plugin, daemon]
        answers = threading.Thread(target=self._pump, args=(daemon, plugin, REPLY))
        self._threads.append(answers)
        answers.start()
        self._pump(plugin, daemon, REQUEST)

    def _pump(self, source: socket.socket, target: socket.socket, way: str) -> None:
        try:
            while data := source.recv(65536):
                if way == REQUEST:
                    self.said += data
                if not self._hook(way, len(self.said)):
                    break
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            _hang_up(end)


def _hang_up(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
