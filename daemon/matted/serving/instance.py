"""The single-instance lock of the daemon, its private state folder, and the connection file in it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import time
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
_POLL_SECONDS = 0.1
_BEFORE_PID = 1  # bytes of the lock file that Windows lets nobody read while they are locked


class AlreadyRunning(MattedError):
    """Another daemon of this user holds the lock."""


class StateFolderError(MattedError):
    """The state folder cannot be used, or belongs to another user."""


class SingleInstance:
    """The only daemon of a state folder: holds the lock in a `with` block, and can publish the connection file there.

    The operating system releases the lock when the process dies, however it dies.
    """

    def __init__(self, folder: Path, shared_folders: Callable[[], list[Path]] = list) -> None:
        """Take no lock yet: the `with` block does, and raises AlreadyRunning or StateFolderError.

        folder: the state folder; made if it is missing.
        shared_folders: lists where the connection file is put as well, for hosts that cannot see `folder`.
        """
        self.folder = folder
        self._shared_folders = shared_folders
        self.connection_file = folder / CONNECTION_FILE
        self._lock: BinaryIO | None = None

    def __enter__(self) -> SingleInstance:
        _make_private(self.folder)
        try:
            lock = open(self.folder / LOCK_FILE, "ab")  # stays open, and so locked, until `release`
        except OSError as error:
            raise _unusable(self.folder, error) from error
        if not (try_lock(lock) or _try_again(lock)):
            lock.close()
            raise AlreadyRunning("matted is already running.", "See: matted status")
        self._lock = lock
        with contextlib.suppress(OSError):  # a full disk: it is only for `holder`
            os.truncate(lock.fileno(), 0)
            os.write(lock.fileno(), b"\n" * _BEFORE_PID + b"%d\n" % os.getpid())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def release(self) -> None:
        """Delete the connection file, then release the lock: another daemon may start now. May be called again."""
        if self._lock is not None:
            self.connection_file.unlink(missing_ok=True)
            for folder in self._shared_folders():
                with contextlib.suppress(OSError):  # a stale file does no harm: no daemon answers at its endpoint
                    (folder / CONNECTION_FILE).unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    def publish(self, endpoint: str, version: str, key: bytes) -> None:
        """Write the connection file, as an atomic file. Raises StateFolderError.

        endpoint: where the daemon listens, as ZeroMQ writes it.
        version: of matted.
        key: the secret that clients and the daemon prove to each other.
        """
        fields = {"protocol": 1, "endpoint": endpoint, "pid": os.getpid(), "version": version, "key": key.hex()}
        content = json.dumps(fields).encode()
        try:
            _write(self.folder, content)
        except OSError as error:
            raise _unusable(self.folder, error) from error
        for folder in self._shared_folders():
            try:
                _write(folder, content)
            except OSError as error:  # hosts that see the state folder do not need it
                log.warning("The connection file cannot be put into %s: %s", folder, error.strerror)


def _try_again(lock: BinaryIO) -> bool:
    """Try to lock once more: `holder` may have held the lock for the moment that it takes to look."""
    time.sleep(_POLL_SECONDS)
    return try_lock(lock)


def holder(folder: Path) -> int | None:
    """Return the process id of the daemon that holds the lock of a state folder, None if there is none."""
    try:
        with open(folder / LOCK_FILE, "r+b") as lock:
            if try_lock(lock):
                return None
            lock.seek(_BEFORE_PID)
            return int(lock.read())
    except (OSError, ValueError):
        return None


def wait_until_free(folder: Path, seconds: float) -> bool:
    """Wait until no daemon holds the lock of a state folder. Returns whether that is so."""
    deadline = time.monotonic() + seconds
    while holder(folder) is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _write(folder: Path, content: bytes) -> None:
    # Leftovers are of daemons that were killed: only the holder of the lock writes the file.
    atomic_file.delete_leftovers(folder / CONNECTION_FILE)
    sharing.put(folder, content)


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if sys.platform != "win32":
            stat = folder.stat()
            if stat.st_uid != os.geteuid():
                message = f"The state folder {folder} belongs to another user."
                raise StateFolderError(message, "Set MATTED_STATE_DIR to a folder of your own.")
            if stat.st_mode & 0o077:
                folder.chmod(0o700)
    except OSError as error:
        raise _unusable(folder, error) from error


def _unusable(folder: Path, error: OSError) -> StateFolderError:
    message = f"The state folder {folder} cannot be used: {error.strerror}."
    return StateFolderError(message, "Set MATTED_STATE_DIR to a folder that you can write to.")
