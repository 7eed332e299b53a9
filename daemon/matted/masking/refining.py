"""Refine one mask that is there already, in a worker thread, or show the band in which it would be made anew."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cached_property

import numpy as np
from matted_client import options
from matted_client.messages import MaskResult, RefineRequest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from matted.inference.timing import Stopwatch
from matted.masking import keying, matting
from matted.masking.finishing import Finishing, Mask, Outcome, coverage
from matted.masking.keyer import Said, holes
from matted.masking.matting import Band, BandInView, FittedAlpha, MaskInView, Rough
from matted.masking.picture import Picture
from matted.masking.refiner import Looks, Places, Refiner, RefinerFailed
from matted.masking.subject.held import Held
from matted.masking.view import View, dtype_of, shown
from matted.system.task import Task

Bytes = NDArray[np.uint8]

_HALF = 0.5  # mean of the mask that is there over a hole, from which the hole is a part of the subject
_MARK = 0.005  # radius of a point that a person sets in a mask to be refined, as a share of the longer side


class Refining:
    """The steps from a refine request to its outcome: `run`. What is found out is remembered with the picture."""

    def __init__(
        self,
        task: Task,
        request: RefineRequest,
        picture: Picture,
        stopwatch: Stopwatch,
        keys: bool = False,
        refiner: Refiner | None = None,
    ) -> None:
        """Take a request.

        task: its progress is set, and its cancel is heeded.
        request: what is wanted.
        picture: its hint is the mask that is there.
        stopwatch: records the stages.
        keys: whether the picture is keyed in the band, in the place of matting, if its flat ground suffices for that.
        refiner: a model that refines in the place of matting; None: none does.
        """
        self._refiner = refiner
        self._keys = keys
        self._task = task
        self._request = request
        self._picture = picture
        self._stopwatch = stopwatch
        # Of the request all that the mask that is there depends on.
        self._marks: Hashable = tuple(map(tuple, request.keep)), tuple(map(tuple, request.drop))

    def run(self) -> Outcome:
        """Refine the mask, or show the band. Raises Rejected, MemoryError."""
        self._stopwatch.lap("waiting")
        if self._request.band:
            return self._shown_band()
        keyed = self._is_flat
        self._stopwatch.lap("ground")
        finishing = Finishing(self._task, self._request, self._picture, self._stopwatch)
        if keyed or self._refiner is None or not self._band().unknown.any():
            self._refiner = None
        warnings = []
        try:
            finishing.render(self._key(keyed), self._keyed if keyed else self._rendered)
        except RefinerFailed as failed:
            self._refiner = None
            warnings.append(str(failed))
            finishing.render(self._key(keyed), self._rendered)
        places = None if self._refiner is None else Places(self._refiner.spec, self._picture, self._looks_key)
        return finishing.outcome(
            model="",
            device="",
            confidence=1.0,
            second_look=False,
            warnings=[*warnings, *([] if places is None else places.notes)],
            own_colours=None,
            ground=self._picture.ground if keyed else None,
            refined_by="" if self._refiner is None else self._refiner.spec.id,
            refined_on="" if places is None else places.devices,
        )

    @property
    def needs_refiner(self) -> bool:
        """Whether the model that refines will be asked, as far as that is known without a look at the picture."""
        if self._refiner is None or self._request.band or (self._keys and keying.known_to_be_flat(self._picture)):
            return False
        return self._fitted_key not in self._picture.answers

    def _key(self, keyed: bool) -> Hashable:
        """Return by which a part of the result is remembered."""
        return "refined", keyed, self._fitted_key

    @property
    def _fitted_key(self) -> Hashable:
        spec = None if self._refiner is None else self._refiner.spec
        return "fitted", self._marks, self._request.reach, spec

    @property
    def _looks_key(self) -> Hashable:
        """By which the picture remembers what a model that refines has seen of it."""
        return self._marks, self._request.reach

    @cached_property
    def _is_flat(self) -> bool:
        """Whether the picture is keyed. Then all of the mask is made anew, but for what is beyond a reach."""
        return self._keys and keying.is_flat(self._picture, self._task.check)

    def _shown_band(self) -> Outcome:
        """Return the band in the view as a mask. Nothing is made anew where a person says what is so."""
        self._task.begin("mask")
        request = self._request
        view = View.of(self._picture.width, self._picture.height, request.view)
        if request.reach is None and self._is_flat:
            band = np.full((view.height, view.width), (1 << request.depth) - 1, dtype_of(request.depth))
        else:
            band = BandInView(self._band(), self._mask_in(view), view).drawn(request.depth, self._task.check)
        Held(view, request.box, drop=[*request.keep, *request.drop]).apply(band)
        self._stopwatch.lap("mask")
        info = MaskResult(
            width=view.width,
            height=view.height,
            depth=request.depth,
            model="",
            device="",
            coverage=coverage(band),
            timings=self._stopwatch.laps,
        )
        return Outcome(info, band, None)

    def _rendered(self, view: View) -> Mask:
        """Return the refined alpha in a view, in the request's depth."""
        request, picture, task = self._request, self._picture, self._task
        alpha = picture.answers.get(self._fitted_key, self._fitted)
        task.begin("mask")
        shown = alpha.render(self._mask_in(view), view, picture.seen_in(view), request.depth, task.check)
        self._stopwatch.lap("mask")
        return shown

    def _keyed(self, view: View) -> Mask:
        """Return the alpha in a view, in the request's depth: keyed in the band, the mask that is there elsewhere."""
        if view.is_whole:
            return self._keyed_whole()[0]
        key = ("keyed", self._marks, self._request.reach, self._request.depth)
        return shown(self._picture.answers.get(key, self._keyed_whole), view)

    def _keyed_whole(self) -> tuple[Mask, int]:
        picture, request, check = self._picture, self._request, self._task.check
        keyed = keying.keyed_of(picture, check)
        self._task.begin("mask")
        # The mask that is there says which pieces are the subject, and which holes are parts of it.
        rough = self._mask.astype(np.float32) / np.float32(255)
        solid = holes.means(keyed.cells.background, rough) > _HALF
        alpha = keyed.alpha(request.depth, options.OPEN, True, Said(solid=solid, rough=rough))
        if request.reach is not None:
            whole = View.of(picture.width, picture.height)
            band = BandInView(self._band(), self._mask_in(whole), whole).drawn(8, check)
            there = self._mask if request.depth == 8 else self._mask.astype(alpha.dtype) * np.uint16(257)
            np.copyto(alpha, there, where=band == 0)
        self._stopwatch.lap("mask")
        return alpha, alpha.nbytes

    def _fitted(self) -> tuple[FittedAlpha, int]:
        self._task.begin("edges")
        if self._refiner is not None:
            looks = Looks(self._refiner, self._picture, self._looks_key, self._band(), self._mask_in)
            return looks.fitted(), 0  # remembered there
        found = matting.fit(self._rough, self._band(), self._task.check)
        self._stopwatch.lap("edges")
        return found, found.memory

    def _band(self) -> Band:
        def found() -> tuple[Band, int]:
            self._task.check()
            band = matting.find(self._rough, self._request.reach)
            return band, band.memory

        return self._picture.answers.get(("band", self._marks, self._request.reach), found)

    def _mask_in(self, view: View) -> MaskInView:
        """Return the mask that is there, as it is to be seen in a view."""

        def seen() -> tuple[MaskInView, int]:
            found = MaskInView.of(self._mask, view, self._rough)
            return found, found.memory

        return seen()[0] if view.is_whole else self._picture.answers.get(("rough", self._marks, view), seen)

    @property
    def _rough(self) -> Rough:
        def reduced() -> tuple[Rough, int]:
            rough = Rough.of(self._picture.layers[0], self._mask)
            return rough, rough.memory

        return self._picture.answers.get(("rough", self._marks), reduced)

    @cached_property
    def _mask(self) -> Bytes:
        """The mask that is there, with a disc of white around each point to keep, and of black around each to drop."""
        mask, request = self._picture.hint, self._request
        assert mask is not None, "admission lets no such request in"
        points = [(x, y, 255) for x, y in request.keep] + [(x, y, 0) for x, y in request.drop]
        if not points:
            return mask
        radius = max(1.0, _MARK * max(mask.shape))
        image = Image.fromarray(mask)
        pen = ImageDraw.Draw(image)
        for x, y, level in points:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=level)
        return np.asarray(image)
