"""`matted models compare`: show one picture cut out by several models side by side, to choose by eye."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from matted_client import MattedError, messages
from matted_client.client import connect
from matted_client.messages import Progress
from matted_client.options import FLAT, MaskOptions, entries
from matted_client.progress import describe, overall

from matted.cli.models.context import Context
from matted.cli.output import FAILED, OK
from matted.cli.pictures import arguments
from matted.models.spec import Entry

if TYPE_CHECKING:  # else imported where they are needed: they take longer than most commands
    from tqdm import tqdm

    from matted.evaluation.comparing import CutOut
    from matted.files.pictures import Picture

_NOT_ASKED = ("model",)  # the option of a mask that each of the models takes the place of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `compare`."""
    parser.add_argument("picture", type=arguments.path, metavar="PICTURE", help="a picture; see: matted formats")
    parser.add_argument(
        "-o",
        "--output",
        type=arguments.name,
        metavar="FILE",
        help="the PNG file of the sheet (default: beside the picture)",
    )
    parser.add_argument("--force", action="store_true", help="overwrite it if it exists")
    parser.add_argument("--models", type=_ids, metavar="ID,ID", help="only these (default: all on this computer)")
    parser.add_argument(
        "--plate",
        type=arguments.path,
        metavar="IMAGE",
        help="the same scene without the subject, for models that compare",
    )
    parser.add_argument(
        "--background", type=_colour, metavar="COLOUR", help="what the cut-outs lie on, as white or #3377aa"
    )
    arguments.add_places(parser.add_argument_group("what to keep", arguments.PLACES))
    arguments.add_options(parser.add_argument_group("the masks"), MaskOptions, without=_NOT_ASKED)


def compare(options: argparse.Namespace, context: Context) -> int:
    from matted.cli.models import side_by_side
    from matted.evaluation import comparing
    from matted.files import pictures
    from matted.files.hints import Hints

    hints = Hints(options.box, tuple(options.keep), tuple(options.drop))
    hints.refuse_contradictions()
    target = _target(options)
    models = _models(options, context)
    picture = pictures.read(options.picture)
    hints.refuse_outside(options.picture, *picture.image.size)
    subject = comparing.Subject(picture, _plate(options, picture))
    fields = {name: getattr(options, name) for name in entries(MaskOptions) if name not in _NOT_ASKED}
    with (
        _Bar([entry.id for entry in models]) as bar,
        connect("matted models compare", on_progress=lambda progress: bar.show("", progress)) as session,
    ):
        result = comparing.compare(
            session,
            subject,
            [comparing.Candidate(entry.id, entry.needs_plate) for entry in models],
            {**fields, **hints.fields},
            bar.show,
        )
    made = [each for each in result.cut_outs if options.models or not _has_no_ground(each)]
    known = {entry.id: entry for entry in models}
    page = side_by_side.sheet(result, made, known, options.background)
    pictures.write(pictures.Picture(page, {}), target, options.force)
    if options.json:
        facts = side_by_side.facts(result, made, known)
        options.facts.update(picture=str(options.picture), sheet=str(target), **facts)
    else:
        print("\n".join(side_by_side.table(result, made, known)))
        print(f"The cut-outs side by side: {target}")
    return OK if any(each.image is not None for each in made) else FAILED


def _has_no_ground(made: CutOut) -> bool:
    """Return whether it is the model for flat grounds, of a picture that has none: there is nothing to compare."""
    return made.error is not None and made.error.code == messages.NO_GROUND


def _ids(text: str) -> list[str]:
    """Parse "ID,ID"."""
    ids = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not ids:
        raise argparse.ArgumentTypeError(f"the ids of models are expected, with commas between them, not {text!r}")
    return ids


def _colour(text: str) -> tuple[int, int, int]:
    """Parse a colour as CSS writes it."""
    from matted.files.framing import words

    try:
        colour = words.rgb(text)
    except MattedError as error:
        raise argparse.ArgumentTypeError(error.message) from error
    if colour is None:
        raise argparse.ArgumentTypeError(f"it has to be a colour such as white or #3377aa, not {text!r}")
    return colour


def _target(options: argparse.Namespace) -> Path:
    """Return the file of the sheet. Raises MattedError where it must not be written: before the minutes of work."""
    from matted.files import pictures
    from matted.files.batches import naming, plan
    from matted.files.formats import known

    if os.path.isdir(options.picture):
        raise MattedError(f"{options.picture} is a folder.", "Name one picture; for folders there is matted benchmark.")
    (step,) = plan.plan([options.picture], options.output, naming.COMPARISON, options.force, form=known.PNG).steps
    plan.refuse_to_replace_inputs([step], {options.plate: "plate"} if options.plate else None)
    pictures.refuse_to_replace(step.target, options.force)
    return step.target


def _models(options: argparse.Namespace, context: Context) -> list[Entry]:
    """Return the models to be compared. Raises MattedError if one that is named is not there, or none is."""
    if options.models:
        named = [context.known.find(model) for model in options.models]
        for entry in named:
            context.store.require_installed(entry)
        return named
    there = [each for each in context.known.entries.values() if context.store.installed(each)]
    said = options.box or options.keep
    found = [each for each in there if (options.plate or not each.needs_plate) and (said or not each.takes_clicks)]
    found = [each for each in found if not each.refines]
    if all(each.id == FLAT for each in found):
        raise MattedError("There is no model on this computer.", "Get one with: matted models pull u2netp")
    return found


def _plate(options: argparse.Namespace, picture: Picture) -> Picture | None:
    """Return the plate, in the picture's mode. Raises PictureError."""
    from matted.files import pictures

    if options.plate is None:
        return None
    plate = pictures.read(options.plate)
    if plate.image.size != picture.image.size:
        sizes = "{} x {} pixels, the plate {} x {}".format(*picture.image.size, *plate.image.size)
        raise pictures.PictureError(f"{options.picture} has {sizes}.", "Take both from a tripod, and crop them alike.")
    return pictures.Picture(plate.image.convert(picture.image.mode), {})


class _Bar:
    """Progress on stderr: how many of the models are done, and how far the one at work is."""

    def __init__(self, models: Sequence[str]) -> None:
        self._models = list(models)
        self._bar: tqdm[None] | None = None

    def __enter__(self) -> _Bar:
        from tqdm import tqdm

        form = "{desc}: {percentage:3.0f}% |{bar}|"
        self._bar = tqdm(total=len(self._models), leave=False, bar_format=form, disable=None)
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, model: str, progress: Progress) -> None:
        """Show what the daemon does for a model; empty before the first."""
        if self._bar is not None:
            self._bar.set_description(f"{model}: {describe(progress)}" if model else describe(progress), refresh=False)
            done = self._models.index(model) + overall(progress) if model else 0.0
            self._bar.update(max(0.0, done - self._bar.n))
            self._bar.refresh()
