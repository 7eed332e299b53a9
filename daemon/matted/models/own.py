"""A user's own models: tried before they are accepted, and a row each in the user's models.toml."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matted.inference import backend, model_io
from matted.inference.layer import Layer
from matted.models import catalogue
from matted.models.arithmetic import FITS
from matted.models.catalogue import Catalogue, CatalogueError
from matted.models.origin import digest
from matted.models.sources import Watch
from matted.models.spec import ModelSpec, Source
from matted.models.store import Store
from matted.settings.target import CPU, Target
from matted.system import atomic_file
from matted.system.toml import tomllib

_TRIAL_SIDE = 512
_BLOCK = re.compile(r"^[ \t]*\[\[?[^\n]*", re.MULTILINE)
_SLACK = 0.05  # resizing inside a network overshoots 0..1 by so much


def add(file: Path, fields: dict[str, str], like: ModelSpec, known: Catalogue, path: Path, store: Store) -> ModelSpec:
    """Take a model file (ONNX, or an IR's .xml) into the store and write its spec into `path`, the user's models.toml.

    fields: of the spec: id, and what else differs from `like`. Raises CatalogueError, Rejected("model_not_installed").
    """
    table: dict[str, Any] = {**fields, "about": f"Like {like.id}.", "like": like.id}
    spec = catalogue.own_spec(table, known.shipped)
    _refuse_known(file, spec, known)
    store.pull(spec, [Source("file", "file", path=str(file.absolute()))], Watch(), again=True, trust=True)
    try:
        side = try_out(spec, store.path(spec))
        if side != like.side:
            table["side"] = side
        if not side and not FITS[like.fit].flexible:
            table["fit"] = "own"
        _rewrite(path, lambda text: text + _block(table))
    except BaseException:
        store.remove(spec)
        raise
    return spec


def forget(model: str, path: Path) -> None:
    """Take the spec out of `path` and leave the rest as it is. Raises CatalogueError."""
    _rewrite(path, lambda text: _without(text, model))


def try_out(spec: ModelSpec, model_file: Path) -> int:
    """Run a picture through it, as the daemon would. Returns the side of its input, 0 if it takes any size.

    Raises CatalogueError with what does not fit.
    """
    with tempfile.TemporaryDirectory(prefix="matted-") as cache:
        try:
            model = backend.load(spec, model_file, Target(CPU), Path(cache))
            fit = model_io.fit(_TRIAL_SIDE, _TRIAL_SIDE, spec, model.size)
            picture = model_io.show(Layer(_disc()), spec, fit)
            matte = model.infer([picture] * (2 if spec.needs_plate else 1))[0]
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1][:200].rstrip(".")
            raise CatalogueError(
                f"It does not work like the model that it is said to be like: {reason}.",
                "Choose another with --like; see: matted models",
            ) from None
    _refuse_odd(matte, fit.size, spec)
    return 0 if model.size is None else model.size[0]


def _disc() -> NDArray[np.uint8]:
    """A bright disc on a dark gradient: rows x columns x 3."""
    y, x = np.mgrid[0:_TRIAL_SIDE, 0:_TRIAL_SIDE]
    centre = _TRIAL_SIDE / 2
    inside = (x - centre) ** 2 + (y - centre) ** 2 < (_TRIAL_SIDE / 4) ** 2
    picture = np.where(inside, 230, x * 80 // _TRIAL_SIDE).astype(np.uint8)
    return np.repeat(picture[:, :, np.newaxis], 3, axis=2)


def _refuse_odd(matte: Any, size: tuple[int, int], spec: ModelSpec) -> None:
    if matte.shape != (1, *size):
        shape = " x ".join(str(side) for side in matte.shape)
        raise CatalogueError(f"Its first output is {shape}, not a matte of {size[0]} x {size[1]}.")
    if not np.isfinite(matte).all():
        raise CatalogueError("Its output has values that are no numbers.")
    low, high = float(matte.min()), float(matte.max())
    if spec.activation == "clip" and (low < -_SLACK or high > 1 + _SLACK):
        raise CatalogueError(
            f"Its output goes from {low:.2f} to {high:.2f}, where 0 to 1 is expected.",
            "If these are logits, use --like birefnet-lite.",
        )


def _refuse_known(file: Path, spec: ModelSpec, known: Catalogue) -> None:
    if spec.id in known.specs:
        raise CatalogueError(f"There is a model called {spec.id} already.", "Choose another --id, or remove it first.")
    if not file.is_file():
        raise CatalogueError(f"There is no file {file}.")
    for algorithm in ("sha256", "sha384"):
        found = (algorithm, digest(file, algorithm))
        for other in known.specs.values():
            if any(each.digest == found for each in other.sources):  # its licence would be lost on the way
                hint = f"Install it with: matted models pull {other.id} --from {file}"
                raise CatalogueError(f"{file} is {other.title}, which matted knows.", hint)


# -- models.toml, kept as the user wrote it ----------------------------------------------------------------------------


def _block(fields: dict[str, Any]) -> str:
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items()]
    return "\n".join(["", "[[model]]", *lines, ""])


def _without(text: str, model: str) -> str:
    starts = [found.start() for found in _BLOCK.finditer(text)]
    kept = text[: starts[0]] if starts else text
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        block = text[start:end]
        try:
            tables = tomllib.loads(block).get("model")
        except ValueError:
            tables = None
        if not (isinstance(tables, list) and tables[0].get("id") == model):
            kept += block
    return kept.rstrip("\n") + "\n" if kept.strip() else ""


def _rewrite(path: Path, change: Callable[[str], str]) -> None:
    path = path.resolve()
    try:
        text = path.read_bytes().decode() if path.exists() else ""
        ends = "\r\n" if "\r\n" in text else "\n"
        changed = change(text.replace("\r\n", "\n")).replace("\n", ends)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file.draft(path) as draft:
            draft.write_bytes(changed.encode())
            catalogue.read_own(draft, catalogue.load().specs)  # never leave a file that stops the daemon
    except OSError as error:
        raise CatalogueError(f"{path} cannot be written: {error.strerror or error}.") from None
