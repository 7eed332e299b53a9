"""The catalogue: a model is a row of data. What a row cannot say is not supported.

The rows that matted comes with are in catalogue.toml; a user's own are in models.toml in the config folder.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any

from matted_client import MattedError, Rejected, messages

from matted.system.toml import tomllib

log = logging.getLogger(__name__)

OWN_FILE = "models.toml"
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_RESERVED = {"default"}  # what a request says that leaves the choice to the settings

_CHOICES = {
    "family": ("u2net", "isnet", "birefnet", "plate"),
    "inputs": ("image", "image+plate"),
    "scale": ("max", "255"),
    "resample": ("lanczos", "bilinear"),
    "activation": ("minmax", "sigmoid", "clip"),
    "precision": ("fp32", "fp16"),
}


class CatalogueError(MattedError):
    """A user's own rows that cannot be used: which file, and what is wrong in it."""


@dataclass(frozen=True)
class Source:
    """Where the weights can be had.

    kind "hub": `path` in the model repository `repo` at `revision`. "https": the file at `url`. "package-index":
    `member` of the wheel of `package`. "npm": `resource` of the npm package `package`, joined from its chunks.

    name: what it is asked for by; its kind if there is only one of that. bytes: of the weights file that it yields, 0
    if not exactly known; then `roughly` may say. travels: bytes to download if that is not the same. sha256, sha384:
    of the weights file; one is enough. opt_in: used only when asked for by its name. licence_note: what there is to
    know about this source's own terms.
    """

    kind: str
    name: str = ""
    repo: str = ""
    revision: str = ""
    path: str = ""
    url: str = ""
    package: str = ""
    member: str = ""
    resource: str = ""
    bytes: int = 0
    roughly: int = 0
    travels: int = 0
    sha256: str = ""
    sha384: str = ""
    opt_in: bool = False
    licence_note: str = ""

    @property
    def digest(self) -> tuple[str, str] | None:
        """(algorithm, hexadecimal digest) of the weights file, None if it is not known."""
        for algorithm in ("sha256", "sha384"):
            if getattr(self, algorithm):
                return algorithm, getattr(self, algorithm)
        return None

    @property
    def weights_bytes(self) -> int:
        """The best that is known about the size of the weights file, 0 for nothing."""
        return self.bytes or self.roughly

    @property
    def download_bytes(self) -> int:
        return self.travels or self.weights_bytes

    @property
    def place(self) -> str:
        """Where it is, for people."""
        if self.kind == "hub":
            return f"{self.repo}, {self.path}"
        if self.kind == "package-index":
            return f"Python package {self.package}, {self.member}"
        return f"npm package {self.package}, {self.resource}" if self.kind == "npm" else self.url


@dataclass(frozen=True)
class Row:
    """One model.

    commercial: whether commercial use is allowed. accept: the licence has to be accepted before it is used.
    automatic: fetched at first use without being asked for. family: the architecture. side: the square input's, in
    pixels, 0 for a model that takes any size with sides that are multiples of 4. inputs: "image" or "image+plate".
    scale: what 8-bit samples are divided by, "max" (the picture's brightest sample) or "255". mean, std: per channel
    R, G, B, after that. resample: "lanczos" or "bilinear". outputs: names or indices of the graph's outputs that are
    kept: the matte, then, where there is one, the foreground. activation: what makes the output a matte in 0..1.
    subject_floor: a picture whose confidence (see subject.py) is less shows no subject. precision: of the weights as
    they are stored. bfloat16: its masks are known to hardly change where a CPU computes in it. peak_bytes: the most
    memory that it takes while it runs. own: a user's own row. made_from: id of the model that this is a variant of;
    that one's licence, accepted or not, holds for it.
    """

    id: str
    title: str
    about: str
    licence: str
    licence_url: str
    commercial: bool
    family: str
    side: int
    scale: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    resample: str
    outputs: tuple[str | int, ...]
    activation: str
    subject_floor: float
    precision: str
    peak_bytes: int
    sources: tuple[Source, ...] = ()
    inputs: str = "image"
    accept: bool = False
    automatic: bool = False
    bfloat16: bool = False
    own: bool = False
    made_from: str = ""

    @property
    def file(self) -> str:
        """What the weights are called when they are put into the models folder by hand."""
        return f"{self.id}.onnx"

    @property
    def bytes(self) -> int:
        """Of the weights, as well as is known; 0 for a user's own."""
        return self.sources[0].weights_bytes if self.sources else 0

    @property
    def needs_plate(self) -> bool:
        return self.inputs == "image+plate"

    def facts(self) -> dict[str, Any]:
        """What every listing for programs says of a model."""
        names = ("id", "title", "about", "licence", "licence_url", "commercial", "bytes")
        return {**{name: getattr(self, name) for name in names}, "plate": self.needs_plate}

    @property
    def use(self) -> str:
        """What may be done with it, for people."""
        if self.own and not self.made_from:
            return "your own file"
        return "free, also for commercial work" if self.commercial else "non-commercial only"

    @property
    def summary(self) -> str:
        """What is downloaded, how big it is and under which licence, for the person who waits for it."""
        return f"{self.title} ({self.id}), {self.bytes / 1e6:.1f} MB, licence {self.licence}"


class Catalogue:
    """All rows by id. shipped: matted's. `own`: the file of the user's own, which is read again when it changes."""

    def __init__(self, rows: Mapping[str, Row], own: Path | None = None) -> None:
        self.shipped = dict(rows)
        self._own = own
        self._seen = _stamp(own)
        self._own_rows = read_own(own, self.shipped) if own else {}

    @property
    def rows(self) -> dict[str, Row]:
        """matted's rows, then the user's. A file that was made unreadable meanwhile changes nothing."""
        stamp = _stamp(self._own)
        if self._own and stamp != self._seen:
            self._seen = stamp
            try:
                self._own_rows = read_own(self._own, self.shipped)
            except CatalogueError as error:
                log.warning("%s", error)
        return {**self.shipped, **self._own_rows}

    def find(self, model: str) -> Row:
        """Raises Rejected("model_not_found")."""
        rows = self.rows
        if model not in rows:
            raise Rejected(
                messages.MODEL_NOT_FOUND,
                f"There is no model called {model[:80]!r}.",
                f"Known models: {', '.join(rows)}. See: matted models",
            )
        return rows[model]


def load(own: Path | None = None) -> Catalogue:
    """`own`: the user's models.toml, which need not exist. Raises CatalogueError if it cannot be used."""
    text = resources.files(__package__).joinpath("catalogue.toml").read_text("utf-8")
    rows = [_row(fields) for fields in tomllib.loads(text)["model"]]
    return Catalogue({row.id: row for row in rows}, own)


def check_id(model: str) -> None:
    """Ids become folder names. Raises CatalogueError."""
    if not _ID.fullmatch(model) or model in _RESERVED:
        raise CatalogueError(
            f"{model[:80]!r} cannot be the id of a model.", "Small letters, digits, '.', '_' and '-' make an id."
        )


def read_own(path: Path, shipped: Mapping[str, Row]) -> dict[str, Row]:
    """The user's own rows. Each names with `like` the row that it takes everything from which it does not say itself.

    Raises CatalogueError with the file and what is wrong in it.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8")).get("model", [])
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CatalogueError(f"{path} cannot be read: {error}.", "Correct it or delete it.") from None
    rows: dict[str, Row] = {}
    for table in tables if isinstance(tables, list) else [tables]:
        try:
            row = own_row(table, shipped)
            if row.id in rows:
                raise CatalogueError(f"There are two models called {row.id}.")
        except CatalogueError as error:
            raise CatalogueError(f"{path}: {error.message}", error.hint or "Correct it or delete it.") from None
        rows[row.id] = row
    return rows


def own_row(table: Any, shipped: Mapping[str, Row]) -> Row:
    """A table of models.toml as a row. Raises CatalogueError."""
    if not isinstance(table, dict) or not isinstance(table.get("id"), str):
        raise CatalogueError("A model has no id.")
    check_id(table["id"])
    if table["id"] in shipped:
        raise CatalogueError(f"{table['id']} is the id of a model that comes with matted.")
    base = shipped.get(table.get("like", ""))
    if base is None:
        known = ", ".join(shipped)
        raise CatalogueError(f"{table['id']} does not say which model it is like.", f'like = "..." is one of {known}.')
    settable = {field.name for field in fields(Row)} - {"sources", "accept", "automatic", "own"}
    own = {name: value for name, value in table.items() if name != "like"}
    for name, value in own.items():
        if name not in settable:
            raise CatalogueError(f"{table['id']} has an unknown field: {name}.")
        own[name] = _checked(table["id"], name, value, getattr(base, name))
    defaults = {"licence": "not stated", "licence_url": "", "accept": False, "automatic": False, "bfloat16": False}
    if "made_from" in own:
        if own["made_from"] != base.id:
            raise CatalogueError(f"{table['id']} is made from {own['made_from']}, but like {base.id}.")
        for name in ("licence", "licence_url", "commercial"):
            own[name] = getattr(base, name)
        defaults["accept"] = base.accept
    return replace(base, **{**defaults, **own, "sources": (), "own": True})


def _checked(model: str, name: str, value: Any, example: Any) -> Any:
    """`value` in the type of `example`, a value that the same field of another row has."""
    if isinstance(value, list) and isinstance(example, tuple):
        value = tuple(value)
    if isinstance(example, float) and type(value) is int:
        value = float(value)
    good = type(value) is type(example)
    if name in ("mean", "std"):
        good = good and len(value) == 3 and all(type(each) in (int, float) for each in value)
    if name == "outputs":
        good = good and bool(value) and all(type(each) in (int, str) for each in value)
    if name in ("side", "peak_bytes"):
        good = good and value >= 0
    if name in _CHOICES:
        good = value in _CHOICES[name]
    if not good:
        expected = f"one of {', '.join(_CHOICES[name])}" if name in _CHOICES else f"something like {example!r}"
        raise CatalogueError(f"{model} has {name} = {value!r}; it is {expected}.")
    return value


def _row(table: dict[str, Any]) -> Row:
    sources = tuple(_source(source) for source in table.pop("source"))
    tuples = {name: tuple(table[name]) for name in ("mean", "std", "outputs")}
    return Row(**{**table, **tuples}, sources=sources)


def _source(table: dict[str, Any]) -> Source:
    return Source(**{"name": table["kind"], **table})


def _stamp(path: Path | None) -> tuple[int, int] | None:
    try:
        stat = path.stat() if path else None
    except OSError:
        return None
    return (stat.st_mtime_ns, stat.st_size) if stat else None
