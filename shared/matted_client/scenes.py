"""The frames of one scene on their way to the daemon, several at a time, and their masks that come back in order."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Deque, Dict, Iterable, Iterator

from . import messages
from .errors import MattedError, Rejected, SceneForgotten
from .messages import MaskRequest
from .pictures import Cancelled, Mask, OnProgress, ignore, never, views

if TYPE_CHECKING:
    from .client import Sent, Session

AHEAD = 3  # frames on their way: one is finished, one is inferred, and one waits, so that the daemon never does


@dataclass(frozen=True)
class _Awaited:
    """A frame whose mask has not come. plate: the one that was sent with it; None: none was."""

    sent: "Sent"
    plate: Any


class Scene:
    """Frames that follow each other in time, as one sequence of the daemon. `Session.scene` makes one.

    A model with a memory keeps it from frame to frame, and the masks of others are steadied. So frames are sent in
    their order, and all of them.

        with session.scene(width, height, "RGB8", model="rvm-mobilenetv3") as scene:
            for mask in scene.masks(frames):
                ...

    The session may be used for other requests in between, as for a picture that somebody clicks on meanwhile.
    """

    def __init__(
        self,
        session: "Session",
        sequence: int,
        width: int,
        height: int,
        format: str,
        plate: Any,
        model: str,
        options: Dict[str, Any],
    ) -> None:
        """Take a session. The parameters are those of `Session.scene`; sequence: the name that it has chosen."""
        self._session = session
        self._sequence = sequence
        self._picture = width, height, format
        self._plate = plate
        self._plate_is_there = False  # whether the daemon has taken a frame that came with it
        self._fields = {"model": model, **options}
        self._sent: Deque[_Awaited] = deque()
        self._begun = False
        self._latest = 0  # the number that the daemon gave the latest frame whose mask has come

    def __enter__(self) -> "Scene":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def send(
        self, pixels: Any, plate: Any = None, hint: Any = None, cancelled: Cancelled = never, **options: Any
    ) -> None:
        """Send the next frame, and do not wait for its mask. `pixels` and `hint` may be changed afterwards.

        pixels, hint: as of `Session.mask`.
        plate: another one, which holds from this frame on. It is sent with each frame until the mask of one has come:
            a frame that is refused may have brought it in vain.
        options: other fields of MaskRequest, which hold for this frame: box, keep, drop, depth and foreground, say.

        Raises as `Session.mask`. More than a few frames without a `receive` fill the memory of both sides.
        """
        if plate is not None:
            self._plate, self._plate_is_there = plate, False
        brought = None if self._plate_is_there else self._plate
        fields = {**self._fields, **options, "sequence": self._sequence}
        request = MaskRequest(*self._picture, plate=brought is not None, hint=hint is not None, **fields)
        self._begun = True
        sent = self._session.send(request, views(pixels, brought, hint), request, cancelled)
        self._sent.append(_Awaited(sent, brought))

    def receive(self, on_progress: OnProgress = ignore, cancelled: Cancelled = never) -> Mask:
        """Wait for the mask of the earliest frame that is unanswered.

        on_progress: called with that frame's.
        cancelled: True cancels all frames that are unanswered.

        Raises as `Session.mask`, for this frame: after a refusal the next call is for the next one. Raises
        SceneForgotten where the daemon knows nothing of the frames before any more: it has begun the scene anew with
        this frame, or refused it for want of the plate. Raises IndexError if no frame is unanswered.
        """
        awaited = self._sent.popleft()
        try:
            mask = self._session.receive(awaited.sent, on_progress, cancelled)
        except MattedError as error:
            if cancelled():
                self.cancel()
            if isinstance(error, Rejected) and error.code == messages.PLATE_NEEDED and self._lacks_plate(awaited):
                raise self._forgotten(0) from error
            raise
        number = mask.info.frame
        if 0 < number <= self._latest:
            raise self._forgotten(number)
        self._latest = number
        if awaited.plate is not None and awaited.plate is self._plate:
            self._plate_is_there = True
        return mask

    def _lacks_plate(self, awaited: _Awaited) -> bool:
        """Whether a frame was sent without a plate, as the daemon had it."""
        return awaited.plate is None and self._plate_is_there

    def _forgotten(self, number: int) -> SceneForgotten:
        """Go on as with a scene that begins with this frame. number: that the daemon gave it; 0: none."""
        self._latest = number
        self._plate_is_there = False
        return SceneForgotten("The matted daemon has forgotten the frames before this one.", "Try again.")

    def masks(
        self,
        frames: Iterable[Any],
        ahead: int = AHEAD,
        on_progress: OnProgress = ignore,
        cancelled: Cancelled = never,
    ) -> Iterator[Mask]:
        """Send frames, and yield their masks in order. The first refusal ends it, and cancels the other frames.

        frames: the pixels of each. The next one is taken while the daemon works on those before.
        ahead: how many may be unanswered.
        """
        try:
            for pixels in frames:
                self.send(pixels, cancelled=cancelled)
                if len(self._sent) >= ahead:
                    yield self.receive(on_progress, cancelled)
            while self._sent:
                yield self.receive(on_progress, cancelled)
        finally:
            self.cancel()

    def cancel(self) -> None:
        """Cancel all frames that are unanswered. The scene goes on as if they had not been sent."""
        sent, self._sent = list(self._sent), deque()
        if sent and not self._session.closed:
            with suppress(MattedError):
                self._session.give_up([each.sent for each in sent])

    def close(self) -> None:
        """Cancel what is unanswered, and have the daemon forget the scene. The end of the connection does the same."""
        self.cancel()
        if self._begun and not self._session.closed:
            self._begun = False
            with suppress(MattedError):
                self._session.end_scene(self._sequence)
