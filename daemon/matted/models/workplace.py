"""Where a model is made: the folder that its weights arrive in, the lock that keeps other pulls out, room and memory.

models/.pulls/u2netp.lock       held by the process that makes the model
models/.pulls/u2netp/SOURCE/    what comes from a source; what has arrived in part stays for the next pull
models/.pulls/u2netp/converted  the model, until it is whole
models/.pulls/u2netp/old        what it replaces, until that is deleted
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from matted_client import Rejected, messages

from matted.models.sources import DownloadError, Monitor
from matted.models.sources.partial_file import PART
from matted.models.spec import Source
from matted.system import locks

PULLS = ".pulls"


class Workplace:
    """The workplace of one model.

    folder: that of all models.
    model: its id.
    """

    def __init__(self, folder: Path, model: str) -> None:
        self._models = folder
        self._model = model
        self.folder = folder / PULLS / model
        self.converted = self.folder / "converted"
        self._old = self.folder / "old"

    def source(self, offer: Source) -> Path:
        """The folder for what comes from a source."""
        return self.folder / offer.name

    def partial_bytes(self) -> int:
        """Bytes that a broken pull has left for the next one."""
        return sum(max(0, size_of(part)) for part in self.folder.glob(f"*/{PART}"))

    @contextmanager
    def locked(self, monitor: Monitor) -> Iterator[None]:
        """Keep other pulls of the model out, in all processes. Raises OSError, and what monitor.check raises."""

        def say_so() -> None:
            monitor.on_stage(f"Waiting for another pull of {self._model}")

        try:
            with locks.holding(self.folder.with_name(f"{self._model}.lock"), say_so, monitor.check):
                for leftover in (self.converted, self._old):  # of a process that was killed
                    shutil.rmtree(leftover, ignore_errors=True)
                try:
                    yield
                finally:
                    with suppress(OSError):  # a part that has arrived stays
                        self.folder.rmdir()
        finally:
            with suppress(OSError):
                self.folder.parent.rmdir()

    def require_room(self, offer: Source, weights: int) -> None:
        """Refuse what the disk has no room for. weights: bytes of the model's weights, 0 if unknown.

        Raises DownloadError.
        """
        weights = max(offer.weights_bytes, offer.travels and weights)
        arrived = max(0, size_of(self.source(offer) / PART))
        # pip and npm have a package twice when they put it down, and the weights are taken out of it
        packed = 2 * offer.download_bytes if offer.package else 0
        needed = packed + 2 * weights - arrived
        free = self.free_bytes()
        if free < needed:
            sizes = f"{needed / 1e6:.0f} MB are needed and {free / 1e6:.0f} MB are free in {self._models}"
            raise DownloadError(f"the disk is full: {sizes}", "Make room, for example with: matted models remove ID")

    def free_bytes(self) -> int:
        """Bytes that are free on the disk."""
        return shutil.disk_usage(self._models).free

    def discard(self, offer: Source) -> None:
        """Delete what came from a source."""
        shutil.rmtree(self.source(offer), ignore_errors=True)

    def clean_up(self, offer: Source) -> None:
        """Delete what a failed pull has left, except what a later one can go on from."""
        shutil.rmtree(self.converted, ignore_errors=True)
        if not (self.source(offer) / PART).exists():
            self.discard(offer)

    def move_away(self, folder: Path) -> None:
        """Have nothing at `folder`, in one step for whoever reads it."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self._old, ignore_errors=True)
            self._old.parent.mkdir(parents=True, exist_ok=True)
            os.replace(folder, self._old)
            shutil.rmtree(self._old, ignore_errors=True) if self._old.is_dir() else self._old.unlink()

    def delete(self) -> None:
        """Delete the workplace with all that is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)


def require_memory(needed: int, who: str) -> None:
    """Refuse what there is no memory for: the system would end other programs for it.

    needed: bytes. who: the beginning of the sentence that says so, as "U²-Net needs".

    Raises Rejected("out_of_memory").
    """
    import psutil  # here: `matted doctor` has to run where it is broken

    free = psutil.virtual_memory().available
    if free < needed:
        said = f"{who} {needed / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are free."
        raise Rejected(messages.OUT_OF_MEMORY, said, "Close other programs, or use a smaller model.")


def size_of(file: Path) -> int:
    """Bytes of a file, -1 if there is none."""
    try:
        return file.stat().st_size
    except OSError:
        return -1
