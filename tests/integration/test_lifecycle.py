"""A daemon from its start to its end: preloading, reloading, restarting, idling, and engine processes that die."""

from __future__ import annotations

import os
import signal
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from conftest import Daemon, wait_for
from matted_client import Rejected, Unavailable
from matted_client.messages import Progress
from peers import LibzmqClient, disc

SIZE = (300, 200)


# -- settings ----------------------------------------------------------------------------------------------------------


def test_a_model_can_be_loaded_at_the_start_and_stays(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon().start("--preload", "u2netp", "--keep-alive", "0")
    with daemon.session() as session:
        [loaded] = wait_for(lambda: session.status()["loaded"], "the preloaded model")
        assert (loaded["id"], loaded["expires_in"]) == ("u2netp", None)
        assert "loading" not in session.mask(disc(*SIZE), *SIZE, "RGBA8").info.timings
        assert session.status()["loaded"][0]["expires_in"] is None


def test_what_needs_no_model_can_be_preloaded_and_is_the_default_without_one(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon(weights=None).start("--preload", "flat", "--model", "flat", "--flat-ground", "off")
    with daemon.session() as session:
        wait_for(lambda: not session.status()["jobs"], "the end of the preload")
        session.load()
        session.load("flat", download=True)
        assert session.unload("flat") is False
        status = session.status()
        assert status["loaded"] == [] and status["default_model"] == "flat"
        (flat,) = (facts for facts in session.models() if facts["id"] == "flat")
        assert flat["installed"] and flat["default"] and not flat["loaded"] and flat["bytes"] == 0


@pytest.mark.parametrize("way", ["command", "signal"])
def test_settings_are_read_anew_without_losing_loaded_models(new_daemon: Callable[..., Daemon], way: str) -> None:
    daemon = new_daemon().start()
    with daemon.session() as session:
        session.load()
        [engine] = daemon.engines()
        daemon.write_settings('model = "birefnet-lite"\nkeep_alive = "1h"')
        if way == "command":
            assert daemon.run("reload").returncode == 0
        else:
            os.kill(daemon.pid(), signal.SIGHUP)
        wait_for(lambda: session.status()["default_model"] == "birefnet-lite", "the new settings")
        assert "loading" not in session.mask(disc(*SIZE), *SIZE, "RGBA8", "u2netp").info.timings
        assert session.status()["loaded"][0]["expires_in"] > 600
    assert daemon.engines() == [engine]


def test_settings_that_name_no_model_are_read_and_said(new_daemon: Callable[..., Daemon]) -> None:
    """They may hold again as soon as somebody adds that model."""
    daemon = new_daemon().start()
    daemon.write_settings('model = "nonesuch"')
    done = daemon.run("reload")
    said = "The settings say model = 'nonesuch', and there is no such model. See: matted models"
    assert done.returncode == 0 and said in done.stdout and said in daemon.log
    assert said in daemon.run("status").stdout
    daemon.write_settings('model = "u2netp"')
    assert daemon.run("reload").stdout == "matted has read its settings again.\n"


def test_settings_that_are_wrong_are_said_and_change_nothing(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon().start()
    daemon.write_settings("queue = 0")
    done = daemon.run("reload")
    assert done.returncode == 1
    assert "queue" in done.stderr and "1 to 1000" in done.stderr
    os.kill(daemon.pid(), signal.SIGHUP)
    with daemon.session() as session:
        wait_for(lambda: "stay as they were" in daemon.log, "the complaint in the log")
        assert session.mask(disc(*SIZE), *SIZE, "RGBA8").info.model == "u2netp"


def test_a_restart_gives_another_daemon(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon().start()
    before = daemon.pid()
    done = daemon.run("restart")
    assert done.returncode == 0, done.stderr
    assert "has stopped" in done.stdout and f"pid {daemon.pid()}" in done.stdout
    assert daemon.pid() != before
    with daemon.session() as session:
        assert session.status()["pid"] == daemon.pid()


# -- the end -----------------------------------------------------------------------------------------------------------


def test_a_daemon_that_nobody_asks_for_anything_ends_itself(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon().start("--idle-exit", "1s")
    assert daemon.wait() == 0
    assert not daemon.connection_file.exists()


def test_requests_keep_a_daemon_from_idling(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon().start("--idle-exit", "2s")
    with daemon.session() as session:
        wait_for(lambda: session.status()["uptime_seconds"] > 4, "twice the idle time")


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_no_inference_process_outlives_its_daemon(new_daemon: Callable[..., Daemon], end: signal.Signals) -> None:
    daemon = new_daemon().start()
    with LibzmqClient(daemon.connection_file) as client:
        client.reply(client.mask(*SIZE))
        [engine] = daemon.engines()
        client.mask(2000, 1500, new=True)
        wait_for(lambda: client.ask("status")["status"]["jobs"], "the job's start")
        os.kill(daemon.pid(), end)
        wait_for(lambda: not engine.is_running() or engine.status() == psutil.STATUS_ZOMBIE, "the engine's end")


# -- engine processes that die -----------------------------------------------------------------------------------------


def test_an_inference_process_that_crashed_is_replaced_and_the_request_answered(
    new_daemon: Callable[..., Daemon],
) -> None:
    daemon = new_daemon().start()
    with daemon.session() as session:
        expected = session.mask(disc(*SIZE), *SIZE, "RGBA8").alpha
        [engine] = daemon.engines()
        os.kill(engine.pid, signal.SIGSEGV)
        assert "loading" in session.mask(disc(*SIZE, shade=1), *SIZE, "RGBA8").info.timings
        again = session.mask(disc(*SIZE), *SIZE, "RGBA8")
        assert again.alpha == expected
        assert "inference" in again.info.timings
        assert daemon.engines() != [engine]


def compiled(daemon: Daemon) -> dict[str, int]:
    """Return what OpenVINO compiled, and when it was written."""
    return {file.name: file.stat().st_mtime_ns for file in (daemon.folder / "cache").rglob("*.blob")}


@pytest.mark.parametrize("state", ["idle", "at work"])
def test_an_engine_that_the_system_kills_costs_no_second_try_and_no_compiled_files(
    new_daemon: Callable[..., Daemon], state: str
) -> None:
    """As Linux does when memory runs out: engine processes go first, so that the picture editor stays."""
    daemon = new_daemon().start()
    with LibzmqClient(daemon.connection_file) as client:
        client.reply(client.mask(*SIZE))
        before = compiled(daemon)
        assert before
        [engine] = daemon.engines()
        if state == "idle":
            tasks = Path(f"/proc/{engine.pid}/task")
            engine.kill()
            wait_for(lambda: engine.status() == psutil.STATUS_ZOMBIE and len(list(tasks.glob("*"))) == 1, "its end")
        else:
            engine.suspend()  # no inference ends before the kill
            request = client.mask(*SIZE, new=True)
            wait_for(lambda: client.ask("status")["status"]["jobs"][0]["stage"] == "inference", "the inference")
            engine.kill()
            refusal = client.reply(request)[0]
            assert (refusal["op"], refusal["code"]) == ("error", "out_of_memory")
            assert daemon.engines() == []
        answer = client.reply(client.mask(*SIZE, new=True))[0]
        assert answer["op"] == "result" and "loading" in answer["timings"], answer
    assert compiled(daemon) == before


def test_a_model_that_crashes_every_time_is_an_error_and_the_daemon_goes_on(
    new_daemon: Callable[..., Daemon],
) -> None:
    daemon = new_daemon().start()
    with daemon.session() as session:

        def crash(progress: Progress) -> None:
            if progress.stage in ("loading", "inference"):
                for engine in daemon.engines():
                    with suppress(psutil.NoSuchProcess):  # the last crash has just ended it
                        engine.send_signal(signal.SIGSEGV)

        with pytest.raises(Rejected, match=r"OpenVINO crashed while it ran U²-Net small") as refusal:
            for shade in range(50):  # until both attempts at one request were hit
                session.mask(disc(3000, 2000, shade), 3000, 2000, "RGBA8", on_progress=crash)
        assert refusal.value.code == "internal"
        assert "matted doctor" in refusal.value.hint
        assert session.mask(disc(*SIZE), *SIZE, "RGBA8").info.model == "u2netp"


def test_a_cancel_ends_a_load_that_takes_long(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon().start()
    stopped: list[psutil.Process] = []

    def freeze() -> bool:
        """Suspend the engine process, as if the load took long; return whether to cancel."""
        for engine in daemon.engines():
            engine.suspend()
            stopped.append(engine)
        return bool(stopped)

    with daemon.session() as session:
        with pytest.raises(Rejected) as refusal:
            session.mask(disc(*SIZE), *SIZE, "RGBA8", cancelled=freeze)
        assert refusal.value.code == "cancelled"
        wait_for(lambda: not any(engine.is_running() for engine in stopped), "the end of the loading process")
        assert session.mask(disc(*SIZE), *SIZE, "RGBA8").info.model == "u2netp"


def test_an_inference_that_does_not_heed_a_cancel_is_ended_with_its_process(
    new_daemon: Callable[..., Daemon],
) -> None:
    daemon = new_daemon().start()
    with LibzmqClient(daemon.connection_file) as client:
        client.reply(client.mask(*SIZE))
        [engine] = daemon.engines()
        engine.suspend()
        request = client.mask(*SIZE, new=True)
        wait_for(lambda: client.ask("status")["status"]["jobs"][0]["stage"] == "inference", "the inference")
        client.send("cancel", target=request)
        assert client.reply(request)[0]["code"] == "cancelled"
        wait_for(lambda: not engine.is_running(), "the end of the engine process")
        assert client.reply(client.mask(*SIZE))[0]["op"] == "result"


def test_a_stopped_daemon_goes_on_where_it_was(new_daemon: Callable[..., Daemon]) -> None:
    """This is how the daemon experiences suspend and resume of the computer."""
    daemon = new_daemon().start()
    process = psutil.Process(daemon.pid())
    with LibzmqClient(daemon.connection_file) as client:
        request = client.mask(*SIZE)
        process.suspend()
        wait_for(lambda: process.status() == psutil.STATUS_STOPPED, "the stop")
        process.resume()
        assert client.reply(request)[0]["op"] == "result"


def test_openvino_reports_nothing_to_its_makers(new_daemon: Callable[..., Daemon]) -> None:
    """Its telemetry would write a file into the home folder at its first import."""
    daemon = new_daemon()
    daemon.environ = {name: value for name, value in daemon.environ.items() if name != "CI"}  # CI switches it off
    with daemon.start().session() as session:
        session.mask(disc(*SIZE), *SIZE, "RGBA8")
    assert daemon.run("doctor").returncode in (0, 1)
    assert not (daemon.folder / "intel").exists()


def test_a_daemon_that_ends_says_so_to_who_waits(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon().start()
    with daemon.session() as session:
        os.kill(daemon.pid(), signal.SIGKILL)
        with pytest.raises(Unavailable, match="ended in the middle"):
            session.status()


# -- memory ------------------------------------------------------------------------------------------------------------


def resident(daemon: Daemon) -> int:
    """Return the bytes of resident memory of the daemon's own process."""
    return int(psutil.Process(daemon.pid()).memory_info().rss)


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc is told when to return memory")
def test_memory_is_kept_for_the_next_picture_and_then_given_back(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon().start()
    width, height = 4000, 2500
    with daemon.session() as session:
        session.mask(disc(*SIZE), *SIZE, "RGBA8")
        before = resident(daemon)
        session.mask(disc(width, height), width, height, "RGBA8")
        assert resident(daemon) > before + 4 * width * height
        wait_for(lambda: resident(daemon) < before + 10_000_000, "the memory of a picture")


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc is told when to return memory")
def test_the_memory_of_half_a_picture_is_given_back_too(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon().start()
    with daemon.session() as session:
        before = resident(daemon)
        session._socket.settimeout(None)  # the session's own timeout is 50 ms
        session._socket.sendall(b"\x03" + struct.pack(">Q", 100_000_000) + bytes(60_000_000))
        wait_for(lambda: resident(daemon) > before + 50_000_000, "the half of a picture")
    wait_for(lambda: resident(daemon) < before + 10_000_000, "the memory of it")
