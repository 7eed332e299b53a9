"""Write the report for a bug report: one text with all that helps to find a fault, and nothing private."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path

from matted_client import MattedError
from matted_client.endpoint import CONNECTION_FILE, START_LOG

from matted import __version__
from matted.doctor import probe
from matted.doctor.context import Context, Finding
from matted.doctor.daemon import session
from matted.doctor.probe import ProbeFailedError
from matted.models import catalogue
from matted.models.store import Store
from matted.system import logbook, privacy

LOG_LINES = 300
_SYSCTL_SECONDS = 5.0
PROMISE = (
    "It holds no pictures, no names of pictures, no keys, and neither your name nor this computer's.\n"
    "It is plain text: read it before you pass it on."
)
_DESKTOP = ("XDG_SESSION_TYPE", "XDG_CURRENT_DESKTOP", "LANG")


def compose(context: Context, findings: Iterable[Finding], environ: Mapping[str, str]) -> str:
    """Compose the report. A part that fails says why instead."""
    parts: dict[str, Callable[[], str]] = {
        "What matted doctor found": lambda: "\n".join(str(finding) for finding in findings),
        "Computer": lambda: _computer(environ),
        "Settings": lambda: _settings(context),
        "Environment": lambda: _environment(environ),
        "Models": lambda: _models(context),
        "Status of the daemon": _status,
        f"Log, the last {LOG_LINES} lines": lambda: _log(context.settings.state),
        f"{START_LOG}, the last {LOG_LINES} lines": lambda: _start_log(context.settings.state),
    }
    when = datetime.now(timezone.utc).isoformat(timespec="seconds")
    text = f"matted {__version__}, report of {when}\n{PROMISE}\n"
    for title, part in parts.items():
        text += f"\n== {title}\n\n{_result(part)}\n"
    clean = privacy.PrivacyFilter(privacy.home(), privacy.users(), privacy.hosts(), _secrets(context.settings.state))
    return clean(text)


def write(path: Path, text: str, force: bool) -> None:
    """Write the report into a file. force: also over a file that exists. Raises MattedError."""
    try:
        with open(path, "w" if force else "x", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except FileExistsError as error:
        raise exists(path) from error
    except OSError as error:
        raise MattedError(f"{path} cannot be written: {error.strerror}.") from error


def exists(path: Path) -> MattedError:
    """Make the error for a file that exists and may not be overwritten."""
    return MattedError(f"{path} exists.", "Use --force to overwrite it, or choose another name.")


def _result(part: Callable[[], str]) -> str:
    try:
        return part().rstrip() or "nothing"
    except Exception as error:
        return f"not available: {type(error).__name__}: {error}"


def _computer(environ: Mapping[str, str]) -> str:
    import psutil  # here: where it is broken, there shall be a report all the same

    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    facts = {
        "system": platform.platform(),
        "distribution": _distribution(),
        "processor": f"{_processor()}, {psutil.cpu_count(logical=False)} cores, {psutil.cpu_count()} threads",
        "memory": f"{memory.total / 1e9:.1f} GB, {memory.available / 1e9:.1f} GB available",
        "swap": f"{swap.total / 1e9:.1f} GB, {swap.used / 1e9:.1f} GB used",
        "python": f"{sys.version} in {sys.prefix}",
        **{name: environ[name] for name in _DESKTOP if environ.get(name)},
    }
    return "\n".join(f"{name}: {value}" for name, value in facts.items())


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return "unknown"


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    if sys.platform == "darwin":
        with suppress(ProbeFailedError):
            return probe.run(["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"], _SYSCTL_SECONDS).strip()
    return platform.processor() or platform.machine()


def _settings(context: Context) -> str:
    lines = [f"{name} = {value}" for name, value in asdict(context.settings).items()]
    return "\n".join([str(context.settings_error), "", *lines] if context.settings_error else lines)


def _environment(environ: Mapping[str, str]) -> str:
    return "\n".join(f"{name}={value}" for name, value in sorted(environ.items()) if name.startswith("MATTED_"))


def _models(context: Context) -> str:
    """List the installed models. Not where they came from: that may be the name of a file of the user's."""
    known, store = catalogue.load(context.settings.folder / catalogue.OWN_FILE), Store(context.settings.models)
    lines = []
    for spec in known.specs.values():
        origin = store.origin(spec)
        if origin is not None:
            facts = f"{origin.bytes} bytes, {origin.precision}, installed {origin.installed} by {origin.converter}"
            lines.append(f"{spec.id}: {facts}, from {origin.weights}")
    return "\n".join(lines)


def _status() -> str:
    try:
        with session() as asked:
            return json.dumps(asked.status(), indent=2)
    except MattedError as error:
        return str(error)


def _log(folder: Path) -> str:
    return logbook.last_lines(logbook.Reader(folder).read(), LOG_LINES)


def _start_log(folder: Path) -> str:
    path = folder / START_LOG
    return logbook.last_lines(path.read_text("utf-8", "replace"), LOG_LINES) if path.exists() else ""


def _secrets(folder: Path) -> list[str]:
    """Find the daemon's key. Nothing writes it into the log; should something ever do so, the report hides it."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return [str(json.loads((folder / CONNECTION_FILE).read_text("utf-8"))["key"])]
    return []
