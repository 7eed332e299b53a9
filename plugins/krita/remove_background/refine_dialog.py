"""The dialog of "Refine Mask..."."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Tuple

from . import planes
from .matted_client.options import Choice, RefineOptions
from .matted_client.pictures import Cancelled, Mask, OnProgress, OpenPicture
from .matted_client.preview.camera import View
from .matted_client.preview.presenter import AskView, ask_for_refined
from .matted_client.preview.shades import REACH
from .preview.dialog_parts import Note
from .preview.opened_layer import OpenedLayer
from .preview.preview_dialog import PreviewDialog
from .refinement import LIMITED, TITLE
from .texts import _


class RefineDialog(PreviewDialog):
    """Emits `chosen` with the options and the marks when it is accepted."""

    def __init__(self, main_window: Any, options: RefineOptions, opened: OpenedLayer) -> None:
        """opened: what the preview shows."""
        super().__init__(main_window, TITLE, RefineOptions, (), opened)
        self._which = Note()
        self._limited = Note()
        self._how = Note()
        for name in self._entries:
            self.form.addRow(self._controls[name].label, self._controls[name].row)
        for line in (self._which, self._limited, self._how):
            self.notes.addWidget(line)
        self._how.say(_("Paint white or black on the mask, where it is wrong, and refine it again."))
        self._limited.say(LIMITED if opened.limit is not None else "")
        opened.begun.connect(self._say_which)
        self.fill(options)

    def ask_view(self) -> AskView:
        def ask(
            picture: OpenPicture, view: View, fields: Dict[str, Any], on_progress: OnProgress, cancelled: Cancelled
        ) -> Mask:
            mask = ask_for_refined(picture, view, fields, on_progress, cancelled)
            return self._within(view, mask, bool(fields.get("band")))

        return ask

    def _within(self, view: View, mask: Mask, is_band: bool) -> Mask:
        """Leave the mask as it is where nothing is selected. In the conversation's thread."""
        selected = self._opened.selected(view)
        if selected is None:
            return mask
        old = bytes(len(mask.alpha)) if is_band else self._opened.masked(view)
        if old is None:  # the dialog was closed meanwhile
            return mask
        alpha = planes.mixed(mask.alpha, old, selected, view.width, view.height)
        return Mask(bytearray(alpha), mask.info)

    def more_shades(self) -> Sequence[Choice]:
        return (REACH,)

    def request(self) -> Tuple[Dict[str, Any], Optional[List[int]]]:
        return self.options().request(), None

    def _say_which(self) -> None:
        values = self._opened.mask.name(), self._opened.node.name()
        self._which.say(_('The mask "%s" of the layer "%s".') % values)
