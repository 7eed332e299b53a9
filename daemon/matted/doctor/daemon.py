"""Check the daemon: its connection file, whether it answers and is of our version, and whether it starts at login."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from matted_client import MattedError, Unavailable
from matted_client.client import Session, connect
from matted_client.endpoint import CONNECTION_FILE, RESTART, Connection, read_connection

from matted import __version__, autostart
from matted.doctor.context import FAIL, NOTE, OK, Context, Finding
from matted.system import logbook

_NAME = "matted doctor"  # what the daemon's log calls us


def session() -> Session:
    """Connect to the daemon that runs; none is started. Raises MattedError."""
    return connect(_NAME, start=False)


def is_reachable() -> bool:
    """Whether a daemon can be connected to."""
    try:
        session().close()
    except Unavailable:
        return False
    except MattedError:  # it is there, and refuses us
        return True
    return True


def check_daemon(context: Context) -> Iterator[Finding]:
    """Check the connection file, and that the daemon answers."""
    path = context.settings.state / CONNECTION_FILE
    if not path.exists():
        what = "It does not run. The first click starts it."
        yield Finding(NOTE, "Daemon", what, "To see whether it works: matted start, and then matted doctor again.")
        yield from _start_log(context.settings.state)
        yield from _server(context.server)
        return
    try:
        connection = read_connection(str(path))
    except MattedError as error:
        yield Finding(FAIL, "Connection file", error.message, error.hint)
        return
    try:
        with Session(connection, _NAME) as connected:
            status = connected.status()
    except Unavailable as error:
        yield _unanswered(path, connection, error)
        yield from _server(context.server)
        return
    except MattedError as error:
        yield Finding(FAIL, "Daemon", error.message, error.hint or "Run: matted restart")
        return
    yield Finding(OK, "Connection file", f"{path} is good.")
    yield _answered(connection, status["version"], status["pid"])
    yield from _server(status.get("server"))


def check_login(context: Context) -> Iterator[Finding]:
    """Check what starts the daemon at login, and whether that still works."""
    found = autostart.entries(autostart.mechanisms(os.environ))
    if not found:
        what = "The daemon does not start at login. The first click starts it."
        yield Finding(NOTE, "Login", what, "To have it wait for you instead: matted autostart enable")
    for entry in found:
        problem = autostart.problem(entry)
        if problem:
            force = " --force" if entry.edited else ""
            yield Finding(FAIL, "Login", f"{entry.place}: {problem}", f"Run: matted autostart enable{force}")
        else:
            yield Finding(OK, "Login", f"{entry.place} starts the daemon.")


def _answered(connection: Connection, version: str, pid: int) -> Finding:
    where = f"matted {version} (pid {pid}) answers on port {connection.port}."
    if version != __version__:
        todo = "Start the new one: matted restart"
        return Finding(FAIL, "Daemon", f"{where} This program is matted {__version__}.", todo)
    return Finding(OK, "Daemon", where)


def _server(server: dict[str, Any] | None) -> Iterator[Finding]:
    """Say where pictures go that are not computed here. server: as in the daemon's status."""
    if server is None:
        return
    where = f"Pictures are sent to {server['url']}, made as small as the model sees them"
    if not server["asked"]:
        yield Finding(NOTE, "Server", f"{where}, once it has answered.")
    elif server["failure"]:
        todo = f"{server['hint']} It is tried again by itself; after a change: matted reload".lstrip()
        yield Finding(FAIL, "Server", f"{server['url']}: {server['failure']}", todo)
    else:
        yield Finding(OK, "Server", f"{where}, for: {', '.join(server['models']) or 'no model'}.")
        for model, why in server["failures"].items():
            yield Finding(FAIL, "Server", f"{model}: {why}", "See server.models in config.toml.")


def _unanswered(path: Path, connection: Connection, error: Unavailable) -> Finding:
    from matted.system import processes  # here: where psutil is broken, the other checks shall run all the same

    if processes.is_daemon(connection.pid):
        what = f"The process {connection.pid} runs and does not answer on port {connection.port}: {error.message}"
        return Finding(FAIL, "Daemon", what, RESTART)
    what = f"{path} is stale: it was left behind by a daemon that was killed or crashed."
    return Finding(NOTE, "Connection file", what, "The next start replaces it: matted start")


def _start_log(folder: Path) -> Iterator[Finding]:
    """Quote what a daemon said that crashed or could not start."""
    newer = logbook.newer_start_log(folder)
    if newer is not None:
        lines = newer.read_text("utf-8", "replace").strip().splitlines()
        yield Finding(NOTE, "Daemon", f"{newer} ends with: {lines[-1]!r}.", f"See all of it in {newer}")
