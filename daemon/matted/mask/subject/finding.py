"""Find the subject of a picture: what the model sees, a second look at a small subject, and what a person said."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from matted_client import Rejected, messages
from matted_client.messages import MaskRequest
from numpy.typing import NDArray

from matted.inference import model_io
from matted.inference.engines.engine import Planes
from matted.inference.layer import Layer
from matted.inference.predictor import Prediction
from matted.inference.timing import Stopwatch
from matted.mask.picture import Picture
from matted.mask.subject import presence, second_look
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


class ModelNeeded(Exception):
    """What the model saw has been forgotten since it was asked for: find again, with the model."""


class Finder:
    """Finds the subject of a picture for one request.

    spec: the model that is wanted.
    key: by which the picture remembers the subject: all of the request that it depends on.
    """

    def __init__(
        self, spec: ModelSpec, task: Task, request: MaskRequest, picture: Picture, stopwatch: Stopwatch
    ) -> None:
        """Take a request. The parameters are those of Pipeline."""
        self.spec = spec
        self.key: Hashable = ("subject", spec, request.second_look)
        self._task = task
        self._request = request
        self._picture = picture
        self._stopwatch = stopwatch
        self._size = picture.width, picture.height

    @property
    def found_before(self) -> bool:
        """Whether the subject is known, so that no model is needed."""
        return self.key in self._picture.findings

    def find(self, model: PipelineModel | None) -> Subject:
        """Return the subject. model: None if it was found before.

        Raises Rejected, MemoryError, ModelNeeded.
        """
        found = self._picture.findings.get(self.key, lambda: self._find(model))
        self._refuse_nothing(found.seen)
        return found

    def _find(self, model: PipelineModel | None) -> tuple[Subject, int]:
        """Find the subject. Returns it and the bytes that it takes."""
        seen = self._picture.findings.get(("seen", self.spec), lambda: self._look(model))
        self._refuse_nothing(seen)
        merged = self._second_look(_there(model), seen.matte) if self._request.second_look else None
        matte = seen.matte if merged is None else merged
        return Subject(seen, matte, merged is not None), matte.nbytes

    def _look(self, model: PipelineModel | None) -> tuple[Seen, int]:
        prediction = _there(model).predict(self._picture.layers)
        probable = model_io.probability(prediction.raw, self.spec)
        confidence = presence.confidence(probable, prediction.planes, self.spec, min(self._size))
        matte = model_io.matte(probable, self.spec)
        size = matte.nbytes + (0 if prediction.foreground is None else prediction.foreground.nbytes)
        return Seen(matte, prediction.foreground, confidence, prediction.device, prediction.note), size

    def _refuse_nothing(self, seen: Seen) -> None:
        """Raise Rejected("no_subject") if the confidence is too low, unless the request wants a mask anyway."""
        if not self._request.anyway and not presence.is_present(seen.confidence, self.spec):
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
        probable = model_io.probability(model.predict(parts, "second_look").raw, self.spec)
        merged = second_look.merge(matte, model_io.matte(probable, self.spec), *self._size, where)
        self._stopwatch.lap("second_look")
        return merged


def _there(model: PipelineModel | None) -> PipelineModel:
    """Return the model. Raises ModelNeeded if there is none."""
    if model is None:
        raise ModelNeeded
    return model
