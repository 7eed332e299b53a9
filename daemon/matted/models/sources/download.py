"""What every kind of source has in common: the Monitor of a download, and how a download fails."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass

CHECK_SECONDS = 0.2  # how often `check` is called while nothing arrives


class DownloadError(Exception):
    """The download failed. The text says why, in words that fit behind a colon. hint: what to do about it, or empty."""

    def __init__(self, why: str, hint: str = "") -> None:
        super().__init__(why)
        self.hint = hint


class Unreachable(DownloadError):
    """Nothing answers at the source: this computer may be offline."""


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Monitor:
    """Is told how far a download is, and can end it.

    on_bytes: called with (bytes that have arrived, bytes of the whole or 0).
    on_stage: called with a sentence when something else begins.
    check: called often; what it raises ends the download.
    """

    on_bytes: Callable[[int, int], None] = lambda done, total: None
    on_stage: Callable[[str], None] = lambda sentence: None
    check: Callable[[], None] = _nothing


def host_of(url: str) -> str:
    """The host in an address, and its port if there is one."""
    return urllib.parse.urlsplit(url).netloc.rpartition("@")[2]
