"""Handlers of HTTP for the servers of the tests, which do not tell of requests on stderr."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler
from typing import Any


class Quiet(BaseHTTPRequestHandler):
    """Says nothing."""

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


class QuietFiles(Quiet, SimpleHTTPRequestHandler):
    """Gives the files of a folder. Parameters are those of SimpleHTTPRequestHandler."""


class QuietQuestions(Quiet):
    """Answers GET and POST alike, over connections that stay."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    do_POST = do_GET

    def answer(self, body: bytes) -> None:
        """Answer a question. body: what came with it."""
        raise NotImplementedError
