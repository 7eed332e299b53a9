"""Write the daemon's log, rotate its files, and read them while they are written.

    matted.log       what the daemon logs; matted.log.1 to .3 are older
    start.log        the output of a daemon that a client started: what it prints before it can log, and what
                     OpenVINO, a driver or Python itself prints when the process crashes

Each line of the log also goes to standard error, unless that is start.log.
"""

from __future__ import annotations

import codecs
import faulthandler
import logging
import logging.handlers
import os
import sys
import threading
from contextlib import ExitStack, suppress
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from types import TracebackType
from typing import TextIO

from matted_client.endpoint import START_LOG

from matted.system.privacy import HomeFilter, home

LOG_FILE = "matted.log"
MAX_BYTES = 1_000_000
KEPT = 3  # full files
PRIVATE = 0o600
_HEAD_BYTES = 64  # of a file, to recognise it: the time in its first line, to a millisecond, is its own

_FORM = "%(asctime)s %(levelname)s %(message)s"
log = logging.getLogger(__name__)


def set_up(folder: Path, level: str) -> None:
    """Send what this process logs to the log in `folder`, and to standard error.

    No file is made before the first line, as only the daemon that holds the single-instance lock may write there.
    """
    formatter = _Formatter(_FORM)
    handlers: list[logging.Handler] = [LogFile(folder)]
    terminal = _terminal(folder)
    if terminal is not None:
        handlers.append(logging.StreamHandler(terminal))
    for handler in handlers:
        handler.setFormatter(formatter)
        logging.getLogger().addHandler(handler)
    set_level(level)
    logging.captureWarnings(True)
    _log_uncaught(also_print=terminal is None)
    if sys.stderr is not None:
        faulthandler.enable()


def set_level(level: str) -> None:
    """Set how much is logged: one of config.LOG_LEVELS.

    Libraries log warnings at most: their other messages name files and addresses.
    """
    own = logging.getLogger("matted")
    own.setLevel(level.upper())
    logging.getLogger().setLevel(max(own.level, logging.WARNING))


class LogFile(logging.handlers.RotatingFileHandler):
    """The log's files, which only the user can read: at most (KEPT + 1) x MAX_BYTES in all.

    Never raises: a line that cannot be written, because the disk is full or the folder is missing, is lost, and the
    next line is tried again.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(
            folder / LOG_FILE,
            maxBytes=MAX_BYTES,
            backupCount=KEPT,
            encoding="utf-8",
            errors="backslashreplace",
            delay=True,
        )

    def _open(self) -> TextIOWrapper:
        return open(self.baseFilename, "a", encoding=self.encoding, errors=self.errors, opener=_private)

    def doRollover(self) -> None:
        self._drop_stream()
        with suppress(OSError):  # on Windows, while a program reads the file: it grows until that ends
            super().doRollover()

    def handleError(self, record: logging.LogRecord) -> None:
        if isinstance(sys.exc_info()[1], OSError):
            self._drop_stream()
        else:
            super().handleError(record)

    def _drop_stream(self) -> None:
        """Close the file. If its buffer cannot be written, the buffer is lost."""
        stream, self.stream = self.stream, None
        if stream is not None:
            with suppress(OSError):
                stream.close()


class Reader:
    """Reads the log of `folder` from its oldest line on, while it is written and rotated.

    No file stays open between two reads: on Windows the daemon could not rotate it.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOG_FILE
        self._last: tuple[int, int] | None = None  # device and inode of the file that was read last
        self._head = b""  # its first bytes, as a new file may get the inode of a deleted one
        self._offset = 0  # bytes of it that were read
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def read(self) -> str:
        """Return the text that was written since the last call, empty if there is no log. Raises OSError."""
        raw = b""
        with ExitStack() as stack:
            for identity, file in reversed(self._unread(stack)):
                head = file.read(_HEAD_BYTES)
                file.seek(self._offset if self._is_last(identity, head) else 0)
                raw += file.read()
                self._last, self._head, self._offset = identity, head, file.tell()
        return self._decoder.decode(raw)

    def _unread(self, stack: ExitStack) -> list[tuple[tuple[int, int], BufferedReader]]:
        """Open the files from the newest to the one that was read last, or to the oldest.

        In this order a file that is rotated meanwhile is found twice, but none is missed.
        """
        found: dict[tuple[int, int], BufferedReader] = {}
        for path in (self._path, *(self._path.with_name(f"{LOG_FILE}.{number}") for number in range(1, KEPT + 1))):
            with suppress(FileNotFoundError):
                file = stack.enter_context(open(path, "rb"))
                stat = os.fstat(file.fileno())
                identity = (stat.st_dev, stat.st_ino)
                found.setdefault(identity, file)
                if self._is_last(identity, file.peek(_HEAD_BYTES)):
                    break
        return list(found.items())

    def _is_last(self, identity: tuple[int, int], head: bytes) -> bool:
        return identity == self._last and head.startswith(self._head)


def last_lines(text: str, count: int) -> str:
    """Return the last lines of a text, and the unfinished one after them. count: of whole lines, at least 0."""
    lines = text.split("\n")  # not splitlines(): messages may hold what Unicode calls a line separator
    unfinished = lines.pop()
    kept = lines[max(0, len(lines) - count) :] if count else []
    return "".join(f"{line}\n" for line in kept) + (unfinished if count else "")


def newer_start_log(folder: Path) -> Path | None:
    """Return start.log if it is newer than the log, which means that a daemon crashed or could not start; else None."""
    path = folder / START_LOG
    with suppress(OSError):
        stat = path.stat()
        if stat.st_size and stat.st_mtime > _last_change(folder / LOG_FILE):
            return path
    return None


def _last_change(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


class _Formatter(logging.Formatter):
    """Formats a line, with ~ in place of the home folder."""

    def __init__(self, form: str) -> None:
        super().__init__(form)
        self._home = HomeFilter(home())

    def format(self, record: logging.LogRecord) -> str:
        return self._home(super().format(record))


def _terminal(folder: Path) -> TextIO | None:
    """Return standard error; None if there is none, as under pythonw, or if it is start.log."""
    if sys.stderr is None:
        return None
    with suppress(OSError, ValueError):  # there is no start.log, or standard error is no file
        if os.path.samestat(os.fstat(sys.stderr.fileno()), (folder / START_LOG).stat()):
            return None
    return sys.stderr


def _log_uncaught(also_print: bool) -> None:
    """Log uncaught exceptions. also_print: whether to print them too, for the client that reads start.log."""

    def on_uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        caught = error or kind()
        log.critical("an error that was not caught", exc_info=(kind, caught, trace))
        if also_print:
            sys.__excepthook__(kind, caught, trace)

    sys.excepthook = on_uncaught
    threading.excepthook = lambda fault: on_uncaught(fault.exc_type, fault.exc_value, fault.exc_traceback)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, PRIVATE)
