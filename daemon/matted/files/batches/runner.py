"""Process several pictures at the same time: while the daemon works on one, others are read and written."""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from matted_client import MattedError, Rejected, messages
from matted_client.messages import Progress

from matted.files import masks, pictures
from matted.files.batches.outcomes import DONE, EXISTING, PLANNED, Kept, Outcome, failure
from matted.files.connection import Ask, Connection, about
from matted.files.formats.known import PNG, Form
from matted.files.framing.frame import Frame
from matted.files.hints import Hints
from matted.files.pictures import Picture, PictureError

JOBS = 3  # pictures in work at once: the daemon works on two of them; meanwhile a third is read or written
BYTES_AT_ONCE = 1_440_000_000  # of all pictures in work: 80 megapixels of 8 bits; they take as much in the daemon
POLL_SECONDS = 0.5  # on Windows Ctrl-C is heeded only between two waits

OnProgress = Callable[[Path, Progress], None]


@dataclass(frozen=True)
class Step:
    """One picture file, and where its result goes.

    hint: a file of what is known of the picture already: the mask to be refined, or one for a mask to go by.
    plate: a picture file of the same scene without the subject.
    """

    source: Path
    target: Path
    hint: Path | None = None
    plate: Path | None = None


@dataclass(frozen=True)
class RunOptions:
    """What holds for every picture of a run.

    mask: whether the mask is written, not the cut-out.
    timings: whether the seconds of each stage are printed.
    request: fields of a MaskRequest, or a RefineRequest, by name.
    refine: whether masks that are there are refined; else masks are made.
    plate: a picture file of the same scene without the subject, for all pictures.
    hints: what a person says of the picture, if it is a single one.
    page: of TIFF files, from 1 on; None for the only one.
    form: the format of the results.
    quality: of the results, 1 to 100; None for the format's own.
    keep_location: whether results say where the picture was taken.
    frame: what results are shown on, and how large.
    """

    mask: bool
    timings: bool
    request: Mapping[str, Any]
    refine: bool = False
    plate: Path | None = None
    hints: Hints = field(default_factory=Hints)
    page: int | None = None
    form: Form = PNG
    quality: int | None = None
    keep_location: bool = False
    frame: Frame = field(default_factory=Frame)

    @property
    def reads(self) -> dict[Path, str]:
        """The files that are read for all pictures, and what each is."""
        files = {self.plate: "plate", self.frame.file: "background"}
        return {file: what for file, what in files.items() if file is not None}


class Runner:
    """Threads that each take a picture from its file to its result. Leaving the block cancels what is not done.

    The threads keep pictures of at most BYTES_AT_ONCE in work, or a single one that is larger.
    """

    def __init__(
        self,
        options: RunOptions,
        plate: Picture | None,
        overwrite: bool,
        on_progress: OnProgress,
        jobs: int = JOBS,
        small: bool = False,
        skip_existing: bool = False,
    ) -> None:
        """Start nothing yet.

        plate: the picture in options.plate.
        overwrite: whether results may replace files that exist.
        on_progress: called by the threads, with the picture's file.
        jobs: how many pictures are in work at once.
        small: whether outcomes have the result as a small picture.
        skip_existing: whether a result that somebody else has made meanwhile is as good.
        """
        self._options = options
        self._plate = plate
        self._overwrite = overwrite
        self._on_progress = on_progress
        self._small = small
        self._skip_existing = skip_existing
        self._stopping = threading.Event()
        client = "matted refine" if options.refine else "matted remove"
        self._connections = deque(Connection(client) for _ in range(jobs))  # not in use
        self._reading = threading.Lock()
        self._budget = _Budget(BYTES_AT_ONCE)
        self._threads = ThreadPoolExecutor(jobs, "runner")

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopping.set()
        self._threads.shutdown(cancel_futures=True)
        for connection in self._connections:
            connection.drop()

    def submit(self, step: Step) -> Future[Outcome]:
        """Do the step when a thread is free. The messages of errors name the picture."""
        return self._threads.submit(self._run, step)

    def plan(self, step: Step, closely: bool) -> Future[Outcome]:
        """Say what would become of a step, as far as that is known before the daemon is asked, when a thread is free.

        closely: whether files are decoded, too; else they are only opened.
        """
        return self._threads.submit(self._reported, step, lambda: self._planned(step, closely))

    def look(self, step: Step) -> Future[Outcome]:
        """Make the outcome of a step whose result is there already, when a thread is free."""
        return self._threads.submit(self._look, step)

    def _run(self, step: Step) -> Outcome:
        start = time.monotonic()
        outcome = self._reported(step, lambda: self._work(step))
        if outcome.error is not None and self._skip_existing and os.path.isfile(step.target):
            return self._look(step)  # another run over the same folder has made it just now
        return replace(outcome, seconds=time.monotonic() - start)

    def _reported(self, step: Step, work: Callable[[], Outcome]) -> Outcome:
        """Return what `work` makes of a step, or the outcome of the error that it raises."""
        try:
            return work()
        except PictureError as error:
            return failure(step.source, step.target, error)
        except MattedError as error:
            error.message = f"{step.source}: {error.message}"
            return failure(step.source, step.target, error)
        except MemoryError:
            hint = "Close other programs, or make the picture smaller."
            problem = PictureError(f"There is not enough memory for {step.source}.", hint)
            return failure(step.source, step.target, problem)
        except Exception as error:  # a fault of matted or of a library, which this picture alone may bring out
            return failure(step.source, step.target, fault(step.source, error))

    def _work(self, step: Step) -> Outcome:
        self._refuse_target(step.target)
        # One picture is read at a time, and the next only when the budget has room for this one.
        with self._reading:
            self._raise_if_stopping()
            picture, plate = self._read(step)
            size = picture.bytes_in_work + self._options.frame.bytes_in_work(*picture.image.size)
            self._budget.acquire(size)
        try:
            return self._finish(step, picture, plate)
        finally:
            self._budget.release(size)

    def _planned(self, step: Step, closely: bool) -> Outcome:
        self._refuse_target(step.target)
        for file in (step.source, step.hint, step.plate):
            if file is not None:
                pictures.refuse_unreadable(file)
        if closely:
            self._hint(step, *self._read(step))
        return Outcome(step.source, step.target, PLANNED)

    def _refuse_target(self, target: Path) -> None:
        """Raise PictureError where a result cannot be written: before the work. `pictures.write` checks again."""
        pictures.refuse_to_replace(target, self._overwrite)
        pictures.refuse_unwritable(target)

    def _read(self, step: Step) -> tuple[Picture, Picture | None]:
        """Read a picture and its plate. Raises PictureError."""
        picture = pictures.read(step.source, self._options.page, self._options.keep_location)
        return picture, self._plate if step.plate is None else pictures.read(step.plate)

    def _look(self, step: Step) -> Outcome:
        small = None
        if self._small:
            from matted.files.batches import contact

            with suppress(PictureError):  # whatever is there, it is not for this run to judge
                small = contact.small(pictures.read(step.target))
        return Outcome(step.source, step.target, EXISTING, small=small)

    def _finish(self, step: Step, picture: Picture, plate: Picture | None) -> Outcome:
        """Ask for the mask of the picture, and write the result."""
        hint, form = self._hint(step, picture, plate), self._options.form
        connection = self._connections.popleft()
        try:
            reply = connection.ask(
                self._question(picture, plate, hint),
                lambda progress: self._on_progress(step.source, progress),
                self._stopping.is_set,
            )
        finally:
            self._connections.append(connection)
        self._raise_if_stopping()
        result = self._options.frame.of_reply(picture, reply, self._options.mask)
        pictures.refuse_too_large(step.source, result, form)
        pictures.write(result, step.target, self._overwrite, form, self._options.quality)
        kept = Kept(picture.bits, pictures.bits_in(result, form), picture.colours)
        small = None
        if self._small:
            from matted.files.batches import contact

            small = contact.small(result)
        return Outcome(step.source, step.target, DONE, info=reply.info, kept=kept, small=small)

    def _hint(self, step: Step, picture: Picture, plate: Picture | None) -> bytes | None:
        """Return a byte for each pixel of the hint, if there is one. Raises PictureError for all that does not fit."""
        _refuse_other_size(step, picture, plate)
        if not self._options.frame.changes_size:
            pictures.refuse_too_large(step.source, picture, self._options.form)
        self._options.hints.refuse_outside(step.source, *picture.image.size)
        strokes = not self._options.refine
        return masks.read(step.hint, step.source, picture, strokes).tobytes() if step.hint else None

    def _question(self, picture: Picture, plate: Picture | None, hint: bytes | None) -> Ask:
        """Return what asks a session for the mask. hint: a byte for each pixel, if there is one."""
        fields = {**self._options.request, **self._options.hints.fields}
        if hint is not None:
            fields["hint"] = hint
        if plate is not None:
            fields["plate"] = plate.image.convert(picture.image.mode).tobytes()
        return about(picture, fields, self._options.refine)

    def _raise_if_stopping(self) -> None:
        if self._stopping.is_set():
            raise Rejected(messages.CANCELLED, "Cancelled.")


class _Budget:
    """A semaphore that counts bytes: at most `limit` are in use, or a single picture that is larger."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._in_use = 0
        self._changed = threading.Condition()

    def acquire(self, count: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._in_use == 0 or self._in_use + count <= self._limit)
            self._in_use += count

    def release(self, count: int) -> None:
        with self._changed:
            self._in_use -= count
            self._changed.notify_all()


def fault(source: Path, error: Exception) -> PictureError:
    """Make the error for an exception that nobody expected. It says where it was raised, for whoever is to mend it."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{type(error).__name__} in {Path(frame.filename).name}, line {frame.lineno}"
    message = f"{source} could not be done: {str(error) or 'no reason was given'}."
    return PictureError(message, f"That is a fault of matted; please report it: {where}.")


def _refuse_other_size(step: Step, picture: Picture, plate: Picture | None) -> None:
    if plate is not None and plate.image.size != picture.image.size:
        sizes = "{} x {} pixels, the plate {} x {}".format(*picture.image.size, *plate.image.size)
        raise PictureError(f"{step.source} has {sizes}.", "Take both from a tripod, and crop them alike.")
