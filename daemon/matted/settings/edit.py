"""Change one setting in the user's config.toml; the rest of the file keeps its formatting and comments."""

from __future__ import annotations

from pathlib import Path

from matted.settings.config import CONFIG_FILE, ConfigError
from matted.system import atomic_file, toml_file


def set_text(folder: Path, name: str, value: str) -> Path:
    """Write `name = "value"` into the config.toml of `folder`, and return the file's path. Raises ConfigError."""
    path = (folder / CONFIG_FILE).resolve()
    try:
        changed = toml_file.with_value(toml_file.read_text(path), name, value)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.", "Correct it or delete it.") from error
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_file.write(path, changed.encode())
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}.") from error
    return path
