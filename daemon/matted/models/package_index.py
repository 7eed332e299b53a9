"""Weights that a package of the Python package index carries: fetched by pip as this machine has it set up."""

from __future__ import annotations

import queue
import re
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from matted.models.catalogue import Source

# The package's metadata names the Python versions it was tested on; nothing in it is run, so any of them will do.
_PYTHON_VERSION = "3.12"
_CHECK_SECONDS = 0.2
_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")
_PIP = ["download", "--no-deps", "--only-binary=:all:", "--python-version", _PYTHON_VERSION, "--no-input"]
_PIP += ["--disable-pip-version-check", "--progress-bar=raw", "--retries=1", "--timeout=20"]


class DownloadError(Exception):
    """Why the download did not work, in a few words."""


def fetch(source: Source, folder: Path, on_fraction: Callable[[float], None], check: Callable[[], None]) -> Path:
    """Download the package into `folder` and unpack the one member that is wanted. Returns the unpacked file.

    check: called often; what it raises ends the download. Raises DownloadError, OSError.
    """
    wheels = folder / "wheels"
    _download(source.package, wheels, on_fraction, check)
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            return Path(archive.extract(source.member, folder))
    raise DownloadError("pip left no package behind")


def _download(package: str, folder: Path, on_fraction: Callable[[float], None], check: Callable[[], None]) -> None:
    command = [sys.executable, "-m", "pip", *_PIP, "--dest", str(folder), package]
    with (
        tempfile.TemporaryFile("w+", errors="replace") as complaints,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints, text=True, errors="replace"
        ) as pip,
    ):
        assert pip.stdout is not None
        lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=_read, args=(pip.stdout, lines), daemon=True).start()
        try:
            while (line := _next(lines, check)) is not None:
                progress = _PROGRESS.match(line)
                if progress and int(progress[2]):
                    on_fraction(min(1.0, int(progress[1]) / int(progress[2])))
        except BaseException:
            pip.kill()
            raise
        if pip.wait():
            complaints.seek(0)
            raise DownloadError(_reason(complaints.read()))


def _read(stream: IO[str], lines: queue.SimpleQueue[str | None]) -> None:
    """Pass pip's lines on, and None at their end: pip says nothing while the network is silent."""
    for line in stream:
        lines.put(line)
    lines.put(None)


def _next(lines: queue.SimpleQueue[str | None], check: Callable[[], None]) -> str | None:
    while True:
        check()
        try:
            return lines.get(timeout=_CHECK_SECONDS)
        except queue.Empty:
            pass


def _reason(complaints: str) -> str:
    """pip's last error, without its prefix."""
    errors = [line[len("ERROR: ") :] for line in complaints.splitlines() if line.startswith("ERROR: ")]
    return (errors or complaints.splitlines() or ["pip failed"])[-1].rstrip(".")
