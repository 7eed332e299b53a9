"""A connection to the daemon that is opened when it is needed, and opened again after the daemon has ended."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from matted_client import MattedError, Unavailable
from matted_client.client import Session, connect
from matted_client.pictures import Cancelled, Mask, OnProgress

from matted.files.pictures import Picture

Ask = Callable[..., Mask]  # takes a session, on_progress and cancelled


class Connection:
    """A session with the daemon, for one thread at a time."""

    _starting = threading.Lock()  # if several threads find no daemon, one of them starts it

    def __init__(self, client: str) -> None:
        """client: the program's name, for the daemon's log."""
        self._session: Session | None = None
        self._client = client

    def ask(self, question: Ask, on_progress: OnProgress, cancelled: Cancelled) -> Mask:
        """Ask for a mask. If the daemon ends meanwhile, start another and ask once more.

        on_progress: is called in this thread.
        cancelled: is called in this thread; True ends every wait.

        Raises as Session.mask and connect do.
        """

        def once() -> Mask:
            session = self._open(on_progress, cancelled)
            return question(session, on_progress=on_progress, cancelled=cancelled)

        # Outside the `try`: a daemon that does not start would not start the second time.
        self._open(on_progress, cancelled)
        try:
            try:
                return once()
            except Unavailable:
                self.drop()
                return once()
        except MattedError:
            self.drop()
            raise

    def drop(self) -> None:
        """Close the session, if there is one."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _open(self, on_progress: OnProgress, cancelled: Cancelled) -> Session:
        if self._session is None:
            with self._starting:
                self._session = connect(self._client, on_progress=on_progress, cancelled=cancelled)
        return self._session


def about(picture: Picture, fields: Mapping[str, Any], refine: bool) -> Ask:
    """Return what asks a session for the mask of a picture, of 16 bits if the picture has more than 8.

    fields: others of the request, and the frames of a hint and a plate, by name.
    refine: whether a mask that is there is refined, which is the hint.
    """
    width, height = picture.image.size
    pixels = picture.image.tobytes()
    depth = 16 if picture.is_deep else 8

    def ask(session: Session, **watched: Any) -> Mask:
        question = session.refine if refine else session.mask
        return question(pixels, width, height, picture.wire_format, depth=depth, **fields, **watched)

    return ask
