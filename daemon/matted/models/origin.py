"""The record of an installed model: where it came from, and the hashes of its files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from matted.system import atomic_file

ORIGIN_FILE = "origin.json"
_BLOCK = 1 << 20


@dataclass(frozen=True)
class FileFacts:
    """One file of a model.

    mtime_ns: when it was written; while that stays, its hash need not be computed again.
    """

    bytes: int
    sha256: str
    mtime_ns: int


@dataclass(frozen=True)
class Origin:
    """Where an installed model came from.

    source: of the weights, for people.
    weights: "algorithm:digest" of the weights as they came; weights_bytes: their size.
    decoder: the same digest of the weights of the second graph; empty where there is none. Its size counts too.
    installed: when, UTC.
    converter: the programs that made the files.
    precision: of the stored weights.
    licence_accepted: when the licence was accepted, or empty.
    files: by name, in the model's folder.
    """

    source: str
    weights: str
    weights_bytes: int
    installed: str
    converter: str
    precision: str
    licence_accepted: str
    files: dict[str, FileFacts]
    decoder: str = ""

    @property
    def bytes(self) -> int:
        return sum(facts.bytes for facts in self.files.values())


def read(folder: Path) -> Origin | None:
    """Read the record of a model's folder; None if there is none, or none that can be understood."""
    try:
        fields = json.loads((folder / ORIGIN_FILE).read_text("utf-8"))
        files = {name: FileFacts(**facts) for name, facts in fields.pop("files").items()}
        return Origin(**fields, files=files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write(folder: Path, origin: Origin) -> None:
    """Write the record into a model's folder. Raises OSError."""
    atomic_file.write(folder / ORIGIN_FILE, (json.dumps(asdict(origin), indent=2) + "\n").encode())


def facts(path: Path) -> FileFacts:
    """Compute what the record says of a file. Raises OSError."""
    stat = path.stat()
    return FileFacts(stat.st_size, digest(path, "sha256"), stat.st_mtime_ns)


def digest(path: Path, algorithm: str, check: Callable[[], None] = lambda: None) -> str:
    """Compute the digest of a file, hexadecimal. check: called often; what it raises ends the reading."""
    found = hashlib.new(algorithm)
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            check()
            found.update(block)
    return found.hexdigest()
