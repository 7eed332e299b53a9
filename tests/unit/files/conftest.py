"""Fixtures that write files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from writing import Make, Save


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """save("name.png", image, **how) writes a picture and returns its path."""

    def write(name: str, image: Any, **how: Any) -> Path:
        path = tmp_path / name
        (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(path, **how)
        return path

    return write


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """make("a.jpg", "folder/b.png") makes these files, empty, and returns their paths."""

    def touch(*names: str) -> list[Path]:
        paths = [tmp_path / name for name in names]
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        return paths

    return touch
