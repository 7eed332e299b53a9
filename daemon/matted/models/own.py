"""A user's own models: their files in the store, and a table for each in the user's models.toml."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from matted.models import catalogue
from matted.models.catalogue import Catalogue, CatalogueError
from matted.models.origin import digest
from matted.models.sources import Monitor
from matted.models.spec import ALGORITHMS, Entry, ModelSpec, Source
from matted.models.store import Store, TryOut
from matted.system import atomic_file, toml_file

_TABLES = "model"  # models.toml is a list of [[model]]


def add(
    file: Path, fields: dict[str, str], like: Entry, known: Catalogue, path: Path, store: Store, try_out: TryOut
) -> ModelSpec:
    """Take a model file into the store, and write its spec into the user's models.toml.

    file: ONNX, or the .xml of an OpenVINO IR.
    fields: of the spec: id, and what else differs from `like`.
    path: of models.toml.
    try_out: runs the stored file as the spec says; returns the side of its input, 0 if it takes any size.

    Raises CatalogueError, Rejected("model_not_installed"), and what `try_out` raises. Nothing has changed then.
    """
    table: dict[str, Any] = {**fields, "about": f"Like {like.id}.", "like": like.id}
    spec = catalogue.own_spec(table, known.shipped)
    _refuse_known(file, spec, known)
    try:
        store.pull(spec, [Source("file", "file", path=str(file.absolute()))], Monitor(), again=True, trust=True)
        side = try_out(spec, store.path(spec))
        if _is_listed(spec.id, path):
            raise CatalogueError(f"Another command has added {spec.id} meanwhile.", "See: matted models")
        if side != spec.side:
            table["side"] = side
        _rewrite(path, lambda text: toml_file.with_table(text, _TABLES, table))
    except BaseException:
        if not _is_listed(spec.id, path):  # else another process has added it meanwhile, and the files are its own
            store.remove(spec)
        raise
    return spec


def forget(model: str, path: Path) -> None:
    """Take the spec out of `path` and leave the rest as it is. Raises CatalogueError."""
    _rewrite(path, lambda text: toml_file.without_table(text, _TABLES, model))


def _refuse_known(file: Path, spec: ModelSpec, known: Catalogue) -> None:
    if spec.id in known.entries:
        raise CatalogueError(f"There is a model called {spec.id} already.", "Choose another --id, or remove it first.")
    if not file.is_file():
        raise CatalogueError(f"There is no file {file}.")
    for algorithm in ALGORITHMS:
        found = (algorithm, digest(file, algorithm))
        for other in known.specs.values():
            if any(each.digest == found for each in other.sources):  # its licence would be lost on the way
                hint = f"Install it with: matted models pull {other.id} --from {file}"
                raise CatalogueError(f"{file} is {other.title}, which matted knows.", hint)


def _is_listed(model: str, path: Path) -> bool:
    try:
        return model in catalogue.load(path).specs
    except CatalogueError:
        return False


def _rewrite(path: Path, change: Callable[[str], str]) -> None:
    path = path.resolve()
    try:
        changed = change(toml_file.read_text(path))
    except (OSError, ValueError) as error:
        raise CatalogueError(f"{path} cannot be changed: {error}.", "Correct it or delete it.") from error
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file.replacing(path) as draft:
            draft.write_bytes(changed.encode())
            _require_usable(draft, path)
    except OSError as error:
        raise CatalogueError(f"{path} cannot be written: {error.strerror or error}.") from error


def _require_usable(draft: Path, path: Path) -> None:
    """Never leave a file that stops the daemon. Raises CatalogueError with the name of the file that the user knows."""
    try:
        catalogue.read_own(draft, catalogue.load().shipped)
    except CatalogueError as error:
        raise CatalogueError(error.message.replace(str(draft), str(path)), error.hint) from error
