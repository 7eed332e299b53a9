"""What OpenVINO compiled, on disk: a folder a model, within a budget. All of it can be deleted at any time."""

from __future__ import annotations

import logging
import os
import shutil
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)


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


def _modified(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0
