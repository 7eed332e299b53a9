"""The requests to the daemon, as tasks for a RequestThread: they wait, which Krita's own thread must not."""

from __future__ import annotations

import os
import threading
from typing import Any, Dict, List, Optional, Tuple

from krita import Krita

from .layers import FORMAT, Picture
from .matted_client import getting
from .matted_client.client import Session
from .matted_client.errors import Rejected
from .matted_client.filling import Filling
from .matted_client.models import Facts
from .matted_client.pictures import Cancelled, Mask, OnProgress, OpenPicture
from .matted_client.plugin import open_session, read_installation
from .matted_client.preview.conversation import Connect, Conversation
from .matted_client.remedies import facts_for, is_of_a_model
from .matted_client.scenes import Scene
from .matted_client.sentences import nothing_found
from .request_thread import Task
from .texts import _

FOLDER = os.path.dirname(os.path.abspath(__file__))


class Refused(Rejected):
    """The daemon refused to make a mask. `facts`: what a remedy has to know of the model."""

    def __init__(self, error: Rejected, facts: Facts) -> None:
        super().__init__(error.code, error.message, error.hint)
        self.facts = facts


def mask(picture: Picture, plate: Optional[Picture], model: str, fields: Dict[str, Any]) -> Task:
    """Return a task that makes a Mask of the picture. fields: of the request, the model's id among them."""
    connect = connecting()

    def ask(on_progress: OnProgress, cancelled: Cancelled) -> Mask:
        with connect(on_progress, cancelled) as session:
            try:
                return session.mask(
                    picture.pixels,
                    picture.width,
                    picture.height,
                    FORMAT,
                    plate=plate.pixels if plate is not None else None,
                    on_progress=on_progress,
                    cancelled=cancelled,
                    **fields,
                )
            except Rejected as error:
                raise _refused(session, error, model) from error

    return ask


class Frames:
    """Asks about the frames of one scene, one after the other, over one connection. To be used in a `with` block."""

    def __init__(self, plate: Optional[Picture], model: str) -> None:
        """plate: of all frames. model: the id that is asked for."""
        self._plate = plate
        self._model = model
        self._connect = connecting()
        self._session: Optional[Session] = None
        self._scene: Optional[Scene] = None
        self._is_over = False
        self._at_work = threading.Lock()  # a session is for one thread at a time

    def __enter__(self) -> "Frames":
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Have the daemon forget the scene. A request that still runs was cancelled, and does this at its end."""
        self._is_over = True
        if self._at_work.acquire(blocking=False):
            self._close()
            self._at_work.release()

    def mask(self, picture: Picture, fields: Dict[str, Any]) -> Task:
        """Return a task that makes a Mask of the next frame. All frames have one size. fields: of the request."""

        def ask(on_progress: OnProgress, cancelled: Cancelled) -> Mask:
            with self._at_work:
                try:
                    return self._ask(picture, fields, on_progress, cancelled)
                finally:
                    if self._is_over:
                        self._close()

        return ask

    def _ask(self, picture: Picture, fields: Dict[str, Any], on_progress: OnProgress, cancelled: Cancelled) -> Mask:
        if self._session is None:
            self._session = self._connect(on_progress, cancelled)
        if self._scene is None:
            plate = self._plate.pixels if self._plate is not None else None
            self._scene = self._session.scene(picture.width, picture.height, FORMAT, plate, self._model)
        try:
            self._scene.send(picture.pixels, cancelled=cancelled, **fields)
            mask = self._scene.receive(on_progress, cancelled)
            if mask.is_empty:
                raise nothing_found()
            return mask
        except Rejected as error:
            raise _refused(self._session, error, self._model) from error

    def _close(self) -> None:
        if self._session is not None:
            self._session.close()


def refined(picture: Picture, hint: Filling, fields: Dict[str, Any]) -> Task:
    """Return a task that makes a refined Mask of the picture. hint: the bytes of the one that is there."""
    connect = connecting()

    def ask(on_progress: OnProgress, cancelled: Cancelled) -> Mask:
        with connect(on_progress, cancelled) as session:
            return session.refine(
                picture.pixels,
                picture.width,
                picture.height,
                FORMAT,
                hint,
                on_progress=on_progress,
                cancelled=cancelled,
                **fields,
            )

    return ask


def connecting() -> Connect:
    """Return what opens a session for a dialog that asks again and again."""
    client = _client()
    return lambda on_progress, cancelled: open_session(FOLDER, client, on_progress, cancelled)


def mask_of(conversation: Conversation, model: str, fields: Dict[str, Any]) -> Task:
    """Return a task that makes a Mask of the picture of a dialog, which the daemon has. The rest is as for `mask`."""
    connect = connecting()

    def of_picture(picture: OpenPicture, on_progress: OnProgress, cancelled: Cancelled) -> Mask:
        return picture.mask(on_progress=on_progress, cancelled=cancelled, **fields)

    def ask(on_progress: OnProgress, cancelled: Cancelled) -> Mask:
        try:
            return conversation.mask(of_picture, on_progress, cancelled)
        except Rejected as error:
            with connect(on_progress, cancelled) as session:
                raise _refused(session, error, model) from error

    return ask


def refined_of(conversation: Conversation, fields: Dict[str, Any]) -> Task:
    """Return a task that makes a refined Mask of the picture of a dialog, which the daemon has, with its hint."""

    def of_picture(picture: OpenPicture, on_progress: OnProgress, cancelled: Cancelled) -> Mask:
        return picture.refine(on_progress=on_progress, cancelled=cancelled, **fields)

    return lambda on_progress, cancelled: conversation.mask(of_picture, on_progress, cancelled)


def _refused(session: Session, error: Rejected, model: str) -> Refused:
    return Refused(error, facts_for(session, model) if is_of_a_model(error) else {})


def models(chosen: str) -> Task:
    """Return a task that says the facts of every model, those of the one that is offered, as `getting.ask`, and a note.

    chosen: the model that is chosen in the dialog. The note says where daemon and plug-in differ in version.
    """
    client = _client()

    def ask(on_progress: OnProgress, cancelled: Cancelled) -> Tuple[List[Facts], Facts, str]:
        with open_session(FOLDER, client, on_progress, cancelled) as session:
            ours, theirs = read_installation(FOLDER).version, session.welcome.version
            note = _("matted is version %s, this plug-in %s. Run: matted stop; matted install krita") % (theirs, ours)
            return (*getting.ask(session, chosen), "" if ours == theirs else note)

    return ask


def get(model: str, licence: str) -> Task:
    """Return a task that has the daemon get a model for a dialog, and gives what `getting.get` does."""
    client = _client()

    def ask(on_progress: OnProgress, cancelled: Cancelled) -> Tuple[List[Facts], Optional[Rejected]]:
        with open_session(FOLDER, client, on_progress, cancelled) as session:
            return getting.get(session, model, licence, on_progress, cancelled)

    return ask


def download(model: str) -> Task:
    """Return a task that has the daemon get a model that anybody may use."""
    client = _client()

    def ask(on_progress: OnProgress, cancelled: Cancelled) -> None:
        with open_session(FOLDER, client, on_progress, cancelled) as session:
            session.load(model, on_progress, cancelled, download=True)

    return ask


def _client() -> str:
    """Name and version of Krita, for the daemon's log. To be called in Krita's own thread."""
    return "Krita %s" % Krita.instance().version()
