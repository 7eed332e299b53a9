"""`matted autostart`: have the daemon start at login, or no longer. Works without a daemon, and starts none."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import asdict
from typing import Any

from matted_client import MattedError, NotRunning
from matted_client.client import connect

from matted import autostart
from matted.cli.output import FAILED, OK, Show
from matted.models import catalogue
from matted.models.store import Store
from matted.settings import config


def add_parser(commands: Any) -> None:
    """Add `autostart` to the commands."""
    command = commands.add_parser("autostart", help="start the daemon at login: enable, disable")
    command.set_defaults(run=_status)
    verbs = command.add_subparsers(title="what to do (default: status)", metavar="VERB")
    for name, run, text in (
        ("enable", _enable, "start the daemon at every login"),
        ("disable", _disable, "do not start the daemon at login any more"),
        ("status", _status, "show what starts the daemon at login, and whether that works"),
    ):
        verb = verbs.add_parser(name, help=text, description=text)
        verb.set_defaults(run=run)
        if run is not _status:
            verb.add_argument("--force", action="store_true", help="even if the entry was changed by hand")
        if run is _enable:
            verb.add_argument(
                "--preload", default="", metavar="ID", help="load this model at the start, and keep it in memory"
            )


def _enable(options: argparse.Namespace) -> int:
    if options.preload:
        _check_model(options.preload)
    enable(options.preload, options.force, print)
    options.facts["enabled"] = True
    if not _running():
        print("    It is not running now. To start it: matted start")
    return OK


def enable(preload: str, force: bool, show: Show) -> None:
    """Have this Python's daemon start at every login, and say so by `show`. Raises AutostartError.

    preload: id of a model to load at once, empty for none. force: also over an entry that somebody has changed.
    """
    mechanisms = autostart.mechanisms(os.environ)
    remarks = autostart.enable(autostart.serve_command(sys.executable, preload, os.environ), force, mechanisms)
    for entry in autostart.entries(mechanisms):
        show(f"The daemon starts at every login ({entry.title}): {entry.place}")
    for remark in remarks:
        show(f"    {remark}")


def _disable(options: argparse.Namespace) -> int:
    mechanisms = autostart.mechanisms(os.environ)
    before = autostart.entries(mechanisms)
    remarks = autostart.disable(options.force, mechanisms)
    options.facts.update(enabled=False, deleted=[entry.place for entry in before])
    for entry in before:
        print(f"The daemon no longer starts at login. Deleted: {entry.place}")
    if not before:
        print("The daemon does not start at login.")
    for remark in remarks:
        print(f"    {remark}")
    if _running():
        print("    It is still running. To stop it: matted stop")
    return OK


def _status(options: argparse.Namespace) -> int:
    found = [(entry, autostart.problem(entry)) for entry in autostart.entries(autostart.mechanisms(os.environ))]
    running, works = _running(), any(not problem for _, problem in found)
    entries = [{**asdict(entry), "trouble": problem} for entry, problem in found]
    options.facts.update(enabled=works, entries=entries, running=running)
    print("The daemon starts at login." if works else "The daemon does not start at login.")
    for entry, problem in found:
        print(f"    {entry.title}: {entry.place}")
        print(f"    It runs: {entry.runs}")
        if entry.edited:
            print("    This entry was changed since matted wrote it.")
        if problem:
            print(f"    {problem} To correct that: matted autostart enable{' --force' if entry.edited else ''}")
    if not found:
        print("    To change that: matted autostart enable")
    print("It is running now." if running else "It is not running now.")
    return OK if works else FAILED


def _check_model(model: str) -> None:
    settings = config.load({}, os.environ)
    entry = catalogue.load(settings.folder / catalogue.OWN_FILE).find(model)
    Store(settings.models).require_installed(entry)


def _running() -> bool:
    try:
        connect("matted autostart", start=False).close()
    except NotRunning:
        return False
    except MattedError:  # a daemon is there, but does not answer as it should
        return True
    return True
