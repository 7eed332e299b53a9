"""What belongs into a host's profile: the plug-in, its client, and the list of both.

The list, `matted.json`, also tells the plug-in what it has to know: the connection file and how to run matted.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import matted_client
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


def files(host: str) -> dict[str, Path]:
    """Everything that belongs into a profile: path in it -> the file to copy. Raises InstallError."""
    home, sources = HOSTS[host].home, _plugins()
    plugin = sources / HOSTS[host].source
    client = Path(matted_client.__file__).parent
    found = {f"{home}/{path.relative_to(plugin).as_posix()}": path for path in _tree(plugin)}
    found.update({f"{home}/matted_client/{path.relative_to(client).as_posix()}": path for path in _tree(client)})
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
