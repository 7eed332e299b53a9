"""The state folder of the daemon, its single-instance lock, and its connection file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest
from matted.serving import instance
from matted.serving.instance import AlreadyRunning, SingleInstance, StateFolderError
from matted.system.locks import try_lock
from matted_client.endpoint import read_connection

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no mode bits")

KEY = bytes(range(32))
HOLDER = """
import sys
from pathlib import Path
from matted.serving.instance import SingleInstance
with SingleInstance(Path(sys.argv[1])) as instance:
    instance.publish("tcp://127.0.0.1:40123", "0.1.0", bytes(32))
    print("held", flush=True)
    sys.stdin.read()
"""
SEEKER = """
import sys
from pathlib import Path
from matted.serving.instance import AlreadyRunning, SingleInstance
try:
    with SingleInstance(Path(sys.argv[1])):
        print("free")
except AlreadyRunning:
    print("taken")
"""


@contextmanager
def holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a process that holds the lock until its standard input ends."""
    command = [sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@posix
def test_the_folder_is_made_for_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "state"
    with SingleInstance(folder):
        assert mode(folder) == 0o700


@posix
def test_a_folder_that_others_can_use_is_closed_to_them(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with SingleInstance(tmp_path):
        assert mode(tmp_path) == 0o700


@posix
def test_the_connection_file_is_for_its_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with SingleInstance(tmp_path) as instance:
            instance.publish("tcp://127.0.0.1:40123", "0.1.0", KEY)
            assert mode(instance.connection_file) == 0o600
    finally:
        os.umask(before)


def test_a_client_can_read_what_is_published(tmp_path: Path) -> None:
    with SingleInstance(tmp_path) as instance:
        instance.publish("tcp://127.0.0.1:40123", "0.1.0", KEY)
        connection = read_connection(str(instance.connection_file))
    assert (connection.port, connection.pid, connection.version, connection.key) == (40123, os.getpid(), "0.1.0", KEY)


def test_the_file_names_the_protocol(tmp_path: Path) -> None:
    with SingleInstance(tmp_path) as instance:
        instance.publish("tcp://127.0.0.1:40123", "0.1.0", KEY)
        assert json.loads(instance.connection_file.read_text())["protocol"] == 1


def test_publishing_leaves_nothing_but_the_lock_and_the_file(tmp_path: Path) -> None:
    with SingleInstance(tmp_path) as instance:
        instance.publish("tcp://127.0.0.1:40123", "0.1.0", KEY)
        assert sorted(os.listdir(tmp_path)) == ["connection.json", "lock"]


def test_a_stale_file_of_a_killed_daemon_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "connection.json").write_text("stale")
    with SingleInstance(tmp_path) as instance:
        instance.publish("tcp://127.0.0.1:40123", "0.1.0", KEY)
        assert read_connection(str(instance.connection_file)).port == 40123


def test_a_temporary_file_of_a_killed_daemon_is_deleted(tmp_path: Path) -> None:
    (tmp_path / ".connection.json.1-1.part").write_text("half")
    with SingleInstance(tmp_path) as instance:
        instance.publish("tcp://127.0.0.1:40123", "0.1.0", KEY)
        assert read_connection(str(instance.connection_file)).port == 40123
        assert sorted(os.listdir(tmp_path)) == ["connection.json", "lock"]


def test_the_connection_file_is_gone_at_the_end(tmp_path: Path) -> None:
    with SingleInstance(tmp_path) as instance:
        instance.publish("tcp://127.0.0.1:40123", "0.1.0", KEY)
    assert not instance.connection_file.exists()


def test_the_connection_file_is_gone_after_a_failure(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), SingleInstance(tmp_path) as instance:
        instance.publish("tcp://127.0.0.1:40123", "0.1.0", KEY)
        raise ZeroDivisionError
    assert not (tmp_path / "connection.json").exists()


def test_the_shared_folders_have_the_file_as_long_as_the_daemon_runs(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / ".connection.json.1-1.part").write_text("half")
    with SingleInstance(tmp_path / "state", lambda: [shared]) as instance:
        instance.publish("tcp://127.0.0.1:40123", "0.1.0", KEY)
        assert read_connection(str(shared / "connection.json")) == read_connection(str(instance.connection_file))
        assert os.listdir(shared) == ["connection.json"]
    assert os.listdir(shared) == []


def test_a_shared_folder_that_cannot_be_written_does_not_keep_the_daemon_from_running(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shared = tmp_path / "shared"
    (shared / "connection.json").mkdir(parents=True)
    with SingleInstance(tmp_path / "state", lambda: [shared]) as instance:
        instance.publish("tcp://127.0.0.1:40123", "0.1.0", KEY)
        assert read_connection(str(instance.connection_file)).port == 40123
    assert str(shared) in caplog.text and not instance.connection_file.exists()


def test_an_instance_that_published_nothing_leaves_only_the_lock(tmp_path: Path) -> None:
    with SingleInstance(tmp_path):
        pass
    assert os.listdir(tmp_path) == ["lock"]


def test_a_second_instance_in_another_process_is_refused(tmp_path: Path) -> None:
    with SingleInstance(tmp_path):
        seeker = subprocess.run([sys.executable, "-c", SEEKER, str(tmp_path)], capture_output=True, text=True)
    assert seeker.stdout == "taken\n", seeker.stderr


def test_a_refused_instance_leaves_the_connection_file_alone(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        with pytest.raises(AlreadyRunning, match="already running"), SingleInstance(tmp_path):
            pass
        assert read_connection(str(tmp_path / "connection.json")).pid == process.pid


def test_the_lock_is_free_once_the_first_instance_has_ended(tmp_path: Path) -> None:
    with SingleInstance(tmp_path):
        pass
    with SingleInstance(tmp_path):
        pass


def test_a_look_at_the_lock_keeps_no_daemon_from_starting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[bool] = []

    def busy_at_first(lock: BinaryIO) -> bool:
        tries.append(try_lock(lock) if tries else False)
        return tries[-1]

    monkeypatch.setattr(instance, "try_lock", busy_at_first)
    with SingleInstance(tmp_path):
        assert tries == [False, True]


def test_who_holds_the_lock_is_known_while_it_is_held(tmp_path: Path) -> None:
    assert instance.holder(tmp_path) is None
    with holder(tmp_path) as process:
        assert instance.holder(tmp_path) == process.pid
        assert not instance.wait_until_free(tmp_path, 0)
    assert instance.holder(tmp_path) is None and instance.wait_until_free(tmp_path, 0)


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        process.kill()
        process.wait()
        assert (tmp_path / "connection.json").exists()
        with SingleInstance(tmp_path) as instance:
            instance.publish("tcp://127.0.0.1:50123", "0.1.0", KEY)
            assert read_connection(str(instance.connection_file)).port == 50123


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "state"
    with pytest.raises(StateFolderError, match="cannot be used") as refusal, SingleInstance(folder):
        pass
    assert str(folder) in refusal.value.message
    assert "MATTED_STATE_DIR" in refusal.value.hint


def test_a_lock_that_cannot_be_opened_is_an_unusable_folder(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(StateFolderError, match="cannot be used"), SingleInstance(tmp_path):
        pass


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    os.chown(folder, 12345, 12345)
    with pytest.raises(StateFolderError, match="another user"), SingleInstance(folder):
        pass
