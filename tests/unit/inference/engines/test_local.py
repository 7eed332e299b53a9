"""The daemon's side of an engine process: it ends with the daemon, however that ends, and its death is told apart."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from conftest import wait_for
from graphs import small
from letting_go import lets_go
from matted.inference.engines import local
from matted.inference.engines.engine import EngineDied, Planes
from matted.inference.engines.local import LocalEngine
from matted.models import catalogue
from matted.settings.target import CPU, Target

SPEC = replace(catalogue.load().find("u2netp"), id="made-up")
# A daemon that has an engine, paused or not, and is killed.
DAEMON = """
import os, signal, sys
from pathlib import Path
from matted.inference.engines.local import LocalEngine
from matted.models import catalogue
from matted.settings.target import CPU, Target
engine = LocalEngine(catalogue.load().find("u2netp"), Path("nothing.xml"), Target(CPU), None)
if sys.argv[1] == "paused":
    engine.pause()
print(engine._process.pid, flush=True)
sys.stdin.read(1)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
@pytest.mark.parametrize("state", ["paused", "running"])
def test_an_engine_process_ends_with_a_daemon_that_is_killed(state: str) -> None:
    command = [sys.executable, "-c", DAEMON, state]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as daemon:
        assert daemon.stdin is not None and daemon.stdout is not None
        process = psutil.Process(int(daemon.stdout.readline()))
        if state == "paused":
            wait_for(lambda: process.status() == psutil.STATUS_STOPPED, "the pause")
        daemon.stdin.write(b"x")
        daemon.stdin.close()
        daemon.wait(60)
    wait_for(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, "the end of the process")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_a_process_goes_on_after_a_pause() -> None:
    engine = LocalEngine(SPEC, Path("nothing.xml"), Target(CPU), None)
    try:
        engine.pause()
        wait_for(lambda: psutil.Process(engine._process.pid).status() == psutil.STATUS_STOPPED, "the pause")
        engine.resume()
        with pytest.raises(RuntimeError):  # it answers: there is no such file
            engine.load()
    finally:
        engine.close()
    engine.resume()  # of a process that is gone
    assert not engine.alive() and engine.memory() == 0


@pytest.mark.parametrize(
    ("number", "killed"), [(signal.SIGKILL, True), (signal.SIGSEGV, False)] if sys.platform != "win32" else []
)
def test_a_process_that_the_system_killed_is_told_from_one_that_crashed(number: int, killed: bool) -> None:
    engine = LocalEngine(SPEC, Path("nothing.xml"), Target(CPU), None)
    try:
        engine._process.send_signal(number)
        with pytest.raises(EngineDied) as death:
            engine.load()
        assert death.value.killed is killed
    finally:
        engine.close()


def test_a_process_that_breaks_its_connection_is_no_lack_of_memory() -> None:
    engine = LocalEngine(SPEC, Path("nothing.xml"), Target(CPU), None)
    try:
        assert engine._process.stdout is not None
        engine._process.stdout.close()
        with pytest.raises(EngineDied) as death:
            engine.load()
        assert not death.value.killed and not engine.alive()
    finally:
        engine.close()


def test_an_error_of_the_process_keeps_no_picture() -> None:
    engine = LocalEngine(SPEC, Path("nothing.xml"), Target(CPU), None)
    try:
        assert lets_go(lambda: np.zeros((64, 64)), lambda picture: engine.load(), RuntimeError)
    finally:
        engine.close()


@pytest.fixture
def loaded(tmp_path: Path) -> Iterator[LocalEngine]:
    """An engine with a small model."""
    spec = catalogue.load().find("isnet-general-use")
    engine = LocalEngine(spec, small.isnet_like(tmp_path / "net.onnx"), Target(CPU, "f32"), None)
    try:
        engine.load()
        yield engine
    finally:
        engine.close()


def picture() -> list[Planes]:
    return [np.zeros((3, 32, 32), np.uint8)]


def test_a_loaded_engine_tells_of_its_device(loaded: LocalEngine) -> None:
    assert (loaded.device, loaded.arithmetic, loaded.note, loaded.size) == ("CPU", "f32", "", (32, 32))
    assert loaded.title not in ("", "CPU") and "FP32" in loaded.capabilities


def test_a_cancel_before_an_inference_begins_is_heeded(loaded: LocalEngine) -> None:
    inference = loaded.inference(picture())
    inference.cancel()
    with pytest.raises(RuntimeError, match="cancelled"):
        inference.run()
    assert loaded.inference(picture()).run()[0].shape == (1, 32, 32)  # the next one is not


def test_a_cancel_that_overtakes_its_inference_on_the_way_to_the_process_is_heeded(loaded: LocalEngine) -> None:
    loaded.cancel(1)
    with pytest.raises(RuntimeError, match="cancelled"):
        loaded.inference(picture()).run()
    assert loaded.inference(picture()).run()[0].shape == (1, 32, 32)


def test_a_cancel_after_an_inference_leaves_the_process_alone(loaded: LocalEngine) -> None:
    inference = loaded.inference(picture())
    inference.run()
    before = threading.active_count()
    inference.cancel()
    assert threading.active_count() == before  # nobody is about to end the process


def test_a_process_that_does_not_heed_a_cancel_is_ended_and_was_not_killed_by_the_system(
    loaded: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "CANCEL_SECONDS", 0.0)
    loaded.pause()
    inference = loaded.inference(picture())
    with ThreadPoolExecutor() as pool:
        run = pool.submit(inference.run)
        wait_for(lambda: loaded._inputs.bytes, "the beginning of the inference")
        inference.cancel()
        with pytest.raises(EngineDied) as death:
            run.result(60)
    assert not death.value.killed
