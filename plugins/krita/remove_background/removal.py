"""One removal, from the click, or from OK, to the masks of all layers that were selected."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence

from . import daemon_requests, layers, outputs
from .layers import Picture
from .matted_client.client import Mask
from .matted_client.errors import MattedError, Rejected
from .matted_client.grounds import describe_ground
from .matted_client.messages import NO_GROUND, NO_SUBJECT, TOO_LARGE, Progress
from .matted_client.options import MASK, NEW_LAYER, LayerOptions
from .matted_client.progress import describe, overall
from .operation import Operation
from .preview.opened_layer import Previewed
from .progress_dialog import TITLE
from .texts import WORDS, _
from .turns import Turns

LIMITED = _("The selection limits the mask.")


class Removal(Operation):
    """Removes the background of layers. See Operation for its signal and its attributes."""

    def __init__(
        self,
        main_window: Any,
        document: Any,
        nodes: Sequence[Any],
        options: LayerOptions,
        previewed: Optional[Previewed] = None,
    ) -> None:
        """nodes: what is selected. previewed: is asked about as it is in the daemon, and is closed at the end."""
        super().__init__(main_window, document, TITLE)
        self.options = options
        self.previewed = previewed
        self._nodes = nodes
        self._layers: List[Any] = []
        self._done = 0  # how many of them
        self._limit: Any = None  # the selection of the moment of the click
        self._made = False  # whether one of the layers is done
        self._picture: Optional[Picture] = None
        self._active: Any = None  # the node that is to be active afterwards

    @property
    def count(self) -> int:
        """The number of layers to cut out, at least 1."""
        return max(1, len(self._layers))

    @property
    def left(self) -> List[Any]:
        """The layers that were not reached."""
        return self._layers[self._done :]

    def _begin(self) -> None:
        if self.previewed is not None and self.previewed.opened.node is not None:
            layers.require(self.document, self.previewed.opened.node)
        self._layers = layers.targets(self._nodes)
        self._limit = self._selected()
        self._active = self.document.activeNode() if self.options.output == MASK else None
        if self._active is not None and self._active.type().endswith("mask"):
            self._active = None
        if self.count == 1:
            layers.check(self._layers[0], self.options.output)  # before a dialog flashes up
        self._show_dialog()
        self._soon(self._read)

    def _selected(self) -> Any:
        """Return the selection that limits the mask, or None: what was seen in the dialog, or what there is now."""
        if self.previewed is not None and self.previewed.opened.is_open:
            return self.previewed.opened.limit
        return layers.selected(self.document)

    def _read(self) -> None:
        node = self._layers[self._done]
        layers.require(self.document, node)
        layers.check(node, self.options.output)
        self._go_on(self._reading(node), lambda _: None)

    def _reading(self, node: Any) -> Turns:
        """Read a layer, and ask about it before that is over."""
        opened = self.previewed.opened if self.previewed is not None else None
        if opened is not None and opened.is_open and opened.node == node:
            yield from opened.waiting()
            self._picture = opened.picture
            fields = self._fields(node, opened.picture)
            self._ask(daemon_requests.mask_of(opened.conversation, self.options.model, fields), self._insert)
            return
        plate = self.options.plate
        if not plate:
            yield from layers.read(self.document, node, self._ask_about)
            return
        picture = yield from layers.read(self.document, node)
        yield from layers.read_plate(self.document, plate, picture, lambda other: self._ask_about(picture, other))

    def _ask_about(self, picture: Picture, plate: Optional[Picture] = None) -> None:
        self._picture = picture
        fields = self._fields(self._layers[self._done], picture)
        self._ask(daemon_requests.mask(picture, plate, self.options.model, fields), self._insert)

    def _fields(self, node: Any, picture: Picture) -> Dict[str, Any]:
        """Return the fields of the request: the options, and what was said of the layer."""
        box = layers.box(self._limit, picture, node.name()) if self._limit is not None else None
        fields = self.options.request(box)
        previewed = self.previewed
        if previewed is not None and previewed.marks is not None and previewed.opened.node == node:
            fields.update(previewed.marks.fields(fields["box"]))
        return fields

    def _require(self) -> None:
        layers.require(self.document, self._layers[self._done])

    def _show(self, progress: Progress) -> None:
        which = _("Layer %d of %d: ") % (self._done + 1, self.count) if self.count > 1 else ""
        self._dialog.report(which + describe(progress, WORDS), (self._done + overall(progress)) / self.count)

    def _insert(self, mask: Mask) -> None:
        node = self._layers[self._done]
        layers.require(self.document, node)
        layers.require_unlocked(node, self.options.output)
        if self._limit is not None:
            self._notice(LIMITED)
        for notice in [*layers.notices(node, self.options.output), *mask.info.warnings]:
            self._notice(notice)
        self._remark(describe_ground(mask.info, WORDS))
        self._go_on(self._putting(node, self._picture, mask), self._put)

    def _putting(self, node: Any, picture: Picture, mask: Mask) -> Turns:
        yield from layers.unchanged(self.document, node, picture)
        output, first = self.options.output, not self._made
        return (
            yield from outputs.put(self.main_window, self.document, node, picture, mask, output, self._limit, first)
        )

    def _put(self, active: Any) -> None:
        self._made = True
        if self.options.output == NEW_LAYER or self._active is None:
            self._active = active
        self._picture = self._request = self._work = None
        self._soon(self._next)

    def _next(self) -> None:
        self._done += 1
        if self._done < len(self._layers):
            self._read()
            return
        if self._active is not None:
            # Krita has made what was added active meanwhile; who goes on painting wants to paint on the layer
            self.document.setActiveNode(self._active)
        self._end()

    def _fail(self, error: MattedError) -> None:
        self._give_up()
        self.failures.append((self._layers[self._done] if self._done < len(self._layers) else None, error))
        if self.count > 1 and self._dialog is not None and _is_of_the_layer(error) and layers.is_open(self.document):
            self._soon(self._next)
        else:
            self._end()

    def _forget(self) -> None:
        self._picture = None

    def _end(self) -> None:
        if self.previewed is not None:
            self.previewed.opened.close()
        super()._end()


def _is_of_the_layer(error: MattedError) -> bool:
    """Return whether the error concerns only the one layer."""
    if isinstance(error, Rejected):
        return error.code in (NO_SUBJECT, NO_GROUND, TOO_LARGE)
    return type(error) is MattedError
