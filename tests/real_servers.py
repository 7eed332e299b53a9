"""Inference servers that others wrote, from the package index: MLServer, and the Triton in nvidia-pytriton.

They live in a virtual environment of their own in the tests' cache folder, 0.7 GB, which is made once. They are started
by the command that `matted models export` prints, on free ports of this computer.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import numpy as np
from conftest import PATIENCE, Daemon, wait_for
from hosts.roots import cache_folder, locked
from matted.inference import exporting
from numpy.typing import NDArray

# OpenVINO is the one of these tests, so that both sides compute the same.
REQUIREMENTS = ("mlserver==1.7.1", "nvidia-pytriton==0.7.0", f"openvino=={version('openvino')}")
STARTABLE = ("mlserver", "triton-python")  # of exporting.SERVERS: those that need no container
SECONDS_TO_START = 4 * PATIENCE

_CLIENT = Path(__file__).with_name("plain_client.py")


def environment() -> Path:
    """Return the folder of the virtual environment. Makes it if it is not there: some minutes, once."""
    assert (3, 9) <= sys.version_info < (3, 13), "MLServer needs a Python from 3.9 to 3.12; Triton's wheel, Linux"
    recipe = hashlib.sha256(repr((REQUIREMENTS, sys.version_info[:2])).encode()).hexdigest()[:12]
    folder = cache_folder() / "servers" / recipe
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.parent / "lock"):
        if not (folder / "complete").exists():
            for old in folder.parent.iterdir():
                if old.is_dir():
                    shutil.rmtree(old)
            venv.create(folder, with_pip=True)
            install = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-compile", *REQUIREMENTS]
            done = subprocess.run(install, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr
            (folder / "complete").touch()
    return folder


def free_ports(count: int) -> list[int]:
    """Return ports of this computer that nobody listens on."""
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in taken]
    for each in taken:
        each.close()
    return ports


class RealServer:
    """A server's process, with a folder of models that were exported for it.

    rest, grpc: its ports, the same over restarts.
    """

    def __init__(self, server: str, models: Path, log: Path) -> None:
        """server: one of STARTABLE. models: the folder that was exported to. log: the file for what it says."""
        self.id = server
        self.rest, self.grpc = free_ports(2)
        self._log = log
        self._models = models
        self._process: subprocess.Popen[bytes] | None = None
        binaries = environment() / "bin"
        command = shlex.split(exporting.SERVERS[server].commands(models)[-1])
        self._command = [shutil.which(command[0], path=str(binaries)) or command[0], *command[1:]]
        if server == "mlserver":
            path = models / "settings.json"
            settings = json.loads(path.read_text())
            path.write_text(json.dumps({**settings, "http_port": self.rest, "grpc_port": self.grpc}))
        else:
            self._command += [f"--http-port={self.rest}", f"--grpc-port={self.grpc}"]
        self._environ = {**os.environ, "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"}
        self._environ["XDG_CACHE_HOME"] = str(cache_folder() / "servers")
        self._environ.pop("PYTHONPATH", None)

    def url(self, protocol: str) -> str:
        """Return its address for one of "http" and "grpc"."""
        return f"{protocol}://127.0.0.1:{self.rest if protocol == 'http' else self.grpc}"

    @property
    def pid(self) -> int:
        """Of its process, which may have others below it."""
        assert self._process is not None, "it runs"
        return self._process.pid

    def start(self) -> RealServer:
        """Start it, and wait until its models are ready."""
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environ,
                cwd=self._log.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Triton has processes of its own, which end with it
            )
        wait_for(self._ready, f"{self.id} did not get ready; {self._log}", SECONDS_TO_START)
        return self

    def _ready(self) -> bool:
        assert self._process is not None and self._process.poll() is None, self._log.read_text(errors="replace")[-4000:]
        try:
            with build_opener(ProxyHandler({})).open(f"{self.url('http')}/v2/health/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    def kill(self) -> None:
        """End it at once, as a crash does."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait(PATIENCE)
            self._process = None

    def stop(self) -> None:
        """Have it do nothing any more, while its connections stay."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Have it go on after `stop`."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "it runs"
        os.killpg(self._process.pid, number)


def export(daemon: Daemon, model: str, folder: Path, server: str) -> Path:
    """Have a person who has the model write it into a folder of models for a server. Returns the folder."""
    done = daemon.run("models", "export", model, str(folder), "--for", server)
    assert done.returncode == 0, done.stderr
    return folder


@contextmanager
def running(server: str, models: Path, folder: Path) -> Iterator[RealServer]:
    """Run a server with models that were exported for it. folder: for its log."""
    real = RealServer(server, models, folder / f"{server}.log")
    try:
        yield real.start()
    finally:
        real.kill()


class PlainClient:
    """Triton's own client, in a process with the servers' environment: nothing of matted asks."""

    def __init__(self, server: RealServer, protocol: str, folder: Path) -> None:
        """protocol: "http" or "grpc". folder: for files of arrays."""
        self._address = server.url(protocol)
        # MLServer has no binary tensors by REST.
        self._form = "json" if server.id == "mlserver" and protocol == "http" else "binary"
        self._folder = folder

    def ask(self, model: str, **inputs: NDArray[Any]) -> tuple[Any, dict[str, NDArray[Any]], str]:
        """Return what the server says of a model; the outputs that it gives for inputs; and its error, or empty."""
        question, answer = self._folder / "inputs.npz", self._folder / "outputs.npz"
        np.savez(question, **inputs)
        answer.unlink(missing_ok=True)
        python = environment() / "bin" / "python"
        command = [python, _CLIENT, self._address, self._form, model, question, answer]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE * 2)
        assert done.returncode == 0, done.stdout + done.stderr
        said = json.loads(done.stdout)
        with np.load(answer) as outputs:
            return said["metadata"], dict(outputs), said["error"]
