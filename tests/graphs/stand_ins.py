"""Writes the small graphs that stand in for a model of the catalogue: their inputs, their outputs, their operators."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from graphs import clickable, small
from matted.models.spec import ModelSpec


def write(spec: ModelSpec, file: Path, side: int = 64) -> Path:
    """Write the stand-in of a model. Returns the file. A decoder is put beside it: see `clickable.write`.

    spec: the model, of which the family tells.
    file: where the ONNX file is put.
    side: pixels, of the square input of those that have a fixed one.
    """
    if spec.takes_clicks:
        return clickable.write(spec, file)
    if spec.family == "plate":
        return small.keyer(file)
    if spec.family == "rvm":
        return small.film_like(file)
    if spec.family == "vitmatte":
        return small.refiner_like(file, (side, side))
    if spec.family == "modnet":
        return small.portrait_like(file)
    if spec.family == "ben":
        return small.portrait_like(file, (side, side), half=True)
    if spec.family == "birefnet":
        return small.birefnet_like(file, "native", size=(side, side))
    return small.isnet_like(file, side)


def finder_of_each_family(specs: Iterable[ModelSpec]) -> list[ModelSpec]:
    """Return the first model of each family that finds subjects, in the order of `specs`.

    What differs within a family is data. Models that take clicks are one family: once they are converted, they are
    asked in one way.
    """
    first: dict[str, ModelSpec] = {}
    for spec in specs:
        if not spec.refines:
            first.setdefault("clicks" if spec.takes_clicks else spec.family, spec)
    return list(first.values())
