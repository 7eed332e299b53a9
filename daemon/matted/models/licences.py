"""Record which licences the user has accepted, and refuse models whose licence has to be accepted first."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from matted_client import Rejected, messages

from matted.models.spec import Entry
from matted.system import atomic_file


class Licences:
    """file: JSON, by model id the accepted licence, its address, and the date."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def accepted(self, spec: Entry) -> str:
        """Return when this very licence of the model was accepted, empty if it was not."""
        entry = self._read().get(spec.licensed_by)
        if not isinstance(entry, dict) or entry.get("licence") != spec.licence:
            return ""
        return str(entry.get("accepted", ""))

    def accept(self, spec: Entry) -> None:
        """Record that the user accepts the licence now; a variant's is that of its original. Raises OSError."""
        entry = {"licence": spec.licence, "url": spec.licence_url, "accepted": now()}
        self._file.parent.mkdir(parents=True, exist_ok=True)
        atomic_file.write(self._file, (json.dumps({**self._read(), spec.licensed_by: entry}, indent=2) + "\n").encode())

    def accept_as_seen(self, spec: Entry, licence: str) -> None:
        """Record that the user, who saw this licence, accepts it, if the spec's has to be accepted.

        Raises Rejected: "licence_not_accepted" if the spec has another one, "internal" if nothing can be recorded.
        """
        if self.allows(spec):
            return
        if licence != spec.licence:
            message = f"The licence of {spec.title} is {spec.licence}, and not the one that was accepted."
            raise Rejected(messages.LICENCE_NOT_ACCEPTED, message, f"Read it: {spec.licence_url}")
        try:
            self.accept(spec)
        except OSError as error:
            message = f"That the licence was accepted could not be recorded: {error.strerror or error}."
            raise Rejected(messages.INTERNAL, message, "Find out more with: matted doctor") from error

    def allows(self, spec: Entry) -> bool:
        """Return whether the spec's licence need not be accepted, or was."""
        return not spec.accept or bool(self.accepted(spec))

    def require(self, spec: Entry) -> None:
        """Raise Rejected("licence_not_accepted") if the spec's licence has to be accepted and was not."""
        if not self.allows(spec):
            raise Rejected(
                messages.LICENCE_NOT_ACCEPTED,
                f"The licence of {spec.title} ({spec.use}) has not been accepted: {spec.licence_url}",
                f"To read and accept it: matted models pull {spec.licensed_by}",
            )

    def _read(self) -> dict[str, Any]:
        try:
            entries = json.loads(self._file.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return entries if isinstance(entries, dict) else {}


def now() -> str:
    """The time, as records have it: UTC, ISO 8601."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
