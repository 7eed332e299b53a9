"""The daemon's instance on this machine: a private folder, the lock that makes it the only one, the connection file."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from matted_client import MattedError
from matted_client.endpoint import CONNECTION_FILE

from matted.hosts import sharing
from matted.system import atomic_file
from matted.system.locks import try_lock

log = logging.getLogger(__name__)

LOCK_FILE = "lock"


class AlreadyRunning(MattedError):
    """Another daemon of this user holds the lock."""


class StateFolderError(MattedError):
    """The state folder cannot be used, or is not ours alone."""


class SingleInstance:
    """Holds the lock from `with` to its end, and publishes at most one connection file in between.

    The operating system drops the lock when the process dies, however it dies. shared: gives the folders where the
    file has to be as well, for hosts that cannot see `folder`.
    """

    def __init__(self, folder: Path, shared: Callable[[], list[Path]] = list) -> None:
        self.folder = folder
        self._shared = shared
        self.connection_file = folder / CONNECTION_FILE
        self._lock: BinaryIO | None = None

    def __enter__(self) -> SingleInstance:
        _make_private(self.folder)
        try:
            lock = open(self.folder / LOCK_FILE, "ab")  # held open for the daemon's whole life
        except OSError as error:
            raise _unusable(self.folder, error) from None
        if not try_lock(lock):
            lock.close()
            raise AlreadyRunning("matted is already running.", "See: matted status")
        self._lock = lock
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    def leave(self) -> None:
        """Withdraw the connection file, then drop the lock: from here on another daemon may take the place."""
        if self._lock is not None:
            self.connection_file.unlink(missing_ok=True)
            for folder in self._shared():
                with contextlib.suppress(OSError):  # a stale file does no harm: nobody answers where it leads
                    (folder / CONNECTION_FILE).unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    def publish(self, endpoint: str, version: str, key: bytes) -> None:
        """Write the connection file so that a reader sees the old one, or the whole new one, never a part.

        Raises StateFolderError.
        """
        fields = {"protocol": 1, "endpoint": endpoint, "pid": os.getpid(), "version": version, "key": key.hex()}
        content = json.dumps(fields).encode()
        try:
            _put(self.folder, content)
        except OSError as error:
            raise _unusable(self.folder, error) from None
        for folder in self._shared():
            try:
                _put(folder, content)
            except OSError as error:  # the other hosts can do without it
                log.warning("The connection file cannot be put into %s: %s", folder, error.strerror)


def _put(folder: Path, content: bytes) -> None:
    atomic_file.delete_leftovers(
        folder / CONNECTION_FILE
    )  # of daemons that were killed: who has the lock is the only one that writes
    sharing.put(folder, content)


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if sys.platform != "win32":
            stat = folder.stat()
            if stat.st_uid != os.geteuid():
                raise StateFolderError(
                    f"{folder} belongs to another user.", "Set MATTED_STATE_DIR to a folder of yours."
                )
            if stat.st_mode & 0o077:
                folder.chmod(0o700)
    except OSError as error:
        raise _unusable(folder, error) from None


def _unusable(folder: Path, error: OSError) -> StateFolderError:
    message = f"The folder {folder} cannot be used: {error.strerror}."
    return StateFolderError(message, "Set MATTED_STATE_DIR to a folder that can be written.")
