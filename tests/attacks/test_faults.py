"""Faults of the machine: full disks, damaged files, no descriptors left, inference that fails."""

from __future__ import annotations

import ast
import os
import pickle
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from attacks import standins
from conftest import CHECKOUT, Daemon, wait_for
from matted.inference.engines import local, shared_memory
from matted_client import Rejected, python
from matted_client.endpoint import read_connection
from peers import disc

SIZE = (120, 90)


def mask(daemon: Daemon, model: str = "default", shade: int = 0) -> bytes:
    """Return the mask of a disc, from a new client."""
    with daemon.session() as session:
        return bytes(session.mask(disc(*SIZE, shade), *SIZE, "RGBA8", model, anyway=True).alpha)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of its own that is full."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = shutil.which("mount") and sys.platform == "linux" and os.geteuid() == 0
    if not mounted or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]).returncode:
        pytest.skip("a full disk is a small one that is mounted, which needs Linux and root")
    try:
        with pytest.raises(OSError, match="No space"):
            (folder / "everything").write_bytes(bytes(1_000_000))
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


# -- disks and files ---------------------------------------------------------------------------------------------------


def test_masks_are_made_although_the_disk_for_compiled_models_is_full(
    new_daemon: Callable[..., Daemon], full_disk: Path
) -> None:
    daemon = new_daemon()
    daemon.environ["MATTED_CACHE_DIR"] = str(full_disk)
    assert len(mask(daemon.start())) == SIZE[0] * SIZE[1]


def test_masks_are_made_although_there_can_be_no_folder_for_compiled_models(
    new_daemon: Callable[..., Daemon], tmp_path: Path
) -> None:
    daemon = new_daemon()
    (tmp_path / "file").touch()
    daemon.environ["MATTED_CACHE_DIR"] = str(tmp_path / "file")
    assert len(mask(daemon.start())) == SIZE[0] * SIZE[1]
    assert daemon.log.count("tried again without its compiled files") == 1


def test_a_state_folder_on_a_full_disk_is_reported(new_daemon: Callable[..., Daemon], full_disk: Path) -> None:
    daemon = new_daemon(weights=None)
    daemon.environ["MATTED_STATE_DIR"] = str(full_disk / "state")
    served = daemon.run("serve")
    assert served.returncode == 1
    assert "cannot be used: No space left on device" in served.stderr and "Traceback" not in served.stderr
    started = daemon.run("start")
    assert started.returncode == 1
    assert "did not start" in started.stderr and "is full" in started.stderr
    assert not list((full_disk / "state").glob("*.json"))


@pytest.mark.parametrize("damage", ["flipped", "cut"])
def test_a_damaged_compiled_model_is_made_again_and_logged_once(new_daemon: Callable[..., Daemon], damage: str) -> None:
    """OpenVINO itself would compute with the damaged weights, and give another mask."""
    daemon = new_daemon()
    expected = mask(daemon.start())
    daemon.run("stop")
    [blob] = (daemon.folder / "cache" / "compiled" / "u2netp").glob("*.blob")
    content = bytearray(blob.read_bytes())
    for at in range(len(content) // 2, len(content) // 2 + 4000):
        content[at] ^= 0x40
    blob.write_bytes(content if damage == "flipped" else content[: len(content) // 2])
    assert mask(daemon.start()) == expected
    daemon.run("stop")
    assert mask(daemon.start()) == expected
    assert daemon.log.count("damaged or unfinished") == 1


def test_a_damaged_model_is_an_error_that_says_what_to_do(new_daemon: Callable[..., Daemon], tmp_path: Path) -> None:
    daemon = new_daemon(weights=None)
    [model] = standins.install(daemon, tmp_path, 1)
    weights = daemon.data / "models" / model / "model.bin"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    with daemon.start().session() as session:
        with pytest.raises(Rejected, match=r"is damaged.*matted models remove small-48, then add it again") as refusal:
            session.load(model)
        assert refusal.value.code == "model_not_installed"
        assert session.status()["loaded"] == []


# -- descriptors -------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of another process is set with prlimit")
def test_a_crowd_of_connections_takes_nothing_from_those_who_are_clients(
    new_daemon: Callable[..., Daemon],
) -> None:
    import resource

    daemon = new_daemon().start()
    process = psutil.Process(daemon.pid())
    expected = mask(daemon)
    before = process.num_fds()
    limit = before + 60
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (limit, limit))
    port = read_connection(str(daemon.connection_file)).port
    crowd: list[socket.socket] = []
    try:
        with daemon.session() as session:
            for _ in range(3 * limit):
                crowd.append(socket.create_connection(("127.0.0.1", port), 30))
            wait_for(lambda: process.num_fds() < before + limit // 4 + 5, "the end of most of the crowd")
            session.unload()
            wait_for(lambda: not session.status()["loaded"], "the unloading")
            assert bytes(session.mask(disc(*SIZE), *SIZE, "RGBA8", anyway=True).alpha) == expected
        assert mask(daemon) == expected, "and new clients come in"
        busy = sum(process.cpu_times()[:2])
        mask(daemon)
        assert sum(process.cpu_times()[:2]) - busy < 5, "it does not try again and again"
    finally:
        for each in crowd:
            each.close()
    wait_for(lambda: process.num_fds() <= before, "the return of the descriptors")
    assert "Too many open files" not in daemon.log


# -- inference ---------------------------------------------------------------------------------------------------------


def only_at_320(path: Path) -> Path:
    """Make a model that takes any size; its inference fails at all but that of the photograph that it is tried on."""
    import openvino
    from openvino import opset13 as ops

    shape = openvino.PartialShape([1, 3, -1, -1])
    src, bgr = ops.parameter(shape, np.float32, "src"), ops.parameter(shape, np.float32, "bgr")
    difference = ops.reduce_max(ops.abs(ops.subtract(src, bgr)), ops.constant([1]), True)
    pha = ops.clamp(ops.add(difference, np.zeros((1, 1, 320, 320), np.float32)), 0.0, 1.0)
    fgr = ops.multiply(src, ops.ceiling(pha))
    for node, name in ((src, "src"), (bgr, "bgr"), (pha, "pha"), (fgr, "fgr")):
        node.output(0).set_names({name})
    openvino.save_model(openvino.Model([pha, fgr], [src, bgr], "picky"), path, compress_to_fp16=False)
    return path


def test_an_inference_that_raises_is_an_error_and_the_next_one_works(
    new_daemon: Callable[..., Daemon], tmp_path: Path
) -> None:
    daemon = new_daemon()
    file = only_at_320(tmp_path / "picky.xml")
    added = daemon.run("models", "add", str(file), "--like", "background-matting-mobilenetv2", "--id", "picky")
    assert added.returncode == 0, added.stderr
    daemon.start()
    with daemon.session() as session:
        with pytest.raises(Rejected, match="OpenVINO cannot run picky") as refusal:
            session.mask(disc(*SIZE), *SIZE, "RGBA8", "picky", plate=disc(*SIZE, shade=1))
        assert refusal.value.code == "internal" and "matted doctor" in refusal.value.hint
    assert len(mask(daemon)) == SIZE[0] * SIZE[1]


@pytest.mark.parametrize("said", [b"", pickle.dumps(("infer", 1, [b"\0" * 999]))[:500], b"\xff\xff"])
def test_an_engine_process_ends_with_its_daemon_at_whatever_byte_that_is(said: bytes) -> None:
    handles = shared_memory.create(), shared_memory.create()
    process = subprocess.Popen(
        [*python.command(local.PROCESS), *handles],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        pass_fds=shared_memory.descriptors(*handles),
    )
    process.communicate(said, timeout=60)
    for handle in handles:
        shared_memory.Reader(handle).close()
    assert process.returncode == 1  # of its own accord: the rest of a command never came


# -- time --------------------------------------------------------------------------------------------------------------


def test_nothing_waits_by_a_clock_that_can_be_set() -> None:
    """The daemon and the client measure time with the monotonic clock only."""
    files = [*(CHECKOUT / "daemon").rglob("*.py"), *(CHECKOUT / "shared").rglob("*.py")]
    assert files
    for file in files:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "time":
                assert node.attr in {"monotonic", "perf_counter", "sleep"}, f"{file}: time.{node.attr}"
            if isinstance(node, ast.ImportFrom) and node.module == "time":
                pytest.fail(f"{file} imports from time")
