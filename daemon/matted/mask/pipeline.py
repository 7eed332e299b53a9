"""Make one mask, in a worker thread: find the subject, refine its edge, render, tune."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from matted_client import Rejected, options
from matted_client.messages import MaskRequest
from numpy.typing import NDArray

from matted.inference.timing import Stopwatch
from matted.mask import edges, rendering
from matted.mask.edges import EdgeModels, Refinement
from matted.mask.finishing import Finishing, Outcome
from matted.mask.ground import Trimming
from matted.mask.picture import Picture
from matted.mask.rendering.clearing import Clearing
from matted.mask.subject.finding import Finder, PipelineModel
from matted.mask.view import View
from matted.models.spec import ModelSpec
from matted.system.task import Task

Floats = NDArray[np.float32]


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


def _refusal(clicks: ModelSpec) -> Hashable:
    """Return the key by which a picture remembers why a model answers none of its clicks."""
    return "refusal", clicks


class Pipeline:
    """The steps from a mask request to its outcome: `run`."""

    def __init__(
        self,
        spec: ModelSpec,
        task: Task,
        request: MaskRequest,
        picture: Picture,
        stopwatch: Stopwatch,
        trims: bool = False,
        clicks: ModelSpec | None = None,
    ) -> None:
        """Take a request.

        spec: the model that is wanted.
        task: its progress is set, and its cancel is heeded.
        request: what mask to make.
        picture: what the mask is of; what is found out about it is remembered with it.
        stopwatch: records the stages.
        trims: whether the picture's flat ground, if it has one, trims the edge.
        clicks: the model that is to answer a box and clicks; None if there is none.
        """
        self._task = task
        self._trims = trims and not spec.needs_plate and request.edges != options.OFF
        self._request = request
        self._picture = picture
        self._stopwatch = stopwatch
        self._refused = None if clicks is None else picture.findings.peek(_refusal(clicks))
        self._finder = Finder(spec, task, request, picture, stopwatch, None if self._refused else clicks)

    @property
    def needed(self) -> ModelSpec | None:
        """The model that has to be asked next, for what has not been found out before; None if none has to be."""
        return self._finder.needed

    def go_without(self, clicks: ModelSpec, error: Rejected) -> None:
        """Have questions about the picture answered without a model that cannot be used. The results say so."""
        why = f"{clicks.title} was not asked: {error.message}"
        self._picture.findings.get(_refusal(clicks), lambda: (why, 0), stays=True)

    def run(self, model: PipelineModel | None) -> Outcome:
        """Make the mask.

        model: the one that is needed; given back as soon as it no longer is. None if none is needed.

        Raises Rejected, MemoryError; and ModelNeeded if another model is needed then, or what was known has been
        forgotten since `needed` said so.
        """
        self._stopwatch.lap("waiting")
        found = self._finder.find(model)
        if model is not None:
            model.give_back()
        request, picture = self._request, self._picture
        edge_key = (self._finder.key, "edge", request.edges)
        trimming = self._trimming() if self._trims else None
        finishing = Finishing(self._task, request, picture, self._stopwatch, hinted=True)
        key = (edge_key, None if trimming is None else request.shadow)
        finishing.render(key, lambda view: self._render(edge_key, found.matte, view, trimming))
        seen = found.seen
        return finishing.outcome(
            model=self._finder.spec.id,
            device=seen.device,
            confidence=found.confidence,
            second_look=found.second_look,
            warnings=[*found.notes, *([str(self._refused)] if self._refused else [])],
            own_colours=seen.foreground,
            ground=None if trimming is None else trimming.ground,
            clicks_by="" if found.clicked is None or self._finder.clicks is None else self._finder.clicks.id,
        )

    def _trimming(self) -> Trimming | None:
        """Return how the picture's ground trims the edge; None if it has none that is flat."""
        ground, picture = self._picture.ground, self._picture
        if ground is None or not ground.is_sure:
            return None

        def found() -> tuple[Trimming, int]:
            trimming = Trimming.of(picture.layers[0], ground)
            return trimming, trimming.memory

        return picture.findings.get("trimming", found)

    def _render(
        self, key: tuple[object, ...], matte: Floats, view: View, trimming: Trimming | None
    ) -> NDArray[np.uint8 | np.uint16]:
        """Return the matte as a mask of the view, in the request's depth, its edge refined if requested.

        key: by which the edge is remembered.
        """
        edge = self._picture.answers.get(key, lambda: self._fit(matte))
        self._task.begin("mask")
        layer = self._picture.seen_in(view)
        refinement = None if edge.models is None else Refinement(edge.models, layer, self._task.check, view)
        clearing = None if edge.clearing is None else edge.clearing.seen_in(view)
        alpha = rendering.render(edge.matte, view.width, view.height, self._request.depth, refinement, clearing, view)
        if trimming is not None:
            alpha = trimming.apply(alpha, layer, view, self._request.shadow == options.KEEP)
        self._stopwatch.lap("mask")
        return alpha

    def _fit(self, matte: Floats) -> tuple[Edge, int]:
        """Find out how the matte is brought to the picture's size. Returns it and the bytes that it takes."""
        if self._request.edges == options.OFF:
            return Edge(matte, None, None), 0
        self._task.begin("edges")
        clearing = Clearing(matte, self._picture.width, self._picture.height)
        cleared = clearing.apply(matte)
        models = edges.fit(cleared, self._picture.layers[0], self._request.edges, self._task.check)
        self._stopwatch.lap("edges")
        return Edge(cleared, clearing, models), cleared.nbytes + (0 if models is None else models.fields.nbytes)
