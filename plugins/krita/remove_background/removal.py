"""One removal, from the click to the masks of all layers that were selected.

Every step is started by Krita's own event loop and returns to it: a layer is read in turns while a thread sends what is
there and asks the daemon, its signal brings the mask, the mask is put on the layer, the next one is read. There is no
nested event loop, because Krita holds events back while one runs.
"""

from __future__ import annotations

import traceback
from typing import Any, Callable, List, Optional, Sequence, Tuple

from . import daemon_requests, layers, outputs, windows
from .layers import Picture
from .matted_client.client import Mask
from .matted_client.errors import MattedError, Rejected
from .matted_client.messages import NO_SUBJECT, OUT_OF_MEMORY, TOO_LARGE, Progress
from .matted_client.options import MASK, NEW_LAYER, LayerOptions
from .matted_client.progress import describe, overall
from .matted_client.sentences import SENTENCES
from .progress_dialog import ProgressDialog
from .qt import QtCore
from .request_thread import RequestThread
from .texts import WORDS, _
from .turns import NOW_MS, Turns

LIMITED = _("The selection limits the mask.")

Failure = Tuple[Any, MattedError]  # a layer, or None where it was not one layer's fault, and what went wrong


class Removal(QtCore.QObject):
    """Emits `finished` exactly once, whatever happens.

    failures: what went wrong then; empty after a cancellation.
    notices: what a person may not expect of the result, in sentences.
    """

    finished = QtCore.pyqtSignal(object)  # self

    def __init__(self, main_window: Any, document: Any, nodes: Sequence[Any], options: LayerOptions) -> None:
        """nodes: what is selected."""
        super().__init__()
        self.main_window = main_window
        self.document = document
        self.options = options
        self.failures: List[Failure] = []
        self._nodes = nodes
        self._layers: List[Any] = []
        self._done = 0  # how many of them
        self._limit: Any = None  # the selection of the moment of the click
        self._made = False  # whether one of the layers is done
        self._picture: Optional[Picture] = None
        self._active: Any = None  # the node that is to be active afterwards
        self.notices: List[str] = []
        self._work: Optional[Turns] = None  # what is done in turns: reading, or putting
        self._dialog: Optional[ProgressDialog] = None
        self._request: Optional[RequestThread] = None
        self._over = False

    @property
    def count(self) -> int:
        """The number of layers to cut out, at least 1."""
        return max(1, len(self._layers))

    @property
    def left(self) -> List[Any]:
        """The layers that were not reached."""
        return self._layers[self._done :]

    def start(self) -> None:
        self._step(self._begin)

    def _step(self, step: Callable[..., None], *values: Any) -> None:
        """Run one step. An error ends the work on this layer, and on all layers unless it concerns only this one."""
        if self._over:
            return
        try:
            step(*values)
        except MattedError as error:
            self._fail(error)
        except MemoryError:
            traceback.print_exc()
            self._fail(MattedError(*SENTENCES[OUT_OF_MEMORY]))
        except Exception as error:  # ours or Krita's: an exception that leaves a slot would open a second dialog
            traceback.print_exc()
            reason = "%s: %s" % (type(error).__name__, error)
            self._fail(MattedError(_("The background could not be removed."), _("Krita said: %s") % reason))

    def _begin(self) -> None:
        self._layers = layers.targets(self._nodes)
        selection = self.document.selection()
        self._limit = selection.duplicate() if selection is not None else None  # the original may be replaced
        self._active = self.document.activeNode() if self.options.output == MASK else None
        if self._active is not None and self._active.type().endswith("mask"):
            self._active = None
        if self.count == 1:
            layers.check(self._layers[0], self.options.output)  # before a dialog flashes up
        self._dialog = ProgressDialog(self.main_window)
        self._dialog.cancelled.connect(self._cancel)
        self._dialog.show()
        QtCore.QTimer.singleShot(NOW_MS, lambda: self._step(self._read))

    def _read(self) -> None:
        node = self._layers[self._done]
        layers.require(self.document, node)
        layers.check(node, self.options.output)
        self._go_on(self._reading(node), lambda _: None)

    def _reading(self, node: Any) -> Turns:
        """Read a layer, and ask about it before that is over."""
        plate = self.options.plate
        if not plate:
            yield from layers.read(self.document, node, self._ask)
            return
        picture = yield from layers.read(self.document, node)
        yield from layers.read_plate(self.document, plate, picture, lambda other: self._ask(picture, other))

    def _ask(self, picture: Picture, plate: Optional[Picture] = None) -> None:
        self._picture = picture
        name = self._layers[self._done].name()
        box = layers.box(self._limit, picture, name) if self._limit is not None else None
        which = self._done  # not the request: it would hold itself, and the pixels, until Python collects them
        self._request = RequestThread(daemon_requests.mask(picture, plate, box, self.options))
        self._request.progressed.connect(lambda progress: self._answered(which, self._show, progress))
        self._request.succeeded.connect(lambda mask: self._answered(which, self._insert, mask))
        self._request.failed.connect(lambda error: self._answered(which, self._refuse, error))
        self._request.start()

    def _answered(self, which: int, step: Callable[..., None], value: Any) -> None:
        """Run one step with what the request for a layer says, unless that layer was given up."""
        if which == self._done and self._request is not None:
            self._step(step, value)

    def _show(self, progress: Progress) -> None:
        which = _("Layer %d of %d: ") % (self._done + 1, self.count) if self.count > 1 else ""
        self._dialog.report(which + describe(progress, WORDS), (self._done + overall(progress)) / self.count)

    def _insert(self, mask: Mask) -> None:
        node = self._layers[self._done]
        layers.require(self.document, node)
        layers.require_unlocked(node, self.options.output)
        if self._limit is not None:
            self._notice(LIMITED)
        output = self.options.output
        for notice in [*layers.notices(node, output), *mask.info.warnings]:
            self._notice(notice)
        first = not self._made
        putting = outputs.put(self.main_window, self.document, node, self._picture, mask, output, self._limit, first)
        self._go_on(putting, self._put)

    def _go_on(self, work: Turns, then: Callable[[Any], None]) -> None:
        """Begin to work in turns. then: called with the result."""
        self._work = work
        self._turn(work, then)

    def _turn(self, work: Turns, then: Callable[[Any], None]) -> None:
        if work is not self._work:
            return  # it was given up
        layers.require(self.document, self._layers[self._done])
        try:
            pause = next(work)
        except StopIteration as end:
            then(end.value)
        else:
            QtCore.QTimer.singleShot(pause, lambda: self._step(self._turn, work, then))

    def _put(self, active: Any) -> None:
        self._made = True
        if self.options.output == NEW_LAYER or self._active is None:
            self._active = active
        self._picture = self._request = self._work = None
        QtCore.QTimer.singleShot(0, lambda: self._step(self._next))

    def _notice(self, text: str) -> None:
        if text not in self.notices:
            self.notices.append(text)

    def _next(self) -> None:
        self._done += 1
        if self._done < len(self._layers):
            self._read()
            return
        if self._active is not None:
            # Krita has made what was added active meanwhile; who goes on painting wants to paint on the layer
            self.document.setActiveNode(self._active)
        self._end()

    def _refuse(self, error: MattedError) -> None:
        raise error

    def _fail(self, error: MattedError) -> None:
        self._give_up()
        self.failures.append((self._layers[self._done] if self._done < len(self._layers) else None, error))
        if self.count > 1 and self._dialog is not None and _is_of_the_layer(error) and layers.is_open(self.document):
            QtCore.QTimer.singleShot(0, lambda: self._step(self._next))
        else:
            self._end()

    def _give_up(self) -> None:
        """Cancel the request that runs, if one does, and what is half read, or half put into the document."""
        request, work = self._request, self._work
        self._picture = self._request = self._work = None
        if request is not None:
            request.cancel()  # it tells the daemon and ends by itself; nobody listens to it any more
        if work is not None:
            try:
                work.close()
            except Exception:  # what it puts back may be gone, as with the Krita window; the removal has to end
                traceback.print_exc()

    def _cancel(self) -> None:
        self._give_up()
        self.failures = []
        self._end()

    def _end(self) -> None:
        if self._over:
            return
        self._over = True
        self._picture = self._request = None  # a large layer's pixels do not wait for Python to collect this object
        try:
            if self._dialog is not None:
                self._dialog.finish()
            if self.notices and not self.failures:
                windows.say(self.main_window, " ".join(self.notices))
        except RuntimeError:  # Qt's objects are gone: the Krita window was closed, and the dialog with it
            traceback.print_exc()
        self.finished.emit(self)


def _is_of_the_layer(error: MattedError) -> bool:
    """Return whether the error concerns only the one layer."""
    return error.code in (NO_SUBJECT, TOO_LARGE) if isinstance(error, Rejected) else type(error) is MattedError
