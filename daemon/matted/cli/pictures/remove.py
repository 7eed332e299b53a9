"""`matted remove`: turn the arguments into a plan of files and the fields of mask requests, and run it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matted_client import MattedError
from matted_client.options import MaskOptions

from matted.cli import answers
from matted.cli.output import FAILED, OK, WrongArguments
from matted.cli.pictures import arguments, films, framing

if TYPE_CHECKING:
    from matted.cli.pictures.pipes import Pipes
    from matted.files.hints import Hints


def add_parser(commands: Any) -> None:
    """Add `remove` to the commands."""
    from matted.files.films import forms

    remove = commands.add_parser("remove", help="cut the subject out of pictures and films")
    remove.add_argument(
        "inputs",
        nargs="+",
        type=arguments.path,
        metavar="IMAGE",
        help="a picture, a folder, a film, a pattern such as *.jpg, or - for standard input; see: matted formats",
    )
    arguments.add_results(remove, tuple(forms.FORMS))
    framing.add(remove)
    remove.add_argument(
        "--plate",
        type=arguments.path,
        metavar="IMAGE",
        help="the same scene without the subject, for models that compare; for a folder of pictures also a folder, with"
        " plates of the same names; for a film a picture, a film of which it is the median, or the word median for that"
        " of the film itself",
    )
    arguments.add_run(remove)
    remove.add_argument(
        "--watch", action="store_true", help="go on with pictures that are put into the folder, until Ctrl-C"
    )
    films.add_arguments(remove.add_argument_group("films, and frames of one scene"))
    _add_hints(remove.add_argument_group("what to keep, for one picture", arguments.PLACES))
    arguments.add_options(remove.add_argument_group("the mask"), MaskOptions)
    remove.set_defaults(run=_remove, in_lines=True)


def _add_hints(group: Any) -> None:
    arguments.add_places(group)
    group.add_argument(
        "--hint",
        type=arguments.path,
        metavar="IMAGE",
        help="a picture of the same size, grey or painted on a transparent layer: white is the subject, black the"
        " background, other greys and what is transparent undecided",
    )


def _remove(given: argparse.Namespace) -> int:
    from matted.cli.pictures.pipes import Pipes
    from matted.files.batches import finding
    from matted.files.hints import Hints

    given.inputs = finding.expand(given.inputs)
    if films.are_wanted(given):
        return answers.as_document(given, films.run) if given.json else films.run(given)
    films.refuse_without(given)
    hints = Hints(given.box, tuple(given.keep), tuple(given.drop))
    if hints != Hints() or given.hint:
        _refuse_several(given.inputs)
        try:
            hints.refuse_contradictions()
        except MattedError as error:
            raise WrongArguments(error.message, error.hint) from error
    with Pipes() as pipes:
        if given.watch:
            return _watch(given, pipes)
        return _run(given, hints, pipes)


def _run(given: argparse.Namespace, hints: Hints, pipes: Pipes) -> int:
    from matted.files.batches import pairs, plan, runner

    kind, form = "mask" if given.mask else "cutout", arguments.form(given)
    inputs = [pipes.incoming(path) for path in given.inputs]
    output = pipes.outgoing(given.output, inputs, arguments.suffix(form))
    existing = given.force, given.skip_existing, given.recursive
    plate = None if given.plate is None else pipes.incoming(given.plate)
    if plate is not None and plate.is_dir():
        work, plate = pairs.plan_plates(inputs, plate, output, kind, *existing, form=form), None
    else:
        work = plan.plan(inputs, output, kind, *existing, form=form)
    if given.hint:
        hint = pipes.incoming(given.hint)
        work = replace(work, steps=[replace(step, hint=hint) for step in work.steps])
    fields, written = arguments.request(given, MaskOptions), arguments.written(given, work.form)
    options = runner.RunOptions(given.mask, given.timings, fields, plate=plate, hints=hints, **written)
    return arguments.carry_out(work, options, arguments.manner(given, pipes), pipes)


def _watch(given: argparse.Namespace, pipes: Pipes) -> int:
    from matted.cli.pictures.stopping import Stopping
    from matted.files.batches import batch, plan, runner, watching
    from matted.files.formats import known

    wrong = {"--dry-run": given.dry_run, "--force": given.force, "-o -": given.output == "-"}
    for name in [name for name, value in wrong.items() if value]:
        raise WrongArguments(f"{name} does not go with --watch.", "A picture whose result is there is not made again.")
    if given.sheet is not None:
        _refuse_watched(given.sheet, given.inputs, given.recursive)
    kind, form = "mask" if given.mask else "cutout", arguments.form(given)

    def plan_for(folders: Sequence[Path]) -> plan.Plan:
        return plan.plan(folders, given.output, kind, False, True, given.recursive, form=form)

    form = form or known.PNG
    fields, written = arguments.request(given, MaskOptions), arguments.written(given, form)
    options = runner.RunOptions(given.mask, given.timings, fields, plate=given.plate, **written)
    manner = arguments.manner(given, pipes)
    with Stopping() as stopping:
        ending: batch.Ending = watching.run(given.inputs, plan_for, options, manner, stopping)
    return OK if ending.succeeded else FAILED


def _refuse_watched(sheet: Path, folders: Sequence[Path], recursive: bool) -> None:
    """Raise WrongArguments if a sheet would come into a folder that is watched, and be taken for a picture."""
    place = Path(os.path.realpath(sheet)).parent
    for folder in (Path(os.path.realpath(folder)) for folder in folders):
        if place == folder or (recursive and folder in place.parents):
            message = f"{sheet} would be taken for a picture, since its folder is watched."
            raise WrongArguments(message, "Put the sheet into another folder.")


def _refuse_several(inputs: list[Path]) -> None:
    """Raise WrongArguments unless there is a single picture."""
    if len(inputs) > 1 or os.path.isdir(inputs[0]):
        message = "--box, --keep, --drop and --hint are for one picture, and others were given too."
        if len(inputs) == 1:
            message = f"--box, --keep, --drop and --hint are for one picture, and {inputs[0]} is a folder."
        raise WrongArguments(message, "Places lie elsewhere in each picture: run matted remove once for each.")
