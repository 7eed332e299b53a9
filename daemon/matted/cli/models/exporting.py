"""`matted models export`: write a model in the layout that an inference server reads, and say how to start that."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from matted_client import MattedError

from matted.cli.models.context import Context
from matted.cli.output import OK
from matted.inference import exporting
from matted.models import sources, weights
from matted.models.sources import DownloadError, Monitor, local
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
        help="the server: OpenVINO Model Server; NVIDIA Triton with its OpenVINO, Python or ONNX Runtime backend; "
        "MLServer",
    )
    parser.add_argument(
        "--from",
        dest="given",
        metavar="FILE",
        help="for triton-onnx: the model's ONNX file, which matted does not keep",
    )
    parser.add_argument("--trust", action="store_true", help="use the ONNX file although its hash is not known")


def export(options: argparse.Namespace, context: Context) -> int:
    spec = context.known.find(options.id)
    if not isinstance(spec, ModelSpec):
        raise MattedError(f"{spec.id} has no weights that a server could run.")
    server = exporting.SERVERS[options.server]
    folder = options.folder.expanduser()
    if server.onnx:
        context.store.licences.require(spec)
        with _onnx_file(spec, options.given, options.trust) as file:
            made = exporting.export(spec, file, folder, server)
    elif options.given:
        raise MattedError(f"{server.title} runs the model as it is installed here.", "Leave out --from.")
    else:
        # Installs what was put there by hand. What is not here is not downloaded: that is not what was asked for.
        context.store.obtain(replace(spec, automatic=False), lambda fraction: None, lambda: None)
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


@contextmanager
def _onnx_file(spec: ModelSpec, given: str | None, trust: bool) -> Iterator[Path]:
    """Give the model's ONNX file, unpacked if need be. Raises MattedError if it is not what is known as the model."""
    if not given:
        hint = f"Name it with --from. Where it is to be had: matted models info {spec.id}"
        raise MattedError(f"The ONNX file of {spec.id} is needed: matted keeps none.", hint)
    with tempfile.TemporaryDirectory() as folder:
        try:
            offer = local.source(given, spec)
            if offer.kind != local.FILE:
                raise DownloadError("it is an address", "Download it first.")
            file = sources.fetch(offer, spec, Path(folder), Monitor())
            weights.check(file, spec, offer, 0, Monitor(), trust)
        except DownloadError as error:
            raise MattedError(f"{given} cannot be used: {error}.", error.hint) from error
        yield file
