"""A small made-up model, and helpers for tests of a store that downloads, converts and keeps it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from graphs import small
from matted.models import catalogue
from matted.models.spec import ModelSpec, Source
from matted.models.store import Store
from matted_client import Rejected


def _weights() -> bytes:
    with TemporaryDirectory() as folder:
        content: bytes = small.isnet_like(Path(folder) / "net.onnx").read_bytes()
        return content


WEIGHTS = _weights()
ID = "made-up"
FILES = ["model.bin", "model.xml", "origin.json"]

Fractions = list[float]


def spec(source: Source) -> ModelSpec:
    """Return the model's spec with `source` as its only source; the size and the hash are filled in."""
    known = replace(source, bytes=len(WEIGHTS), sha256=sha256(WEIGHTS).hexdigest())
    return replace(catalogue.load().find("u2netp"), id=ID, title="Made up", side=32, sources=(known,))


def nothing() -> None:
    pass


def obtain(store: Store, spec: ModelSpec, check: Callable[[], None] = nothing) -> tuple[bool, Fractions]:
    """Have the store obtain the model. Returns whether it was downloaded, and the fractions of its progress."""
    fractions: Fractions = []
    return store.obtain(spec, fractions.append, check), fractions


def refusal(store: Store, spec: ModelSpec) -> Rejected:
    """Have the store obtain the model, which must fail, and return the error."""
    with pytest.raises(Rejected) as refused:
        obtain(store, spec)
    assert refused.value.code == "model_not_installed"
    return refused.value


def contents(folder: Path) -> list[str]:
    """List the names in a folder, none if there is no folder."""
    return sorted(os.listdir(folder)) if folder.exists() else []


def installed_alone(store: Store) -> bool:
    """Return whether the store has the model, and nothing else."""
    return contents(store.folder) == [ID] and contents(store.folder / ID) == FILES
