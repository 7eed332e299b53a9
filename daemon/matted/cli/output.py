"""Print the results of commands: errors, tables, sizes and times in a form for people. And the exit codes."""

from __future__ import annotations

import sys

from matted_client import MattedError
from matted_client.endpoint import COMPLAINT

OK, FAILED = 0, 1
INTERRUPTED = 130  # what shells report for Ctrl-C


def complain(error: MattedError) -> None:
    """Print an error and its hint to stderr."""
    print(f"{COMPLAINT}{error.message}", file=sys.stderr)
    if error.hint:
        print(f"        {error.hint}", file=sys.stderr)


def table(*lines: tuple[str, str]) -> None:
    """Print names and values in two columns. A line without a value is left out."""
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        if value:
            print(f"{name:<{width}}  {value}")


def duration(seconds: float) -> str:
    """Return a time such as "3 h", "12 min" or "40 s"."""
    minutes = int(seconds) // 60
    if minutes >= 120:
        return f"{minutes // 60} h"
    return f"{minutes} min" if minutes >= 2 else f"{int(seconds)} s"


def megabytes(count: int) -> str:
    """Return a size such as "4.6 MB" or "1.02 GB"."""
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
