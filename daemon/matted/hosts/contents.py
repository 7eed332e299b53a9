"""What belongs into a host's profile: the plug-in, its client, and their manifest.

The manifest, `matted.json`, lists them, and tells the plug-in the connection file and how to run matted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import matted_client
from matted_client import MattedError, python

import matted
from matted.hosts.host import Host


class InstallError(MattedError):
    """A plug-in could not be put in place, packed or taken away."""


class Source(Protocol):
    """What becomes a file in a profile: a file of ours, or something made of one."""

    @property
    def name(self) -> str: ...

    def read_bytes(self) -> bytes: ...


@dataclass(frozen=True)
class Catalogue:
    """A translator's .po file, compiled: the hosts' own Python reads nothing but gettext's .mo files."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.with_suffix(".mo").name

    def read_bytes(self) -> bytes:
        import polib  # here: `matted doctor` has to run where it is broken

        return bytes(polib.pofile(str(self.path)).to_binary())


def files(host: Host) -> dict[str, Source]:
    """List everything that belongs into a profile: path in it -> what is to be there. Raises InstallError."""
    sources = _plugins()
    client = Path(matted_client.__file__).parent
    found: dict[str, Source] = {}
    for source, target in ((sources / host.source, host.home), (client, f"{host.home}/matted_client")):
        for path in _tree(source):
            file: Source = Catalogue(path) if path.suffix == ".po" else path
            found[f"{target}/{path.relative_to(source).with_name(file.name).as_posix()}"] = file
    found.update({name: sources / source for name, source in host.extras.items()})
    return found


def manifest(files: Iterable[str], created: Iterable[str], connection_file: str) -> str:
    """Make the text of `matted.json`.

    files: paths in the profile.
    created: folders in the profile that exist only for these files.
    connection_file: the path that the plug-in reads.
    """
    fields = {
        "version": matted.__version__,
        "connection_file": connection_file,
        "command": python.command(python.MATTED),
        "files": sorted(files),
        "created": sorted(created),
    }
    return json.dumps(fields, indent=2) + "\n"


def _tree(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def _plugins() -> Path:
    """Find the plug-ins' sources: in the installed package, or in the checkout of an editable install."""
    package = Path(matted.__file__).parent
    for folder in (package / "plugins", package.parents[1] / "plugins"):
        if folder.is_dir():
            return folder
    raise InstallError("This installation of matted has no plug-ins in it.", "Install it again: pip install matted")
