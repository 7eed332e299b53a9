"""Read every setting into one frozen object. Flags win over the environment, then config.toml, then the defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import platformdirs
from matted_client import MattedError
from matted_client.endpoint import state_folder
from matted_client.options import AUTO_MODEL

from matted.settings import server
from matted.settings.quantities import parse_seconds, parse_size
from matted.settings.server import ServerSettings, WrongSetting
from matted.settings.target import ARITHMETICS, AUTO, Target
from matted.system import toml_file

CONFIG_FILE = "config.toml"
OFF = "off"
FLAT_GROUNDS = ("auto", OFF)
LOG_LEVELS = ("debug", "info", "warning", "error")
MAX_QUEUE = 1000


class ConfigError(MattedError):
    """A setting cannot be used. The message says which one and where it is, the hint what is allowed."""


@dataclass(frozen=True)
class Config:
    """The settings and folders of one process.

    state: folder of the connection file, the single-instance lock and the logs.
    data: folder of the model files.
    cache: folder of the compiled models; may be deleted at any time.
    folder: of config.toml and models.toml.
    model: id of the model that requests for "default" get; AUTO_MODEL for the best one for this computer.
    patience: seconds that an inference of a model may take which is chosen so.
    refiner: id of the model that refines hair, and masks that are there; "auto": one that is on this computer; "off":
        none, but matted's own methods.
    flat_ground: one of FLAT_GROUNDS. "auto": pictures that surely have a flat ground get the model `flat` in its place.
    clicks: id of the model that answers boxes and clicks; "auto": the best that is on this computer; OFF: none.
    queue: how many requests may wait; more are refused as `busy`.
    keep_alive: seconds that a model stays in memory after its last use.
    client_keep_alive: whether a request may choose its own keep_alive.
    memory: bytes that the models in memory may need together; 0 for 60 % of the machine's.
    device, arithmetic: as in target.Target.
    compiled_limit: bytes of compiled models on disk.
    preload: id of the model that is loaded at the start and kept in memory, or AUTO_MODEL; empty for none.
    idle_exit: seconds without a request after which the daemon ends.
    log_level: one of LOG_LEVELS.
    server: that runs models in the place of this computer; None: this computer runs them.
    """

    state: Path
    data: Path
    cache: Path
    folder: Path
    model: str = AUTO_MODEL
    patience: float = 3.0
    refiner: str = "auto"
    flat_ground: str = "auto"
    clicks: str = "auto"
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
    server: ServerSettings | None = None

    @property
    def target(self) -> Target:
        return Target(self.device, self.arithmetic)

    @property
    def models(self) -> Path:
        return self.data / "models"

    @property
    def paces(self) -> Path:
        return self.cache / "paces.json"

    @property
    def compiled(self) -> Path:
        return self.cache / "compiled"


def defaults(environ: Mapping[str, str]) -> Config:
    """Return the configuration without any setting. Only the folders depend on the environment."""
    dirs = platformdirs.PlatformDirs("matted", appauthor=False)
    return Config(
        state=Path(state_folder()),
        data=Path(environ.get("MATTED_DATA_DIR") or dirs.user_data_dir).absolute(),
        cache=Path(environ.get("MATTED_CACHE_DIR") or dirs.user_cache_dir).absolute(),
        folder=Path(environ.get("MATTED_CONFIG_DIR") or dirs.user_config_dir).absolute(),
    )


def load(flags: Mapping[str, Any], environ: Mapping[str, str]) -> Config:
    """Return the configuration.

    flags: of the command line, values by field name; None where a flag is not given.
    environ: the environment, with settings such as MATTED_QUEUE.

    Raises ConfigError.
    """
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
        config = replace(config, **{name: _parse(name, value, origin, folder) for name, value in values.items()})
    return config


def _read(path: Path) -> dict[str, Any]:
    try:
        return toml_file.read(path)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.", "Correct it or delete it.") from error


def _parse(name: str, value: Any, origin: str, folder: Path) -> Any:
    """Return the value of a setting that a person wrote. folder: of config.toml. Raises ConfigError."""
    if name == "server":
        try:
            return server.parse(value, folder)
        except WrongSetting as error:
            setting = f"server.{error.name}" if error.name else "server"
            if error.value is None:
                raise ConfigError(f"{setting} in {origin} is missing.", error.expected) from error
            raise ConfigError(f"{setting} in {origin} cannot be {error.value!r}.", error.expected) from error
    parse, expected = _PARSERS[name]
    try:
        return parse(value)
    except (ValueError, OverflowError) as error:
        raise ConfigError(f"{name} in {origin} cannot be {value!r}.", f"{expected} is expected.") from error


def _parse_text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


def _choice_parser(choices: Sequence[str]) -> tuple[Callable[[Any], str], str]:
    """Return a parser of one of these words, and what it expects, in words."""

    def parse(value: Any) -> str:
        if value not in choices:
            raise ValueError
        return str(value)

    return parse, f"One of {', '.join(choices)}"


def _parse_integer(value: Any) -> int:
    number = int(value) if isinstance(value, str) else value
    if type(number) is not int:
        raise ValueError
    return number


def _parse_queue(value: Any) -> int:
    number = _parse_integer(value)
    if not 1 <= number <= MAX_QUEUE:
        raise ValueError
    return number


def _parse_boolean(value: Any) -> bool:
    if value in ("true", "false"):
        return bool(value == "true")
    if not isinstance(value, bool):
        raise ValueError
    return value


def _parse_patience(value: Any) -> float:
    """Parse a time, which is not zero. Raises ValueError."""
    seconds = parse_seconds(value)
    if not seconds:
        raise ValueError
    return seconds


# By setting: the parser, which raises ValueError, and what it expects, for the error's hint.
_PARSERS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "model": (_parse_text, 'The id of a model, or "auto"'),
    "patience": (_parse_patience, 'A time such as "3s" or "0.5s"'),
    "refiner": (_parse_text, 'The id of a model, "auto" or "off"'),
    "flat_ground": _choice_parser(FLAT_GROUNDS),
    "clicks": (_parse_text, "auto, off, or the id of a model that takes clicks"),
    "queue": (_parse_queue, f"A number from 1 to {MAX_QUEUE}"),
    "keep_alive": (parse_seconds, 'A time such as "90s", "10m", "0" or "forever"'),
    "client_keep_alive": (_parse_boolean, "true or false"),
    "memory": (parse_size, 'A size such as "500MB" or "8GB"'),
    "device": (_parse_text, "A text"),
    "arithmetic": _choice_parser(ARITHMETICS),
    "preload": (_parse_text, 'The id of a model, or "auto"'),
    "compiled_limit": (parse_size, 'A size such as "500MB" or "8GB"'),
    "idle_exit": (parse_seconds, 'A time such as "30m", "2h" or "forever"'),
    "log_level": _choice_parser(LOG_LEVELS),
}
