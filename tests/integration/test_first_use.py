"""A fresh machine downloads the default model by itself; if it cannot, the error says what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import OFFLINE, PHOTOGRAPHS, Daemon
from matted.models import catalogue

CHELSEA = str(PHOTOGRAPHS / "chelsea.jpg")


def test_the_default_model_is_downloaded_and_announced(new_daemon: Callable[..., Daemon], tmp_path: Path) -> None:
    daemon = new_daemon(weights=None)
    done = daemon.run("remove", CHELSEA, "-o", str(tmp_path / "out.png"), "--timings")
    assert done.returncode == 0, done.stderr
    assert "Downloading" in done.stderr and "4.6 MB" in done.stderr and "Apache-2.0" in done.stderr
    assert "100%" in done.stderr, "a progress bar that arrived"
    assert "downloading" in done.stdout and "loading" in done.stdout
    assert [path.name for path in (daemon.data / "models").iterdir()] == ["u2netp"], "nothing else is left behind"
    files = sorted(path.name for path in (daemon.data / "models" / "u2netp").iterdir())
    assert files == ["model.bin", "model.xml", "origin.json"]
    again = daemon.run("remove", CHELSEA, "-o", str(tmp_path / "again.png"))
    assert again.returncode == 0 and "Downloading" not in again.stderr


def test_without_a_network_the_error_names_the_file_and_its_place(
    new_daemon: Callable[..., Daemon], tmp_path: Path, u2netp_file: Path
) -> None:
    daemon = new_daemon(weights=None)
    daemon.environ.update(OFFLINE)
    target = tmp_path / "out.png"
    done = daemon.run("remove", CHELSEA, "-o", str(target))
    spec = catalogue.load().find("u2netp")
    place = daemon.data / "models" / spec.file
    assert done.returncode == 1 and not target.exists()
    for fact in (spec.file, str(spec.bytes), spec.sources[0].sha256, str(place)):
        assert fact in done.stderr
    pid = daemon.pid()
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(u2netp_file.read_bytes())  # what the error says to do
    assert daemon.run("remove", CHELSEA, "-o", str(target)).returncode == 0
    assert daemon.pid() == pid, "the same daemon went on"


@pytest.mark.parametrize("damaged", ["u2netp.onnx", "u2netp/model.bin"])
def test_a_damaged_model_file_is_replaced(new_daemon: Callable[..., Daemon], tmp_path: Path, damaged: str) -> None:
    daemon = new_daemon()
    if damaged != "u2netp.onnx":
        assert daemon.run("remove", CHELSEA, "-o", str(tmp_path / "before.png")).returncode == 0
        daemon.run("stop")
    file = daemon.data / "models" / damaged
    content = bytearray(file.read_bytes())
    content[1_000_000] ^= 0xFF
    file.write_bytes(content)
    done = daemon.run("remove", CHELSEA, "-o", str(tmp_path / "out.png"))
    assert done.returncode == 0, done.stderr
    assert "Downloading" in done.stderr
    assert daemon.run("models", "verify").returncode == 0


def test_the_compiled_model_is_kept_on_disk(new_daemon: Callable[..., Daemon], tmp_path: Path) -> None:
    daemon = new_daemon()
    assert daemon.run("remove", CHELSEA, "-o", str(tmp_path / "out.png")).returncode == 0
    blobs = list((daemon.folder / "cache" / "compiled" / "u2netp").glob("*.blob"))
    assert len(blobs) == 1
    before = blobs[0].stat().st_mtime_ns
    daemon.run("stop")
    assert daemon.run("remove", CHELSEA, "-o", str(tmp_path / "again.png")).returncode == 0
    assert [path.stat().st_mtime_ns for path in blobs] == [before], "the second start read it and wrote nothing"
    assert (tmp_path / "out.png").read_bytes() == (tmp_path / "again.png").read_bytes()
