"""`matted remove` for films, and for folders of frames with --sequence: the arguments, the plan, and its run."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from matted_client import MattedError
from matted_client.options import MaskOptions, SceneOptions

from matted.cli import answers
from matted.cli.output import FAILED, OK, WrongArguments, complain
from matted.cli.pictures import arguments, framing

if TYPE_CHECKING:
    from matted.files.films.runner import Film
    from matted.files.films.source import Span
    from matted.files.framing.frame import Frame

_LAST = 1000  # frames a second


def add_arguments(group: Any) -> None:
    """Add the arguments that only films and frames have."""
    group.add_argument(
        "--sequence", action="store_true", help="the folder holds the numbered frames of one scene, not photographs"
    )
    for name, words in (("start", "begin at this time"), ("end", "end before this time")):
        group.add_argument(f"--{name}", type=_time, metavar="TIME", help=f"{words}: seconds, or H:M:S")
    arguments.add_options(group, SceneOptions)
    group.add_argument(
        "--rate",
        type=_rate,
        metavar="N",
        help="frames a second of a film that is made of numbered frames (default: 25)",
    )


def are_wanted(given: argparse.Namespace) -> bool:
    """Whether what was given is films, or frames of one scene."""
    from matted.files.films import forms

    return bool(given.sequence or forms.are_films(given.inputs, given.output, given.format))


def run(given: argparse.Namespace) -> int:
    """Carry out the command. An error of one film does not stop the others."""
    from matted.files.films import runner

    try:
        _refuse(given)
    except MattedError as error:
        raise WrongArguments(error.message, error.hint) from error
    frame = framing.frame(given)
    span, films = _span(given), _planned(given, frame)
    options = runner.FilmOptions(
        given.mask,
        given.timings,
        arguments.request(given, MaskOptions) | arguments.request(given, SceneOptions),
        None if given.plate is None else str(given.plate),
        span,
        given.quality,
        given.force,
        given.skip_existing,
        frame,
    )
    failed = False
    for film in films:
        try:
            runner.run(film, options)
        except MattedError as error:
            failed = True
            complain(error)
            given.facts.setdefault("errors", []).append({"film": str(film.source.path), **answers.error_facts(error)})
    return FAILED if failed else OK


def _planned(given: argparse.Namespace, frame: Frame) -> list[Film]:
    from matted.files.films import plan

    kind = "mask" if given.mask else "cutout"
    rest: dict[str, Any] = {
        "form": given.format,
        "frame": frame,
        "overwrite": given.force,
        "skip_existing": given.skip_existing,
    }
    if not given.sequence:
        return plan.plan_films(given.inputs, given.output, kind, _span(given), **rest)
    rate = given.rate or plan.RATE
    return [plan.plan_folder(folder, given.output, kind, _span(given), rate, **rest) for folder in given.inputs]


def _span(given: argparse.Namespace) -> Span:
    from matted.files.films.source import Span

    return Span(given.start, given.end)


def _refuse(given: argparse.Namespace) -> None:
    """Raise MattedError for arguments that mean nothing here."""
    places = given.box is not None or given.keep or given.drop or given.hint
    if places:
        raise MattedError("--box, --keep, --drop and --hint are for one picture.", "In a film the subject moves.")
    many = [name for name in ("--report", "--sheet", "--dry-run") if getattr(given, name[2:].replace("-", "_"))]
    if many:
        raise MattedError(f"{many[0]} is for pictures.")
    if given.page is not None:
        raise MattedError("--page is for pictures.", "Of a film take a part with --start and --end.")
    if given.rate is not None and not given.sequence:
        raise MattedError("--rate is for numbered frames, with --sequence.", "A film keeps its own times.")
    others = [path for path in given.inputs if given.sequence and not path.is_dir()]
    if others:
        raise MattedError(f"--sequence takes a folder of frames, and {others[0]} is none.", "A film is one by itself.")
    if given.sequence and (given.recursive or (len(given.inputs) > 1 and given.output is not None)):
        raise MattedError("--sequence is for one folder at a time.", "Run matted remove once for each.")


def refuse_without(given: argparse.Namespace) -> None:
    """Raise MattedError where something that is for films was given with pictures."""
    named = [f"--{name}" for name in ("start", "end", "rate") if getattr(given, name) is not None]
    if named:
        hint = "For a folder of numbered frames add --sequence."
        raise MattedError(f"{named[0]} is for films, and these are pictures.", hint)


def _time(text: str) -> Fraction:
    from matted.files.films import plan

    return _parsed(plan.seconds, text, "it has to be seconds, M:S or H:M:S, as 12.5 or 1:02:03")


def _rate(text: str) -> Fraction:
    rate = _parsed(Fraction, text, "it has to be a number, as 24, 29.97 or 30000/1001")
    if not 0 < rate <= _LAST:
        raise argparse.ArgumentTypeError(f"it has to be more than 0, and {_LAST} at most, not {text!r}")
    return rate.limit_denominator(1001)


def _parsed(parse: Callable[[str], Fraction], text: str, wanted: str) -> Fraction:
    try:
        return parse(text)
    except (ValueError, ZeroDivisionError):
        raise argparse.ArgumentTypeError(f"{wanted}, not {text!r}") from None
