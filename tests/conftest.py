"""What all tests share: the real weights, a real daemon process, photographs, the built wheel."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hosts.roots import cache_folder
from matted.models import catalogue, sources
from matted.models.origin import digest
from matted_client import Session, connect

CHECKOUT = Path(__file__).resolve().parents[1]
PHOTOGRAPHS = CHECKOUT / "tests" / "photographs"
# Shells start background jobs with Ctrl-C ignored, which is inherited; what the tests start has to heed it.
signal.signal(signal.SIGINT, signal.default_int_handler)

PATIENCE = 60.0  # seconds after which something that should have happened is called a failure


def wait_for(condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Return the first true value of `condition`; fail when none comes in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    pytest.fail(f"{what} did not happen within {seconds} s")


class Daemon:
    """A `matted serve` process with folders of its own, as an installed user would run it."""

    def __init__(self, folder: Path, weights: Path | None) -> None:
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
        self.process: subprocess.Popen[bytes] | None = None
        if weights is not None:
            (self.data / "models").mkdir(parents=True)
            shutil.copy(weights, self.data / "models")

    @property
    def connection_file(self) -> Path:
        return self.state / "connection.json"

    @property
    def log(self) -> str:
        path = self.folder / "serve.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "matted", *arguments]

    def start(self, *arguments: str) -> Daemon:
        """Run `matted serve` and wait until it can be talked to. One that ran before has to be on its way out."""
        if self.process is not None:
            self.process.wait(PATIENCE)
        with open(self.folder / "serve.log", "ab") as log:
            self.process = subprocess.Popen(
                self.command("serve", *arguments), env=self.environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        wait_for(self.connection_file.exists, "the connection file")
        return self

    def session(self) -> Session:
        return connect("tests", path=str(self.connection_file), start=False)

    def run(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a matted command in this daemon's environment."""
        return subprocess.run(
            self.command(*arguments), env=self.environ, capture_output=True, text=True, timeout=PATIENCE * 3, **options
        )

    def pid(self) -> int:
        return int(json.loads(self.connection_file.read_text())["pid"])

    def end(self) -> None:
        """Stop whatever daemon runs in these folders, also one that a client started."""
        if self.connection_file.exists():
            self.run("stop")
        if self.process is not None:
            self.process.kill()
            self.process.wait()


def real_weights() -> Path:
    """The real u2netp as it comes, got the way the daemon gets it, once a machine."""
    spec = catalogue.load().find("u2netp")
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
    """Make daemons, not started yet: new_daemon(), or new_daemon(weights=None) for one without the model."""
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


def build_wheel(folder: Path) -> Path:
    """The wheel of this checkout, put into the folder."""
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(CHECKOUT)]
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built once from this checkout."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))
