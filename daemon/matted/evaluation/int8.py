"""Make an INT8 variant of a model, compare it with the original, and keep it only if the masks are the same."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matted_client import MattedError

from matted.evaluation import trial
from matted.files import pictures
from matted.inference import model_io
from matted.inference.engines import backend, pixel_graph
from matted.inference.engines.engine import Planes
from matted.inference.layer import Layer
from matted.models import own
from matted.models.catalogue import Catalogue
from matted.models.convert.quantize import quantize
from matted.models.spec import ModelSpec
from matted.models.store import Store
from matted.settings.target import CPU, Target

CALIBRATION = 8  # most photographs that the model is calibrated on; each costs memory and seconds
COMPARED = 12  # most photographs that both models are run on
ROUNDS = 2  # inferences of each model on each photograph, in turns, because the speed of machines varies with time

# What "the mask stays the same" means: the mean of |difference| over a mask, averaged over the photographs, and the
# share of the subject in common. IS-Net's variant has 0.015, at an S-measure 0.002 lower than the original's.
MAX_DIFFERENCE = 0.03
MIN_OVERLAP = 0.95


@dataclass(frozen=True)
class Comparison:
    """How a variant compares with its original.

    original_seconds, variant_seconds: the median of an inference.
    original_bytes, variant_bytes: of the weights on disk.
    difference: mean of |difference| over a mask, averaged over the photographs; 0..1.
    overlap: the share of the subject that both masks have, median over the photographs; 0..1.
    photographs: how many were compared.
    """

    original_seconds: float
    variant_seconds: float
    original_bytes: int
    variant_bytes: int
    difference: float
    overlap: float
    photographs: int

    @property
    def same(self) -> bool:
        """Whether the variant's masks are close enough to the original's for the variant to be kept."""
        return self.difference <= MAX_DIFFERENCE and self.overlap >= MIN_OVERLAP


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
    if variant_id(spec) in known.specs:
        raise MattedError(
            f"{variant_id(spec)} exists.", f"To make it again, delete it first: matted models remove {variant_id(spec)}"
        )
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
        show("Comparing the masks")
        variant = backend.load(
            spec, target, Target(CPU, "f32"), Path(folder) / "cache"
        )  # the target that its own spec will ask for
        result = _compare(spec, original, variant, shots[:COMPARED], store.path(spec), target)
        if result.same:
            fields = {"id": variant_id(spec), "title": f"{spec.title}, INT8", "made_from": spec.id}
            own.add(target, fields, spec, known, own_file, store, trial.try_out)
    return result


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
) -> Comparison:
    seconds: dict[backend.Model, list[float]] = {original: [], variant: []}
    differences, overlaps = [], []
    for shot in shots:
        mattes = {}
        for _ in range(ROUNDS):
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
