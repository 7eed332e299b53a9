"""Signals that end programs end a command as Ctrl-C does."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest
from matted.cli import signals
from matted.files.batches import watching

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_first_one_interrupts_and_others_leave_the_clearing_up_alone(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    cleared = False
    with pytest.raises(KeyboardInterrupt), signals.heeded():
        try:
            signal.raise_signal(number)
        finally:
            signal.raise_signal(signal.SIGTERM)
            cleared = True
    assert cleared
    assert (signals.exit_code(), signals.sentence()) == (128 + number, f"Ended by {number.name}.")
    assert signal.getsignal(number) is before


def test_what_is_ignored_stays_so_and_ctrl_c_has_its_own_code() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals.heeded():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert (signals.exit_code(), signals.sentence()) == (130, "")


def test_in_another_thread_nothing_is_done() -> None:
    done = []

    def run() -> None:
        with signals.heeded():
            done.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert done == [signal.getsignal(signal.SIGTERM)]


def test_a_folder_that_is_watched_does_not_swallow_one(tmp_path: Path) -> None:
    watchfiles = pytest.importorskip("watchfiles")
    with pytest.raises(KeyboardInterrupt), signals.heeded():
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
        for _ in watching._changes(watchfiles.watch, [tmp_path], 1.0, threading.Event()):
            pass
