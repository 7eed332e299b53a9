"""Plan where `matted remove` puts each result."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from matted.files import finding, naming
from matted.files.finding import PassedOver
from matted.files.naming import Wish
from matted.files.pictures import PictureError
from matted.files.runner import Step


@dataclass(frozen=True)
class Plan:
    """The steps of a run, in order.

    overwrite: whether results may replace files that exist.
    skip_existing: whether pictures whose results exist are left out.
    passed_over: what is in the folders and was not looked at.
    """

    steps: list[Step]
    overwrite: bool
    skip_existing: bool
    passed_over: PassedOver


def plan(
    inputs: Sequence[Path],
    output: str | None,
    mask: bool,
    overwrite: bool,
    skip_existing: bool = False,
    recursive: bool = False,
) -> Plan:
    """Decide where every result goes. Nothing is written.

    inputs: picture files, and folders of them; what is named twice is taken once.
    output: a PNG file for a single picture, else a folder; None for beside the pictures.
    mask: whether the results are masks, not cut-outs.
    overwrite: whether results may replace files that exist.
    skip_existing: whether pictures whose results exist are left out.
    recursive: whether folders are searched at any depth; their results lie in subfolders of the same names.

    Raises PictureError if a folder has no pictures, `output` does not fit, or a result would replace a picture.
    """
    kind = "mask" if mask else "cutout"
    alone = len(inputs) == 1 and not inputs[0].is_dir()
    into_folder = output is not None and not (alone and not _means_folder(output))
    if output is not None and into_folder and Path(output).exists() and not Path(output).is_dir():
        raise PictureError(f"{output} is a file, but there are several results.", "Name a folder with -o.")
    if output is not None and not into_folder:
        _refuse_other_format(output)
        steps, passed_over = [Step(inputs[0], Path(output))], PassedOver()
    else:
        place = Path(output) if output is not None else None
        wishes = [
            Wish(file, place or file.parent, ".png" if place else f"-{kind}.png")
            for file in inputs
            if not file.is_dir()
        ]
        passed_over = PassedOver()
        for folder in inputs:
            if folder.is_dir():
                found = finding.find(folder, recursive, place)
                top = place or folder / f"{kind}s"
                wishes += [Wish(source, top / source.parent.relative_to(folder), ".png") for source in found.pictures]
                passed_over.add(found.passed_over)
        wishes = _without_doubles(wishes)
        steps = [Step(wish.source, target) for wish, target in zip(wishes, naming.targets(wishes), strict=True)]
    if skip_existing:
        pictures = _without_results(steps)
        passed_over.results = len(steps) - len(pictures)
        steps = pictures
    _refuse_to_replace_pictures(steps)
    return Plan(steps, overwrite, skip_existing, passed_over)


def _means_folder(output: str) -> bool:
    return output.endswith(("/", os.sep)) or Path(output).is_dir()


def _refuse_other_format(output: str) -> None:
    if not output.lower().endswith(".png"):
        better = Path(output).with_suffix(".png").name
        raise PictureError(
            f"{output} would be a PNG file, but its name does not end in .png.",
            f"Call it {better}, or end the name of a folder with {os.sep}.",
        )


def _without_doubles(wishes: Iterable[Wish]) -> list[Wish]:
    """Leave out pictures that were there before, by whatever way their folder was named."""
    folders: dict[Path, Path] = {}
    result: dict[Path, Wish] = {}
    for wish in wishes:
        parent = wish.source.parent
        if parent not in folders:
            folders[parent] = parent.resolve()
        result.setdefault(folders[parent] / wish.source.name, wish)
    return list(result.values())


def _without_results(steps: Sequence[Step]) -> list[Step]:
    """Leave out what is the result of another step, as `matted remove *.png` names it from the second run on."""
    targets = {step.target.resolve(): step for step in steps}
    return [step for step in steps if targets.get(step.source.resolve(), step) is step]


def _refuse_to_replace_pictures(steps: Sequence[Step]) -> None:
    sources = {step.source.resolve() for step in steps}
    for step in steps:
        target = step.target.resolve()
        if target in sources:
            another = target != step.source.resolve()
            hint = "Choose another place with -o" + (", or leave out results with --skip-existing." if another else ".")
            raise PictureError(f"{step.target} is itself one of the pictures.", hint)
