"""Find the subject of a picture: what the model sees, a second look at a small subject, and what a person said."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import numpy as np
from matted_client import Rejected, messages
from matted_client.messages import MaskRequest
from numpy.typing import NDArray

from matted.inference import model_io
from matted.inference.asking.held import Prediction
from matted.inference.asking.memory import Memory
from matted.inference.engines.engine import Planes
from matted.inference.layer import Layer
from matted.inference.timing import Stopwatch
from matted.masking.interactive import Hints
from matted.masking.picture import Picture
from matted.masking.scene import Scene
from matted.masking.subject import clicking, presence, second_look, steering
from matted.masking.subject.clicking import Clicked, ClickModel
from matted.masking.subject.second_look import Box
from matted.masking.subject.steering import Look
from matted.models.spec import ModelSpec
from matted.system.task import Task

Floats = NDArray[np.float32]


class PipelineModel(Protocol):
    """What the pipeline needs of a model: a held.HeldModel has it.

    spec: the model. If it takes clicks, it has to be a ClickModel, too.
    """

    spec: ModelSpec

    def predict(self, layers: Sequence[Layer], stage: str = "inference", *, memory: Memory | None = None) -> Prediction:
        """Run the model on a picture, and a plate if it needs one. Raises Rejected, MemoryError.

        memory: of the scene that the picture is a frame of; None: it is no frame, or shown in part.
        """

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
    clicked: what a model that takes clicks found; None if none was asked.
    """

    seen: Seen
    matte: Floats
    second_look: bool
    clicked: Clicked | None = None

    @property
    def confidence(self) -> float:
        """How sure the model that has chosen the subject is of it, 0..1."""
        return self.seen.confidence if self.clicked is None else self.clicked.score

    @property
    def notes(self) -> list[str]:
        """Why a model does not run on the device in the settings, sentences."""
        notes = [self.seen.note] + ([] if self.clicked is None else [self.clicked.note])
        return list(dict.fromkeys(note for note in notes if note))


class ModelNeeded(Exception):
    """A model has to be asked that is not at hand, or what one saw has been forgotten: find again, with `needed`."""


class Finder:
    """Finds the subject of a picture for one request.

    spec: the model that is wanted.
    clicks: the model that answers what a person said; None if there is none, or nothing that it understands was said.
    key: by which the picture remembers the subject: all of the request that it depends on.
    """

    def __init__(
        self,
        spec: ModelSpec,
        task: Task,
        request: MaskRequest,
        picture: Picture,
        stopwatch: Stopwatch,
        clicks: ModelSpec | None,
        scene: Scene | None = None,
    ) -> None:
        """Take a request. The parameters are those of Pipeline; scene: that the picture is a frame of, if it is one."""
        self.spec = spec
        self._scene = scene
        self._hints = hints = _said(request, picture)
        # A hint that decides pixels is told to no such model, so that it is left to what knows all three.
        suits = clicking.understands(hints) and (spec.takes_clicks or not picture.hint_decides)
        self.clicks = clicks if suits else None
        said = hints and (hints.box, hints.keep, hints.drop)
        self._clicked_key: Hashable = ("clicked", self.clicks, said)
        self.key: Hashable = ("subject", spec, self.clicks, request.second_look, said)
        self._task = task
        self._request = request
        self._picture = picture
        self._stopwatch = stopwatch
        self._size = picture.width, picture.height

    @property
    def needed(self) -> ModelSpec | None:
        """The model that has to be shown the picture next, or a part of it, or clicks; None if none has to be."""
        findings = self._picture.findings
        if self.key in self._picture.answers:
            return None
        if self.clicks is not None and self._clicked_key not in findings:
            return self.clicks
        if self.spec.takes_clicks:
            return None
        return self.spec if any(key not in findings for key in [self._seen_key, *self._looks()]) else None

    def find(self, model: PipelineModel | None) -> Subject:
        """Return the subject. model: the one that is needed, None if none is.

        Raises Rejected, MemoryError, ModelNeeded.
        """
        found = self._picture.answers.get(self.key, lambda: self._find(model))
        if self._scene is None:
            self._refuse_nothing(found.seen)
        elif not self._said_to_be_there and not self._scene.shows_subject(found.confidence, self.spec.subject_floor):
            return replace(found, matte=np.zeros_like(found.matte))  # it may come later, or come back
        return found

    @property
    def _seen_key(self) -> Hashable:
        return "seen", self.spec

    def _looks(self) -> list[Hashable]:
        """Return the keys of what is to be seen besides the whole picture, as far as it is known before that is."""
        if self._hints is not None and self._hints.box is not None:
            if self.clicks is not None:
                return []
            whole = Box(0, 0, *self._size)
            return [self._look_key(where) for where in steering.looks(self._hints, *self._size) if where != whole]
        return [("second look", self.spec)] if self._looks_twice else []

    @property
    def _looks_twice(self) -> bool:
        """Whether a second look may be taken. Of frames that it remembers a model has seen the whole."""
        return self._request.second_look and not (self._scene is not None and self.spec.remembers)

    def _look_key(self, where: Box) -> Hashable:
        return "look", self.spec, where

    def _find(self, model: PipelineModel | None) -> tuple[Subject, int]:
        """Find the subject. Returns it and the bytes that it takes."""
        findings, hints = self._picture.findings, self._hints
        clicked = None
        if self.clicks is not None:
            clicked = findings.get(self._clicked_key, lambda: self._click(model))
        if self.spec.takes_clicks:
            return self._of_clicks_alone(clicked)
        seen = findings.get(self._seen_key, lambda: self._look(model))
        if self._scene is None:
            self._refuse_nothing(seen)
        merged = None
        if self._looks_twice and (hints is None or hints.box is None):
            merged = findings.get(("second look", self.spec), lambda: self._second_look(model, seen))
        matte = seen.matte if merged is None else merged
        if clicked is not None and hints is not None:
            self._task.begin("mask")
            matte = steering.adopt(clicked.matte, matte, hints, *self._size)
            self._stopwatch.lap("hints")
        elif hints is not None:
            looks = [
                Look(where, findings.get(self._look_key(where), partial(self._look_at, model, where, seen)))
                for where in steering.looks(hints, *self._size)
            ]
            self._task.begin("mask")
            matte = steering.steer(
                matte, self._picture.layers[0], hints, looks, self._task.check, self._picture.answers
            )
            self._stopwatch.lap("hints")
        return Subject(seen, matte, merged is not None, clicked), matte.nbytes

    def _click(self, model: PipelineModel | None) -> tuple[Clicked, int]:
        assert self.clicks is not None and self._hints is not None
        there = _there(model, self.clicks)
        assert isinstance(there, ClickModel)
        return clicking.find(there, self._picture.layers[0], self._hints, self._picture.findings)

    def _of_clicks_alone(self, clicked: Clicked | None) -> tuple[Subject, int]:
        assert clicked is not None and self._hints is not None, "admission lets no such request in"
        matte = steering.adopt(clicked.matte, None, self._hints, *self._size)
        seen = Seen(matte, None, clicked.score, clicked.device, clicked.note)
        return Subject(seen, matte, False, clicked), matte.nbytes

    def _look(self, model: PipelineModel | None) -> tuple[Seen, int]:
        memory = None if self._scene is None else self._scene.memory
        prediction = _there(model, self.spec).predict(self._picture.layers, memory=memory)
        probable = model_io.probability(prediction.raw, self.spec)
        confidence = presence.confidence(probable, prediction.planes, self.spec, min(self._size))
        matte = model_io.matte(probable, self.spec)
        size = matte.nbytes + (0 if prediction.foreground is None else prediction.foreground.nbytes)
        return Seen(matte, prediction.foreground, confidence, prediction.device, prediction.note), size

    @property
    def _said_to_be_there(self) -> bool:
        """Whether somebody says that there is a subject, whatever the model sees."""
        return self._request.anyway or self._hints is not None

    def _refuse_nothing(self, seen: Seen) -> None:
        """Raise Rejected("no_subject") if the confidence is too low, and nobody says that there is one."""
        if self._said_to_be_there:
            return
        if not presence.is_present(seen.confidence, self.spec):
            raise Rejected(
                messages.NO_SUBJECT,
                "No subject was found in this picture.",
                "Try a picture whose subject stands out from its background.",
            )

    def _second_look(self, model: PipelineModel | None, seen: Seen) -> tuple[Floats | None, int]:
        """Return the matte merged with a second look, None if there is none or the looks hardly overlap."""
        where = second_look.find_box(seen.matte, *self._size, in_scene=self._scene is not None)
        if where is None:
            return None, 0
        merged = second_look.merge(seen.matte, self._look_at(model, where, seen)[0], *self._size, where)
        self._stopwatch.lap("second_look")
        return merged, 0 if merged is None else merged.nbytes

    def _look_at(self, model: PipelineModel | None, where: Box, seen: Seen) -> tuple[Floats, int]:
        """Return what the model sees in a part of the picture, and the bytes that it takes. seen: in the whole."""
        if where == Box(0, 0, *self._size):
            return seen.matte, 0
        parts = [layer.crop(where.left, where.top, where.right, where.bottom) for layer in self._picture.layers]
        matte = model_io.matte(
            model_io.probability(_there(model, self.spec).predict(parts, "second_look").raw, self.spec), self.spec
        )
        return matte, matte.nbytes


def _said(request: MaskRequest, picture: Picture) -> Hints | None:
    """Return what a person said of the subject, None if nothing. A hint that leaves all undecided says nothing."""
    hint = picture.hint if picture.hint_decides else None
    if request.box is None and not request.keep and not request.drop and hint is None:
        return None
    box = None if request.box is None else (request.box[0], request.box[1], request.box[2], request.box[3])
    keep, drop = (tuple((x, y) for x, y in points) for points in (request.keep, request.drop))
    return Hints(box, keep, drop, hint)


def _there(model: PipelineModel | None, wanted: ModelSpec) -> PipelineModel:
    """Return the model. Raises ModelNeeded if there is none, or another one."""
    if model is None or model.spec != wanted:
        raise ModelNeeded
    return model
