"""One removal, from the click, or from OK, to the masks of all layers that were selected."""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, List, Optional, Sequence

from . import daemon_requests, frames, layers, new_layers, outputs
from .layers import Picture
from .matted_client.client import Mask
from .matted_client.errors import MattedError, Rejected
from .matted_client.grounds import describe_ground
from .matted_client.messages import NO_GROUND, NO_SUBJECT, TOO_LARGE, Progress
from .matted_client.options import MASK, NEW_LAYER, SELECTION, KritaOptions
from .matted_client.progress import describe, overall
from .operation import Operation
from .preview.opened_layer import Previewed
from .progress_dialog import TITLE
from .texts import WORDS, _, ngettext
from .turns import Turns

LIMITED = _("The selection limits the mask.")


class Removal(Operation):
    """Removes the background of layers. See Operation for its signal and its attributes."""

    def __init__(
        self,
        main_window: Any,
        document: Any,
        nodes: Sequence[Any],
        options: KritaOptions,
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
        self._times: List[int] = []  # when the frames begin that are cut out of the layer one by one
        self._frame = 0  # how many of them are done
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
        self._look_for_frames()
        self._active = self.document.activeNode() if self.options.output == MASK else None
        if self._active is not None and self._active.type().endswith("mask"):
            self._active = None
        if self.count == 1:
            layers.check(self._layers[0], self._asked_for.output)  # before a dialog flashes up
        self._show_dialog()
        self._soon(self._read)

    def _look_for_frames(self) -> None:
        self._times = frames.times(self.document, self._layers[self._done], self.options.frames)
        self._frame = 0

    @property
    def _asked_for(self) -> KritaOptions:
        """The options for the layer that it is the turn of: several frames become a layer."""
        return dataclasses.replace(self.options, output=NEW_LAYER) if self._times else self.options

    def _selected(self) -> Any:
        """Return the selection that limits the mask, or None: what was seen in the dialog, or what there is now."""
        if self.previewed is not None and self.previewed.opened.is_open:
            return self.previewed.opened.limit
        return layers.selected(self.document)

    def _read(self) -> None:
        node = self._layers[self._done]
        layers.require(self.document, node)
        self._look_for_frames()
        layers.check(node, self._asked_for.output)
        if self._times:
            self._go_on(self._cutting_frames(node), self._put)
        else:
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
        yield from layers.read_plate(self.document, plate, picture.area, lambda other: self._ask_about(picture, other))

    def _ask_about(self, picture: Picture, plate: Optional[Picture] = None) -> None:
        self._picture = picture
        fields = self._fields(self._layers[self._done], picture)
        self._ask(daemon_requests.mask(picture, plate, self.options.model, fields), self._insert)

    def _cutting_frames(self, node: Any) -> Turns:
        """Cut out the frames of an animated layer. Returns the new layer, which is put into the picture at the end."""
        options, plate = self._asked_for, None
        unseen: List[Rejected] = []
        some = False  # whether there is anything in the new layer
        seen = self.previewed.opened.picture if self._is_previewed(node) else None
        shown = frames.shown(self.document, node)
        with frames.copied(self.document, node, options.clean_colours) as copies:
            yield from copies.measuring(self._times, seen.area if seen is not None else None)
            if options.plate:
                plate = yield from layers.read_plate(self.document, options.plate, copies.area)
            with daemon_requests.Frames(plate, options.model) as scene:
                for number, time in enumerate(self._times):
                    self._frame = number
                    self._report(_("Reading the layer"))
                    picture = yield from copies.reading(time)
                    if picture is None:
                        continue  # an empty frame stays empty
                    fields = self._fields(node, picture, time == shown)
                    try:
                        mask = yield from self._answer(scene.mask(picture, fields))
                    except Rejected as error:
                        if error.code not in (NO_SUBJECT, NO_GROUND):
                            raise
                        unseen.append(error)
                        copies.clear()
                        continue
                    self._tell_of_mask(mask)
                    alpha = yield from outputs.limited(self._limit, picture.area, mask.alpha)
                    finished = mask.foreground if self._limit is None else None
                    yield from copies.putting(picture, alpha, mask.foreground, finished)
                    some = True
            if unseen and not some:
                raise unseen[0]
            if unseen:
                text = ngettext("No subject was found in %d frame.", "No subject was found in %d frames.", len(unseen))
                self._notice(text % len(unseen))
            self._tell_of_layer(node, SELECTION)  # all frames are cut out: nothing is to be said of them
            layer = copies.layer()
            layer.setName(new_layers.CUT_OUT % node.name())
            new_layers.insert(self.document, node, layer)
            return layer

    def _fields(self, node: Any, picture: Picture, with_marks: bool = True) -> Dict[str, Any]:
        """Return the fields of the request: the options, and what was said of the layer."""
        box = layers.box(self._limit, picture, node.name()) if self._limit is not None else None
        fields = self._asked_for.request(box)
        previewed = self.previewed
        if with_marks and self._is_previewed(node) and previewed.marks is not None:
            seen = previewed.opened.picture
            fields.update(previewed.marks.fields(fields["box"], (seen.x - picture.x, seen.y - picture.y)))
        return fields

    def _is_previewed(self, node: Any) -> bool:
        """Return whether a person saw the layer in a dialog."""
        opened = self.previewed.opened if self.previewed is not None else None
        return opened is not None and opened.is_open and opened.node == node and opened.picture is not None

    def _require(self) -> None:
        layers.require(self.document, self._layers[self._done])

    def _show(self, progress: Progress) -> None:
        self._report(describe(progress, WORDS), overall(progress))

    def _report(self, text: str, part: float = 0.0) -> None:
        """Show how far it is. part: of the layer, or of the frame, that it is the turn of."""
        frames_of_it = len(self._times)
        if frames_of_it:
            text = _("Frame %d of %d: ") % (self._frame + 1, frames_of_it) + text
            part = (self._frame + part) / frames_of_it
        if self.count > 1:
            text = _("Layer %d of %d: ") % (self._done + 1, self.count) + text
        self._dialog.report(text, (self._done + part) / self.count)

    def _insert(self, mask: Mask) -> None:
        node = self._layers[self._done]
        layers.require(self.document, node)
        layers.require_unlocked(node, self.options.output)
        self._tell_of_layer(node, self.options.output)
        self._tell_of_mask(mask)
        self._go_on(self._putting(node, self._picture, mask), self._put)

    def _tell_of_layer(self, node: Any, output: str) -> None:
        if self._limit is not None:
            self._notice(LIMITED)
        for notice in layers.notices(node, output):
            self._notice(notice)

    def _tell_of_mask(self, mask: Mask) -> None:
        for warning in mask.info.warnings:
            self._notice(warning)
        self._remark(describe_ground(mask.info, WORDS))

    def _putting(self, node: Any, picture: Picture, mask: Mask) -> Turns:
        yield from layers.unchanged(self.document, node, picture)
        options, first = self.options, not self._made
        return (
            yield from outputs.put(self.main_window, self.document, node, picture, mask, options, self._limit, first)
        )

    def _put(self, active: Any) -> None:
        self._made = True
        if self._asked_for.output == NEW_LAYER or self._active is None:
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
