"""Read the table [server] of config.toml: a server of the user's, which runs models in the place of this computer."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from matted.settings.quantities import parse_seconds

SCHEMES = {"http": 80, "https": 443, "grpc": 8001, "grpcs": 443}  # and the port where the URL has none
MAX_IN_FLIGHT = 64
MAX_SECONDS = 600.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VERSION = re.compile(r"[A-Za-z0-9._-]+")


class WrongSetting(ValueError):
    """A setting of the server cannot be used.

    name: of the setting, such as "url". value: what it is. expected: what is allowed, a sentence.
    """

    def __init__(self, name: str, value: Any, expected: str) -> None:
        super().__init__(f"{name} cannot be {value!r}")
        self.name = name
        self.value = value
        self.expected = expected


@dataclass(frozen=True)
class ServedGraph:
    """A graph as the server has it, which calls it a model. name: there. version: empty for the server's choice."""

    name: str
    version: str = ""


@dataclass(frozen=True)
class ServedModel:
    """A model as the server has it.

    id: the catalogue's.
    model: its graph; of a model that takes clicks the encoder.
    own_decoder: the decoder of one that takes clicks, where the settings name it.
    """

    id: str
    model: ServedGraph
    own_decoder: ServedGraph | None = None

    @property
    def decoder(self) -> ServedGraph:
        """The decoder: the one that was named, else the one that `matted models export` writes beside the model."""
        return self.own_decoder or ServedGraph(decoder_name(self.model.name), self.model.version)


def decoder_name(model: str) -> str:
    """Return a server's name of the decoder that belongs to a model that takes clicks. model: the server's name."""
    return f"{model}-decoder"


@dataclass(frozen=True)
class ServerSettings:
    """The server that runs models.

    url: scheme (of SCHEMES), host and port; with http and https a path, too. Without a slash at the end.
    models: those that it is asked for; None: all of the catalogue that it has.
    token_file: has the token that the server wants; None for none. Read again from time to time.
    ca_file: certificates (PEM) of the authorities that the server's certificate is checked with; None: those that this
        computer trusts.
    client_certificate: PEM, with its private key, that shows the server who this is; None for none.
    timeout: seconds that an inference there may take.
    insecure: whether pictures may go to another computer without TLS.
    fallback: whether this computer runs a model that the server cannot run now.
    max_in_flight: how many inferences the server is asked for at the same time.
    """

    url: str
    models: tuple[ServedModel, ...] | None = None
    token_file: Path | None = None
    ca_file: Path | None = None
    client_certificate: Path | None = None
    timeout: float = 10.0
    insecure: bool = False
    fallback: bool = True
    max_in_flight: int = 4

    @property
    def parts(self) -> SplitResult:
        return urlsplit(self.url)

    @property
    def uses_tls(self) -> bool:
        return self.parts.scheme in ("https", "grpcs")

    @property
    def uses_grpc(self) -> bool:
        return self.parts.scheme in ("grpc", "grpcs")

    @property
    def host(self) -> str:
        return self.parts.hostname or ""

    @property
    def port(self) -> int:
        return self.parts.port or SCHEMES[self.parts.scheme]


def parse(value: Any, folder: Path) -> ServerSettings:
    """Return the settings of a server that a person wrote.

    value: the table; or the URL alone.
    folder: which names of files are relative to.

    Raises WrongSetting.
    """
    table = {"url": value} if isinstance(value, str) else value
    if not isinstance(table, Mapping):
        raise WrongSetting("", value, "A table [server] with a url is expected.")
    file = partial(_file, folder)
    parsers: dict[str, Callable[[str, Any], Any]] = {
        "url": _url,
        "insecure": _boolean,
        "fallback": _boolean,
        "token_file": file,
        "ca_file": file,
        "client_certificate": file,
        "models": _models,
        "timeout": _timeout,
        "max_in_flight": _max_in_flight,
    }
    unknown = sorted(set(table) - set(parsers))
    if unknown:  # its value may be a secret, and errors are logged
        raise WrongSetting(unknown[0], "…", f"Known: {', '.join(sorted(parsers))}.")
    given = {"url": None, **table}
    settings = ServerSettings(**{name: read(name, given[name]) for name, read in parsers.items() if name in given})
    _refuse_in_the_open(settings)
    return settings


def _url(name: str, value: Any) -> str:
    expected = "An address such as grpcs://studio:8001 or https://studio is expected."
    if not isinstance(value, str) or not value or not value.isprintable() or " " in value:
        raise WrongSetting(name, value, expected)
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise WrongSetting(name, value, expected) from None
    if parts.scheme not in SCHEMES or not parts.hostname or port == 0 or parts.query or parts.fragment:
        raise WrongSetting(name, value, expected)
    if parts.username is not None or parts.password is not None:
        without = f"{parts.scheme}://…@{parts.hostname}"  # errors are logged
        raise WrongSetting(name, without, "The address has no place for a password: put a token into token_file.")
    if parts.scheme.startswith("grpc") and parts.path.strip("/"):
        raise WrongSetting(name, value, "An address for gRPC ends after the port.")
    return value.rstrip("/")


def _refuse_in_the_open(settings: ServerSettings) -> None:
    """Raise WrongSetting if pictures or the token would go to another computer without TLS, and nobody has said so."""
    if settings.uses_tls or settings.insecure or is_loopback(settings.host):
        return
    secure = settings.url.replace("://", "s://", 1)
    expected = f"Without TLS, everybody on the way sees the pictures. Use {secure}, or set insecure = true."
    raise WrongSetting("url", settings.url, expected)


def is_loopback(host: str) -> bool:
    """Return whether a host, by its name or its address, is surely this computer."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _boolean(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise WrongSetting(name, value, "true or false is expected.")
    return value


def _file(folder: Path, name: str, value: Any) -> Path:
    if not isinstance(value, str) or not value or "\0" in value:
        raise WrongSetting(name, value, "The name of a file is expected.")
    try:
        return folder / Path(value).expanduser()
    except RuntimeError:  # ~ of nobody
        raise WrongSetting(name, value, "The name of a file is expected.") from None


def _models(setting: str, value: Any) -> tuple[ServedModel, ...]:
    """Return the models of a list of ids, or of a table: id = "name" or "name:version", or a list of two of these."""
    expected = 'A list of ids, or a table such as { u2netp = "matting:2" }, is expected.'
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        value = {each: each for each in value}
    if not isinstance(value, Mapping) or not value:
        raise WrongSetting(setting, value, expected)
    models = []
    for model, served in value.items():
        graphs = served if isinstance(served, list) else [served]
        if not 1 <= len(graphs) <= 2 or not all(isinstance(each, str) for each in graphs):
            raise WrongSetting(setting, value, expected)
        found = [_graph(each) for each in graphs]
        named = [each for each in found if each is not None]
        if len(named) < len(found):
            raise WrongSetting(setting, value, expected)
        models.append(ServedModel(model, *named))
    return tuple(models)


def _graph(text: str) -> ServedGraph | None:
    """Return the graph of "name" or "name:version", None if it is neither."""
    name, colon, version = text.partition(":")
    if not _NAME.fullmatch(name) or (colon and not _VERSION.fullmatch(version)):
        return None
    return ServedGraph(name, version)


def _timeout(name: str, value: Any) -> float:
    expected = f'A time from "0.1s" to "{MAX_SECONDS:.0f}s" is expected.'
    try:
        seconds = parse_seconds(value)
    except (ValueError, OverflowError):
        raise WrongSetting(name, value, expected) from None
    if not 0.1 <= seconds <= MAX_SECONDS:
        raise WrongSetting(name, value, expected)
    return seconds


def _max_in_flight(name: str, value: Any) -> int:
    if type(value) is not int or not 1 <= value <= MAX_IN_FLIGHT:
        raise WrongSetting(name, value, f"A number from 1 to {MAX_IN_FLIGHT} is expected.")
    return value
