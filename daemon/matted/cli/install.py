"""`matted install` and `uninstall`: the plug-ins of GIMP and Krita."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from matted.cli.output import FAILED, OK


def add_parser(commands: Any) -> None:
    """Add `install` and `uninstall` to the commands."""
    for name, run, text in (
        ("install", _install, "put the plug-in into GIMP or Krita"),
        ("uninstall", _uninstall, "take the plug-in out again"),
    ):
        command = commands.add_parser(name, help=text, allow_abbrev=False)
        command.add_argument("host", choices=("gimp", "krita"))
        where = command.add_mutually_exclusive_group()
        where.add_argument(
            "--profile",
            type=Path,
            metavar="DIR",
            help="only this folder: GIMP's (with plug-ins in it) or Krita's (with pykrita in it)",
        )
        if name == "install":
            where.add_argument(
                "--zip", type=Path, metavar="FILE", help="only write this file, for Krita's own plug-in importer"
            )
            command.add_argument("--force", action="store_true", help="overwrite that file")
        command.set_defaults(run=run)


def _install(options: argparse.Namespace) -> int:
    from matted.hosts import installer

    if options.zip is not None:
        installer.pack(options.host, options.zip, options.force, print)
        return OK
    return OK if installer.install(options.host, options.profile, print) else FAILED


def _uninstall(options: argparse.Namespace) -> int:
    from matted.hosts import installer

    return OK if installer.uninstall(options.host, options.profile, print) else FAILED
