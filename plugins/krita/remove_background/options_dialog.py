"""The dialog of "Remove Background...".

The dialog comes up at once with what is known, and is usable before the daemon has said which models there are.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, List, Optional, Sequence, Tuple

from . import daemon_requests, frames, layers
from .get_model import GetModel
from .matted_client.errors import MattedError
from .matted_client.models import Facts
from .matted_client.options import MODEL, NEW_LAYER, GroundOptions, KritaOptions, entries
from .matted_client.preview.camera import View
from .matted_client.preview.presenter import AskView, ask_for_mask
from .matted_client.sentences import in_words
from .preview.dialog_parts import Note
from .preview.opened_layer import OpenedLayer
from .preview.preview_dialog import PreviewDialog
from .progress_dialog import TITLE
from .removal import LIMITED
from .request_thread import RequestThread
from .texts import WORDS, _, ngettext


class OptionsDialog(PreviewDialog):
    """Emits `chosen` with the options and the marks when it is accepted."""

    def __init__(
        self, main_window: Any, document: Any, nodes: Sequence[Any], options: KritaOptions, opened: OpenedLayer
    ) -> None:
        """nodes: the selected ones, which cannot be the plate. opened: what the preview shows."""
        super().__init__(main_window, TITLE, KritaOptions, _plates(document, nodes), opened)
        self._document = document
        self._nodes = nodes
        self._animated = _animated(nodes)
        self._several = False  # known when the layer is there
        self._models = self._controls["model"].widget
        self._about = Note()
        self._getter = GetModel()
        self._which = Note()
        self._limited = Note()
        self._version = Note()
        is_limited = opened.limit is not None
        self._limited.say(LIMITED if is_limited else "")
        self._controls["within_selection"].enable(is_limited)
        self.form.addRow(self._controls["model"].label, self._models)
        self.form.addRow("", self._about)
        self.form.addRow("", self._getter)
        for name, entry in self._entries.items():
            if entry.kind != MODEL:
                self.form.addRow(self._controls[name].label, self._controls[name].row)
        if not self._animated:
            for part in (self._controls["frames"].row, self.form.labelForField(self._controls["frames"].row)):
                part.hide()
        self._frames = Note()
        for line in (self._which, self._frames, self._limited, self._version):
            self.notes.addWidget(line)
        opened.begun.connect(self._say_which)
        self._hint = _("Asking matted for its models")  # what is said of a model until they are known
        self.fill(options)
        self.explain()
        self._getter.listed.connect(self._list_anew)
        self._getter.busy.connect(lambda is_busy: self.ok.setEnabled(not is_busy))
        self._request: Optional[RequestThread] = RequestThread(daemon_requests.models(self._models.chosen()))
        self._request.succeeded.connect(self._list)
        self._request.failed.connect(self._list_nothing)
        self.finished.connect(self._stop)
        self._request.start()

    def ask_view(self) -> AskView:
        return ask_for_mask

    def limit(self, view: View) -> Optional[bytes]:
        return self._opened.selected(view)

    def request(self) -> Tuple[Dict[str, Any], Optional[List[int]]]:
        options = self.options()
        if self._frame_count():
            options = dataclasses.replace(options, output=NEW_LAYER)  # which several frames become
        self._opened.choose_plate(options.plate)
        return options.request(), self._opened.box if options.within_selection else None

    def explain(self) -> None:
        """Describe the chosen model, and grey out what has no effect."""
        self._about.say(self._models.about() or self._hint)
        self._getter.choose(self._models.chosen())
        for name, entry in self._entries.items():
            if entry.only_with is not None:
                other, value = entry.only_with
                self._controls[name].enable(self._controls[other].value() == value)
        self._controls["plate"].enable(self._models.takes_plate())
        count = self._frame_count()
        only_frames = bool(count) and len(self._animated) == len(self._nodes)
        self._controls["output"].enable(not only_frames)
        if only_frames:
            self._controls["crop"].enable(False)  # Krita's frames have no size of their own
        # With the row that gets a model, the dialog would be too high for 720 lines if this row were always there.
        self._controls["crop"].row.setVisible(self._controls["output"].value() == NEW_LAYER)
        if count:
            self._controls["clean_colours"].enable(True)
            text = ngettext("%d frame becomes a new animated layer.", "%d frames become a new animated layer.", count)
            self._frames.say(" ".join([text % count, _("Marks count for the frame in the preview only.")]))
        else:
            self._frames.say("")

    def _frame_count(self) -> int:
        """Return how many frames are cut out one by one."""
        which = self._controls["frames"].value()
        return sum(len(frames.times(self._document, node, which)) for node in self._animated)

    def _say(self) -> None:
        super()._say()
        presenter = self._preview.presenter
        if presenter is not None and not self._is_over:
            has_effect = presenter.has_ground is not False or self._several  # the others may have a flat ground
            for name in entries(GroundOptions):
                self._controls[name].enable(has_effect)

    def _list(self, answer: Tuple[List[Facts], Facts, str]) -> None:
        models, offered, note = answer
        if self._request is not None:
            self._hint = ""
            self._getter.fill(models, offered)
            self._list_anew(models, False)
            self._version.say(note)

    def _list_anew(self, models: List[Facts], came: bool) -> None:
        """Show other facts of the models. came: the one that is chosen has come."""
        self._models.fill(models)
        self.explain()
        if came:
            self.show_options(True)

    def _list_nothing(self, error: MattedError) -> None:
        if self._request is not None:
            self._hint = " ".join(in_words(error, WORDS))
            self.explain()

    def _say_which(self) -> None:
        """Name the layer in the preview, where there are others."""
        self._several = len(layers.targets(self._nodes)) > 1
        if self._several:
            name = self._opened.node.name()
            self._which.say(_('Preview of "%s"; marks count for this layer only.') % name)

    def _stop(self) -> None:
        """Cancel the requests: Qt is about to delete the dialog."""
        self._getter.stop()
        if self._request is not None:
            self._request.cancel()
            self._request = None


def _animated(nodes: Sequence[Any]) -> List[Any]:
    """Return the layers that have frames of their own."""
    try:
        return [node for node in layers.targets(nodes) if frames.are_of(node)]
    except MattedError:  # there is no layer, which the preview says
        return []


def _plates(document: Any, nodes: Sequence[Any]) -> List[str]:
    """Return the names of the layers that could be a plate."""
    taken = [node.uniqueId() for node in nodes]
    names = []
    waiting = document.topLevelNodes()
    while waiting:
        node = waiting.pop()
        if node.type().endswith("layer") and node.type() != "filterlayer":
            if node.uniqueId() not in taken and node.name() not in names:
                names.append(node.name())
            waiting.extend(node.childNodes())
    return names
