"""Weights that the user has: a file, a package, or a folder with a file in it."""

from __future__ import annotations

import urllib.parse
from pathlib import Path, PurePosixPath

from matted.models.sources import npm, package_index
from matted.models.sources.download import DownloadError, Monitor
from matted.models.spec import ModelSpec, Source

FILE, URL = "file", "url"


def source(given: str, spec: ModelSpec) -> Source:
    """Make the source that `--from` means: an address, a file or a folder. Raises DownloadError if it has no model."""
    if urllib.parse.urlsplit(given).scheme in ("http", "https"):
        return Source("https", URL, url=given)
    path = Path(given).expanduser().absolute()
    if path.is_dir():
        path = _inside(path, spec)
    if not path.is_file():
        raise DownloadError(f"there is no file {path}")
    return Source(FILE, FILE, path=str(path))


def _inside(folder: Path, spec: ModelSpec) -> Path:
    """Find the model in a folder: a file with a name that one of the spec's sources has, or the only model there."""
    names = [spec.file]
    for each in spec.sources:
        for name in (each.path, each.member, PurePosixPath(urllib.parse.urlsplit(each.url).path).name):
            names += [name, PurePosixPath(name).name] if name else []
    for name in names:
        if (folder / name).is_file():
            return folder / name
    models = [*folder.glob("*.onnx"), *folder.glob("*.xml")]
    if len(models) != 1:
        found = "no model" if not models else f"{len(models)} models"
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
