"""A file that has arrived in part: kept on disk, with a note of which file it is, for a later pull to go on from."""

from __future__ import annotations

import json
from io import FileIO
from pathlib import Path

PART = "weights.part"  # what has arrived so far
_NOTES = "weights.json"  # of which file it is a part


class PartialFile:
    """The beginning of a file.

    identity: which file it is. A part with another identity is not used.
    size: bytes that have arrived.
    validator: the server's word for the version of the file, empty if it gave none.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self.path = folder / PART
        self._notes = folder / _NOTES
        self._identity = identity
        self.size = 0
        self.validator = ""
        try:
            notes = json.loads(self._notes.read_text("utf-8"))
            if notes["identity"] == identity:
                self.validator = str(notes["validator"])
                self.size = self.path.stat().st_size
        except (OSError, ValueError, KeyError, TypeError):
            pass

    def open(self, first: int, validator: str) -> FileIO:
        """Open the file to write from byte `first` on, which is 0 or `size`."""
        self._notes.parent.mkdir(parents=True, exist_ok=True)
        notes = {"identity": self._identity, "validator": validator or self.validator}
        file = FileIO(self.path, "ab" if first else "wb")
        self._notes.write_text(json.dumps(notes), "utf-8")
        self.size = first
        return file

    def append(self, file: FileIO, block: bytes) -> None:
        """Write a block. Raises OSError; what of it has reached the disk counts."""
        rest = memoryview(block)
        while rest:  # a disk that fills up takes a part first, and complains at the next
            written = file.write(rest)
            self.size += written
            rest = rest[written:]

    def forget(self) -> None:
        """Delete what has arrived."""
        self.path.unlink(missing_ok=True)
        self._notes.unlink(missing_ok=True)
        self.size = 0
