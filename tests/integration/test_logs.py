"""`matted logs`, and what a real daemon logs."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import PATIENCE, PHOTOGRAPHS, Daemon, wait_for
from matted.system.logbook import LogFile

FILLER = "x" * 980


def log_of(daemon: Daemon) -> str:
    return (daemon.state / "matted.log").read_text()


@contextmanager
def following(daemon: Daemon, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Run `matted logs -f` until Ctrl-C at the end of the block. Yields the process and the lines that it printed."""
    process = subprocess.Popen(
        daemon.command("logs", "-f", *arguments),
        env={**daemon.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    said: list[str] = []

    def listen() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line.rstrip("\n"))

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        yield process, said
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)
        listener.join(PATIENCE)
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        process.stderr.close()


def test_without_a_log_it_is_said_where_it_will_be(new_daemon: Callable[..., Daemon]) -> None:
    done = new_daemon().run("logs")
    assert done.returncode == 1 and done.stdout == ""
    assert "has not written a log yet" in done.stderr and "~/state/matted.log" in done.stderr


def test_settings_that_cannot_be_read_do_not_hide_the_log(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon()
    daemon.write_settings("[")
    assert daemon.run("start").returncode == 1
    done = daemon.run("logs")
    assert "~/state/start.log" in done.stderr


def test_the_last_lines_are_there_after_the_daemon_ended(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon().start()
    daemon.run("stop")
    daemon.wait()
    done = daemon.run("logs")
    assert done.returncode == 0 and done.stderr == "" and done.stdout == log_of(daemon)
    assert "listens at" in done.stdout.splitlines()[0] and "matted ends" in done.stdout
    assert daemon.run("logs", "-n", "1").stdout == done.stdout.splitlines(keepends=True)[-1]
    assert daemon.run("logs", "-n", "0").stdout == ""
    assert daemon.run("logs", "-n", "-1").returncode == 2


def test_a_daemon_in_a_terminal_says_the_same_there(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon().start()
    with daemon.session():
        pass
    wait_for(lambda: "hello from 'tests'" in daemon.log, "a line")
    assert log_of(daemon) == daemon.log


def test_a_daemon_that_was_started_by_a_client_says_it_once(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon()
    assert daemon.run("start").returncode == 0
    wait_for(lambda: "hello from 'matted start'" in log_of(daemon), "a line")
    assert (daemon.state / "start.log").read_text() == ""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals that a crash could be made with")
def test_the_trace_of_a_crash_is_kept_and_pointed_at(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon()
    assert daemon.run("start").returncode == 0
    wait_for(lambda: "hello from" in log_of(daemon), "a line")
    os.kill(daemon.pid(), signal.SIGSEGV)
    wait_for(lambda: "Fatal Python error: Segmentation fault" in (daemon.state / "start.log").read_text(), "the trace")
    done = daemon.run("logs")
    assert "~/state/start.log" in done.stderr and "hello from" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no mode bits")
def test_nobody_else_can_read_the_log(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon().start()
    wait_for((daemon.state / "matted.log").exists, "the log")
    assert (daemon.state / "matted.log").stat().st_mode & 0o777 == 0o600


def test_a_session_at_debug_leaves_no_key_no_name_and_no_home_in_the_log(
    new_daemon: Callable[..., Daemon], tmp_path: Path
) -> None:
    daemon = new_daemon().start("--log-level", "debug")
    private = tmp_path / "a-private-name.jpg"
    shutil.copy(PHOTOGRAPHS / "chelsea.jpg", private)
    key = json.loads(daemon.connection_file.read_text())["key"]
    for arguments in (["remove", str(private)], ["status"], ["models"], ["doctor"], ["stop"]):
        daemon.run(*arguments)
    daemon.wait()
    logged = log_of(daemon)
    assert "hello from 'matted remove'" in logged and "matted ends" in logged
    assert key not in logged and "a-private-name" not in logged and str(daemon.folder) not in logged


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_disk_that_is_full_does_not_take_the_daemon_down(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon()
    daemon.state.mkdir(mode=0o700)
    os.symlink("/dev/full", daemon.state / "matted.log")
    daemon.start()
    pixels = bytes(range(256)) * 64 * 3
    for _ in range(3):
        with daemon.session() as session:
            session.mask(pixels, 128, 128, "RGB8", anyway=True)
    (daemon.state / "matted.log").unlink()
    with daemon.session():
        pass
    wait_for(lambda: "hello from 'tests'" in log_of(daemon), "the log's return")
    assert daemon.run("stop").returncode == 0
    assert daemon.wait() == 0
    assert "Logging error" not in daemon.log and "Traceback" not in daemon.log


def test_following_goes_on_across_rotation_and_ends_with_ctrl_c(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon(weights=None)
    daemon.state.mkdir(mode=0o700)
    logger, handler = logging.Logger("test"), LogFile(daemon.state)
    logger.addHandler(handler)
    for number in range(10):
        logger.info("%d before", number)
    try:
        with following(daemon, "-n", "3") as (process, said):
            wait_for(lambda: len(said) == 3, "the last lines")
            for number in range(10, 2500):  # two rotations
                logger.info("%d %s", number, FILLER)
            wait_for(lambda: len(said) == 2493, "all lines")
        assert [int(line.split()[0]) for line in said] == list(range(7, 2500))
        assert process.returncode == 130
    finally:
        handler.close()


def test_following_begins_with_a_daemon_that_comes_later(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon()
    with following(daemon) as (process, said):
        assert process.stderr is not None and "Waiting for ~/state/matted.log" in process.stderr.readline()
        daemon.start()
        wait_for(lambda: any("listens at" in line for line in said), "the daemon's first line")
