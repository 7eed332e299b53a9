"""Changing one setting in the user's config.toml, and leaving the rest of it as the user wrote it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from matted.settings.config import CONFIG_FILE, ConfigError
from matted.system import atomic_file
from matted.system.toml import tomllib


def set_text(folder: Path, name: str, value: str) -> Path:
    """Write `name = "value"` into the config.toml of `folder`. Returns the file. Raises ConfigError."""
    path = (folder / CONFIG_FILE).resolve()
    try:
        text = path.read_bytes().decode() if path.exists() else ""  # with the ends of lines as they are
        changed = _changed(text, name, value)
        before, after = tomllib.loads(text), tomllib.loads(changed)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.", "Correct it or delete it.") from None
    if after != {**before, name: value}:  # written in a way that we do not understand
        raise ConfigError(f"{name} in {path} cannot be changed by matted.", f'Write there: {name} = "{value}"')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_file.write(path, changed.encode())
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}.") from None
    return path


def _changed(text: str, name: str, value: str) -> str:
    line = f"{name} = {json.dumps(value, ensure_ascii=False)}"
    given = re.compile(rf"""^[ \t]*(?:{name}|"{name}"|'{name}')[ \t]*=[ \t]*(?:"[^"\n]*"|'[^'\n]*')""", re.MULTILINE)
    if given.search(text):
        return given.sub(lambda found: line, text, count=1)
    return f"{line}\n{text}"  # at the top, where no table has begun
