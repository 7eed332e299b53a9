"""One response of a web server, read in a thread of its own, because waiting for a network cannot be interrupted."""

from __future__ import annotations

import http.client
import queue
import re
import ssl
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass

from matted.models.sources import network
from matted.models.sources.download import CHECK_SECONDS, DownloadError, Monitor, Unreachable, host_of

STALL_SECONDS = 30.0  # silence for so long is a broken connection
_BLOCK = 1 << 18
_WAITING_BLOCKS = 8
_ERRNO = re.compile(r"\[Errno -?\d+\] ")
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class BrokenError(Exception):
    """The connection ended too early or went silent: trying again may help."""


@dataclass(frozen=True)
class Head:
    """The headers of a response.

    first: the position in the file of the first byte that follows.
    total: bytes of the whole file, 0 if the server does not say.
    validator: the strong ETag, empty if there is none.
    kind: the media type.
    """

    first: int
    total: int
    validator: str
    kind: str


class Response(threading.Thread):
    """Reads the response to a request. `head` comes first, then a `block` after the other.

    Both raise BrokenError, DownloadError, OSError, and what the monitor's check raises.
    """

    def __init__(self, request: urllib.request.Request) -> None:
        """Raises DownloadError if the proxy for it cannot be used."""
        super().__init__(name="download", daemon=True)
        self._request = request
        self._opener = network.opener(request.full_url)
        self._host = host_of(request.full_url)
        self._first = int((request.get_header("Range") or "bytes=0-")[len("bytes=") : -1])
        self._items: queue.Queue[Head | bytes | Exception | None] = queue.Queue(_WAITING_BLOCKS)
        self._stopped = threading.Event()

    def head(self, monitor: Monitor) -> Head | None:
        """Wait for the headers. None if the server has nothing from the byte on that was asked for."""
        item = self._next(monitor)
        assert not isinstance(item, bytes)
        return item

    def block(self, monitor: Monitor) -> bytes:
        """Wait for the next bytes. Empty at the end."""
        item = self._next(monitor)
        assert item is None or isinstance(item, bytes)
        return item or b""

    def stop(self) -> None:
        """End the reading; the thread ends by itself."""
        self._stopped.set()

    def _next(self, monitor: Monitor) -> Head | bytes | None:
        limit = time.monotonic() + STALL_SECONDS
        while True:
            monitor.check()
            try:
                item = self._items.get(timeout=CHECK_SECONDS)
            except queue.Empty:
                if time.monotonic() > limit:
                    raise self._silent() from None
                continue
            if isinstance(item, Exception):
                raise item
            return item

    def _silent(self) -> BrokenError:
        return BrokenError(f"{self._host} has been silent for {STALL_SECONDS:.0f} s")

    def run(self) -> None:
        try:
            self._read()
        except urllib.error.HTTPError as error:
            error.close()
            self._put(None if error.code == 416 else DownloadError(_refused(self._host, error.code)))
        except urllib.error.URLError as error:
            self._put(_unreachable(self._host, error.reason))
        except TimeoutError:
            self._put(self._silent())
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._put(BrokenError(f"the connection to {self._host} broke off ({words(error)})"))

    def _read(self) -> None:
        with self._opener.open(self._request, timeout=STALL_SECONDS) as response:
            self._put(self._head(response))
            while not self._stopped.is_set():
                block = response.read1(_BLOCK)  # what is there, without waiting for a whole block
                if not block:
                    break
                self._put(block)
            self._put(None)

    def _head(self, response: http.client.HTTPResponse) -> Head:
        validator = response.headers.get("ETag", "")
        if validator.startswith("W/"):  # weak ones do not promise the same bytes
            validator = ""
        kind = response.headers.get_content_type()
        found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if response.status == 206 and found and int(found[1]) == self._first:
            return Head(self._first, 0 if found[2] == "*" else int(found[2]), validator, kind)
        if response.status == 206:
            raise ValueError("it sent another part than was asked for")
        return Head(0, int(response.headers.get("Content-Length", 0)), validator, kind)

    def _put(self, item: Head | bytes | Exception | None) -> None:
        while not self._stopped.is_set():
            try:
                self._items.put(item, timeout=CHECK_SECONDS)
                return
            except queue.Full:
                pass


def _refused(host: str, status: int) -> str:
    reason = http.client.responses.get(status, "")
    return f"{host} answered {status}" + (f" ({reason.lower()})" if reason else "")


def _unreachable(host: str, reason: object) -> Exception:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return not_proven(host, reason.verify_message)
    return Unreachable(f"{host} could not be reached ({words(reason)})")


def not_proven(host: str, why: str) -> DownloadError:
    """Make the error of a server whose certificate is not believed."""
    return DownloadError(f"{host} could not prove who it is ({why})", network.certificates_hint())


def words(error: object) -> str:
    """Say an error of the system, or of a library, in words that fit between parentheses."""
    text = _ERRNO.sub("", getattr(error, "strerror", None) or str(error))
    return text.strip().rstrip(".").lower() or type(error).__name__
