"""A stand-in for the daemon: the mask of a frame is how red it is."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from matted.files.films import runner
from matted.files.pictures import Picture
from matted_client.messages import MaskResult
from matted_client.pictures import Mask
from numpy.typing import NDArray


@dataclass
class Redness:
    """What was sent, and when somebody presses Ctrl-C.

    shown: the frames, in order. replies: how many masks were given.
    interrupt_after: the mask in whose place KeyboardInterrupt is raised.
    """

    shown: list[NDArray[np.uint8]] = field(default_factory=list)
    replies: int = 0
    interrupt_after: int | None = None


class _Conversation:
    def __init__(self, redness: Redness, request: Any) -> None:
        self._redness = redness
        self._request = request
        self._asked: deque[Picture] = deque()

    def __enter__(self) -> _Conversation:
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass

    def send(self, picture: Picture) -> None:
        self._asked.append(picture)
        self._redness.shown.append(np.asarray(picture.image.convert("RGB")))

    def receive(self) -> Mask:
        if self._redness.replies == self._redness.interrupt_after:
            raise KeyboardInterrupt
        self._redness.replies += 1
        pixels = np.array(self._asked.popleft().image.convert("RGBA"))
        mask = redness(pixels[:, :, :3])
        pixels[:, :, 3] = mask
        height, width = mask.shape
        info = MaskResult(width, height, 8, "redness", "CPU", float(mask.mean()) / 255, foreground=True)
        colours = bytearray(pixels.tobytes()) if self._request["foreground"] else None
        return Mask(bytearray(mask.tobytes()), info, colours)


def redness(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the mask of a frame: 255 where it is red, 0 where it is not."""
    return np.where(pixels[:, :, 0] > 128, 255, 0).astype(np.uint8)


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Redness:
    made = Redness()

    def conversation(request: Any, plate: Picture | None, alpha: bool, on_progress: Callable[..., None]) -> Any:
        return _Conversation(made, request)

    monkeypatch.setattr(runner, "Conversation", conversation)
    return made
