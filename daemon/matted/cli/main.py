"""Run the `matted` command: parse the arguments, call the command, turn what it raises into an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from matted_client import MattedError

from matted import __version__
from matted.cli import autostart, benchmark, daemon, doctor, install, logs, models, remove
from matted.cli.output import FAILED, INTERRUPTED, complain

COMMANDS = (remove, daemon, logs, doctor, models, autostart, benchmark, install)  # in the order of the help


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = command_parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except MattedError as error:
        complain(error)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the program that reads the output has ended, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


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
