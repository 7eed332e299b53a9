"""Process several pictures at the same time: while the daemon works on one, others are read and written."""

from __future__ import annotations

import threading
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matted_client import MattedError, Rejected, messages
from matted_client.client import Session
from matted_client.messages import MaskResult, Progress
from matted_client.pictures import Mask

from matted.files import masks, pictures
from matted.files.connection import Ask, Connection
from matted.files.formats.known import PNG, Form
from matted.files.framing.frame import Frame
from matted.files.hints import Hints
from matted.files.pictures import Picture, PictureError

THREADS = 3  # the daemon works on two pictures at once; meanwhile a third is read or written
BYTES_AT_ONCE = 1_440_000_000  # of all pictures in work: 80 megapixels of 8 bits; they take as much in the daemon

OnProgress = Callable[[Path, Progress], None]


@dataclass(frozen=True)
class Step:
    """One picture file, and where its result goes.

    hint: a file of what is known of the picture already: the mask to be refined, or one for a mask to go by.
    """

    source: Path
    target: Path
    hint: Path | None = None


@dataclass(frozen=True)
class RunOptions:
    """What holds for every picture of a run.

    mask: whether the mask is written, not the cut-out.
    timings: whether the seconds of each stage are printed.
    request: fields of a MaskRequest, or a RefineRequest, by name.
    refine: whether masks that are there are refined; else masks are made.
    plate: a picture file of the same scene without the subject.
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


@dataclass(frozen=True)
class Result:
    """What came of a step.

    info: the daemon's words about the mask.
    bits: of a sample in the picture's file.
    written: bits of a sample in the result.
    colours: what the file's colours are, if the result cannot have such ones; else empty.
    """

    info: MaskResult
    bits: int
    written: int = 8
    colours: str = ""


class Runner:
    """Threads that each take a picture from its file to its result. Leaving the block cancels what is not done.

    The threads keep pictures of at most BYTES_AT_ONCE in work, or a single one that is larger.
    """

    def __init__(self, options: RunOptions, plate: Picture | None, overwrite: bool, on_progress: OnProgress) -> None:
        """plate: the picture in options.plate. on_progress: called by the threads, with the picture's file."""
        self._options = options
        self._plate = plate
        self._overwrite = overwrite
        self._on_progress = on_progress
        self._stopping = threading.Event()
        client = "matted refine" if options.refine else "matted remove"
        self._connections = deque(Connection(client) for _ in range(THREADS))  # not in use
        self._reading = threading.Lock()
        self._budget = _Budget(BYTES_AT_ONCE)
        self._threads = ThreadPoolExecutor(THREADS, "runner")

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopping.set()
        self._threads.shutdown(cancel_futures=True)
        for connection in self._connections:
            connection.drop()

    def submit(self, step: Step) -> Future[Result]:
        """Do the step when a thread is free. The future raises MattedError with a message that names the picture."""
        return self._threads.submit(self._run, step)

    def _run(self, step: Step) -> Result:
        try:
            pictures.refuse_to_replace(step.target, self._overwrite)  # before the work; `write` checks again
            # One picture is read at a time, and the next only when the budget has room for this one.
            with self._reading:
                self._raise_if_stopping()
                picture = pictures.read(step.source, self._options.page, self._options.keep_location)
                size = picture.bytes_in_work + self._options.frame.bytes_in_work(*picture.image.size)
                self._budget.acquire(size)
            try:
                return self._finish(step, picture)
            finally:
                self._budget.release(size)
        except PictureError:
            raise
        except MattedError as error:
            raise MattedError(f"{step.source}: {error.message}", error.hint) from error
        except MemoryError as error:
            hint = "Close other programs, or make the picture smaller."
            raise PictureError(f"There is not enough memory for {step.source}.", hint) from error
        except Exception as error:  # a fault of matted or of a library, which this picture alone may bring out
            raise _fault(step, error) from error

    def _finish(self, step: Step, picture: Picture) -> Result:
        """Ask for the mask of the picture, and write the result."""
        _refuse_other_size(step, picture, self._plate)
        form = self._options.form
        if not self._options.frame.changes_size:
            pictures.refuse_too_large(step.source, picture, form)
        self._options.hints.refuse_outside(step.source, *picture.image.size)
        strokes = not self._options.refine
        hint = masks.read(step.hint, step.source, picture, strokes).tobytes() if step.hint else None
        connection = self._connections.popleft()
        try:
            reply = connection.ask(
                self._question(picture, hint),
                lambda progress: self._on_progress(step.source, progress),
                self._stopping.is_set,
            )
        finally:
            self._connections.append(connection)
        self._raise_if_stopping()
        result = _result(picture, reply, self._options)
        pictures.refuse_too_large(step.source, result, form)
        pictures.write(result, step.target, self._overwrite, form, self._options.quality)
        return Result(reply.info, picture.bits, pictures.bits_in(result, form), picture.colours)

    def _question(self, picture: Picture, hint: bytes | None) -> Ask:
        """Return what asks a session for the mask. hint: a byte for each pixel, if there is one."""
        width, height = picture.image.size
        pixels = picture.image.tobytes()
        fields = {**self._options.request, **self._options.hints.fields}
        if picture.is_deep:
            fields["depth"] = 16
        if hint is not None:
            fields["hint"] = hint
        if self._plate is not None:
            fields["plate"] = self._plate.image.convert(picture.image.mode).tobytes()

        def ask(session: Session, **watched: Any) -> Mask:
            question = session.refine if self._options.refine else session.mask
            return question(pixels, width, height, picture.wire_format, **fields, **watched)

        return ask

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


def _fault(step: Step, error: Exception) -> PictureError:
    """Make the error for an exception that nobody expected. It says where it was raised, for whoever is to mend it."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{type(error).__name__} in {Path(frame.filename).name}, line {frame.lineno}"
    message = f"{step.source} could not be done: {str(error) or 'no reason was given'}."
    return PictureError(message, f"That is a fault of matted; please report it: {where}.")


def _refuse_other_size(step: Step, picture: Picture, plate: Picture | None) -> None:
    if plate is not None and plate.image.size != picture.image.size:
        sizes = "{} x {} pixels, the plate {} x {}".format(*picture.image.size, *plate.image.size)
        raise PictureError(f"{step.source} has {sizes}.", "Take both from a tripod, and crop them alike.")


def _result(picture: Picture, reply: Mask, options: RunOptions) -> Picture:
    from matted.files import cutting

    if options.mask:
        return options.frame.apply_to_mask(cutting.grey(reply))
    return options.frame.apply(cutting.of_reply(picture, reply), picture)
