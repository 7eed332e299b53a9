"""A client starts the daemon when it is needed, once, whatever an earlier daemon has left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from conftest import PHOTOGRAPHS, Daemon, wait_for
from matted_client import Unavailable
from matted_client.client import connect
from peers import disc


def connection_file(endpoint: str) -> bytes:
    """Make the content of a connection file."""
    return json.dumps({"endpoint": endpoint, "pid": 1, "version": "0", "key": "00" * 32}).encode()


def test_five_clients_at_the_same_moment_start_one_daemon(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon()
    script = (
        "import sys; from matted_client.client import connect\n"
        "sys.stdin.readline()\nprint(connect('tests').status()['pid'])"
    )
    clients = [
        subprocess.Popen(
            [sys.executable, "-c", script], env=daemon.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(5)
    ]
    for client in clients:
        assert client.stdin is not None
        client.stdin.write("\n")
        client.stdin.flush()
    pids = {client.communicate(timeout=60)[0].strip() for client in clients}
    assert pids == {str(daemon.pid())}


def test_a_second_serve_leaves_the_first_alone(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon().start()
    before = daemon.connection_file.read_bytes()
    second = daemon.run("serve")
    assert second.returncode == 0
    assert "already running" in second.stderr
    assert daemon.connection_file.read_bytes() == before


def test_a_started_daemon_outlives_the_program_that_started_it(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon()
    assert daemon.run("start").returncode == 0
    pid = daemon.pid()
    assert os.getsid(pid) == pid, "it has a session of its own, so closing a terminal does not end it"
    assert daemon.run("status").returncode == 0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        b'{"endpoint": "tcp://127.0.0.1:1", "pid"',
        connection_file("tcp://127.0.0.1:1"),
        connection_file("tcp://10.0.0.1:80"),
    ],
    ids=["empty", "garbage", "half", "stale", "elsewhere"],
)
def test_a_useless_connection_file_is_replaced(new_daemon: Callable[..., Daemon], content: bytes) -> None:
    daemon = new_daemon()
    daemon.write_connection_file(content)
    assert daemon.run("start").returncode == 0
    assert daemon.run("status").returncode == 0


@pytest.mark.skipif(
    os.name == "nt" or os.geteuid() != 0, reason="giving a file to another user needs root: sudo make test"
)
def test_a_connection_file_of_another_user_is_not_believed(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon()
    daemon.write_connection_file(connection_file("tcp://127.0.0.1:1"))
    os.chown(daemon.connection_file, 12345, 12345)
    with pytest.raises(Unavailable, match="another user"):
        connect("tests", path=str(daemon.connection_file), start=False)
    assert daemon.run("start").returncode == 0
    assert daemon.connection_file.stat().st_uid == os.geteuid()


@pytest.mark.skipif(
    os.name == "nt" or os.geteuid() != 0, reason="giving a folder to another user needs root: sudo make test"
)
def test_a_state_folder_of_another_user_is_refused(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon()
    daemon.state.mkdir(mode=0o700)
    os.chown(daemon.state, 12345, 12345)
    done = daemon.run("start")
    assert done.returncode == 1
    assert "belongs to another user" in done.stderr and "MATTED_STATE_DIR" in done.stderr


# -- a daemon that runs and cannot be used ----------------------------------------------------------------------------


def hang(daemon: Daemon) -> None:
    os.kill(daemon.pid(), signal.SIGSTOP)


def open_to_others(daemon: Daemon) -> None:
    daemon.connection_file.chmod(0o644)


def lose_the_file(daemon: Daemon) -> None:
    daemon.connection_file.unlink()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no mode bits, and does not stop processes")
@pytest.mark.parametrize(
    ("harm", "cause"),
    [
        (hang, "The matted daemon does not answer."),
        (open_to_others, "can be read or written by other users; it was not used."),
        (lose_the_file, "A matted daemon runs already, and cannot be reached."),
    ],
    ids=["hangs", "open to others", "no file"],
)
def test_why_a_daemon_that_runs_cannot_be_used_is_said_and_what_is_said_helps(
    new_daemon: Callable[..., Daemon], harm: Callable[[Daemon], None], cause: str
) -> None:
    daemon = new_daemon().start()
    first = daemon.pid()
    harm(daemon)
    done = daemon.run("start")
    assert done.returncode == 1 and cause in done.stderr
    assert "Run: matted stop; matted start" in done.stderr
    login = json.loads(daemon.run("autostart", "status", "--json").stdout)
    assert login["running"] is (harm is not lose_the_file), "nor is it said that none runs"
    started = (daemon.state / "start.log").read_text().count("matted is already running.")
    assert started == 1 if harm is not lose_the_file else 1 <= started < 10, "no more are started than can help"

    stopped = daemon.run("stop")
    assert stopped.returncode == 0 and f"Its process {first} had to be ended" in stopped.stdout, stopped.stderr
    daemon.wait()
    assert daemon.run("start").returncode == 0
    assert daemon.pid() != first and daemon.run("status").returncode == 0


def test_a_daemon_that_stood_still_for_a_while_is_used_again(new_daemon: Callable[..., Daemon]) -> None:
    """Where memory is short, it may be silent for some seconds: whoever ended it then would lose its work."""
    daemon = new_daemon().start()
    process = psutil.Process(daemon.pid())
    process.suspend()
    with ThreadPoolExecutor() as pool:
        started = pool.submit(daemon.run, "start")
        log = daemon.state / "start.log"
        wait_for(lambda: log.exists() and "matted is already running." in log.read_text(), "the try of another daemon")
        process.resume()
        assert started.result().returncode == 0
    assert daemon.pid() == process.pid


def test_stop_says_so_where_no_daemon_runs(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon()
    assert daemon.run("stop").stdout == "matted is not running.\n"
    daemon.write_connection_file(connection_file("tcp://127.0.0.1:1"))
    daemon.connection_file.chmod(0o644)
    assert daemon.run("stop").stdout == "matted is not running.\n"


def test_a_program_that_cannot_be_started_is_said(tmp_path: Path) -> None:
    path = str(tmp_path / "state" / "connection.json")
    with pytest.raises(Unavailable, match="could not be started"):
        connect("tests", path=path, command=[str(tmp_path / "nothing")])


def test_a_daemon_that_fails_at_start_is_quoted(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon()
    daemon.write_settings("queue = 'many'\n")
    done = daemon.run("start")
    assert done.returncode == 1
    assert "queue" in done.stderr and "config.toml" in done.stderr


def test_after_a_kill_at_any_moment_the_next_click_works(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon()
    picture = disc(300, 200)
    for moment in (0.0, 0.02, 0.1, 0.25, 0.5):
        client = subprocess.Popen(
            daemon.command("remove", str(PHOTOGRAPHS / "chelsea.jpg"), "-o", str(daemon.folder / "out.png"), "--force"),
            env=daemon.environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(daemon.connection_file.exists, "the connection file")
        pid = daemon.pid()
        time.sleep(moment)  # the moment itself is what is varied
        os.kill(pid, signal.SIGKILL)
        client.wait(60)
        with connect("tests", path=str(daemon.connection_file), command=_command(daemon)) as session:
            assert session.mask(picture, 300, 200, "RGBA8").info.coverage > 0
            session.shutdown()
            assert session.wait_until_gone(30)
        assert not daemon.connection_file.exists()


def _command(daemon: Daemon) -> list[str]:
    """Return the command that a client of this process starts a daemon in `daemon`'s folders with."""
    variables = [f"{name}={value}" for name, value in daemon.environ.items() if name.startswith("MATTED_")]
    return ["env", *variables, sys.executable, "-m", "matted"]
