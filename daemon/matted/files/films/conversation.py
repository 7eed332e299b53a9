"""Ask the daemon for the masks of a scene's frames, in order, and again if it ended, or forgot the scene, meanwhile."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from matted_client import MattedError, Rejected, Unavailable, messages
from matted_client.client import Session, connect
from matted_client.errors import SceneForgotten
from matted_client.messages import Progress
from matted_client.models import find
from matted_client.pictures import Mask
from matted_client.scenes import Scene

from matted.files.films.forms import FilmError
from matted.files.pictures import Picture

REMEMBERED = 16  # frames by which a model's memory is nearly what it would be after all of them
_BYTES = 128_000_000  # of frames that are kept, to be shown again to a daemon that knows none of them
_ENDING = 60.0  # seconds for a daemon that is told to end while it works: it finishes what it has begun


class Conversation:
    """The frames of one scene on their way through the daemon. Leaving the block gives up what is not done."""

    def __init__(
        self, request: Mapping[str, Any], plate: Picture | None, alpha: bool, on_progress: Callable[[Progress], None]
    ) -> None:
        """request: fields of a MaskRequest. plate: of all frames, whose size it has. alpha: whether frames have any."""
        self._request = request
        self._mode = "RGBA" if alpha else "RGB"
        self._plate = plate
        self._on_progress = on_progress
        self._session: Session | None = None
        self._scene: Scene | None = None
        self._asked: deque[Picture] = deque()
        self._answered: deque[Picture] = deque(maxlen=REMEMBERED)

    def __enter__(self) -> Conversation:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._drop()

    def send(self, picture: Picture) -> None:
        """Send the next frame. Raises as Scene.send and connect do."""
        self._asked.append(picture)
        try:
            self._send(picture)
        except Unavailable:
            self._again()

    def receive(self) -> Mask:
        """Wait for the mask of the earliest frame that has none. Raises as Scene.receive does."""
        try:
            reply = self._receive()
        except MattedError as error:
            if not self._is_over(error):
                raise
            self._again()
            reply = self._receive()
        picture = self._asked.popleft()
        self._answered.append(picture)
        width, height = picture.image.size
        while len(self._answered) > max(1, _BYTES // (width * height * 4)):
            self._answered.popleft()
        return reply

    def _send(self, picture: Picture) -> None:
        if self._session is None or self._scene is None:
            self._session = connect("matted remove", on_progress=self._on_progress)
            plate = None if self._plate is None else self._pixels(self._plate)
            self._scene = self._session.scene(*picture.image.size, f"{self._mode}8", plate, **self._request)
        self._scene.send(self._pixels(picture), depth=16 if picture.is_deep else 8)

    def _receive(self) -> Mask:
        if self._scene is None:
            raise Unavailable("The connection to the matted daemon is closed.")
        return self._scene.receive(self._on_progress)

    def _is_over(self, error: MattedError) -> bool:
        """Whether an error says that the daemon does not know the scene any more. Waits for one that is to end."""
        if isinstance(error, Rejected) and error.code == messages.SHUTTING_DOWN and self._session is not None:
            return self._session.wait_until_gone(_ENDING)
        return isinstance(error, (Unavailable, SceneForgotten))

    def _again(self) -> None:
        """Begin anew, maybe with another daemon: with the frames before, as its memory of the scene has ended, too."""
        self._drop()
        for picture in self._answered:
            self._send(picture)
            self._receive()
        for picture in self._asked:
            self._send(picture)

    def _drop(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session = self._scene = None

    def _pixels(self, picture: Picture) -> bytes:
        """Return the pixels of a frame, in the one format of the scene."""
        return picture.image.convert(self._mode).tobytes()


def refuse_plate(model: str) -> None:
    """Raise FilmError unless a model takes a plate: before one is made, which takes as long as to read a film.

    model: an id, as of MaskRequest. Raises as connect does.
    """
    with connect("matted remove") as session:
        facts = find(session.models(), model)
    if not facts:
        raise FilmError(f"There is no model {model}.", "Choose one of: matted models")
    if not facts["plate"]:
        hint = "Leave the plate out, or use a model that takes one; see: matted models"
        raise FilmError(f"{facts['title'] or model} takes no plate.", hint)
