"""Plan which mask, or which plate, belongs to which picture, and where the results go."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from matted.files.batches import finding, naming
from matted.files.batches.plan import Plan, plan, refuse_to_replace_inputs
from matted.files.batches.runner import Step
from matted.files.formats.known import Form
from matted.files.pictures import PictureError

_Files = Mapping[tuple[Path, str], list[Path]]  # by the subfolder that they lie in, and their names as compared

MASK, PLATE = "mask", "plate"  # also end the name of such a file, behind a dash, where it lies among pictures


def plan_pairs(
    image: Path,
    mask: Path,
    output: str | None,
    kind: str,
    overwrite: bool,
    skip_existing: bool = False,
    recursive: bool = False,
    form: Form | None = None,
) -> Plan:
    """Decide which mask belongs to each picture, and where every result goes. Nothing is written.

    image, mask: two files, or two folders; in these a mask has the name of its picture, or that and -mask.
    Other parameters: as those of `plan`.

    Raises PictureError as `plan` does, or if the two are not of one kind, are one file, or no picture has a mask.
    """
    folders = os.path.isdir(image)
    if folders != os.path.isdir(mask):
        _refuse_unlike(image, mask, folders)
    same = _same(image, mask)
    if same and not folders:
        message = f"{image} was given both as the picture and as its mask."
        raise PictureError(message, "Give the picture first, and then its mask.")
    apart = [mask] if folders and not same else []
    work = plan([image], output, kind, overwrite, skip_existing, recursive, apart, form)
    if folders:
        work = _matched(work, image, mask, MASK, recursive)
    else:
        work = replace(work, steps=[replace(step, hint=mask) for step in work.steps])
    refuse_to_replace_inputs(work.steps)
    return work


def plan_plates(
    inputs: Sequence[Path],
    plates: Path,
    output: str | None,
    kind: str,
    overwrite: bool,
    skip_existing: bool = False,
    recursive: bool = False,
    form: Form | None = None,
) -> Plan:
    """Decide which plate belongs to each picture of a folder, and where every result goes. Nothing is written.

    inputs: one folder.
    plates: a folder, in which a plate has the name of its picture, or that and -plate.
    Other parameters: as those of `plan`.

    Raises PictureError as `plan` does, or if there is another input than one folder, or no picture has a plate.
    """
    if len(inputs) != 1 or not os.path.isdir(inputs[0]):
        message = f"{plates} is a folder of plates, and needs one folder of pictures."
        raise PictureError(message, "For one picture, or one plate for all of them, name the file of the plate.")
    folder = inputs[0]
    apart = [] if _same(folder, plates) else [plates]
    work = plan([folder], output, kind, overwrite, skip_existing, recursive, apart, form)
    work = _matched(work, folder, plates, PLATE, recursive)
    refuse_to_replace_inputs(work.steps)
    return work


def _refuse_unlike(image: Path, mask: Path, folders: bool) -> None:
    folder, other = (image, mask) if folders else (mask, image)
    message = f"{folder} is a folder, and {other} is none."
    if not os.path.exists(other):
        message = f"{folder} is a folder, and {other} does not exist."
    raise PictureError(message, "Give a picture and its mask, or a folder of pictures and a folder of their masks.")


def _same(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:  # one is missing, which reading it will tell
        return os.path.realpath(one) == os.path.realpath(other)


def _matched(work: Plan, image: Path, folder: Path, what: str, recursive: bool) -> Plan:
    """Return the plan with the mask or the plate of each picture, without the pictures that have none, or several.

    image: the folder of the pictures. folder: that of what belongs to them. what: MASK or PLATE.

    Raises PictureError if no picture has one.
    """
    files, same, ending = _by_name(folder, recursive), _same(image, folder), f"-{what}"
    endings = [ending] if same else ["", ending]
    found = {step.source: _files_of(step, image, files, endings) for step in work.steps}
    used = {path for paths in found.values() for path in paths}
    steps = [step for step in work.steps if step.source not in used]
    if same:  # those that were left out as results are looked at now
        work.passed_over.results -= len(used.difference(found))
    paired = [_with(step, what, found[step.source][0]) for step in steps if len(found[step.source]) == 1]
    if not paired:
        name = work.steps[0].source.stem
        hint = f"The {what} of {work.steps[0].source.name} would be called {name}.png or {name}{ending}.png."
        raise PictureError(f"No picture in {image} has a {what} in {folder}.", hint)
    unmatched = {step.source: found[step.source] for step in steps if len(found[step.source]) != 1}
    return replace(work, steps=paired, wanted=what, unmatched=unmatched)


def _with(step: Step, what: str, path: Path) -> Step:
    return replace(step, plate=path) if what == PLATE else replace(step, hint=path)


def _by_name(folder: Path, recursive: bool) -> _Files:
    files = defaultdict(list)
    for path in finding.find(folder, recursive).pictures:
        files[path.parent.relative_to(folder), naming.folded(Path(path.stem))].append(path)
    return files


def _files_of(step: Step, image: Path, files: _Files, endings: list[str]) -> list[Path]:
    """Return what is called like the picture. What says more than its name counts if nothing has its name alone."""
    place = step.source.parent.relative_to(image)
    for name in _names(step.source, endings):
        found = [path for path in files.get((place, naming.folded(Path(name))), ()) if path != step.source]
        if found:
            return found
    return []


def _names(source: Path, endings: list[str]) -> Iterator[str]:
    """Yield what a mask or a plate of the picture is called, without its suffix: as `matted remove --mask` names it."""
    for stem in (source.stem, f"{source.stem}-{source.suffix.lower().lstrip('.')}"):
        yield from (stem + ending for ending in endings)
