"""`matted models`: list, pull, remove, choose, check and add models. Needs no daemon, and starts none."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matted_client import MattedError

from matted.cli.models import changing, getting, listing
from matted.cli.models.context import Context
from matted.inference.compiled import CompiledFiles
from matted.models import catalogue
from matted.models.store import Store
from matted.settings import config


def add_parser(commands: Any) -> None:
    """Add `models` to the commands of the command line."""
    models = commands.add_parser(
        "models", help="the models: list, pull, remove, choose, check, add", allow_abbrev=False
    )
    models.add_argument("--json", action="store_true", help="for programs")
    models.set_defaults(run=_in_context(listing.show))
    verbs = models.add_subparsers(title="what to do (without: list)", metavar="VERB")

    def verb(name: str, run: Callable[[argparse.Namespace, Context], int], text: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text, allow_abbrev=False)
        parser.set_defaults(run=_in_context(run))
        return parser

    shown = verb("list", listing.show, "the models, their licences, and which are on this computer")
    shown.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="for programs")

    pull = verb("pull", getting.pull, "get a model")
    pull.add_argument("id", metavar="ID")
    where = pull.add_mutually_exclusive_group()
    where.add_argument("--source", metavar="NAME", help="one of its sources; see: matted models info ID")
    where.add_argument("--from", dest="given", metavar="FILE|DIR|URL", help="weights that you have, or a mirror")
    pull.add_argument("--trust", action="store_true", help="with --from: also a file whose hash matted does not know")
    pull.add_argument("--accept-licence", action="store_true", help="accept its licence without being asked")
    pull.add_argument("--force", action="store_true", help="also if it is there")

    for name, run, text in (
        ("remove", changing.remove, "delete a model from this computer"),
        ("default", changing.default, "use a model where no other is asked for"),
        ("info", listing.info, "all that is known about a model"),
    ):
        verb(name, run, text).add_argument("id", metavar="ID")

    verify = verb("verify", listing.verify, "read the files of installed models, and compare them with their hashes")
    verify.add_argument("ids", nargs="*", metavar="ID", help="only these")

    add = verb("add", getting.add, "use a model file of your own: ONNX, or the .xml of an OpenVINO IR")
    add.add_argument("file", type=Path, metavar="FILE")
    add.add_argument("--like", required=True, metavar="ID", help="the model whose input and output it shares")
    add.add_argument("--id", required=True, metavar="NEW", help="what it shall be called")
    add.add_argument("--title", metavar="TEXT", help="its name for people")
    add.add_argument("--licence", metavar="TEXT", help="what it is licensed under, for the listing")

    small = verb("quantize", getting.quantize, "make a smaller and faster variant of a model, with 8-bit arithmetic")
    small.add_argument("id", metavar="ID")
    small.add_argument(
        "--images",
        type=Path,
        metavar="DIR",
        help="six or more photographs like those it is for; without, four are downloaded",
    )


def _in_context(run: Callable[[argparse.Namespace, Context], int]) -> Callable[[argparse.Namespace], int]:
    def command(options: argparse.Namespace) -> int:
        settings = config.load({}, os.environ)
        known = catalogue.load(settings.folder / catalogue.OWN_FILE)
        compiled = CompiledFiles(settings.compiled, settings.compiled_limit)
        try:
            return run(options, Context(settings, known, Store(settings.models), compiled))
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                raise
            where = f"{error.filename}: " if error.filename else ""
            raise MattedError(f"{where}{error.strerror or error}.") from None

    return command
