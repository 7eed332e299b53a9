"""A small model of the tests' own, and what tests ask of a store that fetches, converts and holds it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from matted.models import catalogue
from matted.models.spec import ModelSpec, Source
from matted.models.store import Store
from matted_client import Rejected

small = pytest.importorskip("graphs.small")


def _weights() -> bytes:
    with TemporaryDirectory() as folder:
        content: bytes = small.isnet_like(Path(folder) / "net.onnx").read_bytes()
        return content


WEIGHTS = _weights()
ID = "made-up"
FILES = ["model.bin", "model.xml", "origin.json"]

Fractions = list[float]


def spec(source: Source) -> ModelSpec:
    """Return the model with `source` as the one place to have it from; its size and checksum are filled in."""
    known = replace(source, bytes=len(WEIGHTS), sha256=sha256(WEIGHTS).hexdigest())
    return replace(catalogue.load().find("u2netp"), id=ID, title="Made up", side=32, sources=(known,))


def nothing() -> None:
    pass


def obtain(store: Store, spec: ModelSpec, check: Callable[[], None] = nothing) -> tuple[bool, Fractions]:
    """Return whether the model was downloaded, and the progress that was told."""
    fractions: Fractions = []
    return store.obtain(spec, fractions.append, check), fractions


def refusal(store: Store, spec: ModelSpec) -> Rejected:
    with pytest.raises(Rejected) as refused:
        obtain(store, spec)
    assert refused.value.code == "model_not_installed"
    return refused.value


def contents(folder: Path) -> list[str]:
    return sorted(os.listdir(folder)) if folder.exists() else []


def installed_alone(store: Store) -> bool:
    return contents(store.folder) == [ID] and contents(store.folder / ID) == FILES
