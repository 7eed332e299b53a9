"""What every kind of source has in common: how a download is watched, and how it fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

CHECK_SECONDS = 0.2  # how often `check` is called while nothing arrives


class DownloadError(Exception):
    """Why the download did not work, in a few words; `hint` is what to do about it, where that is not plain."""

    def __init__(self, why: str, hint: str = "") -> None:
        super().__init__(why)
        self.hint = hint


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Watch:
    """What a pull tells and asks meanwhile.

    on_bytes: (how many have arrived, how many there are, 0 if that is not known). on_stage: a sentence when something
    else begins. check: called often; what it raises ends the pull.
    """

    on_bytes: Callable[[int, int], None] = lambda done, total: None
    on_stage: Callable[[str], None] = lambda sentence: None
    check: Callable[[], None] = _nothing
