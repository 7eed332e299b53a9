"""The catalogue: a model is a row of data. What a row cannot say is not supported."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from matted_client import Rejected, messages

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class Source:
    """Where the weights can be had. kind "package-index": `member` of the wheel of `package`, which has `bytes`."""

    kind: str
    package: str
    member: str
    bytes: int


@dataclass(frozen=True)
class Row:
    """One model.

    file, bytes, sha256: the weights as they lie on disk. side: the square input's, in pixels. scale: what 8-bit
    samples are divided by, "max" (the picture's brightest sample) or "255". mean, std: per channel R, G, B, after
    that. resample: "lanczos" or "bilinear". output: index of the matte among the graph's outputs. activation: what
    makes the output a matte in 0..1. subject_floor: a raw output that nowhere reaches it shows no subject.
    """

    id: str
    title: str
    about: str
    licence: str
    licence_url: str
    commercial: bool
    file: str
    bytes: int
    sha256: str
    side: int
    scale: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    resample: str
    output: int
    activation: str
    subject_floor: float
    sources: tuple[Source, ...]

    @property
    def summary(self) -> str:
        """What is downloaded, how big it is and under which licence, for the person who waits for it."""
        return f"{self.title} ({self.id}), {self.bytes / 1e6:.1f} MB, licence {self.licence}"


class Catalogue:
    """All rows by id."""

    def __init__(self, rows: Mapping[str, Row]) -> None:
        self.rows = dict(rows)

    def find(self, model: str) -> Row:
        """Raises Rejected("model_not_found")."""
        if model not in self.rows:
            raise Rejected(
                messages.MODEL_NOT_FOUND,
                f"There is no model called {model[:80]!r}.",
                f"Known models: {', '.join(self.rows)}. See: matted models",
            )
        return self.rows[model]


def load() -> Catalogue:
    text = resources.files(__package__).joinpath("catalogue.toml").read_text("utf-8")
    rows = [_row(fields) for fields in tomllib.loads(text)["model"]]
    return Catalogue({row.id: row for row in rows})


def _row(fields: dict[str, Any]) -> Row:
    sources = tuple(Source(**source) for source in fields.pop("source"))
    return Row(**{**fields, "mean": tuple(fields["mean"]), "std": tuple(fields["std"])}, sources=sources)
