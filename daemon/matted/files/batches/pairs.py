"""Plan which mask belongs to which picture, and where the refined ones go."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from matted.files.batches import finding, naming
from matted.files.batches.plan import Plan, plan, refuse_to_replace_inputs
from matted.files.batches.runner import Step
from matted.files.formats.known import Form
from matted.files.pictures import PictureError

_Masks = Mapping[tuple[Path, str], list[Path]]  # by the subfolder that they lie in, and their names as compared

_MASK = "-mask"  # ends the name of a mask that lies among pictures


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
        work = _with_masks(work, image, mask, recursive)
    else:
        work = replace(work, steps=[replace(step, hint=mask) for step in work.steps])
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


def _with_masks(work: Plan, image: Path, mask: Path, recursive: bool) -> Plan:
    """Return the plan with the mask of each picture, without the pictures that have none, or several.

    Raises PictureError if no picture has one.
    """
    masks, same = _by_name(mask, recursive), _same(image, mask)
    endings = [_MASK] if same else ["", _MASK]
    found = {step.source: _masks_of(step, image, masks, endings) for step in work.steps}
    used = {path for paths in found.values() for path in paths}
    steps = [step for step in work.steps if step.source not in used]
    if same:  # those that were left out as results are looked at now
        work.passed_over.results -= len(used.difference(found))
    paired = [replace(step, hint=found[step.source][0]) for step in steps if len(found[step.source]) == 1]
    if not paired:
        name = work.steps[0].source.stem
        hint = f"The mask of {work.steps[0].source.name} would be called {name}.png or {name}{_MASK}.png."
        raise PictureError(f"No picture in {image} has a mask in {mask}.", hint)
    without = {step.source: found[step.source] for step in steps if len(found[step.source]) != 1}
    return replace(work, steps=paired, without_mask=without)


def _by_name(folder: Path, recursive: bool) -> _Masks:
    masks = defaultdict(list)
    for path in finding.find(folder, recursive).pictures:
        masks[path.parent.relative_to(folder), naming.folded(Path(path.stem))].append(path)
    return masks


def _masks_of(step: Step, image: Path, masks: _Masks, endings: list[str]) -> list[Path]:
    """Return what is called like the picture. What says more than its name counts if nothing has its name alone."""
    place = step.source.parent.relative_to(image)
    for name in _names(step.source, endings):
        found = [path for path in masks.get((place, naming.folded(Path(name))), ()) if path != step.source]
        if found:
            return found
    return []


def _names(source: Path, endings: list[str]) -> Iterator[str]:
    """Yield what a mask of the picture is called, without its suffix: as `matted remove --mask` calls it."""
    for stem in (source.stem, f"{source.stem}-{source.suffix.lower().lstrip('.')}"):
        yield from (stem + ending for ending in endings)
