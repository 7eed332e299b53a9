"""Try a model file before it is accepted: run a picture through it, and check that its output is a matte."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matted.inference import model_io
from matted.inference.engines import backend
from matted.inference.layer import Layer
from matted.models.catalogue import CatalogueError
from matted.models.spec import ModelSpec
from matted.settings.target import CPU, Target

_SIDE = 512  # of the picture, in pixels
_SLACK = 0.05  # by how much a matte may leave 0..1: resizing inside a network overshoots


def try_out(spec: ModelSpec, model_file: Path) -> int:
    """Run a picture through the model, as the daemon would. Returns the side of its input, 0 if it takes any size.

    Raises CatalogueError: it cannot be run as the spec says, or what it returns is no matte.
    """
    with tempfile.TemporaryDirectory(prefix="matted-") as cache:
        try:
            model = backend.load(spec, model_file, Target(CPU), Path(cache))
            fit = model_io.choose_fit(_SIDE, _SIDE, spec, model.size)
            picture = model_io.prepare(Layer(_disc()), spec, fit)
            matte = model.infer([picture] * (2 if spec.needs_plate else 1))[0]
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1][:200].rstrip(".")
            raise CatalogueError(
                f"It cannot be run like the model that --like names: {reason}.",
                "Choose another with --like; see: matted models",
            ) from error
    _refuse_unless_matte(matte, fit.size, spec)
    return 0 if model.size is None else model.size[0]


def _disc() -> NDArray[np.uint8]:
    """Draw a bright disc on a dark gradient: rows x columns x 3."""
    y, x = np.mgrid[0:_SIDE, 0:_SIDE]
    centre = _SIDE / 2
    inside = (x - centre) ** 2 + (y - centre) ** 2 < (_SIDE / 4) ** 2
    picture = np.where(inside, 230, x * 80 // _SIDE).astype(np.uint8)
    return np.repeat(picture[:, :, np.newaxis], 3, axis=2)


def _refuse_unless_matte(matte: Any, size: tuple[int, int], spec: ModelSpec) -> None:
    if matte.shape != (1, *size):
        shape = " x ".join(str(side) for side in matte.shape)
        raise CatalogueError(f"Its first output is {shape}, not a matte of {size[0]} x {size[1]}.")
    if not np.isfinite(matte).all():
        raise CatalogueError("Its output has values that are not finite numbers.")
    low, high = float(matte.min()), float(matte.max())
    if spec.activation == "clip" and (low < -_SLACK or high > 1 + _SLACK):
        raise CatalogueError(
            f"Its output goes from {low:.2f} to {high:.2f}, where 0 to 1 is expected.",
            "If these are logits, use --like birefnet-lite.",
        )
