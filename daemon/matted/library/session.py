"""The functions for programs: cut-outs and masks by the daemon, over connections that a Session keeps."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar, overload

from matted_client import MattedError, client
from matted_client.messages import MaskResult
from matted_client.options import MaskOptions, RefineOptions
from matted_client.pictures import Mask
from matted_client.pictures import OpenPicture as KeptPicture
from PIL import Image

from matted.files.connection import Ask, Connection
from matted.library import kinds, questions
from matted.library.keywords import MaskKeywords, RefineKeywords, RemoveKeywords, documented
from matted.library.kinds import AnyPicture, Taken
from matted.library.questions import Question

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Unpack

    Samples = TypeVar("Samples", bound=np.generic)

File: TypeAlias = str | os.PathLike[str]
Same = TypeVar("Same", bytes, Image.Image)  # kinds of pictures whose results are of that type
Result = TypeVar("Result")

_CLIENT = "Python"  # in the daemon's log


class Session:
    """Connections to the daemon for many pictures. It starts the daemon if none runs, and again if that has ended.

        with Session() as session:
            for path in folder.glob("*.jpg"):
                session.remove(path, path.with_suffix(".png"))
                print(session.info.model, session.info.timings)

    Several threads may use it: each question has a connection of its own. It is for one process; another makes its own.
    """

    _keeps = True

    def __init__(self) -> None:
        """Connect to nobody yet: the first question does."""
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._closed = False
        self._here = threading.local()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections: at once, or when they are no longer in use."""
        with self._lock:
            self._closed = True
            for connection in self._idle:
                connection.drop()
            self._idle.clear()

    @property
    def info(self) -> MaskResult | None:
        """What the daemon said of the latest mask that this thread has got: model, device, timings, confidence …

        None before the first.
        """
        return getattr(self._here, "info", None)

    @overload
    def remove(self, picture: AnyPicture, target: File, **options: Unpack[RemoveKeywords]) -> Path: ...
    @overload
    def remove(self, picture: Same, target: None = None, **options: Unpack[RemoveKeywords]) -> Same: ...
    @overload
    def remove(self, picture: File, target: None = None, **options: Unpack[RemoveKeywords]) -> Image.Image: ...
    @overload
    def remove(
        self, picture: NDArray[Samples], target: None = None, **options: Unpack[RemoveKeywords]
    ) -> NDArray[Samples]: ...
    @documented(MaskOptions, RemoveKeywords)
    def remove(self, picture: Any, target: Any = None, **options: Any) -> Any:
        """Cut the subject out of a picture.

        picture: a path; the bytes of a file; an image of Pillow; or an array, height x width (x channels), RGB, of
            uint8, uint16, or floats from 0 to 1.
        target: a file that the result is written to, or replaces, in the format of its name, with depth and profile of
            the picture.

        Returns the target if there is one; else a result of the picture's kind: a PNG for bytes; an array of the same
        type for an array, with alpha as its last channel; an image of Pillow, RGBA, for such an image, and for a path.
        What is in a file, or an image of Pillow, is turned upright.

        Raises PictureError for a picture that cannot be read, Rejected with the daemon's code, Unavailable without a
        daemon, each a MattedError; TypeError for what is no picture, and for unknown keywords.
        """
        return self._answer(Question("remove", options, target), picture)

    @overload
    def mask(self, picture: AnyPicture, target: File, **options: Unpack[MaskKeywords]) -> Path: ...
    @overload
    def mask(self, picture: Same, target: None = None, **options: Unpack[MaskKeywords]) -> Same: ...
    @overload
    def mask(self, picture: File, target: None = None, **options: Unpack[MaskKeywords]) -> Image.Image: ...
    @overload
    def mask(
        self, picture: NDArray[Samples], target: None = None, **options: Unpack[MaskKeywords]
    ) -> NDArray[Samples]: ...
    @documented(MaskOptions, MaskKeywords)
    def mask(self, picture: Any, target: Any = None, **options: Any) -> Any:
        """Return the mask of a picture alone: 0 is background, full scale is subject.

        picture, target: as those of `remove`.

        Returns and raises what `remove` does, but an array is height x width, and an image of Pillow has the mode L.
        """
        return self._answer(Question("mask", options, target), picture)

    @overload
    def refine(
        self, picture: AnyPicture, mask: AnyPicture, target: File, **options: Unpack[RefineKeywords]
    ) -> Path: ...
    @overload
    def refine(
        self, picture: Same, mask: AnyPicture, target: None = None, **options: Unpack[RefineKeywords]
    ) -> Same: ...
    @overload
    def refine(
        self, picture: File, mask: AnyPicture, target: None = None, **options: Unpack[RefineKeywords]
    ) -> Image.Image: ...
    @overload
    def refine(
        self, picture: NDArray[Samples], mask: AnyPicture, target: None = None, **options: Unpack[RefineKeywords]
    ) -> NDArray[Samples]: ...
    @documented(RefineOptions, RefineKeywords)
    def refine(self, picture: Any, mask: Any, target: Any = None, **options: Any) -> Any:
        """Bring a mask that is there to the edges of its picture, and return it as `mask` does.

        picture, target: as those of `remove`.
        mask: of any kind, whoever made it, of the picture's size. Its edge is made anew.

        Returns and raises what `mask` does; with cut_out=True, returns what `remove` does.
        """
        return self._answer(Question("refine", options, target, mask), picture)

    @overload
    def open(self, picture: Same, *, plate: AnyPicture | None = None, page: int | None = None) -> OpenPicture[Same]: ...
    @overload
    def open(
        self, picture: File, *, plate: AnyPicture | None = None, page: int | None = None
    ) -> OpenPicture[Image.Image]: ...
    @overload
    def open(
        self, picture: NDArray[Samples], *, plate: AnyPicture | None = None, page: int | None = None
    ) -> OpenPicture[NDArray[Samples]]: ...
    def open(self, picture: Any, *, plate: Any = None, page: int | None = None) -> Any:
        """Have the daemon keep a picture for several questions: what it has found out for one, it knows for the next.

            with session.open("group.jpg") as group:
                first = group.mask()
                better = group.mask(keep=[(320, 480)])

        picture: as that of `remove`.
        plate: the same scene without the subject.
        page: of a TIFF that has several, from 1 on.

        Raises what `remove` raises for pictures that cannot be read.
        """
        taken = kinds.take(picture, "picture", page)
        pixels = None if plate is None else questions.plate_of(plate, taken)
        return OpenPicture(self, taken, pixels, plate if isinstance(plate, (str, os.PathLike)) else None)

    def ask(self, connection: Connection, ask: Ask, question: Question) -> Mask:
        """Ask the daemon over a connection, and note what it says of the mask."""
        reply = connection.ask(ask, question.progress, question.cancelled)
        self._here.info = reply.info
        return reply

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection that nobody else uses meanwhile. Raises MattedError if the session is closed."""
        with self._lock:
            if self._closed:
                raise MattedError("The session is closed.", "Make another one: matted.Session().")
            connection = self._idle.pop() if self._idle else Connection(_CLIENT)
        try:
            yield connection
        finally:
            with self._lock:
                if self._keeps and not self._closed:
                    self._idle.append(connection)
                else:
                    connection.drop()

    def _answer(self, question: Question, picture: Any) -> Any:
        taken = question.take(picture)
        ask = question.of_pixels(taken)
        with self.connection() as connection:
            reply = self.ask(connection, ask, question)
        return question.give(taken, reply)


class _Once(Session):
    """A session that keeps no connection."""

    _keeps = False


class OpenPicture(Generic[Result]):
    """A picture that the daemon keeps: Session.open makes it. If the daemon forgets it, or ends, it is sent again.

    Its questions take the keywords of those of Session, but for what is said when it is opened. Threads take turns.
    """

    def __init__(self, session: Session, taken: Taken, plate: bytes | None, plate_file: File | None = None) -> None:
        """plate: pixels of a plate, in the format of those of the picture. plate_file: that they are from."""
        self._session = session
        self._taken = taken
        self._plate = plate
        self._plate_file = plate_file
        self._lock = threading.Lock()
        self._lent = ExitStack()
        self._connection: Connection | None = self._lent.enter_context(session.connection())
        self._kept: tuple[client.Session, KeptPicture] | None = None  # the connection, and the picture that it knows

    def __enter__(self) -> OpenPicture[Result]:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Have the daemon forget the picture."""
        with self._lock:
            if self._kept is not None:
                self._kept[1].close()
            self._kept = self._connection = None
            self._lent.close()

    @overload
    def remove(self, target: File, **options: Unpack[RemoveKeywords]) -> Path: ...
    @overload
    def remove(self, target: None = None, **options: Unpack[RemoveKeywords]) -> Result: ...
    def remove(self, target: Any = None, **options: Any) -> Any:
        """Cut the subject out. As Session.remove."""
        return self._answer(Question("remove", options, target))

    @overload
    def mask(self, target: File, **options: Unpack[MaskKeywords]) -> Path: ...
    @overload
    def mask(self, target: None = None, **options: Unpack[MaskKeywords]) -> Result: ...
    def mask(self, target: Any = None, **options: Any) -> Any:
        """Return the mask alone. As Session.mask."""
        return self._answer(Question("mask", options, target))

    @overload
    def refine(self, mask: AnyPicture, target: File, **options: Unpack[RefineKeywords]) -> Path: ...
    @overload
    def refine(self, mask: AnyPicture, target: None = None, **options: Unpack[RefineKeywords]) -> Result: ...
    def refine(self, mask: Any, target: Any = None, **options: Any) -> Any:
        """Bring a mask that is there to the picture's edges. As Session.refine."""
        return self._answer(Question("refine", options, target, mask))

    def _answer(self, question: Question) -> Any:
        question.refuse_what_is_open()
        fields = question.fields_of(self._taken, self._plate_file)

        def ask(session: client.Session, **watched: Any) -> Mask:
            if self._kept is None or self._kept[0] is not session:
                picture, cancelled = self._taken.picture, watched["cancelled"]
                how = {"plate": self._plate, "cancelled": cancelled}
                pixels = picture.image.tobytes()
                self._kept = session, session.open(pixels, *picture.image.size, picture.wire_format, **how)
            return question.of_open(self._taken, fields, self._kept[1])

        with self._lock:
            if self._connection is None:
                raise MattedError("The picture is closed.", "Open it again: session.open(…).")
            reply = self._session.ask(self._connection, ask, question)
        return question.give(self._taken, reply)


_once = _Once()
remove = _once.remove
mask = _once.mask
refine = _once.refine
