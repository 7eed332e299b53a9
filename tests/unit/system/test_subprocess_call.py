"""Functions called in a process of their own: what they return and raise, and how their process may die."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import psutil
import pytest
from letting_go import lets_go
from matted.system import subprocess_call


def test_the_result_of_the_function_comes_back() -> None:
    assert subprocess_call.call(math.hypot, 3, 4) == 5.0


def test_the_error_of_the_function_comes_back() -> None:
    with pytest.raises(ValueError, match=r"math domain error|nonnegative"):
        subprocess_call.call(math.sqrt, -1)


def test_the_error_of_the_function_keeps_nothing_of_the_callers() -> None:
    assert lets_go(threading.Event, lambda picture: subprocess_call.call(math.sqrt, -1), ValueError)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_a_process_that_the_system_killed_had_too_little_memory() -> None:
    with pytest.raises(MemoryError, match="too little memory"):
        subprocess_call.call(signal.raise_signal, signal.SIGKILL)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_a_process_that_crashed_did_not() -> None:
    with pytest.raises(RuntimeError, match="ended with code -11"):
        subprocess_call.call(signal.raise_signal, signal.SIGSEGV)


def test_a_process_whose_work_is_wanted_no_more_is_ended() -> None:
    class Unwanted(Exception):
        pass

    def check() -> None:
        raise Unwanted

    with pytest.raises(Unwanted):
        subprocess_call.call(time.sleep, 600, check=check)
    assert not [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pipes with names")
def test_more_than_a_pipe_holds_is_sent_however_long_the_process_takes(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    checks: list[int] = []

    def check() -> None:
        if not checks:
            pipe.write_bytes(b"now ")  # for which the process waits
        checks.append(1)

    content = bytes(range(256)) * 4096
    work = partial(subprocess.run, ["cat", str(pipe), "-"], input=content, stdout=subprocess.PIPE)
    assert subprocess_call.call(work, check=check).stdout == b"now " + content
    assert checks
