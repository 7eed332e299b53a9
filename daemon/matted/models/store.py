"""The model files on disk: found, verified, fetched when they are missing."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from matted_client import Rejected, messages

from matted.models import package_index
from matted.models.catalogue import Row

log = logging.getLogger(__name__)

_DRAFT_PREFIX = ".download-"


class Store:
    """`folder` holds one file a model. Used by one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._verified: dict[Path, tuple[int, int]] = {}  # path: size and mtime of the file whose hash was right

    def path(self, row: Row) -> Path:
        return self.folder / row.file

    def installed(self, row: Row) -> bool:
        """Whether a file of the right size is there: cheap enough for a listing."""
        try:
            return self.path(row).stat().st_size == row.bytes
        except OSError:
            return False

    def obtain(self, row: Row, on_fraction: Callable[[float], None], check: Callable[[], None]) -> bool:
        """Have the verified weights at `path(row)`. True if they had to be downloaded.

        on_fraction: called with 0..1 while downloading, and only then. check: what it raises ends the download.
        Raises Rejected("model_not_installed").
        """
        path = self.path(row)
        if path.exists():
            if self._verify(path, row):
                return False
            log.warning("%s is damaged or something else; it is replaced", path)
        self._download(row, on_fraction, check)
        return True

    def _verify(self, path: Path, row: Row) -> bool:
        stat = path.stat()
        seen = (stat.st_size, stat.st_mtime_ns)
        if self._verified.get(path) == seen:
            return True
        self._verified.pop(path, None)
        if stat.st_size != row.bytes or sha256(path) != row.sha256:
            return False
        self._verified[path] = seen
        return True

    def _download(self, row: Row, on_fraction: Callable[[float], None], check: Callable[[], None]) -> None:
        log.info("downloading %s", row.summary)
        on_fraction(0.0)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for leftover in self.folder.glob(f"{_DRAFT_PREFIX}*"):  # of a daemon that was killed
                shutil.rmtree(leftover, ignore_errors=True)
            with tempfile.TemporaryDirectory(prefix=_DRAFT_PREFIX, dir=self.folder) as draft:
                file = package_index.fetch(row.sources[0], Path(draft), on_fraction, check)
                if file.stat().st_size != row.bytes or sha256(file) != row.sha256:
                    raise package_index.DownloadError("what came is not the expected file")
                _keep(file, self.path(row))
        except package_index.DownloadError as error:
            raise self._missing(row, str(error)) from None
        except (zipfile.BadZipFile, zlib.error, KeyError, EOFError):
            raise self._missing(row, "what came is not the expected package") from None
        except OSError as error:
            full = error.errno == errno.ENOSPC
            raise self._missing(row, "the disk is full" if full else str(error.strerror or error)) from None
        if not self._verify(self.path(row), row):
            raise self._missing(row, "the file changed while it was being stored")

    def _missing(self, row: Row, why: str) -> Rejected:
        return Rejected(
            messages.MODEL_NOT_INSTALLED,
            f"The model {row.id} is not on this computer and could not be downloaded: {why}.",
            f"Go online and try again, or put the file {row.file} ({row.bytes} bytes, sha256 {row.sha256}) "
            f"at {self.path(row)}",
        )


def _keep(draft: Path, path: Path) -> None:
    with open(draft, "rb+") as file:
        os.fsync(file.fileno())
    os.replace(draft, path)


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
