"""The catalogue: a model with weights is a spec of data. What a spec cannot say is not supported.

The entries that matted comes with are in catalogue.toml; a user's own are in models.toml in the config folder.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import fields, replace
from importlib import resources
from pathlib import Path
from typing import Any

from matted_client import MattedError, Rejected, messages

from matted.models.spec import ANY, DECODER, DRAWINGS, PEOPLE, BuiltIn, Decoder, Entry, ModelSpec, Source
from matted.system import toml_file

OWN_FILE = "models.toml"
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_RESERVED = {"default", "auto"}  # what a request says that leaves the choice to the settings, or to matted
# Fields that no table of models.toml may set.
_NOT_OWN = {"sources", "accept", "automatic", "own", "unseen", "states", "coarse", "decoder"}
_OWN_DEFAULTS = {"licence": "not stated", "licence_url": "", "terms": ""}  # a user's own has no licence of another's


class CatalogueError(MattedError):
    """A user's own specs that cannot be used: which file, and what is wrong in it."""


class Catalogue:
    """All models, as they were when it was read.

    shipped: the entries that matted comes with, by id.
    entries: these, then the user's own, by id.
    specs: those with weights.
    """

    def __init__(self, shipped: Mapping[str, Entry], own: Mapping[str, ModelSpec] | None = None) -> None:
        """own: the user's, by id."""
        self.shipped = dict(shipped)
        self.entries = {**self.shipped, **(own or {})}
        self.specs = {model: entry for model, entry in self.entries.items() if isinstance(entry, ModelSpec)}

    def find(self, model: str) -> Entry:
        """Return the entry of a model. Raises Rejected("model_not_found")."""
        if model not in self.entries:
            raise Rejected(
                messages.MODEL_NOT_FOUND,
                f"There is no model called {model[:80]!r}.",
                f"Known models: {', '.join(self.entries)}. See: matted models",
            )
        return self.entries[model]


def load(own: Path | None = None) -> Catalogue:
    """Read the catalogue. own: the user's models.toml, which need not exist. Raises CatalogueError."""
    text = resources.files(__package__).joinpath("catalogue.toml").read_text("utf-8")
    tables = toml_file.parse(text)
    entries = [*(_spec(fields) for fields in tables["model"]), *(BuiltIn(**fields) for fields in tables["built-in"])]
    shipped = {entry.id: entry for entry in entries}
    return Catalogue(shipped, read_own(own, shipped) if own else {})


def check_id(model: str) -> None:
    """Ids become folder names. Raises CatalogueError."""
    if not _ID.fullmatch(model) or model in _RESERVED:
        raise CatalogueError(
            f"{model[:80]!r} cannot be the id of a model.", "Small letters, digits, '.', '_' and '-' make an id."
        )


def read_own(path: Path, shipped: Mapping[str, Entry]) -> dict[str, ModelSpec]:
    """The user's own specs. Each names with `like` the spec that it takes everything from which it does not say itself.

    Raises CatalogueError with the file and what is wrong in it.
    """
    try:
        tables = toml_file.read(path).get("model", [])
    except (OSError, ValueError) as error:
        raise CatalogueError(f"{path} cannot be read: {error}.", "Correct it or delete it.") from error
    specs: dict[str, ModelSpec] = {}
    for table in tables if isinstance(tables, list) else [tables]:
        try:
            spec = own_spec(table, shipped)
            if spec.id in specs:
                raise CatalogueError(f"There are two models called {spec.id}.")
        except CatalogueError as error:
            raise CatalogueError(f"{path}: {error.message}", error.hint or "Correct it or delete it.") from None
        specs[spec.id] = spec
    return specs


def own_spec(table: Any, shipped: Mapping[str, Entry]) -> ModelSpec:
    """A table of models.toml as a spec. Raises CatalogueError."""
    if not isinstance(table, dict) or not isinstance(table.get("id"), str):
        raise CatalogueError("A model has no id.")
    check_id(table["id"])
    if table["id"] in shipped:
        raise CatalogueError(f"{table['id']} is the id of a model that comes with matted.")
    base = shipped.get(table.get("like", ""))
    if not isinstance(base, ModelSpec):
        known = ", ".join(model for model, entry in shipped.items() if isinstance(entry, ModelSpec))
        what = f"cannot be like {base.id}, which has no weights" if base else "does not say which model it is like"
        raise CatalogueError(f"{table['id']} {what}.", f'like = "..." is one of {known}.')
    settable = {field.name for field in fields(ModelSpec)} - _NOT_OWN
    own = {name: value for name, value in table.items() if name != "like"}
    for name, value in own.items():
        if name not in settable:
            raise CatalogueError(f"{table['id']} has an unknown field: {name}.")
        own[name] = _checked(table["id"], name, value, getattr(base, name))
    defaults = {**_OWN_DEFAULTS, "accept": False, "automatic": False, "bfloat16": False, "unseen": False}
    if "made_from" not in own:
        defaults["quality"] = 0  # other weights are no better known for being like them
    else:
        if own["made_from"] != base.id:
            raise CatalogueError(f"{table['id']} is made from {own['made_from']}, but like {base.id}.")
        for name in (*_OWN_DEFAULTS, "commercial"):
            own[name] = getattr(base, name)
        defaults["accept"] = base.accept
    spec = replace(base, **{**defaults, **own, "sources": (), "own": True})
    if spec.takes_clicks:
        raise CatalogueError(f"{spec.id} cannot take clicks: such a model has two files, and only one can be added.")
    return spec


def _checked(model: str, name: str, value: Any, example: Any) -> Any:
    """`value` in the type of `example`, a value that the same field of another spec has."""
    if isinstance(value, list) and isinstance(example, tuple):
        value = tuple(value)
    if isinstance(example, float) and type(value) is int:
        value = float(value)
    good = type(value) is type(example)
    if name in ("mean", "std"):
        good = good and len(value) == 3 and all(type(each) in (int, float) for each in value)
    if name == "outputs":
        good = good and bool(value) and all(type(each) in (int, str) for each in value)
    if name in ("side", "peak_bytes", "work"):
        good = good and 0 <= value < math.inf
    if name == "quality":
        good = good and 0 <= value <= 100
    if name == "multiple":
        good = good and value >= 1
    allowed = choices().get(name)
    if allowed:
        good = value in allowed
    if not good:
        expected = f"one of {', '.join(allowed)}" if allowed else f"something like {example!r}"
        raise CatalogueError(f"{model} has {name} = {value!r}; it is {expected}.")
    return value


def choices() -> dict[str, tuple[str, ...]]:
    """List the words that a field may have, for the fields that may not have any value."""
    # here: most commands need the catalogue but no NumPy, and `matted doctor` has to run where that is broken
    from matted.models.arithmetic import ACTIVATIONS, FITS, RESAMPLINGS

    return {
        "family": (
            *("u2net", "isnet", "birefnet", "ben", "modnet", "withoutbg", "rvm", "plate"),
            *("sam", "sam2", "efficient-sam", "vitmatte"),
        ),
        "inputs": ("image", "image+plate", "image+clicks", "image+trimap"),
        "scale": ("max", "255"),
        "fit": tuple(FITS),
        "resample": tuple(RESAMPLINGS),
        "activation": tuple(ACTIVATIONS),
        "precision": ("fp32", "fp16"),
        "subject": (ANY, PEOPLE, DRAWINGS),
    }


def _spec(table: dict[str, Any]) -> ModelSpec:
    sources = tuple(source(each) for each in table.pop("source"))
    decoder = table.pop("decoder", None)
    return ModelSpec(**_frozen(table), sources=sources, decoder=decoder and Decoder(**_frozen(decoder)))


def _frozen(table: dict[str, Any]) -> dict[str, Any]:
    """Return a table with tuples in the place of its lists."""
    pairs: dict[str, Any] = {}
    if "constants" in table:
        pairs["constants"] = tuple((name, float(value)) for name, value in table["constants"])
    if "states" in table:
        pairs["states"] = tuple((given, returned) for given, returned in table["states"])
    tuples = {name: tuple(value) for name, value in table.items() if isinstance(value, list)}
    return {**table, **tuples, **pairs}


def source(table: dict[str, Any]) -> Source:
    """A table of a source, with one of its decoder if there is one, as a Source."""
    table = {"name": table["kind"], **table}
    decoder = table.pop(DECODER, None)
    if decoder is not None:  # which is at the same place, but for what it says itself
        place = {name: table[name] for name in ("kind", "repo", "revision", "package", "opt_in") if name in table}
        decoder = Source(**{**place, "name": f"{table['name']}.{DECODER}", **decoder})
    return Source(**table, decoder=decoder)
