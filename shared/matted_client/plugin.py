"""What the GIMP and the Krita plug-in share: from a layer's pixels to a mask, whatever the host.

`matted install` writes `matted.json` beside the plug-in: sandboxes change where programs look for their files, so the
plug-in is told the connection file's absolute path and how to run matted.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import Any, List

from . import messages
from .client import Cancelled, Mask, OnProgress, Session, connect
from .errors import Rejected, Unavailable

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
    plate: Any = None,
    **options: Any,
) -> Mask:
    """Ask the daemon for the mask of a layer, starting the daemon if it does not run.

    folder: the plug-in's own. client: the host and its version, for the daemon's log. The rest, and what is raised:
    see matted_client.client.Session.mask.
    """
    with open_session(folder, client, on_progress, cancelled) as session:
        return session.mask(
            pixels, width, height, format, plate=plate, on_progress=on_progress, cancelled=cancelled, **options
        )


def open_session(folder: str, client: str, on_progress: OnProgress, cancelled: Cancelled) -> Session:
    """A session with the daemon that the plug-in in `folder` was installed for, started if it does not run."""
    installed = read_installation(folder)
    session = connect(
        client, installed.connection_file, installed.command, on_progress=on_progress, cancelled=cancelled
    )
    if _numbers(session.welcome.version) < _numbers(installed.version):  # it would overlook what it doesn't know
        session.close()
        message = "The matted daemon that runs is version %s, older than this plug-in." % session.welcome.version
        raise Rejected(messages.UNSUPPORTED_VERSION, message, "Run: matted restart")
    return session


def _numbers(version: str) -> List[int]:
    """The dotted numbers that a version begins with, to compare."""
    found = re.match(r"\d+(\.\d+)*", version)
    return [int(number) for number in found.group().split(".")] if found else []
