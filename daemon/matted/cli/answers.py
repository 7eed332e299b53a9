"""Answer programs: with --json each command prints one document, or a line for each thing; and errors so, too."""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from typing import Any, NoReturn

from matted_client import MattedError

from matted.cli import signals
from matted.cli.output import FAILED, OK, WRONG, WrongArguments


class Parser(argparse.ArgumentParser):
    """Parses the words of a command, which are not shortened. Every command has --json.

    A command sets `run`, which takes the parsed words and returns an exit code, and may set `in_lines`: it prints JSON
    itself then, a line for each thing. Others put what they know into `facts` of the words, by name, and what they
    print for people becomes `messages` of the document.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{"allow_abbrev": False, **options})
        self.add_argument(
            "--json", action="store_true", default=argparse.SUPPRESS, help="print JSON, for programs; errors, too"
        )


class ParserForPrograms(Parser):
    """Parses the words of a program: what is wrong with them is told in JSON."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong, and exit."""
        print(json.dumps(_document(WRONG, {}, WrongArguments(f"{message.rstrip('.')}.", f"See: {self.prog} --help"))))
        raise SystemExit(WRONG)


class Interrupted(MattedError):
    """The person has pressed Ctrl-C, or a signal has asked the program to end."""

    code = "interrupted"


def run(options: argparse.Namespace) -> int:
    """Run a command for a program, and return its exit code."""
    if getattr(options, "in_lines", False):
        code, problem = _carried_out(options, options.run)
        if problem is not None:
            print(json.dumps(_document(code, {}, problem)))
        return code
    return as_document(options, options.run)


def as_document(options: argparse.Namespace, run: Callable[[argparse.Namespace], int]) -> int:
    """Call what carries a command out, and print all that it tells as one document. Returns its exit code."""
    said = io.StringIO()
    with redirect_stdout(said):
        code, problem = _carried_out(options, run)
    lines = [line.strip() for line in said.getvalue().splitlines() if line.strip()]
    facts = dict(options.facts) | ({"messages": lines} if lines else {})
    print(json.dumps(_document(code, facts, problem), indent=2))
    return code


def _carried_out(
    options: argparse.Namespace, run: Callable[[argparse.Namespace], int]
) -> tuple[int, MattedError | None]:
    """Call what carries a command out. Return its exit code, and the error that has ended it, if one has."""
    try:
        return int(run(options)), None
    except MattedError as error:
        return exit_code(error), error
    except KeyboardInterrupt:
        return signals.exit_code(), Interrupted(signals.sentence() or "Interrupted.")


def exit_code(error: MattedError) -> int:
    """Return the exit code for an error."""
    return WRONG if isinstance(error, WrongArguments) else FAILED


def error_facts(error: MattedError) -> dict[str, str]:
    """Return what a program is told of an error."""
    return {"code": error.code, "message": error.message, "hint": error.hint}


def _document(code: int, facts: Mapping[str, Any], error: MattedError | None) -> dict[str, Any]:
    return {"ok": code == OK, **facts, **({} if error is None else {"error": error_facts(error)})}


def wants_json(words: list[str]) -> bool:
    """Whether a program asks, by its words before they are parsed."""
    return "--json" in (words[: words.index("--")] if "--" in words else words)


def print_line(facts: Mapping[str, Any]) -> None:
    """Print a line of JSON."""
    print(json.dumps(facts), flush=True)
