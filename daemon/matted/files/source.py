"""Where a picture is read from: a file, or what a file would hold, in memory."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO


@dataclass(frozen=True)
class Source:
    """A picture that is not decoded.

    name: the file; or what stands for it in messages, where `data` is what it would hold.
    """

    name: Path
    data: bytes | None = None

    def __str__(self) -> str:
        return str(self.name)

    def open(self) -> BinaryIO:
        """Open it for reading. Raises OSError."""
        return open(self.name, "rb") if self.data is None else io.BytesIO(self.data)

    @property
    def file(self) -> Path | BinaryIO:
        """What libraries open themselves: the path, or a file in memory that nobody has to close."""
        return self.name if self.data is None else io.BytesIO(self.data)
