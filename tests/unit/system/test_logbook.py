"""The log's files: bounded, private, read without gaps across rotation, and never a cause of errors."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from matted.system import logbook
from matted.system.logbook import KEPT, LOG_FILE, MAX_BYTES, LogFile, Reader, last_lines
from matted_client.endpoint import START_LOG

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no mode bits and no /dev/full")

Write = Callable[[str], None]
FILLER = "x" * 980  # with a number before it, a line of about 1000 bytes


@contextmanager
def writing(folder: Path) -> Iterator[Write]:
    """Give a logger of its own that writes into the log of `folder`."""
    logger, handler = logging.Logger("test"), LogFile(folder)
    logger.addHandler(handler)
    try:
        yield lambda message: logger.info("%s", message)
    finally:
        handler.close()


@pytest.fixture
def write(tmp_path: Path) -> Iterator[Write]:
    with writing(tmp_path) as into:
        yield into


def numbers(text: str) -> list[int]:
    return [int(line.split()[0]) for line in text.splitlines()]


# -- writing ---------------------------------------------------------------------------------------------------------


def test_no_file_is_made_before_the_first_line(write: Write, tmp_path: Path) -> None:
    assert not list(tmp_path.iterdir())
    write("hello")
    assert (tmp_path / LOG_FILE).read_text() == "hello\n"


def test_the_log_is_bounded_and_ends_with_the_last_line(write: Write, tmp_path: Path) -> None:
    for number in range(6000):
        write(f"{number} {FILLER}")
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert len(sizes) == KEPT + 1 and max(sizes) <= MAX_BYTES
    kept = numbers(Reader(tmp_path).read())
    assert kept == list(range(kept[0], 6000)) and len(kept) > 3000


@posix
def test_only_the_user_can_read_the_log_also_after_rotation(write: Write, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        for number in range(2500):
            write(f"{number} {FILLER}")
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    assert len(list(tmp_path.iterdir())) == 3


def test_a_later_daemon_goes_on_in_the_same_file(tmp_path: Path) -> None:
    for line in ("one", "two"):
        with writing(tmp_path) as write:
            write(line)
    assert (tmp_path / LOG_FILE).read_text() == "one\ntwo\n"


def test_a_name_that_is_no_text_can_be_logged(write: Write, tmp_path: Path) -> None:
    write("caf\udce9 café")
    assert (tmp_path / LOG_FILE).read_text("utf-8") == "caf\\udce9 café\n"


def test_a_rotation_that_fails_loses_no_line(write: Write, tmp_path: Path) -> None:
    (tmp_path / f"{LOG_FILE}.2").touch()
    (tmp_path / f"{LOG_FILE}.3" / "in the way").mkdir(parents=True)
    for number in range(1500):
        write(f"{number} {FILLER}")
    assert numbers((tmp_path / LOG_FILE).read_text()) == list(range(1500))


def test_a_folder_that_goes_and_comes_back_is_no_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "state"
    with writing(folder) as write:
        write("nobody reads this")
        folder.mkdir()
        write("this is read")
    assert Reader(folder).read() == "this is read\n"
    assert capsys.readouterr() == ("", "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_is_no_fault(write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.symlink("/dev/full", tmp_path / LOG_FILE)
    for _ in range(100):
        write(FILLER)
    (tmp_path / LOG_FILE).unlink()
    write("there is room again")
    assert (tmp_path / LOG_FILE).read_text() == "there is room again\n"
    assert capsys.readouterr() == ("", "")


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="mounting a small file system needs Linux and root privileges"
)
def test_a_file_system_that_is_full_and_gets_room_again_goes_on_with_whole_lines(tmp_path: Path) -> None:
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(tmp_path)], capture_output=True, text=True
    )
    if mount.returncode:
        pytest.skip(f"this machine does not let us mount: {mount.stderr.strip()}")
    try:
        ballast = tmp_path / "ballast"
        with writing(tmp_path) as write:
            write("0 before")
            ballast.write_bytes(bytes(128 * 1024))
            for number in range(1, 1000):
                write(f"{number} {FILLER}")
            assert os.statvfs(tmp_path).f_bfree == 0
            ballast.unlink()
            write("\n1000 after")
        lines = (tmp_path / LOG_FILE).read_text().splitlines()
        assert lines[0] == "0 before" and lines[1] == f"1 {FILLER}" and lines[-1] == "1000 after"
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


# -- reading ---------------------------------------------------------------------------------------------------------


def test_without_a_log_nothing_is_read(tmp_path: Path) -> None:
    assert Reader(tmp_path).read() == "" == Reader(tmp_path / "absent").read()


def test_a_reader_gets_every_line_once_whenever_it_reads(write: Write, tmp_path: Path) -> None:
    reader, text = Reader(tmp_path), ""
    for number in range(5000):
        write(f"{number} {FILLER}")
        if number % 937 == 0:
            text += reader.read()
    assert numbers(text + reader.read()) == list(range(5000))
    assert reader.read() == ""


def test_a_reader_gets_what_was_written_over_several_rotations(write: Write, tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    write("0 the file that is rotated away")
    assert numbers(reader.read()) == [0]
    for number in range(1, 2800):  # two rotations
        write(f"{number} {FILLER}")
    assert numbers(reader.read()) == list(range(1, 2800))


def test_a_reader_that_is_far_behind_goes_on_with_the_oldest_line(write: Write, tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    write("0 gone")
    reader.read()
    for number in range(1, 9000):
        write(f"{number} {FILLER}")
    found = numbers(reader.read())
    assert found == list(range(found[0], 9000)) and found[0] > 1


def test_a_character_that_is_written_in_two_parts_is_read_as_one(tmp_path: Path) -> None:
    reader, path = Reader(tmp_path), tmp_path / LOG_FILE
    first, second = "é".encode()[:1], "é".encode()[1:]
    path.write_bytes(b"caf" + first)
    assert reader.read() == "caf"
    with open(path, "ab") as file:
        file.write(second + b"\n")
    assert reader.read() == "é\n"


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, ""), (1, "c\u2028d\n"), (2, "b\nc\u2028d\n"), (3, "a\nb\nc\u2028d\n"), (9, "a\nb\nc\u2028d\n")],
)
def test_the_last_lines(count: int, expected: str) -> None:
    assert last_lines("a\nb\nc\u2028d\n", count) == expected


def test_a_line_that_is_not_finished_comes_too() -> None:
    assert last_lines("a\nb\nc", 1) == "b\nc"


def test_the_start_log_counts_only_if_it_is_newer(tmp_path: Path) -> None:
    start_log = tmp_path / START_LOG
    assert logbook.newer_start_log(tmp_path) is None
    start_log.touch()
    assert logbook.newer_start_log(tmp_path) is None
    start_log.write_text("Fatal Python error")
    assert logbook.newer_start_log(tmp_path) == start_log
    (tmp_path / LOG_FILE).write_text("a later daemon")
    os.utime(start_log, (1, 1))
    assert logbook.newer_start_log(tmp_path) is None


# -- all of it, in a process of its own ------------------------------------------------------------------------


def logged_by(folder: Path, level: str, script: str, output: Path | None = None) -> tuple[str, str]:
    """Return (the log, standard error) of a process that logs as the daemon does."""
    head = "import logging, pathlib, sys, threading, warnings\nfrom matted.system import logbook\n"
    head += "logbook.set_up(pathlib.Path(sys.argv[1]), sys.argv[2])\nlog = logging.getLogger('matted.test')\n"
    output = output or folder / "terminal"
    with open(output, "wb") as stderr:
        environ = {**os.environ, "HOME": str(folder)}
        subprocess.run(
            [sys.executable, "-c", head + script, str(folder), level], stderr=stderr, env=environ, timeout=60
        )
    return Reader(folder).read(), output.read_text()


def test_a_line_goes_into_the_log_and_to_the_terminal(tmp_path: Path) -> None:
    logged, printed = logged_by(tmp_path, "info", "log.info('hello'); log.debug('not this')")
    assert logged == printed and logged.endswith(" INFO hello\n") and logged.count("\n") == 1


def test_a_line_goes_only_into_the_log_where_the_terminal_is_the_start_log(tmp_path: Path) -> None:
    logged, printed = logged_by(tmp_path, "info", "log.info('hello')", tmp_path / START_LOG)
    assert logged.endswith(" INFO hello\n") and printed == ""


def test_libraries_log_only_warnings_at_every_level(tmp_path: Path) -> None:
    script = "log.debug('ours'); lib = logging.getLogger('library'); lib.debug('a page'); lib.warning('theirs')"
    logged, _ = logged_by(tmp_path, "debug", script)
    assert "DEBUG ours" in logged and "WARNING theirs" in logged and "a page" not in logged


def test_at_error_not_even_warnings_are_logged(tmp_path: Path) -> None:
    logged, _ = logged_by(
        tmp_path, "error", "log.warning('a'); logging.getLogger('library').warning('b'); log.error('c')"
    )
    assert logged.endswith(" ERROR c\n") and logged.count("\n") == 1


def test_the_home_folder_is_not_named(tmp_path: Path) -> None:
    logged, printed = logged_by(tmp_path, "info", f"log.info('reading %s', {str(tmp_path / 'models')!r})")
    assert "reading ~/models" in logged and str(tmp_path) not in logged + printed


@pytest.mark.parametrize("output", ["terminal", START_LOG])
def test_an_error_that_was_not_caught_is_in_the_log_and_printed_once(tmp_path: Path, output: str) -> None:
    logged, printed = logged_by(tmp_path, "info", "raise ValueError('the reason')", tmp_path / output)
    for text in (logged, printed):
        assert text.count("ValueError: the reason") == 1 and "Traceback" in text
    assert printed.splitlines()[-1] == "ValueError: the reason"  # what a client that started it looks at


def test_a_fault_of_a_thread_and_a_warning_of_python_are_in_the_log(tmp_path: Path) -> None:
    script = "t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join(); warnings.warn('old', stacklevel=1)"
    logged, _ = logged_by(tmp_path, "info", script)
    assert "ZeroDivisionError" in logged and "WARNING <string>" in logged and "old" in logged


def test_the_trace_of_a_crash_goes_to_the_start_log(tmp_path: Path) -> None:
    script = "import ctypes; log.info('before'); ctypes.string_at(0)"
    logged, printed = logged_by(tmp_path, "info", script, tmp_path / START_LOG)
    assert logged.endswith("INFO before\n")
    assert "Fatal Python error" in printed or "Windows fatal exception" in printed
