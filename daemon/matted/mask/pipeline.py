"""Make one mask, in a worker thread: predict, decide whether there is a subject, render, refine, tune."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from matted_client import Rejected, messages, options
from matted_client.messages import MaskRequest, MaskResult, Progress
from numpy.typing import NDArray

from matted.inference import model_io
from matted.inference.layer import Layer
from matted.inference.predictor import Prediction
from matted.inference.timing import Stopwatch
from matted.mask import colours, edges, rendering, second_look, subject
from matted.mask.clearing import Clearing
from matted.mask.cut_out import CutOut
from matted.mask.picture import Picture
from matted.models.spec import ModelSpec
from matted.system.task import Task

_COVERAGE_SAMPLES = 1 << 20  # pixels of a mask, about, that its coverage is computed from


@dataclass(frozen=True)
class Outcome:
    """A finished mask.

    info: the message that is sent with it.
    mask: height x width, uint8 or little-endian uint16.
    foreground: height x width x 4: the pixels of CutOut; None if they were not requested.
    """

    info: MaskResult
    mask: NDArray[np.uint8 | np.uint16]
    foreground: NDArray[np.uint8] | None


class PipelineModel(Protocol):
    """What the pipeline needs of a model: a predictor.HeldModel has it.

    spec: the model.
    """

    spec: ModelSpec

    def predict(self, layers: Sequence[Layer], stage: str = "inference") -> Prediction:
        """Run the model on a picture, and a plate if it needs one. Raises Rejected, MemoryError."""

    def give_back(self) -> None:
        """Say that the model is no longer needed."""


class Pipeline:
    """The steps from a mask request to its outcome. `run` is called once."""

    def __init__(
        self, model: PipelineModel, task: Task, request: MaskRequest, picture: Picture, stopwatch: Stopwatch
    ) -> None:
        """Take a request.

        model: given back as soon as it is no longer needed.
        task: its progress is set, and its cancel is heeded.
        request: what mask to make.
        picture: what the mask is of.
        stopwatch: records the stages.
        """
        self._model = model
        self._spec = model.spec
        self._task = task
        self._request = request
        self._stopwatch = stopwatch
        self._size = picture.width, picture.height
        self._layers = picture.layers

    def run(self) -> Outcome:
        """Make the mask. Raises Rejected, MemoryError."""
        self._stopwatch.lap("waiting")
        request = self._request
        prediction = self._model.predict(self._layers)
        probable = model_io.probability(prediction.raw, self._spec)
        confidence = self._confidence(probable, prediction.planes)
        matte = model_io.matte(probable, self._spec)
        merged = self._second_look(matte) if request.second_look else None
        self._model.give_back()
        alpha = self._render(matte if merged is None else merged)
        mask = self._tune(alpha)
        foreground = self._foreground(prediction, alpha, mask) if request.foreground else None
        info = MaskResult(
            width=self._size[0],
            height=self._size[1],
            depth=request.depth,
            model=self._spec.id,
            device=prediction.device,
            coverage=_coverage(mask),
            foreground=foreground is not None,
            confidence=confidence,
            second_look=merged is not None,
            timings=self._stopwatch.laps,
            warnings=[prediction.note] if prediction.note else [],
        )
        return Outcome(info, mask, foreground)

    def _begin(self, stage: str) -> None:
        self._task.check()
        self._task.progress = Progress(stage)

    def _confidence(self, probable: NDArray[np.float32], planes: NDArray[np.uint8]) -> float:
        """Return the confidence that there is a subject, 0..1.

        Raises Rejected("no_subject") if it is too low, unless the request wants a mask anyway.
        """
        confidence = subject.confidence(probable, planes, self._spec, min(self._size))
        if not self._request.anyway and not subject.is_present(confidence, self._spec):
            raise Rejected(
                messages.NO_SUBJECT,
                "No subject was found in this picture.",
                "Try a picture whose subject stands out from its background.",
            )
        return confidence

    def _second_look(self, matte: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """Return the matte merged with a second look, None if the subject is not small or the looks hardly overlap."""
        where = second_look.find_box(matte, *self._size)
        if where is None:
            return None
        parts = [layer.crop(where.left, where.top, where.right, where.bottom) for layer in self._layers]
        probable = model_io.probability(self._model.predict(parts, "second_look").raw, self._spec)
        merged = second_look.merge(matte, model_io.matte(probable, self._spec), *self._size, where)
        self._stopwatch.lap("second_look")
        return merged

    def _render(self, matte: NDArray[np.float32]) -> NDArray[np.uint8 | np.uint16]:
        """Return the matte as a mask of the picture's size and the request's depth, its edge refined if requested."""
        request = self._request
        clearing, refinement = None, None
        if request.edges != options.OFF:
            self._begin("edges")
            clearing = Clearing(matte, *self._size)
            matte = clearing.apply(matte)
            refinement = edges.fit_refinement(matte, self._layers[0], request.edges, self._task.check)
            self._stopwatch.lap("edges")
        self._begin("mask")
        alpha = rendering.render(matte, *self._size, request.depth, refinement, clearing)
        self._stopwatch.lap("mask")
        return alpha

    def _tune(self, alpha: NDArray[np.uint8 | np.uint16]) -> NDArray[np.uint8 | np.uint16]:
        request = self._request
        if request.threshold is None and not request.grow and not request.feather and not request.invert:
            return alpha
        self._begin("mask")
        mask = edges.tune(alpha, request.threshold, request.grow, request.feather, request.invert, self._task.check)
        self._stopwatch.lap("tuning")
        return mask

    def _foreground(
        self, prediction: Prediction, alpha: NDArray[np.uint8 | np.uint16], mask: NDArray[np.uint8 | np.uint16]
    ) -> NDArray[np.uint8]:
        """Return the cut-out, in the model's own colours if it gives them, else in those estimated of the picture.

        alpha: the mask before tuning.
        mask: the mask after tuning. Where it is inverted, the background is what is kept and gets the estimate.
        """
        self._begin("colours")
        result = CutOut(self._layers[0])
        if prediction.foreground is not None and not self._request.invert:
            own = model_io.foreground(prediction.foreground, *self._size)
            result.colours[...] = own
        else:
            kept = np.iinfo(alpha.dtype).max - alpha if self._request.invert else alpha
            tuned = None if mask is alpha else mask
            colours.estimate(kept, self._layers[0], self._task.check, tuned, result.colours)
        result.fill_alpha(mask)
        self._stopwatch.lap("colours")
        return result.pixels


def _coverage(mask: NDArray[np.uint8 | np.uint16]) -> float:
    """Return the mean of the mask, 0..1, of a grid of its pixels."""
    step = max(1, math.isqrt(mask.size // _COVERAGE_SAMPLES))
    return float(mask[::step, ::step].mean(dtype=np.float64)) / np.iinfo(mask.dtype).max
