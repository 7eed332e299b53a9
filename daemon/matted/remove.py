"""`matted remove`: pictures in, cut-outs or masks out, through the daemon."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matted_client import Mask, MattedError, Progress, Session, Unavailable, connect
from matted_client.progress import describe, overall
from PIL import Image
from tqdm import tqdm

from matted import pictures
from matted.pictures import Picture, PictureError


@dataclass(frozen=True)
class Task:
    """One picture file and where its result goes."""

    source: Path
    target: Path


@dataclass(frozen=True)
class Plan:
    tasks: list[Task]
    overwrite: bool


@dataclass(frozen=True)
class Wish:
    """What is asked of the daemon for every picture, and what becomes of its answer.

    mask: the mask is wanted, not the cut-out. plate: a picture file of the same scene without the subject. asked:
    fields of a MaskRequest.
    """

    mask: bool
    plate: Path | None
    timings: bool
    asked: Mapping[str, Any]


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
    """Do the tasks. What goes wrong with one is said and does not stop the others. True if all succeeded.

    Raises PictureError if the plate cannot be read.
    """
    failures = 0
    plate = pictures.read(wish.plate) if wish.plate else None
    with _Display(len(work.tasks)) as display, _Connection() as connection:
        for task in work.tasks:
            display.begin(task)
            try:
                _refuse_existing(task, work.overwrite)
                picture = pictures.read(task.source)
                _refuse_other_size(task, picture, plate)
                answer = connection.mask(picture, plate, wish.asked, display)
                pictures.write(_result(picture, answer, wish.mask), task.target, work.overwrite)
            except PictureError as error:
                failures += 1
                display.failed(error)
            except MattedError as error:
                failures += 1
                display.failed(MattedError(f"{task.source}: {error.message}", error.hint))
            else:
                display.succeeded(task, answer, wish.timings)
    if len(work.tasks) > 1:
        print(f"{len(work.tasks) - failures} of {len(work.tasks)} pictures done.")
    return failures == 0


def _refuse_existing(task: Task, overwrite: bool) -> None:
    """Said before the work rather than after it; `write` looks again."""
    if task.target.exists() and not overwrite:
        raise PictureError(f"{task.target} exists.", "Use --force to overwrite it.")


def _refuse_other_size(task: Task, picture: Picture, plate: Picture | None) -> None:
    if plate is not None and plate.image.size != picture.image.size:
        sizes = "{} x {} pixels, the plate {} x {}".format(*picture.image.size, *plate.image.size)
        raise PictureError(
            f"{task.source} has {sizes}.", "Picture and plate have to be taken, and cropped, alike: from a tripod."
        )


def _result(picture: Picture, answer: Mask, mask: bool) -> Picture:
    size = answer.info.height, answer.info.width
    alpha = np.frombuffer(answer.alpha, np.uint8).reshape(size)
    if mask:
        return Picture(Image.fromarray(alpha), {})
    own = answer.foreground
    return pictures.cut_out(picture, alpha, None if own is None else np.frombuffer(own, np.uint8).reshape(*size, 3))


class _Connection:
    """A session that is opened when it is first needed, and again after the daemon went away."""

    def __init__(self) -> None:
        self._session: Session | None = None

    def __enter__(self) -> _Connection:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._drop()

    def mask(self, picture: Picture, plate: Picture | None, asked: Mapping[str, Any], display: _Display) -> Mask:
        known = self._session is not None
        try:
            return self._ask(picture, plate, asked, display)
        except Unavailable:
            if not known:
                raise
        return self._ask(picture, plate, asked, display)  # the daemon that served the last picture is gone: a new one

    def _ask(self, picture: Picture, plate: Picture | None, asked: Mapping[str, Any], display: _Display) -> Mask:
        image = picture.image
        behind = plate.image.convert(image.mode).tobytes() if plate else None
        try:
            if self._session is None:
                self._session = connect("matted remove", on_progress=display.progress)
            pixels = image.tobytes()
            return self._session.mask(
                pixels, *image.size, picture.wire_format, plate=behind, on_progress=display.progress, **asked
            )
        except MattedError:
            self._drop()
            raise

    def _drop(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


class _Display:
    """What a person sees meanwhile, on stderr: one bar for the pictures, one for a download."""

    def __init__(self, count: int) -> None:
        one = count == 1
        form = "{desc}: {percentage:3.0f}% |{bar}|" if one else None
        self._bar = tqdm(total=1.0 if one else count, disable=None, leave=not one, bar_format=form, unit=" pictures")
        self._one = one
        self._download: tqdm[None] | None = None

    def __enter__(self) -> _Display:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._end_download()
        self._bar.close()

    def begin(self, task: Task) -> None:
        self._bar.set_description(task.source.name)

    def progress(self, progress: Progress) -> None:
        if progress.stage == "downloading":
            self._show_download(progress)
            return
        self._end_download()
        if self._one:
            self._bar.set_description(describe(progress))
            self._bar.update(max(0.0, overall(progress) - self._bar.n))

    def succeeded(self, task: Task, answer: Mask, timings: bool) -> None:
        self._advance()
        if self._one or timings:
            tqdm.write(str(task.target), file=sys.stdout)
        if timings:
            info = answer.info
            stages = ", ".join(f"{stage} {seconds:.3f} s" for stage, seconds in info.timings.items())
            tqdm.write(f"    {info.model} on {info.device}: {stages}", file=sys.stdout)
        for warning in answer.info.warnings:
            tqdm.write(f"    {warning}", file=sys.stderr)

    def failed(self, error: MattedError) -> None:
        self._advance()
        tqdm.write(f"matted: {error.message}", file=sys.stderr)
        if error.hint:
            tqdm.write(f"        {error.hint}", file=sys.stderr)

    def _advance(self) -> None:
        self._end_download()
        self._bar.update(max(0.0, 1.0 - self._bar.n) if self._one else 1)

    def _show_download(self, progress: Progress) -> None:
        if self._download is None:
            tqdm.write(describe(progress), file=sys.stderr)
            form = "{percentage:3.0f}% |{bar}| {elapsed}"
            self._download = tqdm(total=1.0, bar_format=form)
        self._download.update(max(0.0, (progress.fraction or 0.0) - self._download.n))

    def _end_download(self) -> None:
        if self._download is not None:
            self._download.update(max(0.0, 1.0 - self._download.n))
            self._download.close()
            self._download = None
