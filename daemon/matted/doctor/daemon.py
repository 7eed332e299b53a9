"""The daemon: its connection file, whether its port answers, and whether it is of our version."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from matted_client import MattedError, Session, Unavailable
from matted_client.endpoint import CONNECTION_FILE, Connection, read_connection

from matted import __version__
from matted.doctor.finding import FAIL, NOTE, OK, Finding
from matted.doctor.patient import NAME, Patient
from matted.system import logbook


def check_daemon(patient: Patient) -> Iterator[Finding]:
    path = patient.settings.state / CONNECTION_FILE
    if not path.exists():
        what = "It does not run. The first click starts it."
        yield Finding(NOTE, "Daemon", what, "To see whether it works: matted start, and then matted doctor again.")
        yield from _last_words(patient.settings.state)
        return
    try:
        connection = read_connection(str(path))
    except MattedError as error:
        yield Finding(FAIL, "Connection file", error.message, error.hint)
        return
    try:
        with Session(connection, NAME) as session:
            status = session.status()
    except Unavailable as error:
        yield _unanswered(path, connection, error)
        return
    except MattedError as error:
        yield Finding(FAIL, "Daemon", error.message, error.hint or "Run: matted restart")
        return
    yield Finding(OK, "Connection file", f"{path} is good.")
    yield _answered(connection, status["version"], status["pid"])


def _answered(connection: Connection, version: str, pid: int) -> Finding:
    where = f"matted {version} (pid {pid}) answers on port {connection.port}."
    if version != __version__:
        todo = "Start the new one: matted restart"
        return Finding(FAIL, "Daemon", f"{where} This program is matted {__version__}.", todo)
    return Finding(OK, "Daemon", where)


def _unanswered(path: Path, connection: Connection, error: Unavailable) -> Finding:
    if _is_matted(connection.pid):
        what = f"The process {connection.pid} runs and does not answer on port {connection.port}: {error.message}"
        todo = f"End it (kill {connection.pid}), then: matted start"
        return Finding(FAIL, "Daemon", what, todo)
    what = f"{path} is stale: it was left behind by a daemon that was killed or crashed."
    return Finding(NOTE, "Connection file", what, "The next start replaces it: matted start")


def _last_words(folder: Path) -> Iterator[Finding]:
    """Of a daemon that crashed or could not start."""
    start_log = logbook.beside(folder)
    if start_log is not None:
        lines = start_log.read_text("utf-8", "replace").strip().splitlines()
        yield Finding(NOTE, "Daemon", f"{start_log} ends with: {lines[-1]!r}.", f"See all of it in {start_log}")


def _is_matted(pid: int) -> bool:
    """Whether that process can be a daemon of ours: numbers of processes that ended are given to others."""
    import psutil  # here: where it is broken, the other checks shall run all the same

    try:
        return "serve" in psutil.Process(pid).cmdline()
    except psutil.Error:
        return False
