"""What OpenVINO compiled, on disk: a folder a model, within a budget. All of it can be deleted at any time.

OpenVINO checks little of what it finds there: with weights that were damaged it computes, and the masks are wrong. So
the files of a model are sealed with their checksums once it is loaded, and looked at before it is loaded again.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from matted.system import atomic_file

log = logging.getLogger(__name__)

SEAL = "seal.json"  # {name of a file: [bytes, when it was written in ns, CRC-32]}
_BLOCK = 1 << 20


class CompiledFiles:
    """`folder` has a folder for each model. limit: bytes that all of them together may take."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self.limit = limit

    def of(self, model: str) -> Path:
        return self._folder / model

    def size(self, model: str) -> int:
        """Bytes on disk."""
        return sum(_size(file) for file in self.of(model).glob("*"))

    def check(self, model: str) -> None:
        """Delete what is not as it was sealed: a crash or a full disk cut it short, or the disk is failing."""
        sealed = _sealed(self.of(model))
        for file in self._files(model):
            size, _, checksum = sealed.get(file.name, (-1, 0, 0))
            if size != _size(file) or checksum != _checksum(file):
                log.warning("what was compiled of %s is damaged or unfinished, and is made anew", model)
                self.forget(model)
                return

    def seal(self, model: str) -> None:
        """Vouch for the files as they are now: OpenVINO has just read or written them."""
        folder = self.of(model)
        sealed, facts = _sealed(folder), {}
        try:
            for file in self._files(model):
                stat = file.stat()
                known = sealed.get(file.name, (-1, 0, 0))
                same = (stat.st_size, stat.st_mtime_ns) == known[:2]
                facts[file.name] = (stat.st_size, stat.st_mtime_ns, known[2] if same else _checksum(file))
            if facts != sealed:
                atomic_file.write(folder / SEAL, json.dumps(facts).encode())
        except OSError as error:
            log.info("what was compiled of %s cannot be kept: %s", model, error.strerror or error)

    def _files(self, model: str) -> Iterator[Path]:
        return (file for file in self.of(model).glob("*") if not file.name.startswith((SEAL, ".")))

    def trim(self, just_used: str) -> None:
        """Delete what was not used for longest until the budget holds. The model in use is the last to go."""
        with suppress(OSError):
            os.utime(self.of(just_used))
        models = [folder.name for folder in self._folder.glob("*") if folder.is_dir()]
        models.sort(key=lambda model: (model == just_used, _modified(self.of(model))))
        sizes = {model: self.size(model) for model in models}
        for model in models:
            if sum(sizes.values()) <= self.limit:
                return
            log.info("deleting the compiled %s: the budget for compiled models is used up", model)
            self.forget(model)
            sizes[model] = 0

    def forget(self, model: str) -> None:
        shutil.rmtree(self.of(model), ignore_errors=True)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _checksum(file: Path) -> int:
    """CRC-32, -1 if the file cannot be read. It is there to find damage, not malice: the folder is the user's own."""
    found = 0
    try:
        with open(file, "rb") as opened:
            while block := opened.read(_BLOCK):
                found = zlib.crc32(block, found)
    except OSError:
        return -1
    return found


def _sealed(folder: Path) -> dict[str, tuple[int, int, int]]:
    """What the seal says, empty if there is none that can be understood."""
    try:
        fields = json.loads((folder / SEAL).read_text("ascii"))
        return {name: (int(size), int(written), int(checksum)) for name, (size, written, checksum) in fields.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _modified(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0
