"""A LaunchAgent: launchd starts the daemon at login on macOS, and starts it again when it fails.

launchd.plist(5). launchd reads the folder at every login; nothing has to be registered.
"""

from __future__ import annotations

import plistlib
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

from matted.autostart.entry import (
    BLANK_SEAL,
    NOTICE,
    Command,
    Entry,
    Mechanism,
    delete,
    is_as_written,
    read,
    sealed,
    write,
)

TITLE = "LaunchAgent"
LABEL = "matted.daemon"
RESTART_SECONDS = 60  # launchd never gives up, so a daemon that cannot start must not be tried often
STOP_SECONDS = 90  # longer than the daemon lets a running request go on


class LaunchAgent(Mechanism):
    """library: the user's Library folder."""

    def __init__(self, library: Path) -> None:
        self._library = library
        self._path = library / "LaunchAgents" / f"{LABEL}.plist"

    @classmethod
    def here(cls, environ: Mapping[str, str]) -> LaunchAgent | None:
        return cls(Path.home() / "Library") if sys.platform == "darwin" else None

    def find(self) -> Entry | None:
        text = read(self._path)
        if text is None:
            return None
        fields = _fields(text)
        words = fields.get("ProgramArguments")
        words = [str(word) for word in words] if isinstance(words, list) else []
        return Entry(
            title=TITLE,
            place=str(self._path),
            runs=shlex.join(words),
            program=words[0] if words else "",
            edited=not is_as_written(text),
            obstacle="" if fields.get("RunAtLoad") is True and not fields.get("Disabled") else "It is switched off.",
        )

    def write(self, command: Command) -> list[str]:
        write(self._path, agent_text(command))
        return []

    def remove(self) -> list[str]:
        delete(self._path, self._library)
        return []


def agent_text(command: Command) -> str:
    """Make the text of the property list, sealed."""
    fields: dict[str, Any] = {
        "Label": LABEL,
        "ProgramArguments": command.words,
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": RESTART_SECONDS,
        "ExitTimeOut": STOP_SECONDS,
        "ProcessType": "Interactive",  # somebody waits for each mask; the other types are held back
    }
    if command.environment:
        fields["EnvironmentVariables"] = dict(command.environment)
    head, plist = plistlib.dumps(fields, sort_keys=False).decode().split("<plist", 1)
    return sealed(f"{head}<!-- {NOTICE} {BLANK_SEAL} -->\n<plist{plist}")


def _fields(text: str) -> dict[str, Any]:
    try:
        fields = plistlib.loads(text.encode())
    except (plistlib.InvalidFileException, ExpatError, ValueError):
        return {}
    return fields if isinstance(fields, dict) else {}
