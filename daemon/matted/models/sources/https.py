"""Files from web servers: resumed where they broke off, and never more than was promised."""

from __future__ import annotations

import time
import urllib.parse
import urllib.request
from pathlib import Path

from matted import __version__
from matted.models.sources.download import CHECK_SECONDS, DownloadError, Monitor, host_of
from matted.models.sources.partial_file import PartialFile
from matted.models.sources.response import BrokenError, Head, Response

MAX_BYTES = 8_000_000_000  # of a file whose size nobody knows; the largest model of the catalogue has 1 GB
_ATTEMPTS = 5  # for a connection that breaks again and again, and brings something each time
_PAUSE_SECONDS = 1.0


def fetch(
    url: str, folder: Path, expected: int, monitor: Monitor, token: str | None = None, identity: str | None = None
) -> Path:
    """Download `url` into `folder`, or what is missing of it there. Returns the file.

    expected: bytes of the file, 0 if unknown.
    token: a bearer token, sent to this host and to no other that it points to.
    identity: what the file is called across runs if the url changes.

    Raises DownloadError, OSError. What has arrived stays in `folder` for the next time, unless it is known to be wrong.
    """
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise DownloadError(f"{url} is not a web address")
    part = PartialFile(folder, identity or url)
    attempt = 0
    while True:
        attempt += 1
        before = part.size
        try:
            _go_on(url, part, expected, monitor, token)
            return part.path
        except BrokenError as broken:
            if part.size == before or attempt == _ATTEMPTS:
                kept = f"; {part.size / 1e6:.1f} MB have arrived and are kept" if part.size else ""
                raise DownloadError(f"{broken}{kept}") from broken
        _pause(monitor)


def _go_on(url: str, part: PartialFile, expected: int, monitor: Monitor, token: str | None) -> None:
    """Ask once for what is missing. Raises BrokenError, DownloadError, OSError."""
    response = Response(_request(url, part, token))
    response.start()
    try:
        head = response.head(monitor)
        if head is None:  # 416: we asked for what lies behind the end
            if part.size == expected:
                return
            part.forget()
            raise BrokenError(f"{host_of(url)} has another file there by now")
        total = head.total or expected
        if expected and total != expected:
            part.forget()
            raise DownloadError(_other_file(url, head, expected))
        with part.open(head.first, head.validator) as file:
            monitor.on_bytes(part.size, total)
            while block := response.block(monitor):
                if part.size + len(block) > (total or MAX_BYTES):
                    part.forget()
                    raise DownloadError(f"{host_of(url)} sends more than it should")
                part.append(file, block)
                monitor.on_bytes(part.size, total)
        if part.size < total:
            arrived = f"{part.size / 1e6:.1f} of {total / 1e6:.1f} MB"
            raise BrokenError(f"the connection to {host_of(url)} ended after {arrived}")
    finally:
        response.stop()


def _request(url: str, part: PartialFile, token: str | None) -> urllib.request.Request:
    request = urllib.request.Request(url, headers={"User-Agent": f"matted/{__version__}"})
    request.add_header("Accept-Encoding", "identity")
    if token:
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    if part.size:
        request.add_header("Range", f"bytes={part.size}-")
        if part.validator:
            request.add_header("If-Range", part.validator)
    return request


def _other_file(url: str, head: Head, expected: int) -> str:
    if head.kind.startswith("text/"):
        return f"{host_of(url)} sent a web page instead of the file"
    return f"{host_of(url)} has another file there: {head.total} bytes instead of {expected}"


def _pause(monitor: Monitor) -> None:
    end = time.monotonic() + _PAUSE_SECONDS
    while time.monotonic() < end:
        monitor.check()
        time.sleep(CHECK_SECONDS)
