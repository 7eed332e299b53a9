"""`matted remove`: pictures in, cut-outs or masks out, through the daemon."""

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
from matted.files.runner import Cutter, Task, Wish

_POLL_SECONDS = 0.5  # how long Windows may hold a Ctrl-C back while a thread is waited for


@dataclass(frozen=True)
class Plan:
    tasks: list[Task]
    overwrite: bool


def plan(inputs: Sequence[Path], output: str | None, mask: bool, overwrite: bool) -> Plan:
    """Decide where every result goes, before anything is done. Raises PictureError if that can't be done."""
    kind = "mask" if mask else "cutout"
    sources = [
        (source, source.parent / f"{kind}s")
        for folder in inputs
        if folder.is_dir()
        for source in pictures.inside(folder)
    ]
    alone = len(inputs) == 1 and not inputs[0].is_dir()
    if output is not None and not (alone and not _means_folder(output)):
        target_folder = Path(output)
        if target_folder.exists() and not target_folder.is_dir():
            raise PictureError(f"{output} is a file, but there are several results.", "Give a folder with -o.")
        files = [source for source in inputs if not source.is_dir()] + [source for source, _ in sources]
        tasks = [Task(source, target_folder / f"{source.stem}.png") for source in files]
    else:
        if output is not None and not output.lower().endswith(".png"):
            better = Path(output).with_suffix(".png").name
            raise PictureError(
                f"{output} would be a PNG, and is not called so.",
                f"Call it {better}, or put a {os.sep} behind the name of a folder.",
            )
        tasks = [
            Task(file, Path(output) if output else file.with_name(f"{file.stem}-{kind}.png"))
            for file in inputs
            if not file.is_dir()
        ]
        tasks += [Task(source, folder / f"{source.stem}.png") for source, folder in sources]
    _refuse_collisions(tasks)
    return Plan(tasks, overwrite)


def _means_folder(output: str) -> bool:
    return output.endswith(("/", os.sep)) or Path(output).is_dir()


def _refuse_collisions(tasks: Sequence[Task]) -> None:
    taken: dict[Path, Path] = {}
    sources = {task.source.resolve() for task in tasks}
    for task in tasks:
        target = task.target.resolve()
        if target in taken:
            raise PictureError(
                f"{task.source} and {taken[target]} would both become {task.target}.", "Run them one after the other."
            )
        if target in sources:
            raise PictureError(f"{task.target} is itself one of the pictures.", "Choose another place with -o.")
        taken[target] = task.source


def run(work: Plan, wish: Wish) -> bool:
    """Do the tasks, some at once. What goes wrong with one is said and does not stop the others. True if all succeeded.

    What is said comes in the order of the tasks. Raises PictureError if the plate cannot be read.
    """
    failures = 0
    plate = pictures.read(wish.plate) if wish.plate else None
    with Display(len(work.tasks)) as display, Cutter(wish, plate, work.overwrite, display.progress) as cutter:
        futures = [cutter.begin(task) for task in work.tasks]
        for task, future in zip(work.tasks, futures, strict=True):
            display.begin(task.source)
            while not wait([future], _POLL_SECONDS).done:
                pass
            try:
                info = future.result()
            except MattedError as error:
                failures += 1
                display.failed(error)
            else:
                display.succeeded(task.target, info, wish.timings)
    if len(work.tasks) > 1:
        print(f"{len(work.tasks) - failures} of {len(work.tasks)} pictures done.")
    return failures == 0
