"""Functions that write files for a test: the types of the fixtures `save` and `make` of tests/unit/files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Save = Callable[..., Path]
Make = Callable[..., list[Path]]
