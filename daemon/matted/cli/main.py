"""Run the `matted` command: parse the arguments, call the command, turn what it raises into an exit code."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from matted_client import MattedError

from matted import __version__
from matted.cli import answers, signals
from matted.cli.output import (
    FAILED,
    accept_all_text,
    as_error,
    complain,
    discard_output,
    output_failed,
    reader_gone,
)

# The commands of each module of this package, in the order of the help. Only the module that is needed is imported: all
# of them take longer than many a command.
MODULES = {
    "setup": ("setup",),
    "pictures.remove": ("remove",),
    "pictures.refine": ("refine",),
    "pictures.formats": ("formats",),
    "daemon": ("serve", "start", "stop", "restart", "reload", "status"),
    "logs": ("logs",),
    "doctor": ("doctor",),
    "models": ("models",),
    "autostart": ("autostart",),
    "benchmark": ("benchmark",),
    "install": ("install", "uninstall"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Raises SystemExit for help and wrong arguments, as argparse does."""
    for stream in (sys.stdout, sys.stderr):
        accept_all_text(stream)
    try:
        try:
            with signals.heeded():
                return _run(arguments)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()  # here, since what Python writes when it ends can fail only with a traceback
    except OSError as error:
        if not output_failed(error):
            complain(as_error(error))
            return FAILED
        discard_output()
        if not reader_gone(error):
            complain(MattedError(f"The output cannot be written: {error.strerror}."))
        return FAILED


def _run(arguments: Sequence[str] | None) -> int:
    try:
        words = sys.argv[1:] if arguments is None else list(arguments)
        for_programs = answers.wants_json(words)
        commands = [word for word in words if word != "--json"]
        options = command_parser(commands[0] if commands else "", for_programs).parse_args(words)
        options.json, options.facts = for_programs, {}
        return answers.run(options) if for_programs else int(options.run(options))
    except MattedError as error:
        complain(error)
        return answers.exit_code(error)
    except KeyboardInterrupt:
        if said := signals.sentence():
            complain(MattedError(said))
        return signals.exit_code()


def command_parser(command: str = "", for_programs: bool = False) -> argparse.ArgumentParser:
    """Return the parser of the command line: of one command, or of all if there is none of that name.

    for_programs: whether what is wrong with the words is told in JSON.
    """
    kind = answers.ParserForPrograms if for_programs else answers.Parser
    parser = kind(prog="matted", description="Remove the background of pictures, on this computer.")
    parser.add_argument("--version", action="version", version=f"matted {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name in [name for name, its in MODULES.items() if command in its] or MODULES:
        importlib.import_module(f"matted.cli.{name}").add_parser(commands)
    return parser
