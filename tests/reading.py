"""Read picture files that matted refuses, or may refuse."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from matted.files import pictures
from matted.files.pictures import PictureError


def refused(path: Path) -> PictureError:
    """Read a file that has to be refused, and return the error, which names it."""
    with pytest.raises(PictureError) as refusal:
        pictures.read(path)
    assert str(path) in refusal.value.message
    return refusal.value


def read_or_refuse(path: Path) -> None:
    """Read a file that may be damaged: it is read, or refused, and nothing else happens."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow comments on what it finds
        try:
            pictures.read(path)
        except PictureError:
            pass
