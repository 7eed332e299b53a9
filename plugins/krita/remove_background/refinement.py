"""One refinement of a mask that is there, from OK, or from another script, to the mask in its place."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

from . import daemon_requests, layers, masks, pixels, planes
from .layers import Picture
from .matted_client.client import Mask
from .matted_client.errors import MattedError
from .matted_client.filling import Filling
from .matted_client.messages import Progress
from .matted_client.options import MASK, RefineOptions
from .matted_client.progress import describe, overall
from .operation import Operation
from .preview.opened_layer import Previewed
from .texts import WORDS, _
from .turns import Turns

TITLE = _("Refine Mask")
LIMITED = _("There is a selection: only what lies in it is changed.")


class Refinement(Operation):
    """Refines a mask. See Operation for its signal and its attributes."""

    def __init__(
        self,
        main_window: Any,
        document: Any,
        node: Any,
        options: RefineOptions,
        previewed: Optional[Previewed] = None,
    ) -> None:
        """node: a mask, or a layer that has one. previewed: is asked about as it is in the daemon, and is closed."""
        super().__init__(main_window, document, TITLE)
        self.options = options
        self._previewed = previewed
        self._node = node
        self._layer: Any = None
        self._mask: Any = None
        self._picture: Optional[Picture] = None
        self._hint: Optional[Filling] = None  # the bytes of the mask that is there
        self._limit: Any = None  # the selection of the moment of the click

    def _begin(self) -> None:
        self._layer, self._mask = self._found()
        opened = self._previewed.opened if self._previewed is not None else None
        self._limit = opened.limit if opened is not None else layers.selected(self.document)
        layers.require(self.document, self._layer)
        layers.check(self._layer, MASK)
        masks.check(self._mask)
        self._show_dialog()
        self._soon(lambda: self._go_on(self._reading(), lambda _: None))

    def _found(self) -> Tuple[Any, Any]:
        """Return the layer and the mask that were seen in the dialog, or those of the node."""
        opened = self._previewed.opened if self._previewed is not None else None
        if opened is not None and opened.mask is not None:
            return opened.node, opened.mask
        return masks.find(self._node)

    def _reading(self) -> Turns:
        previewed = self._previewed
        if previewed is not None and previewed.opened.is_open:
            opened = previewed.opened
            yield from opened.waiting()
            self._picture, self._hint = opened.picture, opened.hint
            self._ask(daemon_requests.refined_of(opened.conversation, self._fields()), self._insert)
            return

        def begin(picture: Picture) -> None:
            if self._limit is not None:
                layers.box(self._limit, picture, self._layer.name())
            self._picture, self._hint = picture, Filling(picture.width * picture.height)
            self._ask(daemon_requests.refined(picture, self._hint, self._fields()), self._insert)

        picture = yield from layers.read(self.document, self._layer, begin)
        yield from masks.read(self.document, self._mask, picture.area, self._hint)

    def _fields(self) -> Dict[str, Any]:
        """Return the fields of the request: the options, and what was said of the layer."""
        fields = self.options.request()
        if self._previewed is not None and self._previewed.marks is not None:
            fields.update(self._previewed.marks.fields())
        return fields

    def _require(self) -> None:
        layers.require(self.document, self._layer)
        masks.require(self.document, self._mask)

    def _show(self, progress: Progress) -> None:
        self._dialog.report(describe(progress, WORDS), overall(progress))

    def _insert(self, mask: Mask) -> None:
        self._require()
        layers.require_unlocked(self._layer, MASK)
        masks.check(self._mask)
        made_active = [masks.ACTIVE] if self._mask.type() == masks.SELECTED else []
        for notice in [*layers.notices(self._layer, MASK, self._mask), *made_active, *mask.info.warnings]:
            self._notice(notice)
        self._go_on(self._mixing(mask.alpha), self._put)

    def _mixing(self, alpha: bytearray) -> Turns:
        """Return the new mask where something is selected, and what was there elsewhere; turn by turn.

        Raises MattedError if the layer or its mask is not what it was.
        """
        yield from layers.unchanged(self.document, self._layer, self._picture)
        yield from masks.unchanged(self.document, self._mask, self._picture.area, self._hint)
        if self._limit is None:
            return alpha
        selected, mixed = bytearray(), bytearray()
        new, old = memoryview(alpha), self._hint.bytes
        width, start = self._picture.width, 0
        for pause in pixels.read(self._limit, self._picture.area, 1, selected.extend):
            part = slice(start, len(selected))
            rows = (len(selected) - start) // width
            mixed += planes.mixed(new[part], old[part], bytes(selected[part]), width, rows)
            start = len(selected)
            yield pause
        return mixed

    def _put(self, alpha: bytearray) -> None:
        self._work = None
        active = self.document.activeNode()
        masks.replace(self.main_window, self.document, self._layer, self._mask, self._picture.area, alpha)
        self._soon(lambda: self._close_with(active))

    def _forget(self) -> None:
        self._picture = self._hint = None

    def _close_with(self, active: Any) -> None:
        """Have the layer active again that was, unless that was the mask itself."""
        if active is not None and active != self._mask:
            self.document.setActiveNode(active)
        self._end()

    def _fail(self, error: MattedError) -> None:
        self._give_up()
        self.failures.append((self._layer, error))
        self._end()

    def _end(self) -> None:
        if self._previewed is not None:
            self._previewed.opened.close()
        super()._end()
