"""What belongs into a host's profile: the plug-in, its client, and the list of both.

The list, `matted.json`, also tells the plug-in what it has to know: the connection file and how to run matted.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import matted_client
import polib
from matted_client import MattedError
from matted_client.plugin import SETTINGS_FILE

import matted

KRITA_PLUGIN = "remove_background"


class InstallError(MattedError):
    """A plug-in could not be put in place, packed or taken away."""


@dataclass(frozen=True)
class Host:
    """How a host wants its plug-in. home: our own folder in a profile. source: where it is among our plug-ins."""

    title: str
    home: str
    source: str
    next_step: str

    @property
    def manifest(self) -> str:
        """The path in a profile of the file that lists what was put there."""
        return f"{self.home}/{SETTINGS_FILE}"


HOSTS = {
    "gimp": Host(
        "GIMP",
        "plug-ins/remove-background",
        "gimp/remove-background",
        "Start GIMP, or start it again, open a picture and choose Layer > Mask > Remove Background.",
    ),
    "krita": Host(
        "Krita",
        f"pykrita/{KRITA_PLUGIN}",
        f"krita/{KRITA_PLUGIN}",
        "Start Krita, or start it again, open a picture and choose Filter > Remove Background.",
    ),
}


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
        return bytes(polib.pofile(str(self.path)).to_binary())


def files(host: str) -> dict[str, Source]:
    """Everything that belongs into a profile: path in it -> what is to be there. Raises InstallError."""
    home, sources = HOSTS[host].home, _plugins()
    plugin = sources / HOSTS[host].source
    client = Path(matted_client.__file__).parent
    found: dict[str, Source] = {}
    for source, target in ((plugin, home), (client, f"{home}/matted_client")):
        for path in _tree(source):
            file: Source = Catalogue(path) if path.suffix == ".po" else path
            found[f"{target}/{path.relative_to(source).with_name(file.name).as_posix()}"] = file
    if host == "krita":
        found[f"pykrita/{KRITA_PLUGIN}.desktop"] = sources / "krita" / f"{KRITA_PLUGIN}.desktop"
        found[f"actions/{KRITA_PLUGIN}.action"] = sources / "krita" / f"{KRITA_PLUGIN}.action"
    return found


def manifest(files: Iterable[str], created: Iterable[str], connection_file: str) -> str:
    """The text of `matted.json`. files: paths in the profile. created: folders in it that are there only for them."""
    fields = {
        "version": matted.__version__,
        "connection_file": connection_file,
        "command": [sys.executable, "-m", "matted"],
        "files": sorted(files),
        "created": sorted(created),
    }
    return json.dumps(fields, indent=2) + "\n"


def _tree(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def _plugins() -> Path:
    """The plug-ins' sources: in the installed package, or in the checkout of an editable install."""
    package = Path(matted.__file__).parent
    for folder in (package / "plugins", package.parents[1] / "plugins"):
        if folder.is_dir():
            return folder
    raise InstallError("This installation of matted has no plug-ins in it.", "Install it again: pip install matted")
