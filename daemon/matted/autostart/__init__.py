"""Starting the daemon at login, by what the platform has for that."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from matted_client.endpoint import clean_environment, state_folder

from matted.autostart import launchd, systemd, windows, xdg
from matted.autostart.entry import AutostartError, Command, Entry, Mechanism, serve_command

__all__ = ["AutostartError", "Entry", "disable", "enable", "entries", "mechanisms", "serve_command", "trouble"]

TRIAL_SECONDS = 60.0


def mechanisms(environ: Mapping[str, str]) -> list[Mechanism]:
    """What can start the daemon at login on this platform; the first is what `enable` uses."""
    if sys.platform == "win32":
        return [windows.RunKey(windows.CurrentUser(), os.path.exists)]
    if sys.platform == "darwin":
        return [launchd.LaunchAgent(Path.home() / "Library")]
    settings = Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    if systemd.runs_session(environ):
        return [systemd.UserUnit(settings, True), xdg.AutostartEntry(settings)]
    return [xdg.AutostartEntry(settings), systemd.UserUnit(settings, False)]


def enable(command: Command, force: bool, ways: list[Mechanism]) -> list[str]:
    """Write the entry of the first way, and take away those of the others.

    force: also over entries that somebody has changed. Returns sentences about what should be known. Raises
    AutostartError.
    """
    problem = _trial(command.program)
    if problem:
        message = f"{command.program} does not find matted outside this terminal: {problem}."
        raise AutostartError(message, "Install it, for example with pipx, and run the installed matted.")
    _spare_edited(force, ways)
    remarks = ways[0].put(command)
    return remarks + [remark for other in ways[1:] for remark in other.take_away()]


def disable(force: bool, ways: list[Mechanism]) -> list[str]:
    """Take away the entries of all ways. Otherwise like `enable`."""
    _spare_edited(force, ways)
    return [remark for way in ways for remark in way.take_away()]


def entries(ways: list[Mechanism]) -> list[Entry]:
    """What is there now: none or one, unless somebody copied files about. Raises AutostartError."""
    return [entry for way in ways if (entry := way.find())]


def trouble(entry: Entry) -> str:
    """Why this entry does not start the daemon at login: a sentence for a person, or empty."""
    if entry.obstacle:
        return entry.obstacle
    if not entry.program:
        return "It cannot be told what it starts."
    if not os.path.exists(entry.program):
        return f"{entry.program} is not there any more: matted was moved or removed."
    problem = _trial(entry.program)
    return f"{entry.program} does not find matted any more: {problem}." if problem else ""


def _spare_edited(force: bool, ways: list[Mechanism]) -> None:
    for entry in entries(ways):
        if entry.edited and not force:
            message = f"{entry.place} was changed since matted wrote it, and was left as it is."
            raise AutostartError(message, "To do it all the same, add --force.")


def _trial(program: str) -> str:
    """What is wrong with a Python as the one that runs matted at login, or empty."""
    command = [program, "-c", "import matted.cli.main"]
    home, environment = os.path.expanduser("~"), clean_environment(state_folder())
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=home,
            env=environment,
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
