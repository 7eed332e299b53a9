"""Run the `matted` command: parse the arguments, call the command, turn what it raises into an exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from matted_client import MattedError

from matted import __version__
from matted.cli import autostart, benchmark, daemon, doctor, install, logs, models, remove
from matted.cli.output import (
    FAILED,
    INTERRUPTED,
    accept_all_text,
    complain,
    discard_output,
    output_failed,
    reader_gone,
)

COMMANDS = (remove, daemon, logs, doctor, models, autostart, benchmark, install)  # in the order of the help


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Raises SystemExit for help and wrong arguments, as argparse does."""
    for stream in (sys.stdout, sys.stderr):
        accept_all_text(stream)
    try:
        try:
            return _run(arguments)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()  # here, since what Python writes when it ends can fail only with a traceback
    except OSError as error:
        if not output_failed(error):  # it is of a file: one that was named, by too long a name, say, or of matted's own
            where = f"{error.filename}: " if error.filename else ""
            complain(MattedError(f"{where}{error.strerror or error}."))
            return FAILED
        discard_output()
        if not reader_gone(error):
            complain(MattedError(f"The output cannot be written: {error.strerror}."))
        return FAILED


def _run(arguments: Sequence[str] | None) -> int:
    try:
        options = command_parser().parse_args(arguments)
        return int(options.run(options))
    except MattedError as error:
        complain(error)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def command_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="matted", description="Remove the background of pictures, on this computer.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"matted {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(commands)
    return parser
