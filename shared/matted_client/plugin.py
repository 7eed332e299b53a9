"""Opens a session with the daemon that a plug-in was installed for.

`matted install` writes `matted.json` beside the plug-in, with the absolute path of the connection file and the command
that runs matted: in a sandbox the plug-in would look for both in other places.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import List

from . import messages
from .client import Session, connect
from .errors import Rejected, Unavailable
from .pictures import Cancelled, OnProgress

SETTINGS_FILE = "matted.json"


@dataclass(frozen=True)
class Installation:
    """The contents of matted.json."""

    connection_file: str
    command: List[str]
    version: str


def read_installation(folder: str) -> Installation:
    """Read matted.json. Raises Unavailable if the plug-in in `folder` was not put there by `matted install`."""
    try:
        with open(os.path.join(folder, SETTINGS_FILE), encoding="utf-8") as file:
            fields = json.load(file)
        return Installation(
            str(fields["connection_file"]), [str(word) for word in fields["command"]], str(fields["version"])
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = "The Remove Background plug-in is not completely installed."
        raise Unavailable(message, "Run: matted install gimp, or: matted install krita") from error


def open_session(folder: str, client: str, on_progress: OnProgress, cancelled: Cancelled) -> Session:
    """Open a session, starting the daemon if it does not run. folder: of the plug-in. The rest: see client.connect."""
    installed = read_installation(folder)
    session = connect(
        client, installed.connection_file, installed.command, on_progress=on_progress, cancelled=cancelled
    )
    if _numbers(session.welcome.version) < _numbers(installed.version):  # it would ignore newer fields
        session.close()
        message = "The matted daemon that runs is version %s, older than this plug-in." % session.welcome.version
        raise Rejected(messages.UNSUPPORTED_VERSION, message, "Run: matted restart")
    return session


def _numbers(version: str) -> List[int]:
    """Return the dotted numbers at the beginning of a version, to compare."""
    found = re.match(r"\d+(\.\d+)*", version)
    return [int(number) for number in found.group().split(".")] if found else []
