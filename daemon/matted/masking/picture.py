"""A picture to be masked: its pixels, its plate and its hint, and what has been found out about it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from copy import copy
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from matted.inference.layer import Layer
from matted.masking import ground
from matted.masking.ground import Ground
from matted.masking.view import View

REMEMBERED_BYTES = 96_000_000  # of what is found out about a picture and leaves: some views, and mattes of some clicks

T = TypeVar("T")


class Picture:
    """What a client sent of one picture. The frames are neither copied nor changed. For several threads at once.

    width, height: in pixels.
    format: one of the protocol's.
    frames: as received.
    has_plate: whether there is one.
    hint: height x width, uint8: 0 background, 255 subject, else undecided. None: there is no hint.
    findings: what has been found out about it, whatever the hint.
    answers: what has been found out with the hint. A question's own hint has its own, which end with the question.
    """

    def __init__(
        self,
        width: int,
        height: int,
        format: str,
        frames: Sequence[memoryview],
        plate: bool = False,
        hint: bool = False,
        find_ground: Callable[[Layer], Ground | None] | None = None,
    ) -> None:
        """Take the frames: the pixels, those of the plate and the hint, as far as there are any.

        width, height, format: of the pixels, and of the plate's.
        frames: of the sizes that `Open.frame_sizes` demands.
        plate, hint: whether they are there.
        find_ground: tells the ground of the scene that it is a frame of; None: it is of none, and has its own.
        """
        self.width = width
        self.height = height
        self.format = format
        self.frames = list(frames)
        self.has_plate = plate
        self.hint = self._as_hint(frames[1 + plate]) if hint else None
        self.findings = self.answers = Findings()
        self._find_ground = find_ground
        self._decides: bool | None = None
        self._layers: list[Layer] = []  # those of all pictures that `hinted` makes of this one, too

    def hinted(self, frame: memoryview) -> Picture:
        """Return the same picture, with what is known of its layers, and this hint. frame: height x width bytes."""
        other = copy(self)
        other.frames = [*self.frames[: 1 + self.has_plate], frame]
        other.hint = self._as_hint(frame)
        other.answers = Findings()
        other._decides = None
        return other

    @property
    def hint_decides(self) -> bool:
        """Whether there is a hint that decides any pixel."""
        if self._decides is None:  # once: a hint may have many pixels, and the queue asks whenever it looks for work
            self._decides = self.hint is not None and bool(self.hint.min() == 0 or self.hint.max() == 255)
        return self._decides

    def seen_in(self, view: View) -> Layer:
        """Return the picture, without the plate, as it is to be seen in a view."""

        def seen() -> tuple[Layer, int]:
            layer = self.layers[0].part((view.left, view.top, view.right, view.bottom), view.width, view.height)
            return layer, layer.memory

        return self.layers[0] if view.is_whole else self.findings.get(("layer", view), seen)

    @property
    def ground(self) -> Ground | None:
        """Its flat ground, None if it has none. It is looked for once, in some milliseconds."""
        find = self._find_ground or ground.find
        return self.findings.get("ground", lambda: (find(self.layers[0]), 0), stays=True)

    @property
    def layers(self) -> list[Layer]:
        """The picture, and the plate if there is one."""
        if not self._layers:
            pictures = self.frames[: 1 + self.has_plate]
            made = [Layer.from_frame(frame, self.width, self.height, self.format) for frame in pictures]
            self._layers[:] = made  # in one step: another thread may have made them meanwhile
        return self._layers

    @property
    def frame_bytes(self) -> int:
        """The size of all frames."""
        return sum(map(len, self.frames))

    @property
    def memory(self) -> int:
        """The bytes that it takes with what has been found out about it, about."""
        return self.frame_bytes + self.findings.memory

    def _as_hint(self, frame: memoryview) -> NDArray[np.uint8]:
        return np.frombuffer(frame, np.uint8).reshape(self.height, self.width)


class Findings:
    """What has been found out about a picture, by keys: what stays, and the latest of the rest. Thread-safe."""

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, tuple[object, int]] = OrderedDict()
        self._staying: set[Hashable] = set()
        self._lock = threading.Lock()

    def __contains__(self, key: Hashable) -> bool:
        with self._lock:
            return key in self._known

    @property
    def memory(self) -> int:
        """The bytes that they take, about."""
        with self._lock:
            return sum(size for _, size in self._known.values())

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._known.clear()
            self._staying.clear()

    def peek(self, key: Hashable) -> object | None:
        """Return what is known by a key; None if nothing is."""
        with self._lock:
            return self._known[key][0] if key in self._known else None

    def get(self, key: Hashable, find: Callable[[], tuple[T, int]], stays: bool = False) -> T:
        """Return what is known by a key.

        find: called if nothing is; returns it and the bytes that it takes.
        stays: whether it is kept whatever else is found out. It must not be one of many.
        """
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return cast(T, self._known[key][0])
        found, size = find()
        with self._lock:
            self._known[key] = found, size
            self._known.move_to_end(key)
            if stays:
                self._staying.add(key)
            leaving = [each for each in self._known if each not in self._staying]
            taken = sum(self._known[each][1] for each in leaving)
            for each in leaving[:-1]:
                if taken <= REMEMBERED_BYTES:
                    break
                taken -= self._known.pop(each)[1]
        return found
