"""Plan where `matted remove` puts each result, and carry the plan out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from pathlib import Path

from matted_client import MattedError

from matted.files import pictures
from matted.files.display import Display
from matted.files.pictures import PictureError
from matted.files.runner import Runner, RunOptions, Step

_POLL_SECONDS = 0.5  # on Windows Ctrl-C is heeded only between two waits


@dataclass(frozen=True)
class Plan:
    """The steps of a run, in order. overwrite: whether results may replace files that exist."""

    steps: list[Step]
    overwrite: bool


def plan(inputs: Sequence[Path], output: str | None, mask: bool, overwrite: bool) -> Plan:
    """Decide where every result goes. Nothing is written.

    inputs: picture files, and folders of them.
    output: a PNG file for a single picture, else a folder; None for beside the pictures.
    mask: whether the results are masks, not cut-outs.
    overwrite: whether results may replace files that exist.

    Raises PictureError if a folder has no pictures, `output` does not fit, or two results would be the same file.
    """
    kind = "mask" if mask else "cutout"
    sources = [
        (source, source.parent / f"{kind}s")
        for folder in inputs
        if folder.is_dir()
        for source in pictures.find_in(folder)
    ]
    alone = len(inputs) == 1 and not inputs[0].is_dir()
    if output is not None and not (alone and not _means_folder(output)):
        target_folder = Path(output)
        if target_folder.exists() and not target_folder.is_dir():
            raise PictureError(f"{output} is a file, but there are several results.", "Name a folder with -o.")
        files = [source for source in inputs if not source.is_dir()] + [source for source, _ in sources]
        steps = [Step(source, target_folder / f"{source.stem}.png") for source in files]
    else:
        if output is not None and not output.lower().endswith(".png"):
            better = Path(output).with_suffix(".png").name
            raise PictureError(
                f"{output} would be a PNG file, but its name does not end in .png.",
                f"Call it {better}, or end the name of a folder with {os.sep}.",
            )
        steps = [
            Step(file, Path(output) if output else file.with_name(f"{file.stem}-{kind}.png"))
            for file in inputs
            if not file.is_dir()
        ]
        steps += [Step(source, folder / f"{source.stem}.png") for source, folder in sources]
    _refuse_collisions(steps)
    return Plan(steps, overwrite)


def _means_folder(output: str) -> bool:
    return output.endswith(("/", os.sep)) or Path(output).is_dir()


def _refuse_collisions(steps: Sequence[Step]) -> None:
    taken: dict[Path, Path] = {}
    sources = {step.source.resolve() for step in steps}
    for step in steps:
        target = step.target.resolve()
        if target in taken:
            raise PictureError(
                f"{step.source} and {taken[target]} would both become {step.target}.", "Run them one after the other."
            )
        if target in sources:
            raise PictureError(f"{step.target} is itself one of the pictures.", "Choose another place with -o.")
        taken[target] = step.source


def run(work: Plan, options: RunOptions) -> bool:
    """Carry out the steps, some at the same time. Return whether all succeeded.

    Results and errors are printed in the order of the steps; an error does not stop the other steps. Raises
    PictureError if the plate cannot be read.
    """
    failures = 0
    plate = pictures.read(options.plate) if options.plate else None
    with (
        Display(len(work.steps)) as display,
        Runner(options, plate, work.overwrite, display.show_progress) as runner,
    ):
        futures = [runner.submit(step) for step in work.steps]
        for step, future in zip(work.steps, futures, strict=True):
            display.begin(step.source)
            while not wait([future], _POLL_SECONDS).done:
                pass
            try:
                info = future.result()
            except MattedError as error:
                failures += 1
                display.show_error(error)
            else:
                display.show_result(step.target, info, options.timings)
    if len(work.steps) > 1:
        print(f"{len(work.steps) - failures} of {len(work.steps)} pictures done.")
    return failures == 0
