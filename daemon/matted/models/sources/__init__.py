"""Where weights come from. Each kind of source is a module with a `fetch`, and a line in FETCHERS."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from matted.models.sources import https, hub, local, npm, package_index
from matted.models.sources.download import DownloadError, Monitor, Unreachable
from matted.models.spec import ModelSpec, Source

__all__ = ["FETCHERS", "DownloadError", "Monitor", "Unreachable", "fetch"]

Fetcher = Callable[[Source, ModelSpec, Path, Monitor], Path]

FETCHERS: dict[str, Fetcher] = {
    "https": lambda source, spec, folder, monitor: https.fetch(source.url, folder, source.bytes, monitor),
    "hub": lambda source, spec, folder, monitor: hub.fetch(source, folder, monitor),
    "npm": lambda source, spec, folder, monitor: npm.fetch(source, folder, monitor),
    "package-index": lambda source, spec, folder, monitor: package_index.fetch(
        source.package, [source.member], folder, monitor
    )[0],
    "file": local.fetch,
}


def fetch(source: Source, spec: ModelSpec, folder: Path, monitor: Monitor) -> Path:
    """Get the weights of `spec`. Returns the file, which is in `folder` unless the user has it already.

    Nothing is verified here. Raises DownloadError, OSError, or what monitor.check raises.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return FETCHERS[source.kind](source, spec, folder, monitor)
