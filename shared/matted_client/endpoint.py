"""Finds the daemon and starts it.

The daemon writes a connection file that only its owner can read: endpoint, pid, version, and a key that is new at every
start. A client that knows the key may ask for masks; all others are refused.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import Any, BinaryIO, Dict, List, Sequence

from .errors import NotRunning, Unavailable

CONNECTION_FILE = "connection.json"
START_LOG = "start.log"
RESTART = "Run: matted stop; matted start"  # a hint
COMPLAINT = "matted: "  # the beginning of an error message of the command line
KEY_BYTES = 32
MAX_FILE_BYTES = 4096
MAX_LOG_BYTES = 1 << 20
LOOPBACK = "tcp://127.0.0.1:"
FLATPAK_INFO = "/.flatpak-info"  # in every Flatpak, and nowhere else: what it is, and what it may do
SNAPS = ("gimp", "krita")  # a terminal of another Snap, such as an editor's, may be free to start programs

# What hosts set for their own libraries and Python; the daemon must not inherit it.
HOST_VARIABLES = (
    *("LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "GI_TYPELIB_PATH", "QML2_IMPORT_PATH"),
    *("APPDIR", "APPIMAGE", "ARGV0", "OWD"),
)
HOST_PREFIXES = ("PYTHON", "QT_", "GIMP", "GEGL", "BABL")
# Files and folders of certificates. A person may have set them, so they stay unless they name a host's or nothing.
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")
_MOUNT = re.compile(r"/\.mount_[^/]+(/|$)")  # of an AppImage, which is gone once its program has ended


def state_folder() -> str:
    """The folder of the connection file: the user state folder of platformdirs, which hosts do not have."""
    chosen = os.environ.get("MATTED_STATE_DIR")
    if chosen:
        return os.path.abspath(chosen)
    home = os.path.expanduser("~")
    if sys.platform == "win32":
        return os.path.join(os.environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local"), "matted")
    if sys.platform == "darwin":
        return os.path.join(home, "Library", "Application Support", "matted")
    return os.path.join(os.environ.get("XDG_STATE_HOME") or os.path.join(home, ".local", "state"), "matted")


def connection_path() -> str:
    return os.path.join(state_folder(), CONNECTION_FILE)


@dataclass(frozen=True)
class Connection:
    """The contents of a connection file."""

    endpoint: str
    pid: int
    version: str
    key: bytes

    @property
    def port(self) -> int:
        return int(self.endpoint[len(LOOPBACK) :])


def read_connection(path: str) -> Connection:
    """Read a connection file.

    Raises NotRunning if it is missing; Unavailable if it is empty, damaged, cannot be read, or could have been written
    by somebody else.
    """
    try:
        with open(path, "rb") as file:
            _refuse_strangers(os.fstat(file.fileno()), path)
            raw = file.read(MAX_FILE_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotRunning("The matted daemon is not running.", "Start it with: matted start") from error
    except OSError as error:
        values = (path, error.strerror or error)
        raise Unavailable("The connection file %s cannot be read: %s.", RESTART, values) from error
    try:
        return _parse(json.loads(raw.decode("utf-8")))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        # without the cause, which may quote the key
        raise Unavailable("The connection file %s is damaged.", RESTART, (path,)) from None


def _refuse_strangers(stat: os.stat_result, path: str) -> None:
    if sys.platform == "win32":
        return  # the profile folder's access list keeps other users out
    if stat.st_uid != os.geteuid():
        message = "The connection file %s belongs to another user; it was not used."
        raise Unavailable(message, "Delete it.", (path,))
    if stat.st_mode & 0o077:
        message = "The connection file %s can be read or written by other users; it was not used."
        raise Unavailable(message, RESTART, (path,))


def _parse(fields: Dict[str, Any]) -> Connection:
    key = bytes.fromhex(fields["key"])
    connection = Connection(str(fields["endpoint"]), int(fields["pid"]), str(fields["version"]), key)
    if len(key) != KEY_BYTES or not connection.endpoint.startswith(LOOPBACK) or not 0 < connection.port < 65536:
        raise ValueError
    return connection


class _Detached(subprocess.Popen):  # type: ignore[type-arg]
    """A process that outlives this one."""

    def __del__(self) -> None:
        pass  # Popen would warn that the process still runs


class Starter:
    """Starts a daemon, detached from this process.

    command: runs matted: see `python`.
    folder: the state folder.

    Several starters may work at the same time: a daemon that finds another one running ends with exit code 0, so
    exactly one stays.
    """

    def __init__(self, command: Sequence[str], folder: str) -> None:
        self._command = list(command)
        self._folder = folder
        self._log = os.path.join(folder, START_LOG)
        self._log_start = 0

    def start(self) -> "subprocess.Popen[bytes]":
        """Raises Unavailable if the program cannot be run at all."""
        command, environment = [*self._command, "serve"], clean_environment(self._folder)
        if os.path.exists(FLATPAK_INFO):
            command = _through_flatpak(command, self._folder)
        elif os.environ.get("SNAP_NAME") in SNAPS:
            raise Unavailable(
                "The matted daemon is not running, and this Snap may not start programs outside its sandbox.",
                "Start it in a terminal with: matted start",
            )
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            with self._open_log() as log:
                return _Detached(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=environment,
                    cwd=os.path.expanduser("~"),
                    **_detached(),
                )
        except OSError as error:
            what = error.filename or self._command[0]
            hint = "If matted was moved or removed, install it and its plug-ins again."
            values = (what, error.strerror or error)
            raise Unavailable("The matted daemon could not be started: %s: %s.", hint, values) from error

    def _open_log(self) -> BinaryIO:
        """Append to the log: the daemon of another starter may be writing to it too."""
        full = os.path.exists(self._log) and os.path.getsize(self._log) > MAX_LOG_BYTES
        log = open(self._log, "wb" if full else "ab")
        self._log_start = log.tell()
        return log

    def reason(self) -> str:
        """Return why the daemon did not start: its last error message, else the last line that it wrote."""
        try:
            with open(self._log, "rb") as log:
                log.seek(self._log_start)
                lines = log.read(65536).decode("utf-8", "replace").strip().splitlines()
        except OSError:
            lines = []
        complaints = [number for number, line in enumerate(lines) if line.startswith(COMPLAINT)]
        if complaints:
            return " ".join(line.strip() for line in lines[complaints[-1] :])[len(COMPLAINT) :]
        if not lines and _is_full(self._folder):
            return "the disk with %s is full." % self._folder
        return lines[-1] if lines else "it gave no reason."


def _is_full(folder: str) -> bool:
    try:
        return shutil.disk_usage(folder).free == 0
    except OSError:
        return False


def clean_environment(folder: str) -> Dict[str, str]:
    """Return this process's environment without what GIMP, Krita, AppImages and Snaps have set for themselves.

    folder: the state folder, for MATTED_STATE_DIR.

    Of lists of paths, such as PATH, those are left out that lie in an AppImage or a Snap.
    """
    kept = {}
    for name, value in os.environ.items():
        if name in HOST_VARIABLES or name.startswith(HOST_PREFIXES):
            continue
        paths = value.split(os.pathsep)
        others = [path for path in paths if not _is_a_hosts(path)]
        gone = name in CERTIFICATES and not any(os.path.exists(path) for path in others)
        if not gone and (others == paths or any(others)):
            kept[name] = os.pathsep.join(others)
    kept["MATTED_STATE_DIR"] = folder
    return kept


def _is_a_hosts(path: str) -> bool:
    """Return whether a path lies in the AppImage or the Snap that this process runs in, or in any mounted AppImage."""
    # APPDIR alone may be anybody's: it is an AppImage's beside APPIMAGE.
    appdir = os.environ.get("APPDIR") if os.environ.get("APPIMAGE") else None
    bundles = [bundle for bundle in (appdir, os.environ.get("SNAP")) if bundle and os.path.dirname(bundle) != bundle]
    inside = any(path == bundle or path.startswith(os.path.join(bundle, "")) for bundle in bundles)
    return inside or bool(_MOUNT.search(path))


def _detached() -> Dict[str, Any]:
    if sys.platform == "win32":
        new_group, detached, no_window = 0x200, 0x8, 0x08000000
        return {"creationflags": new_group | detached | no_window}
    return {"start_new_session": True}


def _may_leave_flatpak() -> bool:
    """Return whether the Flatpak's permissions let flatpak-spawn, which is in every Flatpak, start programs outside."""
    permissions = configparser.RawConfigParser(strict=False)
    try:
        permissions.read(FLATPAK_INFO, encoding="utf-8")
    except (configparser.Error, ValueError):
        return False
    return permissions.get("Session Bus Policy", "org.freedesktop.Flatpak", fallback="") in ("talk", "own")


def _through_flatpak(command: List[str], folder: str) -> List[str]:
    if not _may_leave_flatpak():
        raise Unavailable(
            "The matted daemon is not running, and this Flatpak may not start programs outside its sandbox.",
            "Start it in a terminal with: matted start",
        )
    return ["flatpak-spawn", "--host", "--env=MATTED_STATE_DIR=" + folder, *command]
