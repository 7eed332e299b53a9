"""Have the signals that end programs end a command as Ctrl-C does, so that nothing half done is left."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from matted.cli.output import INTERRUPTED

# From whatever ends programs in order, as `kill`, `timeout`, systemd and containers do; and from a terminal that is
# closed. Windows ends programs without asking them.
_NAMES = ("SIGTERM", "SIGHUP")
_DIED = 128  # what shells add to a signal's number

_received: list[signal.Signals] = []


@contextmanager
def heeded() -> Iterator[None]:
    """In the block, raise KeyboardInterrupt in the main thread for the first of the signals, and ignore more of them.

    A signal that is ignored, as `nohup` has it, stays so. Nothing is done in other threads, where Python cannot.
    """
    _received.clear()
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [number for name in _NAMES if (number := getattr(signal, name, None)) is not None]
    numbers = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def exit_code() -> int:
    """Return the exit code of a command that a KeyboardInterrupt has ended: the one that shells report for its signal.

    By this and `sentence`, not by the exception: a library may have raised another one in its place.
    """
    return _DIED + _received[0] if _received else INTERRUPTED


def sentence() -> str:
    """Say which signal has ended the command; empty for Ctrl-C, which the person knows of."""
    return f"Ended by {_received[0].name}." if _received else ""


def _end(number: int, frame: FrameType | None) -> None:
    if not _received:  # a second one would stop the clearing up
        _received.append(signal.Signals(number))
        raise KeyboardInterrupt
