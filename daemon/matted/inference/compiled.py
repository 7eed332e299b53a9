"""Keep the files that OpenVINO compiled on disk: a folder for each model, within a budget. All of it may be deleted.

OpenVINO hardly checks these files: with damaged weights it computes wrong masks. So the checksums of a model's files
are written down (the seal) once it is loaded, and compared before it is loaded again.
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
    """The compiled files of all models, each in a folder of its own.

    limit: bytes that they may take together.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self.limit = limit

    def folder(self, model: str) -> Path:
        """Return the folder of a model, which need not exist."""
        return self._folder / model

    def size(self, model: str) -> int:
        """Return the bytes that a model's files take on disk."""
        return sum(_size(file) for file in self.folder(model).glob("*"))

    def check(self, model: str) -> None:
        """Delete a model's files if they differ from their seal: a crash, a full disk or a failing one damaged them."""
        sealed = _read_seal(self.folder(model))
        for file in self._files(model):
            size, _, checksum = sealed.get(file.name, (-1, 0, 0))
            if size != _size(file) or checksum != _checksum(file):
                log.warning("the compiled files of %s are damaged or unfinished, and are made again", model)
                self.forget(model)
                return

    def seal(self, model: str) -> None:
        """Write the checksums of a model's files as they are now, just after OpenVINO has loaded it."""
        folder = self.folder(model)
        sealed, facts = _read_seal(folder), {}
        try:
            for file in self._files(model):
                stat = file.stat()
                known = sealed.get(file.name, (-1, 0, 0))
                same = (stat.st_size, stat.st_mtime_ns) == known[:2]
                facts[file.name] = (stat.st_size, stat.st_mtime_ns, known[2] if same else _checksum(file))
            if facts != sealed:
                atomic_file.write(folder / SEAL, json.dumps(facts).encode())
        except OSError as error:
            log.info("the compiled files of %s cannot be sealed: %s", model, error.strerror or error)

    def _files(self, model: str) -> Iterator[Path]:
        return (file for file in self.folder(model).glob("*") if not file.name.startswith((SEAL, ".")))

    def trim(self, just_used: str) -> None:
        """Delete files until the budget holds, of the least recently used models first, of `just_used` last."""
        with suppress(OSError):
            os.utime(self.folder(just_used))
        models = [folder.name for folder in self._folder.glob("*") if folder.is_dir()]
        models.sort(key=lambda model: (model == just_used, _modified(self.folder(model))))
        sizes = {model: self.size(model) for model in models}
        for model in models:
            if sum(sizes.values()) <= self.limit:
                return
            log.info("deleting the compiled files of %s: the budget for them is used up", model)
            self.forget(model)
            sizes[model] = 0

    def forget(self, model: str) -> None:
        """Delete a model's files, if there are any."""
        shutil.rmtree(self.folder(model), ignore_errors=True)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _checksum(file: Path) -> int:
    """Return the CRC-32, -1 if the file cannot be read. It finds damage, not malice: the folder is the user's own."""
    found = 0
    try:
        with open(file, "rb") as opened:
            while block := opened.read(_BLOCK):
                found = zlib.crc32(block, found)
    except OSError:
        return -1
    return found


def _read_seal(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Return the seal: {file name: (bytes, time of writing in ns, CRC-32)}, empty if it is missing or damaged."""
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
