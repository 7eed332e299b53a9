"""Make one mask, in a worker thread: predict, decide whether there is a subject, render, refine, tune."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from matted_client import Rejected, messages, options
from matted_client.messages import MaskRequest, Progress
from numpy.typing import NDArray

from matted.inference import model_io
from matted.inference.engines.engine import Planes
from matted.inference.layer import Layer
from matted.inference.predictor import Prediction
from matted.inference.timing import Stopwatch
from matted.mask import edges, rendering, second_look, subject
from matted.mask.clearing import Clearing
from matted.mask.edges import EdgeModels, Refinement
from matted.mask.finishing import Finishing, Outcome
from matted.mask.picture import Picture
from matted.mask.view import View
from matted.models.spec import ModelSpec
from matted.system.task import Task

Floats = NDArray[np.float32]


class PipelineModel(Protocol):
    """What the pipeline needs of a model: a predictor.HeldModel has it.

    spec: the model.
    """

    spec: ModelSpec

    def predict(self, layers: Sequence[Layer], stage: str = "inference") -> Prediction:
        """Run the model on a picture, and a plate if it needs one. Raises Rejected, MemoryError."""

    def give_back(self) -> None:
        """Say that the model is no longer needed."""


@dataclass(frozen=True)
class Seen:
    """What a model saw in a whole picture.

    matte: rows x columns, 0..1, at the model's size.
    foreground: 3 x rows x columns, uint8: the model's own foreground colours; None if it gives none.
    confidence: that there is a subject, 0..1.
    device: what it ran on, as OpenVINO names it.
    note: why that is not the device in the settings, a sentence; or empty.
    """

    matte: Floats
    foreground: Planes | None
    confidence: float
    device: str
    note: str


@dataclass(frozen=True)
class Subject:
    """The subject that was found.

    seen: what the model saw at first.
    matte: rows x columns, 0..1, of the whole picture at any size.
    second_look: whether a second look was taken and used.
    """

    seen: Seen
    matte: Floats
    second_look: bool


@dataclass(frozen=True)
class Edge:
    """How a matte is brought to the picture's size.

    matte: with the haze cleared, if it is to be.
    clearing: for what resampling brings back; None for none.
    models: refine the edge; None for nothing to refine.
    """

    matte: Floats
    clearing: Clearing | None
    models: EdgeModels | None


class Pipeline:
    """The steps from a mask request to its outcome. `run` is called once."""

    def __init__(
        self, spec: ModelSpec, task: Task, request: MaskRequest, picture: Picture, stopwatch: Stopwatch
    ) -> None:
        """Take a request.

        spec: the model that is wanted.
        task: its progress is set, and its cancel is heeded.
        request: what mask to make.
        picture: what the mask is of; what is found out about it is remembered with it.
        stopwatch: records the stages.
        """
        self._spec = spec
        self._task = task
        self._request = request
        self._picture = picture
        self._stopwatch = stopwatch
        self._size = picture.width, picture.height
        self._subject_key = ("subject", spec, request.second_look)

    @property
    def needs_model(self) -> bool:
        """Whether the model has to be shown the picture, as its subject has not been found before."""
        return self._subject_key not in self._picture.findings

    def run(self, model: PipelineModel | None) -> Outcome:
        """Make the mask.

        model: given back as soon as it is no longer needed; None if it is not needed.

        Raises Rejected, MemoryError.
        """
        self._stopwatch.lap("waiting")
        found = self._picture.findings.get(self._subject_key, lambda: self._find(model))
        if model is not None:
            model.give_back()
        self._refuse_nothing(found.seen)
        request = self._request
        edge_key = (*self._subject_key, "edge", request.edges)
        finishing = Finishing(self._task, request, self._picture, self._stopwatch)
        finishing.render(edge_key, lambda view: self._render(edge_key, found.matte, view))
        return finishing.outcome(
            model=self._spec.id,
            device=found.seen.device,
            confidence=found.seen.confidence,
            second_look=found.second_look,
            warnings=[found.seen.note] if found.seen.note else [],
            own_colours=found.seen.foreground,
        )

    def _begin(self, stage: str) -> None:
        self._task.check()
        self._task.progress = Progress(stage)

    def _find(self, model: PipelineModel | None) -> tuple[Subject, int]:
        """Find the subject. Returns it and the bytes that it takes."""
        seen = self._picture.findings.get(("seen", self._spec), lambda: self._look(model))
        self._refuse_nothing(seen)
        merged = self._second_look(_there(model), seen.matte) if self._request.second_look else None
        matte = seen.matte if merged is None else merged
        return Subject(seen, matte, merged is not None), matte.nbytes

    def _look(self, model: PipelineModel | None) -> tuple[Seen, int]:
        prediction = _there(model).predict(self._picture.layers)
        probable = model_io.probability(prediction.raw, self._spec)
        confidence = subject.confidence(probable, prediction.planes, self._spec, min(self._size))
        matte = model_io.matte(probable, self._spec)
        size = matte.nbytes + (0 if prediction.foreground is None else prediction.foreground.nbytes)
        return Seen(matte, prediction.foreground, confidence, prediction.device, prediction.note), size

    def _refuse_nothing(self, seen: Seen) -> None:
        """Raise Rejected("no_subject") if the confidence is too low, unless the request wants a mask anyway."""
        if not self._request.anyway and not subject.is_present(seen.confidence, self._spec):
            raise Rejected(
                messages.NO_SUBJECT,
                "No subject was found in this picture.",
                "Try a picture whose subject stands out from its background.",
            )

    def _second_look(self, model: PipelineModel, matte: Floats) -> Floats | None:
        """Return the matte merged with a second look, None if the subject is not small or the looks hardly overlap."""
        where = second_look.find_box(matte, *self._size)
        if where is None:
            return None
        parts = [layer.crop(where.left, where.top, where.right, where.bottom) for layer in self._picture.layers]
        probable = model_io.probability(model.predict(parts, "second_look").raw, self._spec)
        merged = second_look.merge(matte, model_io.matte(probable, self._spec), *self._size, where)
        self._stopwatch.lap("second_look")
        return merged

    def _render(self, key: tuple[object, ...], matte: Floats, view: View) -> NDArray[np.uint8 | np.uint16]:
        """Return the matte as a mask of the view, in the request's depth, its edge refined if requested.

        key: by which the edge is remembered.
        """
        edge = self._picture.findings.get(key, lambda: self._fit(matte))
        self._begin("mask")
        layer = self._picture.seen_in(view)
        refinement = None if edge.models is None else Refinement(edge.models, layer, self._task.check, view)
        clearing = None if edge.clearing is None else edge.clearing.seen_in(view)
        alpha = rendering.render(edge.matte, view.width, view.height, self._request.depth, refinement, clearing, view)
        self._stopwatch.lap("mask")
        return alpha

    def _fit(self, matte: Floats) -> tuple[Edge, int]:
        """Find out how the matte is brought to the picture's size. Returns it and the bytes that it takes."""
        if self._request.edges == options.OFF:
            return Edge(matte, None, None), 0
        self._begin("edges")
        clearing = Clearing(matte, *self._size)
        cleared = clearing.apply(matte)
        models = edges.fit(cleared, self._picture.layers[0], self._request.edges, self._task.check)
        self._stopwatch.lap("edges")
        return Edge(cleared, clearing, models), cleared.nbytes + (0 if models is None else models.fields.nbytes)


def _there(model: PipelineModel | None) -> PipelineModel:
    """Return the model. It is None only where `needs_model` was false, and what was remembered is forgotten since."""
    if model is None:
        raise ModelNeeded
    return model


class ModelNeeded(Exception):
    """What the model saw has been forgotten since `needs_model` was asked: run again with the model."""
