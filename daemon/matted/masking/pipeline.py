"""Make one mask, in a worker thread: find the subject, refine its edge, render, tune."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace

import numpy as np
from matted_client import Rejected, options
from matted_client.messages import MaskRequest
from numpy.typing import NDArray

from matted.inference.timing import Stopwatch
from matted.masking import edges, matting, rendering
from matted.masking.edges import EdgeModels, Refinement
from matted.masking.finishing import Finishing, Outcome
from matted.masking.ground import Trimming
from matted.masking.matting import Band, MaskInView
from matted.masking.picture import Picture
from matted.masking.refiner import Looks, Places, Refiner, RefinerFailed
from matted.masking.rendering.clearing import Clearing
from matted.masking.scene import Frame
from matted.masking.subject.finding import Finder, PipelineModel
from matted.masking.view import View
from matted.models.arithmetic import UNKNOWN
from matted.models.spec import ModelSpec
from matted.system.task import Task

Floats = NDArray[np.float32]

# Where a model that refines decides: where the matte is between these, as far from there as colours contradict it, and
# a share of the longer side more, as such models do well with wide bands. With a model that is always right, 1 % takes
# the error of the soft pixels on 11 photographs of hair and plants from 0.066 to 0.042, and a further 1 % to 0.033.
_UNSURE_ALPHA = (0.02, 0.98)
_WIDER = 0.01


@dataclass(frozen=True)
class Edge:
    """How a matte is brought to the picture's size.

    matte: with the haze cleared, if it is to be.
    clearing: for what resampling brings back; None for none.
    models: refine the edge; None for nothing to refine, or where a model refines it.
    band: where a model refines it; None where none does.
    """

    matte: Floats
    clearing: Clearing | None
    models: EdgeModels | None = None
    band: Band | None = None


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
        refiner: Refiner | None = None,
        frame: Frame | None = None,
    ) -> None:
        """Take a request.

        spec: the model that is wanted.
        task: its progress is set, and its cancel is heeded.
        request: what mask to make.
        picture: what the mask is of; what is found out about it is remembered with it.
        stopwatch: records the stages.
        trims: whether the picture's flat ground, if it has one, trims the edge.
        clicks: the model that is to answer a box and clicks; None if there is none.
        refiner: a model that refines the edge; None: local colour models do.
        frame: what the picture is of its scene; None: it is no frame.
        """
        self._frame = frame
        self._refiner = refiner
        self._refined_by = ""
        self._warnings: list[str] = []
        self._task = task
        self._trims = trims and not spec.needs_plate and request.edges != options.OFF
        self._request = request
        self._picture = picture
        self._stopwatch = stopwatch
        self._refused = None if clicks is None else picture.findings.peek(_refusal(clicks))
        scene = None if frame is None else frame.scene
        self._finder = Finder(spec, task, request, picture, stopwatch, None if self._refused else clicks, scene)

    @property
    def needed(self) -> ModelSpec | None:
        """The model that has to be asked next, for what has not been found out before; None if none has to be."""
        return self._finder.needed

    def go_without(self, clicks: ModelSpec, error: Rejected) -> None:
        """Have questions about the picture answered without a model that cannot be used. The results say so."""
        why = f"{clicks.title} was not asked: {error.message}"
        self._picture.findings.get(_refusal(clicks), lambda: (why, 0), stays=True)

    @property
    def needs_refiner(self) -> bool:
        """Whether the model that refines will surely be asked, so that it has to be in memory."""
        return self._refiner is not None and self._edge_key not in self._picture.answers

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
        finishing = Finishing(self._task, self._request, self._picture, self._stopwatch, hinted=True)
        trimming = self._trimming() if self._trims else None
        matte = found.matte
        if self._frame is not None:
            matte = self._frame.settled(self._picture.layers[0], matte, self._finder.spec)
            self._stopwatch.lap("steadying" if self._frame.steadied else "")
            self._frame.pass_on()
        try:
            self._render(finishing, matte, trimming)
        except RefinerFailed as failed:
            self._refiner = None
            self._warnings.append(str(failed))
            self._render(finishing, matte, trimming)
        seen, clicked = found.seen, found.clicked
        places = None
        if self._refiner is not None and self._refined_by:
            places = Places(self._refiner.spec, self._picture, self._edge_key)
        notes = [*found.notes, *([] if places is None else places.notes)]
        return finishing.outcome(
            model=self._finder.spec.id,
            device=seen.device,
            confidence=found.confidence,
            second_look=found.second_look,
            warnings=[*dict.fromkeys(notes), *([str(self._refused)] if self._refused else []), *self._warnings],
            own_colours=seen.foreground,
            ground=None if trimming is None else trimming.ground,
            clicks_by="" if clicked is None or self._finder.clicks is None else self._finder.clicks.id,
            clicks_on="" if clicked is None else clicked.device,
            refined_by=self._refined_by,
            refined_on="" if places is None else places.devices,
        )

    @property
    def _edge_key(self) -> tuple[object, ...]:
        """By which the picture remembers the edge."""
        return self._finder.key, "edge", self._request.edges, None if self._refiner is None else self._refiner.spec

    def _trimming(self) -> Trimming | None:
        """Return how the picture's ground trims the edge; None if it has none that is flat."""
        ground, picture = self._picture.ground, self._picture
        if ground is None or not ground.is_sure:
            return None

        def found() -> tuple[Trimming, int]:
            trimming = Trimming.of(picture.layers[0], ground)
            return trimming, trimming.memory

        return picture.findings.get("trimming", found)

    def _render(self, finishing: Finishing, matte: Floats, trimming: Trimming | None) -> None:
        """Have the mask rendered. Raises RefinerFailed, Rejected, MemoryError."""
        edge = self._picture.answers.get(self._edge_key, lambda: self._fit(matte))
        self._refined_by = self._refiner.spec.id if self._refiner is not None and edge.band is not None else ""
        key = (self._edge_key, None if trimming is None else self._request.shadow)
        finishing.render(key, lambda view: self._rendered(edge, view, trimming))

    def _rendered(self, edge: Edge, view: View, trimming: Trimming | None) -> NDArray[np.uint8 | np.uint16]:
        """Return the matte as a mask of the view, in the request's depth, its edge refined if requested."""
        layer = self._picture.seen_in(view)
        if edge.band is not None:
            alpha = self._refined(edge.matte, edge.band, view)
        else:
            self._task.begin("mask")
            refinement = None if edge.models is None else Refinement(edge.models, layer, self._task.check, view)
            clearing = None if edge.clearing is None else edge.clearing.seen_in(view)
            depth = self._request.depth
            alpha = rendering.render(edge.matte, view.width, view.height, depth, refinement, clearing, view)
        if trimming is not None:
            alpha = trimming.apply(alpha, layer, view, self._request.shadow == options.KEEP)
        self._stopwatch.lap("mask")
        return alpha

    def _fit(self, matte: Floats) -> tuple[Edge, int]:
        """Find out how the matte is brought to the picture's size. Returns it and the bytes that it takes."""
        if self._request.edges == options.OFF:
            return Edge(matte, None), 0
        self._task.begin("edges")
        clearing = Clearing(matte, self._picture.width, self._picture.height)
        cleared = clearing.apply(matte)
        if self._refiner is not None:
            band = self._band(cleared)
            self._stopwatch.lap("edges")
            return Edge(cleared, clearing, band=band), cleared.nbytes + (0 if band is None else band.memory)
        models = edges.fit(cleared, self._picture.layers[0], self._request.edges, self._task.check)
        self._stopwatch.lap("edges")
        return Edge(cleared, clearing, models), cleared.nbytes + (0 if models is None else models.fields.nbytes)

    def _band(self, matte: Floats) -> Band | None:
        """Return where a model that refines makes a matte anew; None for nowhere."""
        guide = self._picture.layers[0].averaged(matting.SIDE)
        whole = View.of(self._picture.width, self._picture.height)
        rough = matting.Rough.of(guide, _sure(matte, replace(whole, width=guide.width, height=guide.height)))
        band = matting.find(rough, None, _WIDER)
        return band if band.unknown.any() else None

    def _refined(self, matte: Floats, band: Band, view: View) -> NDArray[np.uint8 | np.uint16]:
        """Return what a model that refines makes of a matte in a view. It is 0 or full scale where that is sure."""
        refiner, picture = self._refiner, self._picture
        assert refiner is not None, "it has a band"

        def mask_in(view: View) -> MaskInView:
            return MaskInView(_sure(matte, view), None, 0, 0)

        looks = Looks(refiner, picture, self._edge_key, band, mask_in)
        fitted, tiles = looks.fitted(), looks.tiles(view)
        self._task.begin("mask")
        depth, check = self._request.depth, self._task.check
        return fitted.render(mask_in(view), view, picture.seen_in(view), depth, check, tiles)


def _sure(matte: Floats, view: View) -> NDArray[np.uint8]:
    """Return in a view where a matte is sure: 0 or 255; UNKNOWN elsewhere."""
    levels = rendering.render(matte, view.width, view.height, 8, view=view)
    low, high = (round(255 * alpha) for alpha in _UNSURE_ALPHA)
    marks = np.full(levels.shape, UNKNOWN, np.uint8)
    marks[levels <= low], marks[levels >= high] = 0, 255
    return marks
