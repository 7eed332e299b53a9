"""Fixtures and helpers for all tests: daemons in processes of their own, u2netp's real weights, the built wheel."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from hosts.roots import cache_folder, locked
from hypothesis import settings
from matted.models import catalogue, sources
from matted.models.origin import digest
from matted_client.client import Session, connect
from peers import LibzmqClient

CHECKOUT = Path(__file__).resolve().parents[1]
PHOTOGRAPHS = CHECKOUT / "tests" / "photographs"
# A shell has its background jobs ignore Ctrl-C, `nohup` has them ignore a closed terminal, and their children inherit
# that; what the tests start must not.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

settings.register_profile("matted", deadline=None)  # how long an example takes is up to what else the machine does
settings.load_profile("matted")

# The environment of a daemon that can download nothing.
OFFLINE = {
    "PIP_CONFIG_FILE": "/dev/null",
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",  # the discard port: nobody listens
    "PIP_EXTRA_INDEX_URL": "",
    "PIP_FIND_LINKS": "",
    "PIP_NO_CACHE_DIR": "1",
    "https_proxy": "http://127.0.0.1:9",
}

PATIENCE = 60.0  # seconds that tests wait for something before they fail


def wait_for(condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Call `condition` until its value is true, and return that value. The test fails if that takes too long.

    what: names the awaited event in the failure's message.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    pytest.fail(f"{what} did not happen within {seconds} s")


@pytest.hookimpl(optionalhook=True)  # of xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Return what spreads tests over processes by file, but all files about GIMP to one, and about Krita to one.

    A root of Debian has one of each at a time: they share its /tmp.
    """
    from xdist.scheduler import LoadFileScheduling

    class ByProgram(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            if not file.startswith("tests/hosts/"):
                return str(file)
            return "GIMP" if file.startswith("tests/hosts/test_gimp") else "Krita, and both"

    return ByProgram(config, log) if config.getoption("dist") == "loadfile" else None


class Daemon:
    """A `matted serve` process, and matted commands, with folders of their own."""

    def __init__(self, folder: Path, weights: Path | None) -> None:
        """folder: the home folder; what matted writes is below it. weights: the file of u2netp; None for no model."""
        self.folder = folder
        self.state = folder / "state"
        self.data = folder / "data"
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("MATTED_")},
            "HOME": str(folder),
            "MATTED_STATE_DIR": str(self.state),
            "MATTED_DATA_DIR": str(self.data),
            "MATTED_CACHE_DIR": str(folder / "cache"),
            "MATTED_CONFIG_DIR": str(folder / "config"),
        }
        self.program = [sys.executable, "-m", "matted"]
        self.process: subprocess.Popen[bytes] | None = None
        if weights is not None:
            (self.data / "models").mkdir(parents=True)
            shutil.copy(weights, self.data / "models")

    @property
    def connection_file(self) -> Path:
        return self.state / "connection.json"

    @property
    def log(self) -> str:
        """All that `matted serve` wrote to its terminal."""
        path = self.folder / "serve.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def write_settings(self, text: str) -> None:
        """Write config.toml."""
        (self.folder / "config").mkdir(exist_ok=True)
        (self.folder / "config" / "config.toml").write_text(text)

    def write_connection_file(self, content: bytes) -> None:
        """Write a connection file, with the permissions of a real one, as if another daemon had left it."""
        self.state.mkdir(mode=0o700)
        self.connection_file.touch(0o600)
        self.connection_file.write_bytes(content)

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of a matted command."""
        return [*self.program, *arguments]

    def start(self, *arguments: str) -> Daemon:
        """Run `matted serve` and wait until it can be connected to. An earlier one must have been told to end."""
        if self.process is not None:
            self.wait()
        with open(self.folder / "serve.log", "ab") as log:
            self.process = subprocess.Popen(
                self.command("serve", *arguments), env=self.environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        wait_for(self.connection_file.exists, "the connection file")
        return self

    def wait(self, seconds: float = PATIENCE) -> int:
        """Wait until the process of `start` has ended, and return its exit code."""
        assert self.process is not None, "it was not started"
        return self.process.wait(seconds)

    def session(self) -> Session:
        """Connect a client to the running daemon."""
        return connect("tests", path=str(self.connection_file), start=False)

    def run(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a matted command in this daemon's environment, and return its result and output."""
        return subprocess.run(
            self.command(*arguments), env=self.environ, capture_output=True, text=True, timeout=PATIENCE * 3, **options
        )

    def pid(self) -> int:
        """Return the process id in the connection file."""
        return int(json.loads(self.connection_file.read_text())["pid"])

    def engines(self) -> list[psutil.Process]:
        """Return its engine processes, without those that have ended."""
        found = []
        for child in psutil.Process(self.pid()).children():
            with suppress(psutil.NoSuchProcess):  # one has just ended, the process that converts a model, say
                if any("matted.inference.engines.process" in word for word in child.cmdline()):
                    found.append(child)
        return found

    def end(self) -> None:
        """Stop the daemon that runs in these folders, even if a client started it."""
        if self.connection_file.exists():
            self.run("stop")
        if self.process is not None:
            self.process.kill()
            self.process.wait()


def real_weights(model: str = "u2netp") -> Path:
    """Return a model's weights file as it is published. Downloaded as the daemon does it, and kept for later runs."""
    spec = catalogue.load().specs[model]
    target = cache_folder() / "models" / spec.file
    source = spec.sources[0]
    if not target.exists() or digest(target, "sha256") != source.sha256:
        draft = target.parent / f"draft-{os.getpid()}"
        os.replace(sources.fetch(source, spec, draft, sources.Monitor()), target)
        shutil.rmtree(draft)
    return target


@pytest.fixture(scope="session")
def u2netp_file() -> Path:
    return real_weights()


@pytest.fixture
def new_daemon(tmp_path: Path, u2netp_file: Path) -> Iterator[Callable[..., Daemon]]:
    """new_daemon() makes a daemon that is not started yet; new_daemon(weights=None) one without a model."""
    with ExitStack() as stack:

        def make(weights: Path | None = u2netp_file) -> Daemon:
            folder = tmp_path / f"daemon-{len(os.listdir(tmp_path))}"
            folder.mkdir()
            daemon = Daemon(folder, weights)
            stack.callback(daemon.end)
            return daemon

        yield make


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, u2netp_file: Path) -> Iterator[Daemon]:
    """A running daemon with the real model, shared by the tests of a module."""
    running = Daemon(tmp_path_factory.mktemp("daemon"), u2netp_file).start()
    yield running
    running.end()


@pytest.fixture
def client(daemon: Daemon) -> Iterator[LibzmqClient]:
    """A client of libzmq. After the test the daemon must still make a mask for it."""
    with LibzmqClient(daemon.connection_file) as peer:
        yield peer
        header, frames = peer.reply(peer.mask(64, 48))
        assert header["op"] == "result" and len(frames[0]) == 64 * 48


def build_wheel(folder: Path) -> Path:
    """Build this checkout's wheel into a folder, and return its path."""
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(CHECKOUT)]
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This checkout's wheel, built once for all processes of a run."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # which the processes have together
    target = folder / "wheel"
    with locked(folder / "wheel.lock"):
        if not target.exists():
            draft = folder / "wheel.part"
            shutil.rmtree(draft, ignore_errors=True)
            build_wheel(draft)
            draft.rename(target)
    return next(target.glob("*.whl"))
