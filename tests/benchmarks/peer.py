"""The peer: rembg from the package index, in an environment of its own, on the same weights."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.photographs import photograph
from conftest import real_weights
from matted_client import MattedError

PACKAGE = "rembg[cpu,cli]"
WEIGHTS = {"u2netp": "u2netp.onnx", "isnet-general-use": "isnet-general-use.onnx"}
_SCRIPT = Path(__file__).with_name("rembg_library.py")


class Rembg:
    """Installed by the first use. folder: where. isnet: IS-Net's weights as ONNX, if there are some."""

    def __init__(self, folder: Path, isnet: Path | None) -> None:
        self._folder = folder
        self._weights = folder / "weights"
        self._environment = folder / "environment"
        self._isnet = isnet
        self.environ = {**os.environ, "U2NET_HOME": str(self._weights), "MODEL_CHECKSUM_DISABLED": "1"}

    def name(self, model: str) -> str | None:
        """What rembg calls the weights that `model` has, or is a variant of; None if it cannot be given them."""
        origin = model.removesuffix("-int8")
        return origin if origin == "u2netp" or (origin in WEIGHTS and self._isnet is not None) else None

    def install(self) -> None:
        """Raises MattedError."""
        self._weights.mkdir(parents=True, exist_ok=True)
        shutil.copy(real_weights(), self._weights / WEIGHTS["u2netp"])
        if self._isnet is not None:
            shutil.copy(self._isnet, self._weights / WEIGHTS["isnet-general-use"])
        done = self._folder / "installed"
        if done.exists():
            return
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(self._environment)],
            [str(self._program("python")), "-m", "pip", "install", "--quiet", PACKAGE],
        ):
            if subprocess.run(command, stdout=subprocess.DEVNULL).returncode:
                raise MattedError("rembg could not be installed.", "Is this computer online?")
        with tempfile.TemporaryDirectory() as folder:  # its first run compiles for a minute, which no later one does
            picture = Path(folder) / "picture.jpg"
            photograph(0, 0.1).save(picture)
            subprocess.run(self.command("i", "-m", "u2netp", str(picture), f"{picture}.png"), env=self.environ)
        done.touch()

    def versions(self) -> str:
        """Of rembg, and of what runs its models."""
        script = "from importlib.metadata import version; print(version('rembg'), version('onnxruntime'))"
        output = subprocess.run([str(self._program("python")), "-c", script], capture_output=True, text=True).stdout
        rembg, runtime = output.split()
        return f"rembg {rembg}, ONNX Runtime {runtime}"

    def command(self, *arguments: str) -> list[str]:
        return [str(self._program("rembg")), *arguments]

    def library(self, model: str) -> Library:
        """rembg's session for its model `model`, in memory."""
        return Library([str(self._program("python")), str(_SCRIPT), model], self.environ)

    def _program(self, name: str) -> Path:
        return self._environment / ("Scripts" if sys.platform == "win32" else "bin") / name


class Library:
    """A process that has imported rembg and loaded a model."""

    def __init__(self, command: Sequence[str], environ: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.pid = self._process.pid
        self._line()

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def mask(self, picture: Path) -> float:
        """Make the mask of a picture file. Seconds, without reading the file."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{picture}\n")
        return float(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise MattedError(f"rembg ended with code {self._process.wait()}.")
        return line.strip()
