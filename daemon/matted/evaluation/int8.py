"""Make an INT8 variant of a model, compare it with the original, and keep it only if the masks are the same."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import psutil
from matted_client import MattedError

from matted.evaluation import trial
from matted.files import pictures
from matted.inference import model_io
from matted.inference.engines import backend, comparison, pixel_graph
from matted.inference.engines.engine import Planes
from matted.inference.layer import Layer
from matted.models import own
from matted.models.catalogue import Catalogue
from matted.models.convert import ranges
from matted.models.convert.quantize import quantize
from matted.models.spec import ModelSpec
from matted.models.store import Store
from matted.models.workplace import require_memory
from matted.settings.target import CPU, Target
from matted.system import subprocess_call

CALIBRATION = 8  # most photographs that the model is calibrated on; each costs memory and seconds
COMPARED = 12  # most photographs that both models are run on
ROUNDS = 2  # inferences of each model on each photograph, in turns, because the speed of machines varies with time
TRIAL_ROUNDS = 3  # with one photograph

# What "the mask stays the same" means: the mean of |difference| over a mask, averaged over the photographs, and the
# share of the subject in common. IS-Net's variant has 0.015, at an S-measure 0.002 lower than the original's.
MAX_DIFFERENCE = 0.03
MIN_OVERLAP = 0.95
# What "quicker" means: less is not worth another model in the list. With VNNI IS-Net's variant needs half the time.
MAX_SHARE = 0.8

T = TypeVar("T")
_CPU = Target(CPU)
_NICE = 10
_COMPARING = "Comparing the masks"


@dataclass(frozen=True)
class Comparison:
    """How a variant compares with its original.

    original_seconds, variant_seconds: the median of an inference.
    original_bytes, variant_bytes: of the weights on disk.
    difference: mean of |difference| over a mask, averaged over the photographs; 0..1.
    overlap: the share of the subject that both masks have, median over the photographs; 0..1.
    photographs: how many were compared.
    kept: whether the variant was installed.
    """

    original_seconds: float
    variant_seconds: float
    original_bytes: int
    variant_bytes: int
    difference: float
    overlap: float
    photographs: int
    kept: bool = False

    @property
    def same(self) -> bool:
        """Whether the variant's masks are close enough to the original's for the variant to be kept."""
        return self.difference <= MAX_DIFFERENCE and self.overlap >= MIN_OVERLAP

    @property
    def quicker(self) -> bool:
        """Whether the variant is worth having on this computer."""
        return self.variant_seconds <= MAX_SHARE * self.original_seconds


def variant_id(spec: ModelSpec) -> str:
    """Return the id of a model's INT8 variant."""
    return f"{spec.id}-int8"


def make(
    spec: ModelSpec,
    photographs: Sequence[Path],
    known: Catalogue,
    own_file: Path,
    store: Store,
    show: Callable[[str], None],
) -> Comparison:
    """Make the variant, compare it with the original, and install it as a user's model if the masks are the same.

    photographs: INT8's ranges are calibrated on the first CALIBRATION, masks are compared on the first COMPARED.
    known: all models.
    own_file: the user's models.toml.
    show: called with a line about what is being done.

    Returns the comparison; a variant whose masks differ is deleted. Raises MattedError if it cannot be made.
    """
    if spec.needs_plate:
        raise MattedError(f"{spec.title} needs plates, and there are no plates to calibrate it with.")
    if spec.takes_clicks:
        raise MattedError(f"{spec.title} takes clicks, and there are no clicks to compare its masks with.")
    if spec.refines:
        raise MattedError(f"{spec.title} needs trimaps, and there are no trimaps to calibrate it with.")
    if spec.remembers:
        raise MattedError(f"{spec.title} remembers the frames before, and there are no films to calibrate it with.")
    _refuse_another(spec, known)
    with tempfile.TemporaryDirectory(prefix="matted-") as folder:
        original = backend.load(spec, store.path(spec), Target(CPU), Path(folder) / "cache")
        shots = [_show(path, spec, original) for path in photographs[: max(CALIBRATION, COMPARED)]]
        target = Path(folder) / "model.xml"
        chosen = [pixel_graph.normalise(planes, spec) for planes in shots[:CALIBRATION]]
        try:
            quantize(
                store.path(spec),
                chosen,
                target,
                transformer=spec.family == "birefnet",
                on_progress=lambda number: show(f"Looking at photograph {number} of {len(chosen)}"),
            )
        except ValueError as error:
            raise MattedError(str(error)) from error
        show(_COMPARING)
        as_its_own_spec_asks = Target(CPU, "f32")
        variant = backend.load(spec, target, as_its_own_spec_asks, Path(folder) / "cache")
        result = _compare(spec, original, variant, shots[:COMPARED], store.path(spec), target, ROUNDS)
        if result.same:
            own.add(target, _fields(spec), spec, known, own_file, store, trial.try_out)
    return replace(result, kept=result.same)


class _NotKept(Exception):
    """The variant has other masks, or is not quicker."""


def make_known(
    spec: ModelSpec,
    known: Catalogue,
    own_file: Path,
    store: Store,
    show: Callable[[str], None],
    target: Target = _CPU,
    check: Callable[[], None] = lambda: None,
    gives_way: bool = False,
) -> Comparison | None:
    """Make the variant of a model whose ranges come with matted, without NNCF, and install it if it is worth having.

    spec: an installed model.
    known, own_file, show: as for `make`.
    target: what models are loaded for. The variant is tried there.
    check: called often; what it raises ends the work.
    gives_way: whether other programs go first, as somebody may be waiting for a mask meanwhile.

    It takes some seconds, in processes of their own; one inference of each model on a photograph, in turns, tells
    whether the masks are the same and the variant is quicker. It is deleted unless both are so.

    Returns how they compare, or None if nothing is known for these weights. Raises MattedError if it cannot be made;
    the original stays as it was, whatever is raised.
    """
    found = known_ranges(spec, store)
    if found is None:
        return None
    _refuse_another(spec, known)
    require_memory(2 * spec.peak_bytes, f"To make an INT8 variant of {spec.title} takes")
    results: list[Comparison] = []
    apart = partial(_apart, check, _NICE if gives_way else 0)

    def try_out(variant: ModelSpec, file: Path) -> int:
        show(_COMPARING)
        results.append(apart(_try, spec, store.path(spec), variant, file, target))
        if not (results[0].same and results[0].quicker):
            raise _NotKept
        return variant.side

    with tempfile.TemporaryDirectory(prefix="matted-") as folder:
        show("Making 8-bit integers of the weights")
        file = Path(folder) / "model.xml"
        apart(ranges.quantize, store.path(spec), found, file)
        with suppress(_NotKept):
            own.add(file, _fields(spec), spec, known, own_file, store, try_out)
            return replace(results[0], kept=True)
    return results[0]


def known_ranges(spec: ModelSpec, store: Store) -> ranges.Ranges | None:
    """Return what `make_known` makes the variant of a model with; None if nothing is known, or it is not installed."""
    origin = store.origin(spec)
    return ranges.find(spec.id, origin.weights) if origin else None


def _apart(check: Callable[[], None], nice: int, function: Callable[..., T], *arguments: Any) -> T:
    """Call a function in a process of its own. Raises MattedError, and what `check` raises."""
    try:
        result: T = subprocess_call.call(_nicely, nice, function, *arguments, check=check)
        return result
    except MemoryError as error:
        raise MattedError("There is too little memory to make an INT8 variant.", "Close other programs.") from error
    except OSError as error:
        said = f"The INT8 variant could not be made: {error.strerror or error}."
        raise MattedError(said, "Make room on the disk, and try again.") from error
    except (RuntimeError, ValueError) as error:
        hint = "Its ranges can be found on this computer: matted models quantize ID --calibrate"
        raise MattedError(f"The INT8 variant could not be made: {error}", hint) from error


def _nicely(nice: int, function: Callable[..., T], *arguments: Any) -> T:
    """Call a function, in a process that gives way to others if `nice` is above 0."""
    if nice and sys.platform == "win32":
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    elif nice:
        os.nice(nice)
    return function(*arguments)


def _try(spec: ModelSpec, file: Path, variant: ModelSpec, variant_file: Path, target: Target) -> Comparison:
    """Compare the two on the one photograph that comes with matted, each loaded as the daemon would."""
    with tempfile.TemporaryDirectory(prefix="matted-") as cache:
        original = backend.load(spec, file, target, Path(cache))
        small = backend.load(variant, variant_file, target, Path(cache))
        shots = comparison.pictures(spec, original.size)
        return _compare(spec, original, small, shots, file, variant_file, TRIAL_ROUNDS)


def _refuse_another(spec: ModelSpec, known: Catalogue) -> None:
    if variant_id(spec) in known.specs:
        raise MattedError(
            f"{variant_id(spec)} exists.", f"To make it again, delete it first: matted models remove {variant_id(spec)}"
        )


def _fields(spec: ModelSpec) -> dict[str, str]:
    return {"id": variant_id(spec), "title": f"{spec.title}, INT8", "made_from": spec.id}


def _show(path: Path, spec: ModelSpec, model: backend.Model) -> Planes:
    """Prepare a photograph as the model's input."""
    image = pictures.read(path).image.convert("RGB")
    return model_io.prepare(Layer(np.asarray(image)), spec, model_io.choose_fit(*image.size, spec, model.size))


def _compare(
    spec: ModelSpec,
    original: backend.Model,
    variant: backend.Model,
    shots: Sequence[Planes],
    original_file: Path,
    variant_file: Path,
    rounds: int,
) -> Comparison:
    seconds: dict[backend.Model, list[float]] = {original: [], variant: []}
    differences, overlaps = [], []
    for shot in shots:
        mattes = {}
        for _ in range(rounds):
            for model in (original, variant):
                start = time.monotonic()
                raw = model.infer([shot])[0][0]
                seconds[model].append(time.monotonic() - start)
                mattes[model] = model_io.matte(model_io.probability(raw, spec), spec).copy()
        differences.append(float(np.abs(mattes[original] - mattes[variant]).mean()))
        one, other = mattes[original] > 0.5, mattes[variant] > 0.5
        union = int(np.logical_or(one, other).sum())
        overlaps.append(float(np.logical_and(one, other).sum() / union) if union else 1.0)
    return Comparison(
        statistics.median(seconds[original]),
        statistics.median(seconds[variant]),
        original_file.with_suffix(".bin").stat().st_size,
        variant_file.with_suffix(".bin").stat().st_size,
        statistics.fmean(differences),
        statistics.median(overlaps),
        len(shots),
    )
