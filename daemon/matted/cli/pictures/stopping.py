"""Heed Ctrl-C in a run over several pictures: the first finishes those in work, the second stops at once."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import Any

_SAID = b"\nThe pictures in work are being finished. Ctrl-C once more stops at once.\n"


class Stopping:
    """Says, when it is called, whether the person wants the run to end. In the block Ctrl-C is heeded so."""

    def __init__(self, heeds: bool = True) -> None:
        """heeds: whether the first Ctrl-C is to be heeded; else it stops at once as well."""
        self._heeds = heeds
        self._asked = False
        self._before: Any = None

    def __enter__(self) -> Stopping:
        # Where Ctrl-C is ignored, as that of a job in the background is, it stays so.
        self._heeds = self._heeds and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self._heeds:
            self._before = signal.signal(signal.SIGINT, self._heed)
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._heeds:
            signal.signal(signal.SIGINT, self._before)

    def __call__(self) -> bool:
        return self._asked

    def is_set(self) -> bool:
        """The same, as threads ask it of an event."""
        return self._asked

    def _heed(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        if sys.stderr is not None:
            os.write(2, _SAID)  # not by `print`, which may be at work just now
