"""`matted models`: list, get, remove, choose, check and export models. Works without a daemon, and starts none."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matted.cli.models import changing, comparing, exporting, getting, listing
from matted.cli.models.context import Context
from matted.settings import config


def add_parser(commands: Any) -> None:
    """Add `models` to the commands."""
    models = commands.add_parser("models", help="list, get, remove, choose, check and export models")
    models.set_defaults(run=_with_context(listing.show))
    verbs = models.add_subparsers(title="what to do (default: list)", metavar="VERB")

    def verb(name: str, run: Callable[[argparse.Namespace, Context], int], text: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text)
        parser.set_defaults(run=_with_context(run))
        return parser

    verb("list", listing.show, "show the models, their licences, and which are on this computer")

    pull = verb("pull", getting.pull, "download and install a model")
    pull.add_argument("id", metavar="ID")
    where = pull.add_mutually_exclusive_group()
    where.add_argument("--source", metavar="NAME", help="one of its sources; see: matted models info ID")
    where.add_argument("--from", dest="given", metavar="FILE|DIR|URL", help="weights that you have, or a mirror")
    pull.add_argument("--trust", action="store_true", help="accept a file whose hash matted does not know")
    pull.add_argument("--accept-licence", action="store_true", help="accept its licence without being asked")
    pull.add_argument("--no-int8", action="store_true", help="make no INT8 variant, also where that would be quicker")
    pull.add_argument("--force", action="store_true", help="even if it is installed and intact")

    for name, run, text in (
        ("remove", changing.remove, "delete a model from this computer"),
        (
            "default",
            changing.default,
            "set the model that is used when none is named; auto: the best one here",
        ),
        ("info", listing.info, "show all that is known about a model"),
    ):
        verb(name, run, text).add_argument("id", metavar="ID")

    comparing.add_arguments(verb("compare", comparing.compare, "show a picture cut out by all of them, side by side"))

    verify = verb("verify", listing.verify, "read the files of installed models, and compare them with their hashes")
    verify.add_argument("ids", nargs="*", metavar="ID", help="only these")

    add = verb("add", getting.add, "use a model file of your own: ONNX, or the .xml of an OpenVINO IR")
    add.add_argument("file", type=Path, metavar="FILE")
    add.add_argument("--like", required=True, metavar="ID", help="the model whose kind of input and output it has")
    add.add_argument("--id", required=True, metavar="NEW", help="the id that it gets")
    add.add_argument("--title", type=_text, metavar="TEXT", help="the name that is shown")
    add.add_argument("--licence", type=_text, metavar="TEXT", help="the licence that is shown")

    small = verb("quantize", getting.quantize, "make a smaller and faster variant of a model, with 8-bit arithmetic")
    small.add_argument("id", metavar="ID")
    ranges = small.add_mutually_exclusive_group()
    ranges.add_argument("--calibrate", action="store_true", help="find its ranges anew, also where matted knows them")
    ranges.add_argument(
        "--images",
        type=Path,
        metavar="DIR",
        help="find its ranges on a folder of six or more photographs like those that it is for, not on free ones",
    )

    exporting.add_arguments(verb("export", exporting.export, "write a model for an inference server to run"))


def _text(argument: str) -> str:
    """Return an argument that goes into models.toml, which holds nothing but UTF-8."""
    try:
        argument.encode()
    except UnicodeEncodeError as error:
        raise argparse.ArgumentTypeError(f"{argument} is not text in UTF-8") from error
    return argument


def _with_context(run: Callable[[argparse.Namespace, Context], int]) -> Callable[[argparse.Namespace], int]:
    """Return the command that makes the context and calls `run`."""

    def command(options: argparse.Namespace) -> int:
        if "id" in options:
            options.facts["model"] = options.id
        return run(options, Context.of(config.load({}, os.environ)))

    return command
