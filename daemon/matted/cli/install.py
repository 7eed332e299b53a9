"""`matted install` and `uninstall`: put the plug-ins into the hosts, and take them out again."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from matted.cli.output import FAILED, OK
from matted.hosts.registry import HOSTS


def add_parser(commands: Any) -> None:
    """Add `install` and `uninstall` to the commands."""
    titles = " or ".join(host.title for host in HOSTS.values())
    folders = " or ".join(f"{host.title}'s (with {host.profile_holds} in it)" for host in HOSTS.values())
    importers = " or ".join(f"{host.title}'s" for host in HOSTS.values() if host.importer)
    for name, run, text in (
        ("install", _install, f"put the plug-in into {titles}"),
        ("uninstall", _uninstall, "take the plug-in out again"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("host", choices=tuple(HOSTS))
        where = command.add_mutually_exclusive_group()
        where.add_argument(
            "--profile",
            type=Path,
            metavar="DIR",
            help=f"only this folder: {folders}",
        )
        if name == "install":
            text = f"only write this file, for {importers} own plug-in importer"
            where.add_argument("--zip", type=Path, metavar="FILE", help=text)
            command.add_argument("--force", action="store_true", help="overwrite that file")
        command.set_defaults(run=run)


def _install(options: argparse.Namespace) -> int:
    from matted.hosts import installer

    options.facts["host"] = options.host
    if options.zip is not None:
        installer.pack(HOSTS[options.host], options.zip, options.force, print)
        return OK
    return OK if installer.install(HOSTS[options.host], options.profile, print) else FAILED


def _uninstall(options: argparse.Namespace) -> int:
    from matted.hosts import installer

    options.facts["host"] = options.host
    return OK if installer.uninstall(HOSTS[options.host], options.profile, print) else FAILED
