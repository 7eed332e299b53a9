"""Files written whole or not at all: a reader sees the old one or the new one, never a part."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def write(path: Path, content: bytes) -> None:
    """Put `content` in the place of whatever file `path` is. Others may do the same at the same time.

    Raises OSError; `path` is then as it was, and nothing is left beside it.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        draft.write_bytes(content)
        os.replace(draft, path)
    except OSError:
        with suppress(OSError):
            draft.unlink()
        raise
