"""Functions called in a process of their own: what they return and raise, and how their process may die."""

from __future__ import annotations

import math
import signal
import sys

import pytest
from matted.system import subprocess_call


def test_the_result_of_the_function_comes_back() -> None:
    assert subprocess_call.call(math.hypot, 3, 4) == 5.0


def test_the_error_of_the_function_comes_back() -> None:
    with pytest.raises(ValueError, match=r"math domain error|nonnegative"):
        subprocess_call.call(math.sqrt, -1)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_a_process_that_the_system_killed_had_too_little_memory() -> None:
    with pytest.raises(MemoryError, match="too little memory"):
        subprocess_call.call(signal.raise_signal, signal.SIGKILL)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_a_process_that_crashed_did_not() -> None:
    with pytest.raises(RuntimeError, match="ended with code -11"):
        subprocess_call.call(signal.raise_signal, signal.SIGSEGV)
