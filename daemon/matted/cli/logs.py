"""`matted logs`: print the daemon's log, and follow it. Works without a daemon, and with settings that are damaged."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from matted_client import MattedError
from matted_client.endpoint import state_folder

from matted.cli import answers
from matted.cli.output import OK
from matted.system import logbook, privacy

LINES = 100
_POLL_SECONDS = 0.2


def add_parser(commands: Any) -> None:
    """Add `logs` to the commands."""
    logs = commands.add_parser("logs", help="print the daemon's log")
    logs.add_argument("-f", "--follow", action="store_true", help="keep printing what is added, until Ctrl-C")
    logs.add_argument(
        "-n", "--lines", type=_count, default=LINES, metavar="N", help=f"print the last N lines (default: {LINES})"
    )
    logs.set_defaults(run=_logs, in_lines=True)


def _logs(options: argparse.Namespace) -> int:
    folder, shorten = Path(state_folder()), privacy.HomeFilter(privacy.home())
    place = shorten(str(folder / logbook.LOG_FILE))
    reader = logbook.Reader(folder)

    def read() -> str:
        try:
            return reader.read()
        except OSError as error:
            raise MattedError(f"{place} cannot be read: {error.strerror}.") from error

    text = read()
    start_log = logbook.newer_start_log(folder)
    if start_log is not None:
        print(
            f"Output that is not in the log, of a crash or from before the log existed: {shorten(str(start_log))}",
            file=sys.stderr,
        )
    if not text and not options.follow:
        raise MattedError("The daemon has not written a log yet.", f"It will be in {place}")
    if not text:
        print(f"Waiting for {place}", file=sys.stderr)
    text = logbook.last_lines(text, options.lines)
    while True:
        if options.json:
            for line in text.splitlines():
                answers.print_line({"line": line})
        else:
            print(text, end="", flush=True)
        if not options.follow:
            return OK
        time.sleep(_POLL_SECONDS)
        text = read()


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError
    return number
