"""`matted remove`: turn the arguments into a plan of files and the fields of mask requests, and run it."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matted_client import options
from matted_client.options import MaskOptions, Option

from matted.cli.output import FAILED, OK

_FROM_TEXT: dict[str, Callable[[str], Any]] = {options.WHOLE: int, options.NUMBER: float}  # by the kind of an option


def add_parser(commands: Any) -> None:
    """Add `remove` to the commands."""
    remove = commands.add_parser("remove", help="cut the subject out of pictures", allow_abbrev=False)
    remove.add_argument("inputs", nargs="+", type=Path, metavar="IMAGE", help="a PNG, JPEG, WebP or TIFF, or a folder")
    remove.add_argument("-o", "--output", metavar="OUT", help="a PNG file for one picture, else a folder")
    remove.add_argument("--mask", action="store_true", help="write the grey mask instead of the cut-out")
    remove.add_argument(
        "--keep-colours",
        action="store_true",
        help="keep the original colours, including background spill and hidden pixels",
    )
    remove.add_argument(
        "--plate", type=Path, metavar="IMAGE", help="the same scene without the subject, for models that compare"
    )
    remove.add_argument(
        "--recursive", action="store_true", help="take the pictures in subfolders, too; the results keep the subfolders"
    )
    existing = remove.add_mutually_exclusive_group()
    existing.add_argument("--force", action="store_true", help="overwrite files that exist")
    existing.add_argument(
        "--skip-existing",
        action="store_true",
        help="leave out pictures whose results exist, to go on where a run ended",
    )
    remove.add_argument("--timings", action="store_true", help="print how long each stage took")

    _add_options(remove.add_argument_group("the mask"), MaskOptions)
    remove.set_defaults(run=_remove)


def _add_options(group: Any, kind: type[Any]) -> None:
    """Add an argument for each option of a dataclass, named like it with - for _."""
    for name, entry in options.entries(kind).items():
        flag, words = "--" + name.replace("_", "-"), entry.sentences.replace("%", "%%").removesuffix(".")
        words = words[0].lower() + words[1:]
        if entry.kind == options.YES_NO:
            action = argparse.BooleanOptionalAction if entry.default else "store_true"
            group.add_argument(flag, action=action, default=entry.default, help=words)
        else:
            text = words if entry.default is None else f"{words} (default: {entry.default})"
            group.add_argument(flag, type=_parser(entry), default=entry.default, metavar=_placeholder(entry), help=text)


def _placeholder(entry: Option) -> str:
    """Return the placeholder of the argument's value in the help."""
    if entry.kind == options.MODEL:
        return "ID"
    if entry.choices:
        return "|".join(choice.value for choice in entry.choices)
    return "PIXELS" if entry.unit == options.PIXELS else f"{entry.low:g}..{entry.high:g}"


def _parser(entry: Option) -> Callable[[str], Any]:
    """Return the function that parses a value. It refuses what the daemon would refuse, in the same words."""

    def parse(text: str) -> Any:
        try:
            value = _FROM_TEXT.get(entry.kind, str)(text)
        except ValueError:
            value = math.nan
        if entry.problem(value):
            raise argparse.ArgumentTypeError(f"it has to be {entry.wanted}, not {text!r}")
        return value

    return parse


def _remove(arguments: argparse.Namespace) -> int:
    from matted.files import batch, plan, runner

    request = {name: getattr(arguments, name) for name in options.entries(MaskOptions)}
    request["foreground"] = not (arguments.mask or arguments.keep_colours)
    run_options = runner.RunOptions(arguments.mask, arguments.plate, arguments.timings, request)
    work = plan.plan(
        arguments.inputs,
        arguments.output,
        arguments.mask,
        arguments.force,
        arguments.skip_existing,
        arguments.recursive,
    )
    return OK if batch.run(work, run_options) else FAILED
