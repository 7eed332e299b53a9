"""A picture on its way to the daemon and the mask that comes back: what is sent, kept, sent again, and checked."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Sequence, Tuple

from . import messages
from .errors import MattedError, ProtocolError, Rejected
from .filling import Filling
from .messages import MaskRequest, MaskResult, Open, Progress, Question, RefineRequest
from .zmtp import Frame

if TYPE_CHECKING:
    from .client import Session

OnProgress = Callable[[Progress], None]
Cancelled = Callable[[], bool]


def never() -> bool:
    """A `cancelled` for those who wait."""
    return False


def ignore(progress: Progress) -> None:
    """An `on_progress` for those who do not look."""


@dataclass(frozen=True)
class Mask:
    """A mask and what the daemon says of it.

    alpha: width x height samples of `info.depth` bits (16: little-endian), 0 background.
    foreground: width x height pixels, BGRA8 if the picture was that, else RGBA8: the own colours of what is kept, and
        the picture's alpha times the mask. None unless it was asked for and sent.
    tiles: a byte for each tile of messages.TILE pixels a side, row after row. Not 0: the tile is in `foreground`, which
        then has these tiles alone, one after the other; all else of the cut-out has the picture's colours. None:
        `foreground` is whole, or not there. Tiles come only to those who ask for them.
    """

    alpha: bytearray
    info: MaskResult
    foreground: Optional[bytearray] = None
    tiles: Optional[bytearray] = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing stays, as of a frame in which there is no subject."""
        return self.alpha.count(0) == len(self.alpha)


class OpenPicture:
    """A picture that the daemon keeps, for several questions about it. `Session.open` makes one.

    A question costs no time to send pixels, nor to look at the whole picture again. If the daemon has forgotten the
    picture, it is sent again by itself: the buffers that it was opened with are kept, and must not change.

    A question with a view whose `cancelled` gets true is only given up: the next one overtakes it, and what it had the
    daemon find out is not lost.

    A dialog asks for what it shows:

        with session.open(pixels, width, height, "RGBA8") as picture:
            preview = picture.mask(view=[0, 0, width, height, 600, 400], keep=[[x, y]], cancelled=asked_anew)
            mask = picture.mask(keep=[[x, y]])
    """

    def __init__(self, session: "Session", opening: Open, frames: Sequence[Frame]) -> None:
        """Take a picture that the daemon has."""
        self._session = session
        self._opening = opening
        self._frames = frames

    def __enter__(self) -> "OpenPicture":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def mask(
        self,
        model: str = "default",
        hint: Any = None,
        on_progress: OnProgress = ignore,
        cancelled: Cancelled = never,
        **options: Any,
    ) -> Mask:
        """Ask for a mask and wait for it. As `Session.mask`, but for:

        hint: in the place of the one that the picture was opened with.
        options: other fields of MaskRequest: view, box, keep and drop, depth, foreground and those of MaskOptions.
        """
        request = MaskRequest(picture=self._opening.picture, model=model, hint=hint is not None, **options)
        return self._ask(request, views(hint), on_progress, cancelled)

    def refine(
        self, hint: Any = None, on_progress: OnProgress = ignore, cancelled: Cancelled = never, **options: Any
    ) -> Mask:
        """Ask for the refined mask, and wait for it. As `Session.refine`, but for:

        hint: the mask to be refined. None: the hint that the picture was opened with.
        options: other fields of RefineRequest: view, box, keep and drop, band, depth, foreground and those of
            RefineOptions.
        """
        request = RefineRequest(picture=self._opening.picture, hint=hint is not None, **options)
        return self._ask(request, views(hint), on_progress, cancelled)

    def close(self) -> None:
        """Have the daemon forget the picture. Where that fails, the connection is at its end, which does the same."""
        self._frames = ()
        with suppress(MattedError):
            self._session.forget(self._opening)

    def _ask(self, question: Question, frames: List[Frame], on_progress: OnProgress, cancelled: Cancelled) -> Mask:
        try:
            return self._session.answer(question, frames, self._opening, on_progress, cancelled)
        except Rejected as refusal:
            if refusal.code != messages.PICTURE_FORGOTTEN or not self._frames:
                raise
        # A question with a view is given up for the next one, which needs the picture too.
        self._session.keep(self._opening, self._frames, cancelled if question.view is None else never)
        return self._session.answer(question, frames, self._opening, on_progress, cancelled)


def views(*buffers: Any) -> List[Frame]:
    """The frames behind a header. buffers: bytes-like objects or Fillings, None for those that are not there."""
    there = [each for each in buffers if each is not None]
    return [each if isinstance(each, Filling) else memoryview(each).cast("B") for each in there]


def result_sizes(question: Question, width: int, height: int) -> List[int]:
    """The bytes of the mask, and of the foreground. width, height: of the picture."""
    across, down = question.result_size(width, height)
    return [across * down * question.depth // 8, across * down * 4]


def received(
    op: str, header: Dict[str, Any], frames: List[bytearray], question: Question, size: Tuple[int, int]
) -> Mask:
    """The mask that a message brings. size: of the picture. Raises ProtocolError unless it is what was asked for."""
    if op != MaskResult.op:
        raise ProtocolError("The daemon answered '%s' with '%s'." % (question.op, op))
    info = MaskResult.from_wire(header)
    if (info.width, info.height, info.depth) != (*question.result_size(*size), question.depth):
        raise ProtocolError("The daemon sent a mask of another size or depth.")
    alpha, foreground = result_sizes(question, *size)
    expected = [alpha] + [foreground] * info.foreground
    if info.tiles and info.foreground and len(frames) > 1:
        columns, rows = (-(-side // messages.TILE) for side in (info.width, info.height))
        expected = [alpha, columns * rows, 4 * _pixels(frames[1], info.width, info.height)]
    if [len(frame) for frame in frames] != expected:
        raise ProtocolError("The daemon sent a mask with too few or too many bytes.")
    return Mask(frames[0], info, frames[-1] if info.foreground else None, frames[1] if len(frames) == 3 else None)


def _pixels(tiles: bytearray, width: int, height: int) -> int:
    """How many pixels the marked tiles of a picture have. tiles: as in Mask, of whatever length."""
    columns = -(-width // messages.TILE)
    missing = columns * messages.TILE - width  # in the last tile of a row
    total = 0
    for top in range(0, height, messages.TILE):
        row = top // messages.TILE * columns
        marks = tiles[row : row + columns]
        across = messages.TILE * (len(marks) - marks.count(0)) - missing * bool(marks[columns - 1 :].strip(b"\0"))
        total += across * min(messages.TILE, height - top)
    return total
