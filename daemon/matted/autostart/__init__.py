"""Start the daemon at login, by what the platform has for that.

A mechanism is a class in a module of its own (`systemd`, `xdg`, `launchd`, `windows`), and one line in MECHANISMS.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping

from matted_client import python
from matted_client.endpoint import clean_environment, state_folder

from matted.autostart import launchd, systemd, windows, xdg
from matted.autostart.entry import AutostartError, Command, Entry, Mechanism, serve_command

__all__ = ["AutostartError", "Entry", "disable", "enable", "entries", "mechanisms", "problem", "serve_command"]

TRIAL_SECONDS = 60.0

MECHANISMS: tuple[type[Mechanism], ...] = (
    systemd.UserUnit,
    xdg.AutostartEntry,
    launchd.LaunchAgent,
    windows.RunKey,
)


def mechanisms(environ: Mapping[str, str]) -> list[Mechanism]:
    """List what can start the daemon at login on this platform. `enable` uses the first."""
    found = [mechanism for kind in MECHANISMS if (mechanism := kind.here(environ))]
    return sorted(found, key=lambda mechanism: not mechanism.usable)


def enable(command: Command, force: bool, mechanisms: list[Mechanism]) -> list[str]:
    """Write the entry of the first mechanism, and remove those of the others.

    force: also over entries that somebody has changed.

    Returns sentences about what the user should know. Raises AutostartError.
    """
    failure = _trial(command.program)
    if failure:
        message = f"{command.program} does not find matted outside this terminal: {failure}."
        raise AutostartError(message, "Install it, for example with pipx, and run the installed matted.")
    _refuse_edited(force, mechanisms)
    remarks = mechanisms[0].write(command) + [other.passed_over for other in mechanisms[1:] if other.passed_over]
    return remarks + [remark for other in mechanisms[1:] for remark in other.remove()]


def disable(force: bool, mechanisms: list[Mechanism]) -> list[str]:
    """Remove the entries of all mechanisms. Otherwise like `enable`."""
    _refuse_edited(force, mechanisms)
    return [remark for mechanism in mechanisms for remark in mechanism.remove()]


def entries(mechanisms: list[Mechanism]) -> list[Entry]:
    """Find what is there now: none or one entry, unless somebody copied files. Raises AutostartError."""
    return [entry for mechanism in mechanisms if (entry := mechanism.find())]


def problem(entry: Entry) -> str:
    """Return why this entry does not start the daemon at login: a sentence for a person, or empty."""
    if entry.obstacle:
        return entry.obstacle
    if not entry.program:
        return "It cannot be told what it starts."
    if not os.path.exists(entry.program):
        return f"{entry.program} is not there any more: matted was moved or removed."
    failure = _trial(entry.program)
    return f"{entry.program} does not find matted any more: {failure}." if failure else ""


def _refuse_edited(force: bool, mechanisms: list[Mechanism]) -> None:
    for entry in entries(mechanisms):
        if entry.edited and not force:
            message = f"{entry.place} was changed since matted wrote it, and was left as it is."
            raise AutostartError(message, "To do it all the same, add --force.")


def _trial(program: str) -> str:
    """Try a Python as the one that runs matted at login. Returns what is wrong with it, or empty."""
    command = python.command_of([program], "import matted.cli.main")
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=python.FOLDER,
            env=clean_environment(state_folder()),
            timeout=TRIAL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "it does not answer"
    except OSError as error:
        return str(error)
    if done.returncode == 0:
        return ""
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else f"it ends with {done.returncode}"
