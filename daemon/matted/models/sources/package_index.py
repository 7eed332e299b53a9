"""Files in packages of the Python package index, which pip fetches as this machine has it set up."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from matted_client import python

from matted.models.sources import network
from matted.models.sources.download import CHECK_SECONDS, DownloadError, Monitor, Unreachable

# The package's metadata names the Python versions it was tested on; nothing in it is run, so any of them will do.
_PYTHON_VERSION = "3.12"
_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")
_PIP = "import runpy; runpy.run_module('pip', None, '__main__', True)"
_OPTIONS = ["download", "--no-deps", "--only-binary=:all:", "--python-version", _PYTHON_VERSION, "--no-input"]
_OPTIONS += ["--disable-pip-version-check", "--progress-bar=raw", "--retries=1", "--timeout=20", "--no-cache-dir"]


def fetch(package: str, members: Sequence[str], folder: Path, monitor: Monitor) -> list[Path]:
    """Download the package (name==version) into `folder` and unpack the files in it that are wanted.

    Raises DownloadError, OSError.
    """
    network.require_proxies()
    _download(package, folder, monitor)
    for wheel in folder.glob("*.whl"):
        return [unpack(wheel, member, folder) for member in members]
    raise DownloadError("pip left no package behind")


def unpack(wheel: Path, member: str, folder: Path) -> Path:
    """Unpack one file of a wheel into `folder`. Raises DownloadError, OSError."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            return Path(archive.extract(member, folder))
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError) as error:
        raise DownloadError("what came is not the expected package") from error


def _download(package: str, folder: Path, monitor: Monitor) -> None:
    command = [*python.command(_PIP), *_OPTIONS, "--dest", str(folder), package]
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryFile("w+", errors="replace") as complaints,
        subprocess.Popen(
            command,
            env={**os.environ, "TMPDIR": str(folder)},  # what a pip that is killed has got so far goes with the folder
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            errors="replace",
        ) as pip,
    ):
        assert pip.stdout is not None
        lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=_read, args=(pip.stdout, lines), daemon=True).start()
        try:
            while (line := _next(lines, monitor)) is not None:
                progress = _PROGRESS.match(line)
                if progress and int(progress[2]):
                    monitor.on_bytes(min(int(progress[1]), int(progress[2])), int(progress[2]))
        except BaseException:
            pip.kill()
            raise
        if pip.wait():
            complaints.seek(0)
            raise _error(complaints.read())


def _read(stream: IO[str], lines: queue.SimpleQueue[str | None]) -> None:
    """Pass pip's lines on, and None at their end: pip says nothing while the network is silent."""
    with suppress(ValueError):  # closed under our hands, when the download is given up
        for line in stream:
            lines.put(line)
    lines.put(None)


def _next(lines: queue.SimpleQueue[str | None], monitor: Monitor) -> str | None:
    while True:
        monitor.check()
        try:
            return lines.get(timeout=CHECK_SECONDS)
        except queue.Empty:
            pass


def _error(complaints: str) -> DownloadError:
    """Make the error of a pip that failed: what hindered it, else its own last error, without its prefix."""
    if "Missing dependencies for SOCKS support" in complaints:
        return DownloadError("the proxy speaks SOCKS, which pip needs PySocks for", network.SOCKS_HINT)
    if "CERTIFICATE_VERIFY_FAILED" in complaints or "TLS CA certificate bundle" in complaints:
        return DownloadError("the package index could not prove who it is", network.certificates_hint())
    if "connection broken by" in complaints:  # after which pip says that it found no such package
        return Unreachable("the package index could not be reached")
    errors = [line[len("ERROR: ") :] for line in complaints.splitlines() if line.startswith("ERROR: ")]
    return DownloadError((errors or complaints.splitlines() or ["pip failed"])[-1].rstrip("."))
