"""Make one mask from start to end, in a worker thread: predict, decide on the subject, render, refine, tune."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matted_client import Rejected, messages
from matted_client.messages import MaskRequest, MaskResult, Progress
from numpy.typing import NDArray

from matted.inference import model_io
from matted.inference.layer import Layer
from matted.inference.predictor import HeldModel, Prediction
from matted.inference.timing import Stopwatch
from matted.mask import colours, edges, rendering, second_look, subject
from matted.system.task import Task

_SAMPLES = 1 << 20  # of a mask, to say how much of the picture it covers


@dataclass(frozen=True)
class Outcome:
    """A finished mask: height x width, uint8 or little-endian uint16. foreground: height x width x 3, RGB8, or None."""

    info: MaskResult
    mask: NDArray[np.uint8 | np.uint16]
    foreground: NDArray[np.uint8] | None


class Pipeline:
    """One mask request on its way. `run` is called once."""

    def __init__(
        self, model: HeldModel, task: Task, request: MaskRequest, frames: Sequence[memoryview], stopwatch: Stopwatch
    ) -> None:
        """Take a request.

        model: given back as soon as it is no longer needed.
        task: is told the progress, and may be cancelled.
        frames: the pixels of the picture, and of the plate if there is one, as the request says.
        """
        self._model = model
        self._spec = model.spec
        self._task = task
        self._request = request
        self._stopwatch = stopwatch
        size = request.width, request.height
        self._layers = [Layer.received(frame, *size, request.format) for frame in frames]

    def run(self) -> Outcome:
        """Make the mask. Raises Rejected, MemoryError."""
        self._stopwatch.lap("waiting")
        request = self._request
        prediction = self._model.predict(self._layers)
        confidence = self._confidence(prediction)
        matte = self._matte(prediction)
        merged = self._second_look(matte) if request.second_look else None
        self._model.give_back()
        alpha = self._alpha(matte if merged is None else merged)
        mask = self._tuned(alpha)
        foreground = self._foreground(prediction, alpha, mask) if request.foreground else None
        info = MaskResult(
            width=request.width,
            height=request.height,
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

    def _confidence(self, prediction: Prediction) -> float:
        """How sure the model is of its subject, 0..1. Raises Rejected("no_subject") unless a mask is wanted anyway."""
        probable = model_io.probability(prediction.raw, self._spec)
        shorter = min(self._request.width, self._request.height)
        confidence = subject.confidence(probable, prediction.planes, self._spec, shorter)
        if not self._request.anyway and not subject.found(confidence, self._spec):
            raise Rejected(
                messages.NO_SUBJECT,
                "No subject was found in this picture.",
                "Try a picture whose subject stands out from its background.",
            )
        return confidence

    def _matte(self, prediction: Prediction) -> NDArray[np.float32]:
        return model_io.matte(model_io.probability(prediction.raw, self._spec), self._spec)

    def _second_look(self, matte: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """The matte with a second look at a small subject, None where that is not worth it, or saw something else."""
        size = self._request.width, self._request.height
        where = second_look.box(matte, *size)
        if where is None:
            return None
        parts = [layer.crop(where.left, where.top, where.right, where.bottom) for layer in self._layers]
        merged = second_look.merge(matte, self._matte(self._model.predict(parts, "second_look")), *size, where)
        self._stopwatch.lap("second_look")
        return merged

    def _alpha(self, matte: NDArray[np.float32]) -> NDArray[np.uint8 | np.uint16]:
        """The matte at the picture's size, with the edge of the picture's own pixels."""
        request = self._request
        edge = None
        if request.edges != messages.OFF:
            self._begin("edges")
            edge = edges.study(matte, self._layers[0], request.edges, self._task.check)
            self._stopwatch.lap("edges")
        self._begin("mask")
        alpha = rendering.render(matte, request.width, request.height, request.depth, edge)
        self._stopwatch.lap("mask")
        return alpha

    def _tuned(self, alpha: NDArray[np.uint8 | np.uint16]) -> NDArray[np.uint8 | np.uint16]:
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
        """The colours of what `mask` keeps: the model's own where it gives them, else what alpha and picture tell."""
        self._begin("colours")
        if prediction.foreground is not None and not self._request.invert:
            result = model_io.foreground(prediction.foreground, self._request.width, self._request.height)
        else:
            kept = np.iinfo(alpha.dtype).max - alpha if self._request.invert else alpha
            result = colours.estimate(kept, self._layers[0], self._task.check, None if mask is alpha else mask)
        self._stopwatch.lap("colours")
        return result


def _coverage(mask: NDArray[np.uint8 | np.uint16]) -> float:
    """Mean of the mask, 0..1, from about a million of its samples."""
    step = max(1, math.isqrt(mask.size // _SAMPLES))
    return float(mask[::step, ::step].mean(dtype=np.float64)) / np.iinfo(mask.dtype).max
