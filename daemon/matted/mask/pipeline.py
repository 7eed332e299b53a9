"""One mask from start to end, in a worker thread: look at the picture, decide what the subject is, make the mask."""

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
from matted.inference.predictor import Clock, Prediction, Predictor
from matted.mask import colours, edges, second_look, subject
from matted.models.spec import ModelSpec
from matted.serving.jobs import Job

_SAMPLES = 1 << 20  # of a mask, to say how much of the picture it covers


@dataclass(frozen=True)
class Outcome:
    """A finished mask: height x width, uint8 or little-endian uint16. foreground: height x width x 3, RGB8, or None."""

    info: MaskResult
    mask: NDArray[np.uint8 | np.uint16]
    foreground: NDArray[np.uint8] | None


class Pipeline:
    """One request on its way. `run` is called once."""

    def __init__(
        self, predictor: Predictor, job: Job, request: MaskRequest, spec: ModelSpec, keep_alive: float
    ) -> None:
        self._predictor = predictor
        self._job = job
        self._request = request
        self._spec = spec
        self._keep_alive = keep_alive
        self._clock = Clock(job.submitted)
        size = request.width, request.height
        self._layers = [Layer.received(frame, *size, request.format) for frame in job.frames]

    def run(self) -> Outcome:
        """Raises Rejected, MemoryError, or what OpenVINO raises (RuntimeError)."""
        self._clock.lap("waiting")
        request = self._request
        sight = self._look(self._layers, "inference")
        raw = self._raw(sight)
        confidence = subject.confidence(raw, sight.shown, self._spec, min(request.width, request.height))
        if not request.anyway and not subject.found(confidence, self._spec):
            raise Rejected(
                messages.NO_SUBJECT,
                "No subject was found in this picture.",
                "Try a picture whose subject stands out from its background.",
            )
        matte = model_io.make_matte(raw, self._spec)
        merged = self._closer(matte) if request.closer else None
        alpha = self._alpha(matte if merged is None else merged)
        mask = self._tuned(alpha)
        foreground = self._foreground(sight, alpha, mask) if request.foreground else None
        info = MaskResult(
            width=request.width,
            height=request.height,
            depth=request.depth,
            model=self._spec.id,
            device=sight.device,
            coverage=_coverage(mask),
            foreground=foreground is not None,
            confidence=confidence,
            closer=merged is not None,
            timings=self._clock.laps,
            warnings=[sight.note] if sight.note else [],
        )
        return Outcome(info, mask, foreground)

    def _step(self, stage: str) -> None:
        self._job.check()
        self._job.progress = Progress(stage)

    def _look(self, layers: Sequence[Layer], stage: str) -> Prediction:
        return self._predictor.look(self._job, layers, self._spec, self._keep_alive, self._clock, stage)

    def _raw(self, sight: Prediction) -> NDArray[np.float32]:
        return model_io.activate(sight.outputs[0][0], self._spec)

    def _closer(self, matte: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """The matte with a second look at a small subject, None where that is not worth it, or saw something else."""
        size = self._request.width, self._request.height
        where = second_look.box(matte, *size)
        if where is None:
            return None
        parts = [layer.crop(where.left, where.top, where.right, where.bottom) for layer in self._layers]
        sight = self._look(parts, "closer")
        second = model_io.make_matte(self._raw(sight), self._spec)
        merged = second_look.merge(matte, second, *size, where)
        self._clock.lap("closer")
        return merged

    def _alpha(self, matte: NDArray[np.float32]) -> NDArray[np.uint8 | np.uint16]:
        """The matte at the picture's size, with the edge of the picture's own pixels."""
        request = self._request
        edge = None
        if request.edges != messages.OFF:
            self._step("edges")
            edge = edges.study(matte, self._layers[0], request.edges, self._job.check)
            self._clock.lap("edges")
        self._step("mask")
        alpha = model_io.make_mask(matte, request.width, request.height, request.depth, edge)
        self._clock.lap("mask")
        return alpha

    def _tuned(self, alpha: NDArray[np.uint8 | np.uint16]) -> NDArray[np.uint8 | np.uint16]:
        request = self._request
        if request.threshold is None and not request.grow and not request.feather and not request.invert:
            return alpha
        self._step("mask")
        mask = edges.tune(alpha, request.threshold, request.grow, request.feather, request.invert, self._job.check)
        self._clock.lap("tuning")
        return mask

    def _foreground(
        self, sight: Prediction, alpha: NDArray[np.uint8 | np.uint16], mask: NDArray[np.uint8 | np.uint16]
    ) -> NDArray[np.uint8]:
        """The colours of what `mask` keeps: the model's own where it gives them, else what alpha and picture tell."""
        self._step("colours")
        if len(sight.outputs) > 1 and not self._request.invert:
            result = model_io.make_foreground(sight.outputs[1], self._request.width, self._request.height)
        else:
            kept = np.iinfo(alpha.dtype).max - alpha if self._request.invert else alpha
            result = colours.estimate(kept, self._layers[0], self._job.check, None if mask is alpha else mask)
        self._clock.lap("colours")
        return result


def _coverage(mask: NDArray[np.uint8 | np.uint16]) -> float:
    """Mean of the mask, 0..1, from about a million of its samples."""
    step = max(1, math.isqrt(mask.size // _SAMPLES))
    return float(mask[::step, ::step].mean(dtype=np.float64)) / np.iinfo(mask.dtype).max
