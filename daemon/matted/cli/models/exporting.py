"""`matted models export`: write a model in the layout that an inference server reads, and say how to start that."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from matted_client import MattedError

from matted.cli.models.context import Context
from matted.cli.output import OK
from matted.inference import exporting
from matted.models.spec import ModelSpec


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `export`."""
    parser.add_argument("id", metavar="ID")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="of the server's models; it may have others")
    parser.add_argument(
        "--for",
        dest="server",
        required=True,
        choices=list(exporting.SERVERS),
        help="the server: OpenVINO Model Server, NVIDIA Triton with its OpenVINO or Python backend, MLServer",
    )


def export(options: argparse.Namespace, context: Context) -> int:
    spec = context.known.find(options.id)
    if not isinstance(spec, ModelSpec):
        raise MattedError(f"{spec.id} has no weights that a server could run.")
    # Installs what was put there by hand. What is not here is not downloaded: that is not what was asked for.
    context.store.obtain(replace(spec, automatic=False), lambda fraction: None, lambda: None)
    server = exporting.SERVERS[options.server]
    folder = options.folder.expanduser()
    made = exporting.export(spec, context.store.path(spec), folder, server)
    commands = server.commands(folder)
    folders = [str(each) for each in made]
    options.facts.update(
        server=server.id, folder=folders[0], folders=folders, commands=commands, urls=list(server.urls)
    )
    print(f"{spec.id} is in {' and '.join(folders)}, for {server.title}.")
    print(f"    Its licence holds there, too: {spec.licence}, {spec.use}. {spec.licence_url}".rstrip())
    for note in server.notes(spec):
        print(f"    {note}")
    print("Start the server with:")
    for command in commands:
        print(f"    {command}")
    print("Then, in config.toml on this computer:")
    print("    [server]")
    print(f'    url = "{server.urls[0]}"')
    return OK
