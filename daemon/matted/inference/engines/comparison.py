"""Compare what a device computes with what the CPU computes, on a photograph.

With some drivers a device gives numbers that are finite and wrong: all zero, the same for every picture, noise. A small
graph or a flat picture does not bring that out: on grey u2netp's own answer is all but zero. `photograph.jpg` has a
subject that every model sees that was tried, also one that knows people alone, and these fill half of it. Answers in
half precision differ by 0.1 % on it, wrong ones by 20 % and more.

It is a portrait of Eileen Collins by NASA (Great Images in NASA, 1992), in the public domain, cropped to 320 pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from matted.inference import model_io
from matted.inference.asking import prompts
from matted.inference.engines.engine import Input, Output, Planes
from matted.inference.layer import Layer
from matted.models.arithmetic import UNKNOWN
from matted.models.spec import DECODER, MODEL, ModelSpec

PHOTOGRAPH = Path(__file__).with_name("photograph.jpg")
# Of the photograph, for models that take a trimap: top, bottom, left, right of what is surely subject, and is not.
_SUBJECT = ((60, 105, 118, 172), (190, 320, 60, 190))
_GROUND = ((0, 140, 0, 60), (0, 150, 210, 320))
_BORDER = 16  # columns at the left and at the right, of which a plate is made


def pictures(spec: ModelSpec, size: tuple[int, int] | None) -> list[Planes]:
    """Return a model's input for the photograph, with a plate or a trimap of it if the model needs one.

    size: (height, width) of the model's input, None if it takes any.
    """
    with Image.open(PHOTOGRAPH) as image:
        photograph = np.asarray(image.convert("RGB"))
    height, width = photograph.shape[:2]
    fit = model_io.choose_fit(width, height, spec, size)
    layers = [Layer(photograph), *([Layer(_plate(photograph))] if spec.needs_plate else [])]
    return [model_io.prepare(layer, spec, fit, _trimap(height, width) if spec.refines else None) for layer in layers]


def answer(
    spec: ModelSpec, size: tuple[int, int] | None, infer: Callable[[Sequence[Input], str], Sequence[Output]]
) -> list[Output]:
    """Return copies of a model's raw outputs for the photograph: of one that takes clicks the masks for a box.

    size: (height, width) of the model's input, None if it takes any.
    infer: runs one of the model's graphs, as backend.Model.infer.
    """
    with Image.open(PHOTOGRAPH) as image:
        width, height = image.size
    fit = model_io.choose_fit(width, height, spec, size)
    found = [output.copy() for output in infer(model_io.inputs(pictures(spec, size), spec, fit), MODEL)]
    if spec.decoder is None:
        return found
    prompt = prompts.make(spec.decoder, fit, width, height, (_BORDER, _BORDER, width - _BORDER, height))
    masks, _ = infer(prompts.inputs(spec, found, prompt, None), DECODER)
    return [masks.copy()]


def difference(answer: Sequence[Output], right: Sequence[Output], spec: ModelSpec) -> float:
    """Return how far an answer is from the right one: 0 for the same, 1 if it has nothing to do with it.

    answer, right: the raw outputs for the photograph.

    It is the mean of the difference of the probabilities, or that of the foreground colours where there is a subject,
    if the model gives colours and theirs is greater.
    """
    probable, expected = (model_io.probability(raw[0][0], spec) for raw in (answer, right))
    if not np.isfinite(probable).all():
        return 1.0
    found = float(np.abs(probable - expected).mean(dtype=np.float64)) / max(1.0, float(np.ptp(expected)))
    of_colours = slice(1, len(spec.outputs))
    for colours, expected_colours in zip(answer[of_colours], right[of_colours], strict=True):
        off = np.abs(colours.astype(np.float32) - expected_colours).mean(axis=0) / 255
        weights = np.clip(expected, 0.0, 1.0)
        found = max(found, float((off * weights).sum()) / max(1.0, float(weights.sum())))
    return min(1.0, found)


def _trimap(height: int, width: int) -> NDArray[np.uint8]:
    """Return a trimap of the photograph: 0 for ground and 255 for subject in some parts, 128 everywhere else."""
    trimap = np.full((height, width), UNKNOWN, np.uint8)
    for parts, level in ((_SUBJECT, 255), (_GROUND, 0)):
        for top, bottom, left, right in parts:
            trimap[top:bottom, left:right] = level
    return trimap


def _plate(photograph: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the scene of the photograph without its subject, about: each row runs from its left end to its right."""
    left, right = (part.mean(axis=1)[:, np.newaxis] for part in (photograph[:, :_BORDER], photograph[:, -_BORDER:]))
    share = np.linspace(0.0, 1.0, photograph.shape[1])[np.newaxis, :, np.newaxis]
    return np.ascontiguousarray(np.round(left * (1 - share) + right * share).astype(np.uint8))
