"""Every setting in one frozen object, built once: flags > environment > config.toml > defaults."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import platformdirs
from matted_client import MattedError
from matted_client.endpoint import state_folder

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CONFIG_FILE = "config.toml"
LOG_LEVELS = ("debug", "info", "warning", "error")
MAX_QUEUE = 1000


class ConfigError(MattedError):
    """A setting that cannot be used: which one, where it was given, and what is allowed."""


@dataclass(frozen=True)
class Config:
    """model: id of the model that requests for "default" get. queue: how many requests may wait before `busy`.
    state: connection file, lock and logs. data: model files. cache: compiled models; may be deleted at any time.
    """

    state: Path
    data: Path
    cache: Path
    model: str = "u2netp"
    queue: int = 32
    log_level: str = "info"

    @property
    def models(self) -> Path:
        return self.data / "models"

    @property
    def compiled(self) -> Path:
        return self.cache / "compiled"


def load(flags: Mapping[str, Any], environ: Mapping[str, str]) -> Config:
    """`flags`: values by field name, None where not given. Raises ConfigError."""
    dirs = platformdirs.PlatformDirs("matted", appauthor=False)
    folder = Path(environ.get("MATTED_CONFIG_DIR") or dirs.user_config_dir)
    config = Config(
        state=Path(state_folder()),
        data=Path(environ.get("MATTED_DATA_DIR") or dirs.user_data_dir).absolute(),
        cache=Path(environ.get("MATTED_CACHE_DIR") or dirs.user_cache_dir).absolute(),
    )
    settings = {field.name for field in fields(config)} - {"state", "data", "cache"}
    variables = {name: environ[f"MATTED_{name.upper()}"] for name in settings if environ.get(f"MATTED_{name.upper()}")}
    given = {name: value for name, value in flags.items() if value is not None}
    for origin, values in (
        (str(folder / CONFIG_FILE), _read(folder / CONFIG_FILE)),
        ("the environment", variables),
        ("the command line", given),
    ):
        unknown = sorted(set(values) - settings)
        if unknown:
            raise ConfigError(
                f"{origin} has an unknown setting: {unknown[0]}.", f"Known: {', '.join(sorted(settings))}."
            )
        config = replace(config, **{name: _checked(name, value, origin) for name, value in values.items()})
    return config


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.", "Correct it or delete it.") from None


def _checked(name: str, value: Any, origin: str) -> Any:
    if name == "queue":
        try:
            number = int(value) if isinstance(value, str) else value
        except ValueError:
            number = 0
        if type(number) is not int:
            number = 0
        if not 1 <= number <= MAX_QUEUE:
            raise ConfigError(f"queue in {origin} is {value!r}.", f"A number from 1 to {MAX_QUEUE} is expected.")
        return number
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{name} in {origin} is {value!r}.", "A text is expected.")
    if name == "log_level" and value not in LOG_LEVELS:
        raise ConfigError(f"log_level in {origin} is {value!r}.", f"One of {', '.join(LOG_LEVELS)} is expected.")
    return value
