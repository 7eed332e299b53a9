"""`matted remove` on the command line: what can be asked for, and what that is in the words of the protocol."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matted_client import messages

from matted.cli.output import FAILED, OK

# Options that are fields of a MaskRequest under the same name.
_FIELDS = ("model", "edges", "threshold", "grow", "feather", "invert", "anyway")


def add_parser(commands: Any) -> None:
    """Add `remove` to the commands of the command line."""
    plan = commands.add_parser("remove", help="cut the subject out of pictures", allow_abbrev=False)
    plan.add_argument("inputs", nargs="+", type=Path, metavar="IMAGE", help="a PNG, JPEG, WebP or TIFF, or a folder")
    plan.add_argument("-o", "--output", metavar="OUT", help="a PNG file for one picture, else a folder")
    plan.add_argument("--mask", action="store_true", help="write the grey mask instead of the cut-out")
    plan.add_argument(
        "--keep-colours",
        action="store_true",
        help="leave all colours as they are: the background's share at the edges, and what is no longer to be seen",
    )
    plan.add_argument("--model", default="default", metavar="ID", help="which model to use; see: matted models")
    plan.add_argument(
        "--plate", type=Path, metavar="IMAGE", help="the same scene without the subject, for models that compare"
    )
    plan.add_argument("--force", action="store_true", help="overwrite files that exist")
    plan.add_argument("--timings", action="store_true", help="say how long each stage took")

    tuning = plan.add_argument_group("the mask")
    tuning.add_argument(
        "--edges", choices=messages.EDGES, default=messages.FINE, help="how edges are refined (default: %(default)s)"
    )
    tuning.add_argument(
        "--threshold",
        type=_number(float, 0.0, 1.0),
        metavar="0..1",
        help="from here on all is subject, the rest background, and nothing in between",
    )
    tuning.add_argument(
        "--grow",
        type=_number(int, -messages.MAX_GROW, messages.MAX_GROW),
        default=0,
        metavar="PIXELS",
        help="make the subject larger; negative: smaller",
    )
    tuning.add_argument(
        "--feather",
        type=_number(float, 0.0, messages.MAX_FEATHER),
        default=0.0,
        metavar="PIXELS",
        help="soften the edge",
    )
    tuning.add_argument("--invert", action="store_true", help="keep the background instead of the subject")
    tuning.add_argument("--no-closer", action="store_true", help="do not look a second time at a small subject")
    tuning.add_argument("--anyway", action="store_true", help="make a mask also where no subject was found")
    plan.set_defaults(run=_remove)


def _number(kind: type[int] | type[float], low: float, high: float) -> Callable[[str], float]:
    """What argparse calls to read a number from `low` to `high`."""

    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            what = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"{text!r} is not {what} from {low:g} to {high:g}")
        return value

    return read


def _remove(options: argparse.Namespace) -> int:
    from matted.files import plan, runner

    asked = {name: getattr(options, name) for name in _FIELDS}
    asked["closer"] = not options.no_closer
    asked["foreground"] = not (options.mask or options.keep_colours)
    wish = runner.Wish(options.mask, options.plate, options.timings, asked)
    work = plan.plan(options.inputs, options.output, options.mask, options.force)
    return OK if plan.run(work, wish) else FAILED
