"""An entry in the desktop's autostart folder, for sessions that systemd does not run.

freedesktop.org: Desktop Application Autostart Specification, and "The Exec key" of the Desktop Entry Specification.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from matted.autostart.entry import (
    BLANK_SEAL,
    ENV,
    NOTICE,
    AutostartError,
    Command,
    Entry,
    Mechanism,
    delete,
    is_as_written,
    read,
    sealed,
    settings_folder,
    write,
)

TITLE = "desktop autostart entry"
FILE = "matted.desktop"

_ENTRY_TEXT = f"""\
# {NOTICE}
# {BLANK_SEAL}
[Desktop Entry]
Type=Application
Name=matted
Comment=Keeps background removal ready
Exec=@COMMAND@
TryExec=@PROGRAM@
Terminal=false
StartupNotify=false
X-GNOME-Autostart-enabled=true
"""
# What desktops write when their settings are used to switch an entry off.
_OFF = re.compile(r"^(Hidden\s*=\s*true|X-GNOME-Autostart-enabled\s*=\s*false)\s*$", re.MULTILINE)


class AutostartEntry(Mechanism):
    """root: the user's configuration folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path = root / "autostart" / FILE

    @classmethod
    def here(cls, environ: Mapping[str, str]) -> AutostartEntry | None:
        return None if sys.platform in ("win32", "darwin") else cls(settings_folder(environ))

    def find(self) -> Entry | None:
        text = read(self._path)
        if text is None:
            return None
        runs = re.search(r"^Exec\s*=\s*(.*)$", text, re.MULTILINE)
        program = re.search(r"^TryExec\s*=\s*(/.*)$", text, re.MULTILINE)
        return Entry(
            title=TITLE,
            place=str(self._path),
            runs=runs[1] if runs else "",
            program=program[1] if program else "",
            edited=not is_as_written(text),
            obstacle="It is switched off in the settings of the desktop." if _OFF.search(text) else "",
        )

    def write(self, command: Command) -> list[str]:
        write(self._path, entry_text(command))
        return []

    def remove(self) -> list[str]:
        delete(self._path, self._root)
        return []


def entry_text(command: Command) -> str:
    """Make the text of the entry, sealed. Raises AutostartError if the command has a character that it cannot hold."""
    variables = [f"{name}={value}" for name, value in command.environment.items()]
    words = [*([ENV, *variables] if variables else []), *command.words]
    for word in words:
        found = re.search(r"[\\$`]", word)
        if found:
            message = f"{word!r} has a {found[0]} in it, which desktops read in different ways."
            raise AutostartError(message, "Use a path without it.")
    text = _ENTRY_TEXT.replace("@COMMAND@", " ".join(_quoted(word) for word in words))
    return sealed(text.replace("@PROGRAM@", command.program))


def _quoted(word: str) -> str:
    """Quote one argument of Exec, and escape it once more, as every value of type string is."""
    word = word.replace("%", "%%")
    if re.fullmatch(r"[\w%+,./:=@-]+", word, re.ASCII):
        return word
    return '"' + word.replace('"', '\\\\"') + '"'
