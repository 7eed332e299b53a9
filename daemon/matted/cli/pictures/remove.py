"""`matted remove`: turn the arguments into a plan of files and the fields of mask requests, and run it."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from matted_client import MattedError
from matted_client.options import MaskOptions

from matted.cli.output import FAILED, OK, WRONG, complain
from matted.cli.pictures import arguments, films, framing


def add_parser(commands: Any) -> None:
    """Add `remove` to the commands."""
    from matted.files.films import forms

    remove = commands.add_parser("remove", help="cut the subject out of pictures and films", allow_abbrev=False)
    remove.add_argument(
        "inputs", nargs="+", type=Path, metavar="IMAGE", help="a picture, a folder, or a film; see: matted formats"
    )
    arguments.add_results(remove, tuple(forms.FORMS))
    framing.add(remove)
    remove.add_argument(
        "--plate",
        type=Path,
        metavar="IMAGE",
        help="the same scene without the subject, for models that compare; for a film a picture, a film of which it is"
        " the median, or the word median for that of the film itself",
    )
    arguments.add_run(remove)
    films.add_arguments(remove.add_argument_group("films, and frames of one scene"))
    _add_hints(remove.add_argument_group("what to keep, for one picture", arguments.PLACES))
    arguments.add_options(remove.add_argument_group("the mask"), MaskOptions)
    remove.set_defaults(run=_remove)


def _add_hints(group: Any) -> None:
    arguments.add_places(group)
    group.add_argument(
        "--hint",
        type=Path,
        metavar="IMAGE",
        help="a picture of the same size, grey or painted on a transparent layer: white is the subject, black the"
        " background, other greys and what is transparent undecided",
    )


def _remove(given: argparse.Namespace) -> int:
    if films.are_wanted(given):
        return films.run(given)
    films.refuse_without(given)
    from matted.files.batches import batch, plan, runner
    from matted.files.hints import Hints

    hints = Hints(given.box, tuple(given.keep), tuple(given.drop))
    if hints != Hints() or given.hint:
        try:
            _refuse_several(given.inputs)
            hints.refuse_contradictions()
        except MattedError as error:
            complain(error)
            return WRONG
    fields = arguments.request(given, MaskOptions)
    kind = "mask" if given.mask else "cutout"
    form = arguments.form(given)
    work = plan.plan(given.inputs, given.output, kind, given.force, given.skip_existing, given.recursive, form=form)
    written = arguments.written(given, work.form)
    options = runner.RunOptions(given.mask, given.timings, fields, plate=given.plate, hints=hints, **written)
    if given.hint:
        work = replace(work, steps=[replace(step, hint=given.hint) for step in work.steps])
        plan.refuse_to_replace_inputs(work.steps)
    return OK if batch.run(work, options) else FAILED


def _refuse_several(inputs: list[Path]) -> None:
    """Raise MattedError unless there is a single picture."""
    if len(inputs) > 1 or os.path.isdir(inputs[0]):
        message = "--box, --keep, --drop and --hint are for one picture, and others were given too."
        if len(inputs) == 1:
            message = f"--box, --keep, --drop and --hint are for one picture, and {inputs[0]} is a folder."
        raise MattedError(message, "Places lie elsewhere in each picture: run matted remove once for each.")
