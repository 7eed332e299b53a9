"""Tell whether a process is a daemon of matted, and signal it."""

from __future__ import annotations

from contextlib import suppress

import psutil


def is_daemon(pid: int) -> bool:
    """Whether that process can be a daemon of ours: numbers of processes that ended are given to others."""
    try:
        return "serve" in psutil.Process(pid).cmdline()
    except psutil.Error:
        return False


def end(pid: int, kill: bool = False) -> None:
    """Ask a process to end, or end it at once. Returns without waiting. Does nothing to one that has ended."""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        if kill:
            process.kill()
        else:
            process.terminate()
