"""Every setting in one frozen object, built once: flags > environment > config.toml > defaults."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import platformdirs
from matted_client import MattedError
from matted_client.endpoint import state_folder

from matted.settings.target import ARITHMETICS, AUTO, Target
from matted.system import toml_file

CONFIG_FILE = "config.toml"
LOG_LEVELS = ("debug", "info", "warning", "error")
MAX_QUEUE = 1000


class ConfigError(MattedError):
    """A setting that cannot be used: which one, where it was given, and what is allowed."""


@dataclass(frozen=True)
class Config:
    """model: id of the model that requests for "default" get. queue: how many requests may wait before `busy`.
    keep_alive: seconds that a model stays in memory after its last use. client_keep_alive: whether a request may say
    another number. memory: bytes that the models in memory may need, 0 for 60 % of the machine's. device, arithmetic:
    as in target.Target. compiled_limit: bytes of compiled models on disk. preload: id of the model that is loaded at
    the start, and kept, or empty for none. idle_exit: seconds without a request after which the daemon ends. state:
    connection file, lock and logs. data: model files. cache: compiled models; may be deleted at any time. folder:
    config.toml and models.toml.
    """

    state: Path
    data: Path
    cache: Path
    folder: Path
    model: str = "u2netp"
    queue: int = 32
    keep_alive: float = 600.0
    client_keep_alive: bool = False
    memory: int = 0
    device: str = AUTO
    arithmetic: str = AUTO
    compiled_limit: int = 4_000_000_000
    preload: str = ""
    idle_exit: float = 3600.0
    log_level: str = "info"

    @property
    def target(self) -> Target:
        return Target(self.device, self.arithmetic)

    @property
    def models(self) -> Path:
        return self.data / "models"

    @property
    def compiled(self) -> Path:
        return self.cache / "compiled"


def defaults(environ: Mapping[str, str]) -> Config:
    """What holds where nothing is set. Only the folders follow from the environment."""
    dirs = platformdirs.PlatformDirs("matted", appauthor=False)
    return Config(
        state=Path(state_folder()),
        data=Path(environ.get("MATTED_DATA_DIR") or dirs.user_data_dir).absolute(),
        cache=Path(environ.get("MATTED_CACHE_DIR") or dirs.user_cache_dir).absolute(),
        folder=Path(environ.get("MATTED_CONFIG_DIR") or dirs.user_config_dir).absolute(),
    )


def load(flags: Mapping[str, Any], environ: Mapping[str, str]) -> Config:
    """`flags`: values by field name, None where not given. Raises ConfigError."""
    config = defaults(environ)
    folder = config.folder
    settings = {field.name for field in fields(config)} - {"state", "data", "cache", "folder"}
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
        return toml_file.read(path)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.", "Correct it or delete it.") from error


def _checked(name: str, value: Any, origin: str) -> Any:
    """Turn what a person wrote into the setting's value."""
    parse, expected = _PARSERS[name]
    try:
        return parse(value)
    except (ValueError, OverflowError):
        raise ConfigError(f"{name} in {origin} is {value!r}.", f"{expected} is expected.") from None


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


def _one_of(choices: Sequence[str]) -> tuple[Callable[[Any], str], str]:
    """How to parse one of these words, and what is expected."""

    def parse(value: Any) -> str:
        if value not in choices:
            raise ValueError
        return str(value)

    return parse, f"One of {', '.join(choices)}"


def _whole(value: Any) -> int:
    number = int(value) if isinstance(value, str) else value
    if type(number) is not int:
        raise ValueError
    return number


def _queue(value: Any) -> int:
    number = _whole(value)
    if not 1 <= number <= MAX_QUEUE:
        raise ValueError
    return number


def _flag(value: Any) -> bool:
    if value in ("true", "false"):
        return bool(value == "true")
    if not isinstance(value, bool):
        raise ValueError
    return value


def seconds(value: Any) -> float:
    """A number of seconds, or a text such as "90s", "10m", "2h", "forever". Raises ValueError."""
    if value == "forever":
        return math.inf
    return _measure(value, {"s": 1, "m": 60, "h": 3600})


def size(value: Any) -> int:
    """A number of bytes, or a text such as "500MB", "8GB". Raises ValueError."""
    return int(_measure(value, {"MB": 1_000_000, "GB": 1_000_000_000}))


def _measure(value: Any, units: Mapping[str, int]) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError
    unit = next((unit for unit in units if str(value).endswith(unit)), "")
    number = float(str(value)[: len(str(value)) - len(unit)]) * units.get(unit, 1)
    if not 0 <= number < math.inf:
        raise ValueError
    return number


_PARSERS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "model": (_text, "A text"),
    "queue": (_queue, f"A number from 1 to {MAX_QUEUE}"),
    "keep_alive": (seconds, 'A time such as "90s", "10m", "0" or "forever"'),
    "client_keep_alive": (_flag, "true or false"),
    "memory": (size, 'A size such as "500MB" or "8GB"'),
    "device": (_text, "A text"),
    "arithmetic": _one_of(ARITHMETICS),
    "preload": (_text, "The id of a model"),
    "compiled_limit": (size, 'A size such as "500MB" or "8GB"'),
    "idle_exit": (seconds, 'A time such as "30m", "2h" or "forever"'),
    "log_level": _one_of(LOG_LEVELS),
}
