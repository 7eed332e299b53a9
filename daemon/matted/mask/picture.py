"""A picture to be masked: its pixels, its plate and its hint."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from matted.inference.layer import Layer


class Picture:
    """What a client sent of one picture. The frames are neither copied nor changed.

    width, height: in pixels.
    format: one of the protocol's.
    hint: height x width, uint8: 0 background, 255 subject, else undecided. None: there is no hint.
    """

    def __init__(
        self,
        width: int,
        height: int,
        format: str,
        frames: Sequence[memoryview],
        plate: bool = False,
        hint: bool = False,
    ) -> None:
        """Take the frames: the pixels, those of the plate and the hint, as far as there are any.

        width, height, format: of the pixels, and of the plate's.
        frames: of the sizes that `Open.frame_sizes` demands.
        plate, hint: whether they are there.
        """
        self.width = width
        self.height = height
        self.format = format
        self.hint: NDArray[np.uint8] | None = None
        self._pictures = frames[: 1 + plate]
        if hint:
            self.hint = np.frombuffer(frames[1 + plate], np.uint8).reshape(height, width)

    @cached_property
    def layers(self) -> list[Layer]:
        """The picture, and the plate if there is one."""
        return [Layer.from_frame(frame, self.width, self.height, self.format) for frame in self._pictures]

    @property
    def has_plate(self) -> bool:
        """Whether there is a plate."""
        return len(self._pictures) == 2

    @property
    def frame_bytes(self) -> int:
        """The size of all frames."""
        return sum(map(len, self._pictures)) + (0 if self.hint is None else self.hint.size)
