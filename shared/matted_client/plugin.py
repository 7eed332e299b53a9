"""What the GIMP and the Krita plug-in share: from a layer's pixels to a mask, whatever the host.

`matted install` writes `matted.json` beside the plug-in: sandboxes change where programs look for their files, so the
plug-in is told the connection file's absolute path and how to run matted.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any, List

from .client import Cancelled, Mask, OnProgress, connect
from .errors import Unavailable

SETTINGS_FILE = "matted.json"


@dataclass(frozen=True)
class Installation:
    """The contents of matted.json."""

    connection_file: str
    command: List[str]
    version: str


def read_installation(folder: str) -> Installation:
    """Raises Unavailable if the plug-in in `folder` was not put there by `matted install`."""
    try:
        with open(os.path.join(folder, SETTINGS_FILE), encoding="utf-8") as file:
            fields = json.load(file)
        return Installation(
            str(fields["connection_file"]), [str(word) for word in fields["command"]], str(fields["version"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        message = "The Remove Background plug-in is not completely installed."
        raise Unavailable(message, "Run: matted install gimp, or: matted install krita") from None


def layer_mask(
    folder: str,
    client: str,
    pixels: Any,
    width: int,
    height: int,
    format: str,
    on_progress: OnProgress,
    cancelled: Cancelled,
) -> Mask:
    """Ask the daemon for an 8-bit mask of a layer, starting the daemon if it does not run.

    folder: the plug-in's own. client: the host and its version, for the daemon's log. The rest, and what is raised:
    see matted_client.client.Session.mask.
    """
    installed = read_installation(folder)
    with connect(
        client, installed.connection_file, installed.command, on_progress=on_progress, cancelled=cancelled
    ) as session:
        return session.mask(pixels, width, height, format, on_progress=on_progress, cancelled=cancelled)
