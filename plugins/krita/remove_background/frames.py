"""The frames of an animated layer: read, and cut out, on copies of the layer in a document that no window shows.

A copy has all key frames, at their times. The cut-outs are written over those of one copy, which then becomes the new
layer. Krita offers scripts no other way to key frames at times of their own: `Document.importAnimation` spaces them
evenly, and Krita 5.2 crashes in it now and then.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator, List, Optional

from . import layers, new_layers, pixels
from .layers import PIXEL_BYTES, RGB, SRGB, U8, Area, Picture, scratch
from .matted_client.filling import Filling
from .matted_client.options import PLAYED_FRAMES, THIS_FRAME
from .qt import QtCore
from .turns import Turns, settled


def are_of(node: Any) -> bool:
    """Return whether the layer has frames of its own. A group or a clone only shows those of others."""
    return bool(node.type() == "paintlayer" and node.animated())


def times(document: Any, node: Any, which: str) -> List[int]:
    """Return when the frames begin that are to be cut out one by one; nothing where the layer is taken as it is shown.

    which: a value of the option `frames`.
    """
    if which == THIS_FRAME or not are_of(node):
        return []
    keys = [time for time in range(document.animationLength()) if node.hasKeyframeAtTime(time)]
    if which != PLAYED_FRAMES:
        return keys
    first, last = document.playBackStartTime(), document.playBackEndTime()
    held = max((key for key in keys if key <= first), default=first)  # a frame is held until the next one
    return [key for key in keys if held <= key <= last]


def shown(document: Any, node: Any) -> int:
    """Return when the frame began that is shown now."""
    return max((time for time in range(document.currentTime() + 1) if node.hasKeyframeAtTime(time)), default=0)


@contextmanager
def copied(document: Any, node: Any, clean: bool) -> Iterator["Frames"]:
    """Copy a layer with its frames, for as long as the `with` block. clean: whether the daemon sends the colours."""
    with scratch(document) as other:
        try:
            yield Frames(document, other, node, clean)
        finally:
            other.waitForDone()


class Frames:
    """The copies. One is read; on another the cut-outs are put.

    area: where all frames lie that were measured. They are read and cut out as pictures of this one size.
    """

    def __init__(self, document: Any, other: Any, node: Any, clean: bool) -> None:
        """other: an empty document. The rest is as for `copied`."""
        self._document = document
        self._other = other
        masked = not clean and hasattr(document, "createTransparencyMask")  # Krita 5.2
        for _copy in range(3 if masked else 2):
            other.rootNode().addChildNode(node.duplicate(), None)
        # The copies are edited only now: before, they are still connected to their document's undo history.
        self._seen, self._made, *more = other.topLevelNodes()
        for copy in (self._seen, self._made, *more):
            copy.setVisible(True)
            copy.setLocked(False)
            for child in copy.childNodes():
                # The other masks are applied, as a mask of the layer would come after them.
                if copy is self._made or child.type() == "transparencymask":
                    child.remove()
        other.waitForDone()
        _convert(self._seen, RGB, U8, SRGB)
        self._mask: Any = None
        self._masked: Any = None
        if more:
            self._mask, self._masked = other.createTransparencyMask(""), more[0]
            self._masked.addChildNode(self._mask, None)
        for copy in (self._made, *more):
            _convert(copy, document.colorModel(), document.colorDepth(), document.colorProfile())
        other.waitForDone()
        self.area: Area = (0, 0, 0, 0)

    def measuring(self, moments: List[int], least: Optional[Area] = None) -> Turns:
        """Find the area. least: has to be in it. Raises MattedError if it is empty, or larger than the daemon takes."""
        found = QtCore.QRect(*least) if least is not None else QtCore.QRect()
        for time in moments:
            yield from self._go_to(time)
            found = found.united(self._seen.bounds())
        self.area = layers.area_of(found)

    def reading(self, time: int) -> Turns:
        """Read what the layer shows at a time. Returns its Picture, or None where nothing is visible."""
        yield from self._go_to(time)
        _x, _y, width, height = self.area
        filling = Filling(width * height * PIXEL_BYTES)
        yield from pixels.read(_Projection(self._seen), self.area, PIXEL_BYTES, filling.add)
        if bytes(filling.bytes)[PIXEL_BYTES - 1 :: PIXEL_BYTES].count(0) == width * height:
            return None
        return Picture(*self.area, filling, self._seen.bounds())

    def putting(
        self, picture: Picture, alpha: bytearray, colours: Optional[bytearray], finished: Optional[bytearray]
    ) -> Turns:
        """Put what was cut out in the place of the frame that was read last. Parameters are those of new_layers.add."""
        if colours is None and self._mask is not None:
            yield from pixels.write(self._mask, self.area, 1, alpha)
            self._other.refreshProjection()
            yield from settled(self._other)
            values = self._masked.projectionPixelData(*self.area)
        else:
            values = yield from new_layers.coloured(self._document, picture, alpha, colours, finished)
        self._made.setPixelData(values, *self.area)

    def clear(self) -> None:
        """Let the frame that was read last be empty."""
        size = self._made.pixelData(*self.area).size()
        self._made.setPixelData(QtCore.QByteArray(size, b"\0"), *self.area)

    def layer(self) -> Any:
        """Return the new layer, which is in no picture yet. Frames that were not cut out are in it as they were."""
        return self._made.duplicate()

    def _go_to(self, time: int) -> Turns:
        self._other.setCurrentTime(time)
        yield from settled(self._other)
        self._other.setModified(False)  # or Krita saves it by itself, after some minutes


class _Projection:
    """What a layer shows, with its masks, as `pixels.read` takes it."""

    def __init__(self, node: Any) -> None:
        self.pixelData = node.projectionPixelData


def _convert(node: Any, model: str, depth: str, profile: str) -> None:
    """Have all frames of a layer in another colour space."""
    if (node.colorModel(), node.colorDepth(), node.colorProfile()) != (model, depth, profile):
        node.setColorSpace(model, depth, profile)
