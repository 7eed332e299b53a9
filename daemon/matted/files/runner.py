"""Pictures cut out, some at once: while the model is at one, the next is read and the one before is written."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matted_client import Mask, MattedError, Progress, Rejected, Session, Unavailable, connect, messages
from matted_client.messages import MaskResult
from PIL import Image

from matted.files import pictures
from matted.files.pictures import Picture, PictureError

LANES = 3  # the daemon works on two pictures at once; meanwhile a third is read or written
PIXELS_AT_ONCE = 80_000_000  # of the pictures in work together; each takes up to 17 bytes here, 20 in the daemon

OnProgress = Callable[[Path, Progress], None]


@dataclass(frozen=True)
class Task:
    """One picture file and where its result goes."""

    source: Path
    target: Path


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


class Cutter:
    """Threads that each take a picture from its file to its result. The end of the block breaks off what is not done.

    plate: the one of the wish. on_progress: told, by those threads, which picture is how far.
    """

    def __init__(self, wish: Wish, plate: Picture | None, overwrite: bool, on_progress: OnProgress) -> None:
        self._wish = wish
        self._plate = plate
        self._overwrite = overwrite
        self._on_progress = on_progress
        self._stopping = threading.Event()
        self._connections = deque(_Connection(self._stopping.is_set) for _ in range(LANES))  # those not in use
        self._reading = threading.Lock()
        self._room = _Room(PIXELS_AT_ONCE)
        self._threads = ThreadPoolExecutor(LANES, "cutter")

    def __enter__(self) -> Cutter:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopping.set()
        self._threads.shutdown(cancel_futures=True)
        for connection in self._connections:
            connection.drop()

    def begin(self, task: Task) -> Future[MaskResult]:
        """Do the task when a thread is free. The future raises MattedError, in words that name the picture."""
        return self._threads.submit(self._cut, task)

    def _cut(self, task: Task) -> MaskResult:
        try:
            if task.target.exists() and not self._overwrite:  # said before the work; `write` looks again
                raise PictureError(f"{task.target} exists.", "Use --force to overwrite it.")
            # One is read at a time, and not the next before the last one has got its room.
            with self._reading:
                self._check()
                picture = pictures.read(task.source)
                pixels = picture.image.width * picture.image.height
                self._room.enter(pixels)
            try:
                return self._finish(task, picture)
            finally:
                self._room.leave(pixels)
        except PictureError:
            raise
        except MattedError as error:
            raise MattedError(f"{task.source}: {error.message}", error.hint) from None

    def _finish(self, task: Task, picture: Picture) -> MaskResult:
        _refuse_other_size(task, picture, self._plate)
        connection = self._connections.popleft()
        try:
            answer = connection.mask(
                picture, self._plate, self._wish.asked, lambda progress: self._on_progress(task.source, progress)
            )
        finally:
            self._connections.append(connection)
        self._check()
        pictures.write(_result(picture, answer, self._wish.mask), task.target, self._overwrite)
        return answer.info

    def _check(self) -> None:
        if self._stopping.is_set():
            raise Rejected(messages.CANCELLED, "Cancelled.")


class _Room:
    """Lets pictures in while they have at most `limit` pixels together, and one whatever its size."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken = 0
        self._changed = threading.Condition()

    def enter(self, pixels: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._taken == 0 or self._taken + pixels <= self._limit)
            self._taken += pixels

    def leave(self, pixels: int) -> None:
        with self._changed:
            self._taken -= pixels
            self._changed.notify_all()


class _Connection:
    """For one thread at a time: a session, opened when it is needed, and again after the daemon went away."""

    _starting = threading.Lock()  # of several that find no daemon, one starts it

    def __init__(self, cancelled: Callable[[], bool]) -> None:
        self._session: Session | None = None
        self._cancelled = cancelled

    def mask(
        self,
        picture: Picture,
        plate: Picture | None,
        asked: Mapping[str, Any],
        on_progress: Callable[[Progress], None],
    ) -> Mask:
        """Ask; once more, and another daemon, if the daemon ended meanwhile. Raises as Session.mask and connect do."""
        pixels = picture.image.tobytes()
        behind = plate.image.convert(picture.image.mode).tobytes() if plate else None

        def ask() -> Mask:
            session = self._opened(on_progress)
            return session.mask(
                pixels,
                *picture.image.size,
                picture.wire_format,
                plate=behind,
                on_progress=on_progress,
                cancelled=self._cancelled,
                **asked,
            )

        self._opened(on_progress)  # what keeps a daemon from starting does so the second time too
        try:
            try:
                return ask()
            except Unavailable:
                self.drop()
                return ask()
        except MattedError:
            self.drop()
            raise

    def drop(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _opened(self, on_progress: Callable[[Progress], None]) -> Session:
        if self._session is None:
            with self._starting:
                self._session = connect("matted remove", on_progress=on_progress, cancelled=self._cancelled)
        return self._session


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
