"""What the tests saw in GIMP and Krita, as rows for docs/hosts.md."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

MASK = "the mask"
IMPOSSIBLE = "not possible: "
# Whether the tests also do what takes minutes and finds little that the rest does not: `make test-hosts` sets it.
EVERYTHING = os.environ.get("MATTED_TEST_EVERYTHING") == "1"


@dataclass(frozen=True, order=True)
class Row:
    """One click. version: of the host, as "3.0". mode, precision: in the host's words. kind: of layer.

    result: MASK and its precision, the host's sentence why there is none, or IMPOSSIBLE and why no layer is like that.
    """

    host: str
    version: str
    mode: str
    precision: str
    kind: str
    result: str


def artefacts_folder(temporary: pytest.TempPathFactory, name: str = "") -> Path:
    """Return the folder where screenshots, logs and tables stay, MATTED_TEST_ARTEFACTS, or a temporary one.

    name: of a folder in it; empty for the folder itself.
    """
    chosen = os.environ.get("MATTED_TEST_ARTEFACTS")
    folder = Path(chosen) / name if chosen else temporary.mktemp(name or "artefacts")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write(path: Path, rows: Iterable[Row]) -> None:
    text = json.dumps([dataclasses.asdict(row) for row in rows], indent=1, ensure_ascii=False)
    path.write_text(text + "\n", "utf-8")


def read(artefacts: Path) -> Iterator[Row]:
    """The rows of every host that left some among the artefacts."""
    for path in sorted([*artefacts.glob("gimp-*/hosts.json"), *artefacts.glob("krita-*-layers.json")]):
        for fields in json.loads(path.read_text("utf-8")):
            yield Row(**fields)
