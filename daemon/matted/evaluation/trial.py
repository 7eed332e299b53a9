"""Try a model file before it is accepted: run a picture through it, and check that its output is a matte."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from matted.inference.asking import prompts
from matted.inference.engines import backend, comparison
from matted.models.catalogue import CatalogueError
from matted.models.spec import ModelSpec
from matted.settings.target import CPU, Target

_LEAST = 1e-3  # that an output may vary over a photograph
_APART = 0.5  # that alpha is to differ by between what a trimap calls subject and background, on average
_SLACK = 0.05  # by how much a matte may leave 0..1: resizing inside a network overshoots


def try_out(spec: ModelSpec, model_file: Path) -> int:
    """Run a picture through the model, as the daemon would. Returns the side of its input, 0 if it takes any size.

    Raises CatalogueError: it cannot be run as the spec says, or what it returns is no matte.
    """
    with tempfile.TemporaryDirectory(prefix="matted-") as cache:
        try:
            model = backend.load(spec, model_file, Target(CPU), Path(cache))
            answer = comparison.answer(spec, model.size, model.infer)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1][:200].rstrip(".")
            raise CatalogueError(
                f"It cannot be run like a model of the family {spec.family}: {reason}.",
                "Choose another with --like; see: matted models",
            ) from error
    if spec.decoder is not None:
        side = spec.side // prompts.SHRINKAGE
        _refuse_unless_sized(answer[0][:1], (side, side))
    else:
        planes = comparison.pictures(spec, model.size)[0]
        _refuse_unless_sized(answer[0], planes.shape[1:])
        if spec.refines:
            _refuse_unless_it_follows(answer[0][0], planes[3])
    _refuse_unless_matte(answer[0], spec)
    return 0 if model.size is None else model.size[0]


def _refuse_unless_it_follows(matte: Any, trimap: Any) -> None:
    """Raise CatalogueError if the alpha is not what the trimap says where it says something. Both: rows x columns."""
    apart = float(matte[trimap == 255].mean()) - float(matte[trimap == 0].mean())
    if apart < _APART:
        raise CatalogueError(
            f"Its alpha differs by {apart:.2f} between what is marked as subject and as background: "
            "it does not take the marks as they are given."
        )


def _refuse_unless_sized(matte: Any, size: tuple[int, ...]) -> None:
    if matte.shape != (1, *size):
        shape = " x ".join(str(side) for side in matte.shape)
        raise CatalogueError(f"Its first output is {shape}, not a matte of {size[0]} x {size[1]}.")


def _refuse_unless_matte(matte: Any, spec: ModelSpec) -> None:
    if not np.isfinite(matte).all():
        raise CatalogueError("Its output has values that are not finite numbers.")
    low, high = float(matte.min()), float(matte.max())
    if high - low < _LEAST:
        raise CatalogueError("Its output for a photograph of a person is the same everywhere.")
    if spec.activation == "clip" and (low < -_SLACK or high > 1 + _SLACK):
        raise CatalogueError(
            f"Its output goes from {low:.2f} to {high:.2f}, where 0 to 1 is expected.",
            "If these are logits, use --like birefnet-lite.",
        )
