"""The arguments that the commands on picture files share: results, options of masks, places in a picture."""

from __future__ import annotations

import argparse
import math
import os
import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matted_client import MattedError, options
from matted_client.options import Option

from matted.cli.output import FAILED, INTERRUPTED, OK, WrongArguments

if TYPE_CHECKING:
    from matted.cli.pictures.pipes import Pipes

_FROM_TEXT: dict[str, Callable[[str], Any]] = {options.WHOLE: int, options.NUMBER: float}  # by the kind of an option
PLACES = "Places are in pixels of the picture as it is seen, from 0,0 at the top left."
JOBS, MOST_JOBS = 3, 16  # pictures in work at once
_DIGITS = 9  # more than any coordinate has


def add_results(parser: argparse.ArgumentParser, films: Sequence[str] = ()) -> None:
    """Add the arguments that say what is written, and where. films: the names of formats of films, if there are any."""
    from matted.files.formats import known

    parser.add_argument(
        "-o",
        "--output",
        type=name,
        metavar="OUT",
        help="a file for one picture, else a folder; - for standard output",
    )
    parser.add_argument(
        "--format",
        choices=list(dict.fromkeys((*known.FORMS, *films))),
        help="the format of the results (default: by the name of -o, else png)",
    )
    kinds = [f"{form.quality} for {form.name}" for form in known.FORMS.values() if form.quality is not None]
    parser.add_argument(
        "--quality",
        type=whole(1, 100),
        metavar="1..100",
        help=f"how like the picture a lossy result is (default: {', '.join(kinds)}); a webp of 100 is lossless",
    )
    parser.add_argument(
        "--keep-location", action="store_true", help="keep where the picture was taken in the result, if it says so"
    )
    parser.add_argument("--mask", action="store_true", help="write the grey mask instead of the cut-out")
    parser.add_argument(
        "--keep-colours",
        action="store_true",
        help="keep the original colours, including background spill and hidden pixels",
    )


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say which files a run takes and replaces, and what it prints."""
    parser.add_argument(
        "--page", type=whole(1, 10_000), metavar="N", help="the page of a TIFF that has several, from 1 on"
    )
    parser.add_argument(
        "--recursive", action="store_true", help="take the pictures in subfolders, too; the results keep the subfolders"
    )
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--force", action="store_true", help="overwrite files that exist")
    existing.add_argument(
        "--skip-existing",
        action="store_true",
        help="leave out pictures whose results exist, to go on where a run ended",
    )
    parser.add_argument(
        "--jobs",
        type=whole(1, MOST_JOBS),
        metavar="N",
        help=f"how many pictures are in work at once (default: {JOBS}, or as many as keep a server busy)",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    parser.add_argument(
        "--report", type=path, metavar="FILE", help="write what came of each picture into a .json or .csv file"
    )
    parser.add_argument(
        "--sheet",
        type=path,
        metavar="FILE",
        help="draw all results small on a picture, to look through them; many get FILE-1, FILE-2 and so on",
    )
    parser.add_argument("--timings", action="store_true", help="print how long each stage took")


def add_places(group: Any) -> None:
    """Add the arguments that say where the subject is."""
    group.add_argument(
        "--box", type=box, metavar="L,T,R,B", help="the subject lies between these sides, and nothing beyond"
    )
    for name, words in (("keep", "belongs to the subject"), ("drop", "does not belong to the subject")):
        group.add_argument(
            f"--{name}",
            type=point,
            action="append",
            default=[],
            metavar="X,Y",
            help=f"this point {words}; may be given several times",
        )


def add_options(group: Any, kind: type[Any], without: Collection[str] = ()) -> None:
    """Add an argument for each option of a dataclass, named like it with - for _. without: names of some of them."""
    for name, entry in options.entries(kind).items():
        if name in without:
            continue
        flag, words = "--" + name.replace("_", "-"), entry.sentences.replace("%", "%%").removesuffix(".")
        words = words[0].lower() + words[1:]
        if entry.kind == options.YES_NO:
            action = argparse.BooleanOptionalAction if entry.default else "store_true"
            group.add_argument(flag, action=action, default=entry.default, help=words)
        else:
            text = words if entry.default is None else f"{words} (default: {entry.default})"
            group.add_argument(flag, type=_parser(entry), default=entry.default, metavar=_placeholder(entry), help=text)


def request(arguments: argparse.Namespace, kind: type[Any]) -> dict[str, Any]:
    """Return the fields of a request, by name: the options of a dataclass, and whether colours are wanted."""
    fields = {name: getattr(arguments, name) for name in options.entries(kind)}
    colours = not (arguments.mask or arguments.keep_colours)
    return {**fields, "foreground": colours, "tiles": colours}


def whole(low: int, high: int) -> Callable[[str], int]:
    """Return what parses a whole number within limits."""

    def parse(text: str) -> int:
        if not re.fullmatch(rf"[0-9]{{1,{_DIGITS}}}", text) or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"it has to be a whole number, {low} to {high}, not {text!r}")
        return int(text)

    return parse


def manner(given: argparse.Namespace, pipes: Pipes) -> Any:
    """Return the Manner of a run, by the arguments of `add_run`.

    Raises WrongArguments if the result and JSON were both to go to standard output; ConfigError.
    """
    from matted.files.batches.batch import Manner

    if given.json and pipes.aside:
        raise WrongArguments("The result and JSON cannot both go to standard output.", "Name a file with -o.")
    files = {"report": given.report, "sheet": given.sheet}
    told = {"for_programs": given.json, "aside": pipes.aside, "called": pipes.called}
    return Manner(given.jobs or _jobs(), given.dry_run, **files, **told)


def carry_out(work: Any, options: Any, manner: Any, pipes: Pipes) -> int:
    """Run a plan, and return the exit code. A single picture ends with the first Ctrl-C, others when they are done."""
    from matted.cli.pictures.stopping import Stopping
    from matted.files.batches import batch
    from matted.system import allocator

    if not work.alone:
        allocator.keep_blocks()  # for a picture like the one before
    with Stopping(heeds=not work.alone) as stopping:
        ending = batch.run(work, options, manner, stopping)
    pipes.deliver()
    if ending.interrupted:
        return INTERRUPTED
    return OK if ending.succeeded else FAILED


def form(given: argparse.Namespace) -> Any:
    """Return the format that results are to have; None if its name is not given. Raises MattedError for a film's."""
    from matted.files.formats import known

    if given.format and given.format not in known.FORMS:
        raise MattedError(f"{given.format} is a format of films, and these are pictures.", "For frames add --sequence.")
    return known.FORMS[given.format] if given.format else None


def suffix(form: Any) -> str:
    """Return the suffix of results in a format. form: None for that of results whose format is not said."""
    from matted.files.formats import known

    return str((form or known.PNG).suffixes[0])


def written(given: argparse.Namespace, form: Any) -> dict[str, Any]:
    """Return the fields of RunOptions that say how files are read, framed and written. form: of the results.

    Raises MattedError if the format has no quality, and one is given; if it cannot be transparent, and results are; or
    if a mask cannot be framed so.
    """
    from matted.cli.pictures import framing
    from matted.files.formats import known

    frame = framing.frame(given)
    if not (form.alpha or given.mask or frame.is_opaque):
        others = ", ".join(known.transparent())
        message = f"A {form.title} cannot be transparent, and a cut-out is."
        raise MattedError(message, f"Give it a background: --background white. Or choose another format: {others}.")
    if given.quality is not None and form.quality is None:
        raise MattedError(f"{form.title} has no --quality: it keeps every sample.", "Leave it out.")
    files = {"page": given.page, "form": form, "quality": given.quality, "keep_location": given.keep_location}
    return {**files, "frame": frame}


def _jobs() -> int:
    """Return how many pictures are in work at once: enough to keep the server busy, if the settings have one.

    Raises ConfigError.
    """
    from matted.settings import config

    server = config.load({}, os.environ).server
    return JOBS if server is None else max(JOBS, min(server.max_in_flight + 2, MOST_JOBS))


def name(text: str) -> str:
    """Take a name, and refuse an empty one: a shell's variable that is not set would mean the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("it has to be the name of a file or a folder, and is empty")
    return text


def path(text: str) -> Path:
    """Parse the name of a file or a folder."""
    return Path(name(text))


def point(text: str) -> tuple[int, int]:
    """Parse "X,Y", in pixels."""
    numbers = _coordinates(text, 2)
    if numbers is None:
        raise argparse.ArgumentTypeError(f"it has to be X,Y, two whole numbers of pixels, not {text!r}")
    return numbers[0], numbers[1]


def box(text: str) -> tuple[int, int, int, int]:
    """Parse "LEFT,TOP,RIGHT,BOTTOM", in pixels.

    Sides the wrong way round are refused: they may be a width and a height, and no guess can tell.
    """
    numbers = _coordinates(text, 4)
    if numbers is None:
        raise argparse.ArgumentTypeError(f"it has to be LEFT,TOP,RIGHT,BOTTOM in whole pixels, not {text!r}")
    left, top, right, bottom = numbers
    if not (left < right and top < bottom):
        wanted = "LEFT,TOP,RIGHT,BOTTOM with RIGHT beyond LEFT and BOTTOM beyond TOP"
        raise argparse.ArgumentTypeError(f"it has to be {wanted}, not {text!r}")
    return left, top, right, bottom


def _coordinates(text: str, count: int) -> list[int] | None:
    """Return the numbers of a text, None if it is not as many whole ones, of 0 and more."""
    parts = text.split(",")
    if len(parts) != count or not all(re.fullmatch(rf"\s*[0-9]{{1,{_DIGITS}}}\s*", part) for part in parts):
        return None
    return [int(part) for part in parts]


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
