"""A layer that a dialog shows: read in turns, opened in the daemon meanwhile, and asked about.

Reading begins at once and goes on after the dialog has closed with OK: the removal asks the same daemon about the same
pixels.
"""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass
from typing import Any, Callable, List, Optional, Set, Tuple
from weakref import WeakSet

from .. import layers, masks, pixels
from ..daemon_requests import connecting
from ..layers import FORMAT, PIXEL_BYTES, Picture
from ..matted_client.errors import MattedError
from ..matted_client.filling import Filling
from ..matted_client.options import SELECTION
from ..matted_client.preview.camera import View
from ..matted_client.preview.conversation import Conversation, Layer
from ..matted_client.preview.marks import Marks
from ..qt import QtCore
from ..turns import LATER_MS, NOW_MS, Turns, fault
from .painting import LayerImage
from .reduced import Reduced

SHOWN_EVERY = 4  # turns, while the pixels come

STOP_SECONDS = 7.0  # a cancelled request is given up after 5 s at the latest

_open: Set["OpenedLayer"] = set()
_conversations: "WeakSet[Conversation]" = WeakSet()  # a thread that runs holds its own, also after the dialog


class OpenedLayer(QtCore.QObject):
    """Emits `begun` when its size is known, `came` now and then while its pixels come, and when the last is there.

    Emits `failed` where that ends early, and `replaced` when there is another plate.

    picture, conversation: from `begun` on.
    error: why it cannot be read, or, where `picture` is there, why the plate cannot.
    """

    begun = QtCore.pyqtSignal()
    came = QtCore.pyqtSignal()
    failed = QtCore.pyqtSignal()
    replaced = QtCore.pyqtSignal()
    _posted = QtCore.pyqtSignal(object)

    def __init__(self, document: Any, find: Callable[[], Tuple[Any, Any]]) -> None:
        """Take a layer of a document, and what is selected now.

        find: returns the node of the layer, and that of the mask that is to be refined, or None. May raise MattedError.
        """
        super().__init__()
        self.document = document
        self.node: Any = None
        self.mask: Any = None
        self._find = find
        self.limit = layers.selected(document)  # or None
        self.box: Optional[List[int]] = None  # of the selection, in the layer; None: all over
        self.picture: Optional[Picture] = None
        self.conversation: Optional[Conversation] = None
        self.error: Optional[MattedError] = None
        self.hint: Optional[Filling] = None  # the mask's bytes, over the area of the picture
        self._connect = connecting()
        self._image: Optional[Reduced] = None
        self._hint_image: Optional[Reduced] = None
        self._selected: Optional[Filling] = None
        self._limit_image: Optional[Reduced] = None
        self._plate: Optional[str] = None  # the name of the one that is there, or could not be read
        self._plate_wanted: Optional[str] = None
        self._work: Optional[Turns] = None
        self._posted.connect(self._run, QtCore.Qt.ConnectionType.QueuedConnection)
        _open.add(self)

    def start(self, plate: Optional[str] = None) -> None:
        """Begin to read. plate: the name of a layer."""
        self._plate_wanted = plate
        self._go_on(self._reading())

    def choose_plate(self, name: Optional[str]) -> None:
        """Take another plate, or none. It is read when the layer is."""
        self._plate_wanted = name
        if self._work is None and self.picture is not None and name != self._plate:
            self._go_on(self._reading_plates())

    def waiting(self) -> Turns:
        """Wait until all is read. Raises MattedError where that fails."""
        while self._work is not None:
            yield LATER_MS
        if self.error is not None:
            raise self.error

    def image(self, view: View) -> Any:
        """Return the LayerImage of a view, transparent where pixels are not there yet; or None."""
        image = self._image
        pixels = image.image(view) if image is not None else None
        return LayerImage(pixels, self.masked(view)) if pixels is not None else None

    def selected(self, view: View) -> Optional[bytes]:
        """Return how far each pixel of a view is selected; None where nothing limits the mask, or it was closed.

        In any thread: it may be closed meanwhile.
        """
        image = self._limit_image
        return image.plane(view) if image is not None else None

    def masked(self, view: View) -> Optional[bytes]:
        """Return the values of a view of the mask that is to be refined; None where it was closed. In any thread."""
        image = self._hint_image
        return image.plane(view) if image is not None else None

    def close(self) -> None:
        """Have the daemon forget the layer, and read no more."""
        work, self._work = self._work, None
        if work is not None:
            work.close()
        if self.conversation is not None:
            self.conversation.close()
        self._image = self._limit_image = self._hint_image = None  # pixels do not wait for Python to collect this
        self.picture = self.hint = self._selected = None
        _open.discard(self)

    @property
    def is_open(self) -> bool:
        return self in _open

    def _reading(self) -> Turns:
        self.node, self.mask = self._find()
        layers.check(self.node, SELECTION)  # what the output needs is seen to when there is one
        reading = layers.read(self.document, self.node, self._begin)
        selecting, turn = None, 0
        while True:
            try:
                pause = next(reading)
            except StopIteration:
                pause = None
            if self.picture is None:
                yield pause
                continue
            if selecting is None:
                selecting = self._reading_selection()
            # The daemon cannot answer before it has the last pixel; what limits its answer is there by then.
            next(selecting, None)
            self._image.catch_up()
            if pause is None:
                break
            turn += 1
            if turn % SHOWN_EVERY == 1:
                self.came.emit()
            yield pause
        self.came.emit()
        if self.hint is not None:
            for pause in masks.read(self.document, self.mask, self.picture.area, self.hint):
                self._hint_image.catch_up()
                yield pause
            self._hint_image.catch_up()
            self.came.emit()
        yield from self._reading_plates()

    def _begin(self, picture: Picture) -> None:
        if self.limit is not None:
            self.box = layers.box(self.limit, picture, self.node.name())
        self.picture = picture
        self._image = Reduced(picture.pixels, picture.width, picture.height, PIXEL_BYTES)
        if self.limit is not None:
            self._selected = Filling(picture.width * picture.height)
            self._limit_image = Reduced(self._selected, picture.width, picture.height, 1)
        if self.mask is not None:
            self.hint = Filling(picture.width * picture.height)
            self._hint_image = Reduced(self.hint, picture.width, picture.height, 1)
        self.conversation = Conversation(self._connect, self._layer(), self._post)
        _conversations.add(self.conversation)
        self.conversation.start()
        self.begun.emit()

    def _layer(self, plate: Any = None) -> Layer:
        picture = self.picture
        return Layer(picture.pixels, picture.width, picture.height, FORMAT, plate, self.hint)

    def _reading_selection(self) -> Turns:
        if self.limit is None:
            return
        for pause in pixels.read(self.limit, self.picture.area, 1, self._selected.add):
            self._limit_image.catch_up()
            yield pause

    def _reading_plates(self) -> Turns:
        """Read the plate that is wanted, and, if it is another one meanwhile, that."""
        while self._plate_wanted != self._plate:
            name = self._plate = self._plate_wanted
            self.error = None
            if name is None:
                self.conversation.replace(self._layer())
                self.replaced.emit()
                continue
            try:
                yield from layers.read_plate(self.document, name, self.picture.area, self._take_plate)
            except MattedError as error:
                self.error = error
                self.failed.emit()

    def _take_plate(self, plate: Picture) -> None:
        self.conversation.replace(self._layer(plate.pixels))
        self.replaced.emit()

    def _go_on(self, work: Turns) -> None:
        self._work = work
        QtCore.QTimer.singleShot(NOW_MS, lambda: self._turn(work))

    def _turn(self, work: Turns) -> None:
        if work is not self._work:
            return  # the dialog is closed
        try:
            pause = next(work)
        except StopIteration:
            self._work = None
        except Exception as error:
            self._fail(fault(error))
        else:
            QtCore.QTimer.singleShot(pause, lambda: self._turn(work))

    def _fail(self, error: MattedError) -> None:
        self._work, self.error = None, error
        for filling in (self.picture.pixels if self.picture is not None else None, self.hint):
            if filling is not None:
                filling.fail(error)  # or the one who sends it would wait for ever
        self.failed.emit()

    def _post(self, act: Callable[[], None]) -> None:
        """Have a function run in Krita's own thread. For the conversation's."""
        self._posted.emit(act)

    def _run(self, act: Callable[[], None]) -> None:
        if not self.is_open:
            return
        try:
            act()
        except Exception:  # an exception that leaves a slot would open a second dialog
            traceback.print_exc()


@dataclass(frozen=True)
class Previewed:
    """The layer that a person saw in a dialog. marks: what was said of it; None where nothing could be said."""

    opened: OpenedLayer
    marks: Optional[Marks]


def stop_all() -> None:
    """Close what is open and wait for the threads, before Krita quits."""
    left: List[OpenedLayer] = list(_open)
    for layer in left:
        layer.close()
    deadline = time.monotonic() + STOP_SECONDS
    for conversation in list(_conversations):
        conversation.join(max(0.0, deadline - time.monotonic()))
