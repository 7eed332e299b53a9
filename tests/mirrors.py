"""A web server for the tests, with plain files and with the model hub's layout. It can have any Fault."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from urllib.parse import unquote

from http_handlers import Quiet

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE_FILES = "/large/"  # the hub redirects requests for large files to there, on another host name


@dataclass
class Fault:
    """How the server fails. The default is not at all.

    status: the HTTP status that is sent in place of the file; 0 for none.
    cut: bytes of the file after which the connection ends; -1 for never.
    times: how many downloads are cut.
    stall: a cut download goes silent; its connection stays open.
    ranges: whether parts of a file can be requested.
    page: a web page is sent in place of the file.
    wrong: other bytes are sent, as many as the file has.
    length: whether the length is sent.
    """

    status: int = 0
    cut: int = -1
    times: int = 1 << 30
    stall: bool = False
    ranges: bool = True
    page: bool = False
    wrong: bool = False
    length: bool = True


@dataclass
class Mirror:
    """A running server.

    files: content by path.
    fault: how it fails.
    token: without it nobody gets a file of the hub; empty for everybody does.
    asked: (method, path, range, authorization) of every request.
    let_go: set by a test to end the downloads that stall.
    stalling: set once a download stalls.
    """

    server: ThreadingHTTPServer
    files: dict[str, bytes] = field(default_factory=dict)
    fault: Fault = field(default_factory=Fault)
    token: str = ""
    asked: list[tuple[str, str, str, str]] = field(default_factory=list)
    let_go: threading.Event = field(default_factory=threading.Event)
    stalling: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def add(self, repo: str, revision: str, path: str, content: bytes) -> None:
        """Add a file of the hub."""
        self.files[f"/{repo}/resolve/{revision}/{path}"] = content

    def downloads(self) -> list[tuple[str, str]]:
        """Return (path, range) of every GET request."""
        return [(path, part) for method, path, part, _ in self.asked if method == "GET"]


@contextmanager
def mirror() -> Iterator[Mirror]:
    """Run a server until the end of the block."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        running = Mirror(server)
        server.mirror = running  # type: ignore[attr-defined]
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        try:
            yield running
        finally:
            running.let_go.set()
            server.shutdown()
            serving.join()


class _Handler(Quiet):
    protocol_version = "HTTP/1.0"  # one request per connection, so that a client sees where one ends

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        mirror: Mirror = self.server.mirror  # type: ignore[attr-defined]
        path = unquote(self.path.partition("?")[0])
        heading = self.headers.get
        mirror.asked.append((self.command, path, heading("Range", ""), heading("Authorization", "")))
        hub = "/resolve/" in path
        if hub and mirror.token and heading("Authorization") != f"Bearer {mirror.token}":
            status = 403 if heading("Authorization") else 401
            return self._answer_empty(status, {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted."})
        if mirror.fault.status and not (hub and self.command == "GET"):
            return self._answer_empty(mirror.fault.status, {})
        name = next((name for name in mirror.files if path == LARGE_FILES + _etag(mirror.files[name])), path)
        if name not in mirror.files:
            return self._answer_empty(404, {"X-Error-Code": "EntryNotFound"} if hub else {})
        content = mirror.files[name]
        if hub:
            return self._answer_empty(302, self._redirection(content))
        if self.command == "GET":
            self._send_file(mirror, content)
        return None

    def _redirection(self, content: bytes) -> dict[str, str]:
        port = self.server.server_address[1]
        return {
            "Location": f"http://localhost:{port}{LARGE_FILES}{_etag(content)}?signature=1",
            "X-Repo-Commit": COMMIT,
            "X-Linked-Etag": f'"{_etag(content)}"',
            "X-Linked-Size": str(len(content)),
        }

    def _answer_empty(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def _send_file(self, mirror: Mirror, content: bytes) -> None:
        fault = mirror.fault
        etag = f'"{_etag(content)}"'
        if fault.wrong:
            content = content[::-1]
        if fault.page:
            content = b"<!DOCTYPE html><title>Please log in</title>"
        first = 0
        asked = self.headers.get("Range", "")
        if asked and fault.ranges and self.headers.get("If-Range", etag) == etag:
            first = int(asked.removeprefix("bytes=").removesuffix("-"))
            if first >= len(content):
                return self._answer_empty(416, {"Content-Range": f"bytes */{len(content)}"})
        self.send_response(206 if first else 200)
        self.send_header("Content-Type", "text/html" if fault.page else "application/octet-stream")
        self.send_header("ETag", etag)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        if fault.length:
            self.send_header("Content-Length", str(len(content) - first))
        self.end_headers()
        end = len(content)
        if 0 <= fault.cut < end - first and fault.times > 0:
            fault.times -= 1
            end = first + fault.cut
        try:
            self.wfile.write(content[first:end])
            self.wfile.flush()
        except OSError:  # whoever asked has left
            return None
        if end < len(content) and fault.stall:
            mirror.stalling.set()
            mirror.let_go.wait(30)
        return None


def _etag(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def npm_package(chunks: list[bytes], resource: str = "/models/medium") -> bytes:
    """Make the archive of an npm package that has a resource in chunks, beside others."""
    names = [hashlib.sha256(chunk).hexdigest() for chunk in chunks]
    listed = {"/other": {"chunks": []}, resource: {"chunks": [{"hash": name} for name in names]}}
    members = {"package/dist/resources.json": json.dumps(listed).encode()}
    members["package/package.json"] = b'{"name": "@made/up", "version": "1.0.0"}'
    members |= {f"package/dist/{name}": chunk for name, chunk in zip(names, chunks, strict=True)}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()
