"""`matted remove` for films, and for folders of frames with --sequence: the arguments, the plan, and its run."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matted_client import MattedError
from matted_client.options import MaskOptions, SceneOptions

from matted.cli.output import FAILED, OK, WrongArguments, complain
from matted.cli.pictures import arguments, framing

if TYPE_CHECKING:
    from matted.files.films.runner import Film, FilmOptions
    from matted.files.films.source import Span
    from matted.files.films.telling.outcomes import FilmOutcome
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
    from matted.files.films.telling.records import Records
    from matted.system import allocator

    try:
        _refuse(given)
    except MattedError as error:
        raise WrongArguments(error.message, error.hint) from error
    frame = framing.frame(given)
    options = runner.FilmOptions(
        given.mask,
        given.timings,
        arguments.request(given, MaskOptions) | arguments.request(given, SceneOptions),
        None if given.plate is None else str(given.plate),
        _span(given),
        given.quality,
        given.force,
        given.skip_existing,
        frame,
    )
    films = _planned(given, frame, options.reads)
    told = Records(films, given.report, given.sheet, given.force, given.skip_existing)
    given.facts["films"] = facts = []
    if given.dry_run:
        for film in films:
            outcome = runner.plan(film, options)
            facts.append(outcome.facts())
            _say_plan(outcome)
        return OK
    failed = False
    allocator.keep_blocks()  # for a frame like the one before
    with told:
        for number, film in enumerate(films):
            outcome = _done(film, options)
            failed = failed or outcome.error is not None
            facts.append(outcome.facts())
            try:
                sheet = told.add(number, outcome)
            except MattedError as error:  # the other films go on
                complain(error)
                continue
            if sheet is not None:
                runner.note(f"Frames of the result on a sheet: {sheet}")
                facts[-1]["sheet"] = str(sheet)
    return FAILED if failed else OK


def _say_plan(outcome: FilmOutcome) -> None:
    from matted.files.films import runner

    print(outcome.plan())
    for warning in outcome.warnings:
        runner.note(warning)


def _done(film: Film, options: FilmOptions) -> FilmOutcome:
    """Carry out one film. An error is told of, and does not stop the others."""
    from matted.files.films import runner
    from matted.files.films.telling import outcomes

    began = time.monotonic()
    try:
        return runner.run(film, options)
    except MattedError as error:
        complain(error)
        size = outcomes.size_of_results(film.source.about, options.frame)
        return outcomes.failure(film, size, error, time.monotonic() - began)


def _planned(given: argparse.Namespace, frame: Frame, others: Sequence[Path]) -> list[Film]:
    from matted.files.films import plan

    kind = "mask" if given.mask else "cutout"
    rest: dict[str, Any] = {
        "form": given.format,
        "frame": frame,
        "overwrite": given.force,
        "skip_existing": given.skip_existing,
        "others": others,
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
    if given.watch:
        raise MattedError("--watch is for folders of pictures.", "Run matted remove once for each film.")
    if given.output == "-":
        raise MattedError("A film does not go to standard output.", "Name a file with -o.")
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
