"""Files from web servers: resumed where they broke off, and never more than was promised."""

from __future__ import annotations

import http.client
import json
import queue
import re
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from matted import __version__
from matted.models.sources.watch import CHECK_SECONDS, DownloadError, Watch

PART = "weights.part"  # what has arrived so far; goes on in a later pull
_NOTES = "weights.json"  # of what it is a part
STALL_SECONDS = 30.0  # silence for so long is a broken connection
MAX_BYTES = 8_000_000_000  # of a file whose size nobody knows; the largest model of the catalogue has 1 GB
_ATTEMPTS = 5  # for a connection that breaks again and again, and brings something each time
_PAUSE_SECONDS = 1.0
_BLOCK = 1 << 18
_WAITING_BLOCKS = 8
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class _Broken(Exception):
    """The connection ended too early or went silent: trying again may help."""


@dataclass(frozen=True)
class _Head:
    """What the server says before it sends. first: the place of the first byte. total: bytes of the whole, or 0."""

    first: int
    total: int
    validator: str
    kind: str


def fetch(
    url: str, folder: Path, expected: int, watch: Watch, token: str | None = None, identity: str | None = None
) -> Path:
    """Download `url` into `folder`, or what is missing of it there. Returns the file.

    expected: its bytes, 0 if unknown. token: a bearer token, sent to this host and to no other that it points to.
    identity: what the file is called across runs if the url changes. Raises DownloadError, OSError. What has arrived
    stays in `folder` for the next time, unless it is known to be wrong.
    """
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise DownloadError(f"{url} is not a web address")
    part = _Part(folder, identity or url)
    attempt = 0
    while True:
        attempt += 1
        before = part.size
        try:
            _go_on(url, part, expected, watch, token)
            return part.path
        except _Broken as broken:
            if part.size == before or attempt == _ATTEMPTS:
                kept = f"; {part.size / 1e6:.1f} MB have arrived and are kept" if part.size else ""
                raise DownloadError(f"{broken}{kept}") from None
        _pause(watch)


def _go_on(url: str, part: _Part, expected: int, watch: Watch, token: str | None) -> None:
    """One connection. Raises _Broken, DownloadError, OSError."""
    transfer = _Transfer(_request(url, part, token))
    transfer.start()
    try:
        head = transfer.head(watch)
        if head is None:  # 416: we asked for what lies behind the end
            if part.size == expected:
                return
            part.forget()
            raise _Broken(f"{_host(url)} has another file there by now")
        total = head.total or expected
        if expected and total != expected:
            part.forget()
            raise DownloadError(_other(url, head, expected))
        with part.open(head.first, head.validator) as file:
            watch.on_bytes(part.size, total)
            while block := transfer.block(watch):
                if part.size + len(block) > (total or MAX_BYTES):
                    part.forget()
                    raise DownloadError(f"{_host(url)} sends more than it should")
                part.append(file, block)
                watch.on_bytes(part.size, total)
        if part.size < total:
            raise _Broken(f"the connection to {_host(url)} ended after {part.size / 1e6:.1f} of {total / 1e6:.1f} MB")
    finally:
        transfer.stop()


def _request(url: str, part: _Part, token: str | None) -> urllib.request.Request:
    request = urllib.request.Request(url, headers={"User-Agent": f"matted/{__version__}"})
    request.add_header("Accept-Encoding", "identity")
    if token:
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    if part.size:
        request.add_header("Range", f"bytes={part.size}-")
        if part.validator:
            request.add_header("If-Range", part.validator)
    return request


def _other(url: str, head: _Head, expected: int) -> str:
    if head.kind.startswith("text/"):
        return f"{_host(url)} sent a web page instead of the file"
    return f"{_host(url)} has another file there: {head.total} bytes instead of {expected}"


def _host(url: str) -> str:
    return urllib.parse.urlsplit(url).netloc.rpartition("@")[2]


def _pause(watch: Watch) -> None:
    end = time.monotonic() + _PAUSE_SECONDS
    while time.monotonic() < end:
        watch.check()
        time.sleep(CHECK_SECONDS)


class _Part:
    """The beginning of a file on disk, and of which file it is."""

    def __init__(self, folder: Path, identity: str) -> None:
        self.path = folder / PART
        self._notes = folder / _NOTES
        self._identity = identity
        self.size = 0
        self.validator = ""
        try:
            notes = json.loads(self._notes.read_text("utf-8"))
            if notes["identity"] == identity:
                self.validator = str(notes["validator"])
                self.size = self.path.stat().st_size
        except (OSError, ValueError, KeyError, TypeError):
            pass

    def open(self, first: int, validator: str) -> FileIO:
        """To write from byte `first` on, which is 0 or what is there already."""
        self._notes.parent.mkdir(parents=True, exist_ok=True)
        notes = {"identity": self._identity, "validator": validator or self.validator}
        file = FileIO(self.path, "ab" if first else "wb")
        self._notes.write_text(json.dumps(notes), "utf-8")
        self.size = first
        return file

    def append(self, file: FileIO, block: bytes) -> None:
        rest = memoryview(block)
        while rest:  # a disk that fills up takes a part first, and complains at the next
            written = file.write(rest)
            self.size += written
            rest = rest[written:]

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)
        self._notes.unlink(missing_ok=True)
        self.size = 0


class _Transfer(threading.Thread):
    """Reads one response, in a thread of its own: what waits for a network cannot be interrupted otherwise."""

    def __init__(self, request: urllib.request.Request) -> None:
        super().__init__(name="download", daemon=True)
        self._request = request
        self._host = _host(request.full_url)
        self._first = int((request.get_header("Range") or "bytes=0-")[len("bytes=") : -1])
        self._items: queue.Queue[_Head | bytes | Exception | None] = queue.Queue(_WAITING_BLOCKS)
        self._stopped = threading.Event()

    def head(self, watch: Watch) -> _Head | None:
        """None if there is nothing to be had from where we want to go on."""
        item = self._next(watch)
        assert not isinstance(item, bytes)
        return item

    def block(self, watch: Watch) -> bytes:
        """Empty at the end."""
        item = self._next(watch)
        assert item is None or isinstance(item, bytes)
        return item or b""

    def stop(self) -> None:
        self._stopped.set()

    def _next(self, watch: Watch) -> _Head | bytes | None:
        limit = time.monotonic() + STALL_SECONDS
        while True:
            watch.check()
            try:
                item = self._items.get(timeout=CHECK_SECONDS)
            except queue.Empty:
                if time.monotonic() > limit:
                    raise self._silent() from None
                continue
            if isinstance(item, Exception):
                raise item
            return item

    def _silent(self) -> _Broken:
        return _Broken(f"{self._host} has been silent for {STALL_SECONDS:.0f} s")

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
            self._put(_Broken(f"the connection to {self._host} broke off ({_words(error)})"))

    def _read(self) -> None:
        with urllib.request.urlopen(self._request, timeout=STALL_SECONDS) as response:
            self._put(self._said(response))
            while not self._stopped.is_set():
                block = response.read1(_BLOCK)  # what is there, without waiting for a whole block
                if not block:
                    break
                self._put(block)
            self._put(None)

    def _said(self, response: http.client.HTTPResponse) -> _Head:
        validator = response.headers.get("ETag", "")
        if validator.startswith("W/"):  # weak ones do not promise the same bytes
            validator = ""
        kind = response.headers.get_content_type()
        found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if response.status == 206 and found and int(found[1]) == self._first:
            return _Head(self._first, 0 if found[2] == "*" else int(found[2]), validator, kind)
        if response.status == 206:
            raise ValueError("it sent another part than was asked for")
        return _Head(0, int(response.headers.get("Content-Length", 0)), validator, kind)

    def _put(self, item: _Head | bytes | Exception | None) -> None:
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
        return DownloadError(f"{host} could not prove who it is ({reason.verify_message})")
    return DownloadError(f"{host} could not be reached ({_words(reason)})")


def _words(error: object) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return text.strip().rstrip(".").lower() or type(error).__name__
