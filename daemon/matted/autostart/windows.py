"""A value of the user's Run key: Explorer runs it at login. It has no console, and is not started again when it fails;
the next click does that."""

from __future__ import annotations

import ntpath
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Protocol

from matted_client import python

from matted.autostart.entry import AutostartError, Command, Entry, Mechanism

if sys.platform == "win32":
    import winreg

TITLE = "value of the Run key"
NAME = "matted"
RUN = r"Software\Microsoft\Windows\CurrentVersion\Run"
# What Task Manager and the settings write: bytes, of which the first is odd if the user has switched the value off.
APPROVED = r"Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run"
MAX_COMMAND = 260  # characters that Windows allows for a command in the Run key


class Registry(Protocol):
    """The values of the current user's part of the registry. Each may raise OSError."""

    def get(self, key: str, name: str) -> str | bytes | None: ...

    def set(self, key: str, name: str, value: str) -> None: ...

    def remove(self, key: str, name: str) -> None:
        """Does nothing if there is no such value."""


class RunKey(Mechanism):
    """exists: whether a file is there."""

    def __init__(self, registry: Registry, exists: Callable[[str], bool]) -> None:
        self._registry = registry
        self._exists = exists

    @classmethod
    def here(cls, environ: Mapping[str, str]) -> RunKey | None:
        if sys.platform == "win32":
            return cls(CurrentUser(), os.path.exists)
        return None

    def find(self) -> Entry | None:
        try:
            value, approved = self._registry.get(RUN, NAME), self._registry.get(APPROVED, NAME)
        except OSError as error:
            raise AutostartError(f"The registry cannot be read: {error.strerror}.") from error
        if not isinstance(value, str):
            return None
        off = isinstance(approved, bytes) and approved[:1] and approved[0] % 2
        return Entry(
            title=TITLE,
            place=rf"HKEY_CURRENT_USER\{RUN}\{NAME}",
            runs=value,
            program=program_of(value),
            edited=f'{python.MATTED}" serve ' not in value,
            obstacle="It is switched off in the Task Manager, under Startup apps." if off else "",
        )

    def write(self, command: Command) -> list[str]:
        value = command_line(command, self._exists)
        try:
            self._registry.set(RUN, NAME, value)
            self._registry.remove(APPROVED, NAME)
        except OSError as error:
            raise AutostartError(f"The registry cannot be written: {error.strerror}.") from error
        if not command.environment:
            return []
        names = ", ".join(command.environment)
        return [f"Make sure that {names} is set in your account, not only here: Windows starts the daemon with those."]

    def remove(self) -> list[str]:
        try:
            self._registry.remove(RUN, NAME)
            self._registry.remove(APPROVED, NAME)
        except OSError as error:
            raise AutostartError(f"The registry cannot be written: {error.strerror}.") from error
        return []


def command_line(command: Command, exists: Callable[[str], bool]) -> str:
    """Make the value for the Run key. Raises AutostartError if it would be too long for Windows."""
    folder, program = ntpath.split(command.program)
    silent = ntpath.join(folder, program.lower().replace("python.exe", "pythonw.exe"))  # opens no console window
    line = subprocess.list2cmdline([silent if exists(silent) else command.program, *command.arguments])
    if len(line) > MAX_COMMAND:
        message = f"The command is longer than the {MAX_COMMAND} characters that Windows allows: {line}"
        raise AutostartError(message, "Install matted in a folder with a shorter path.")
    return line


def program_of(line: str) -> str:
    """Find the program of a command line. Its path cannot have a quotation mark in it."""
    found = re.match(r'\s*(?:"([^"]*)"|(\S+))', line)
    return (found[1] or found[2] or "") if found else ""


if sys.platform == "win32":

    class CurrentUser:
        """The real registry."""

        def get(self, key: str, name: str) -> str | bytes | None:
            try:
                with winreg.OpenKey(winreg.HKEY_CURRENT_USER, key) as handle:
                    value, _ = winreg.QueryValueEx(handle, name)
            except FileNotFoundError:
                return None
            return value if isinstance(value, (str, bytes)) else None

        def set(self, key: str, name: str, value: str) -> None:
            with winreg.CreateKey(winreg.HKEY_CURRENT_USER, key) as handle:
                winreg.SetValueEx(handle, name, 0, winreg.REG_SZ, value)

        def remove(self, key: str, name: str) -> None:
            try:
                with winreg.OpenKey(winreg.HKEY_CURRENT_USER, key, 0, winreg.KEY_SET_VALUE) as handle:
                    winreg.DeleteValue(handle, name)
            except FileNotFoundError:
                pass
