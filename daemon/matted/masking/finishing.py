"""Finish a mask: hold what a person said, tune it, cut out the colours, and say what was done."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from matted_client.messages import MaskRequest, MaskResult, RefineRequest
from numpy.typing import NDArray

from matted.inference import model_io
from matted.inference.engines.engine import Planes
from matted.inference.layer import Layer
from matted.inference.timing import Stopwatch
from matted.masking import colours, edges
from matted.masking.ground import Ground
from matted.masking.picture import Picture
from matted.masking.subject.held import Held, shown
from matted.masking.view import View
from matted.system.task import Task

Mask = NDArray[np.uint8 | np.uint16]

_COVERAGE_SAMPLES = 1 << 20  # pixels of a mask, about, that its coverage is computed from
_BLUR_REACH = 4  # standard deviations that a blur reaches


@dataclass(frozen=True)
class Outcome:
    """A finished mask.

    info: the message that is sent with it.
    mask: height x width, uint8 or little-endian uint16.
    foreground: the pixels of CutOut, or of CutOutInTiles; None if they were not requested.
    tiles: the marks of CutOutInTiles; None: the foreground is whole, or not there.
    """

    info: MaskResult
    mask: Mask
    foreground: NDArray[np.uint8] | None
    tiles: NDArray[np.uint8] | None = None

    @property
    def arrays(self) -> list[NDArray[np.uint8 | np.uint16]]:
        """What follows the message."""
        return [each for each in (self.mask, self.tiles, self.foreground) if each is not None]


class Finishing:
    """The last steps of a request: `render`, then `outcome`."""

    def __init__(
        self,
        task: Task,
        request: MaskRequest | RefineRequest,
        picture: Picture,
        stopwatch: Stopwatch,
        hinted: bool = False,
    ) -> None:
        """Take a request.

        task: its progress is set, and its cancel is heeded.
        request: its view, its tuning, and what a person said.
        picture: what the mask is of.
        stopwatch: records the stages.
        hinted: whether the picture's hint holds, if there is one. It does not where it is the mask to be refined.
        """
        self._task = task
        self._request = request
        self._picture = picture
        self._stopwatch = stopwatch
        self._hinted = hinted and picture.hint_decides
        self._view = View.of(picture.width, picture.height, request.view)
        self._wider, self._rows, self._columns = self._view.widened(self._margin())
        self._alpha: Mask
        self._key: Hashable

    def _margin(self) -> int:
        """Return the pixels around the view that its tuned mask depends on: a power of 2, so that it rarely changes."""
        reach = abs(self._request.grow) + _BLUR_REACH * self._request.feather
        return 1 << math.ceil(math.log2(reach * self._view.scale + 1)) if reach else 0

    def render(self, key: Hashable, render: Callable[[View], Mask]) -> None:
        """Render the alpha that is finished then.

        key: by which a part of the picture is remembered; the whole is not, as it is rarely asked for again.
        render: makes a new array of the view's size.
        """
        wider, depth = self._wider, self._request.depth
        self._key = key

        def rendered() -> tuple[Mask, int]:
            alpha = render(wider)
            return alpha, alpha.nbytes

        if wider.is_whole:
            self._alpha = render(wider)
        else:
            self._alpha = self._picture.answers.get((key, wider, depth), rendered).copy()
        self._held(wider).apply(self._alpha)

    def outcome(
        self,
        model: str,
        device: str,
        confidence: float,
        second_look: bool,
        warnings: Sequence[str],
        own_colours: Planes | None,
        ground: Ground | None = None,
        chosen: bool = False,
        clicks_by: str = "",
        clicks_on: str = "",
        refined_by: str = "",
        refined_on: str = "",
    ) -> Outcome:
        """Tune the mask and cut out the picture.

        own_colours: 3 x rows x columns of the picture, RGB: the model's own foreground colours; None if it has none.
        ground: that the edge is unmixed from; None: it is not.
        The others are the fields of MaskResult.

        Raises Rejected, MemoryError.
        """
        self._task.check()  # the alpha may be remembered, so that nothing before has
        mask = np.ascontiguousarray(self._tuned()[self._rows, self._columns])
        cut_out = self._cut_out(mask, own_colours, ground) if self._request.foreground else None
        tiles = cut_out.marks if isinstance(cut_out, colours.CutOutInTiles) else None
        info = MaskResult(
            width=self._view.width,
            height=self._view.height,
            depth=self._request.depth,
            model=model,
            device=device,
            coverage=coverage(mask),
            foreground=cut_out is not None,
            tiles=tiles is not None,
            confidence=confidence,
            second_look=second_look,
            timings=self._stopwatch.laps,
            warnings=list(warnings),
            ground="" if ground is None else ground.kind,
            ground_colour=[] if ground is None else list(ground.field.mean),
            chosen=chosen,
            clicks_by=clicks_by,
            clicks_on=clicks_on,
            refined_by=refined_by,
            refined_on=refined_on,
        )
        return Outcome(info, mask, None if cut_out is None else cut_out.pixels, tiles)

    def _held(self, view: View) -> Held:
        request = self._request
        return Held(view, request.box, request.keep, request.drop, self._hint(view) if self._hinted else None)

    def _hint(self, view: View) -> NDArray[np.uint8]:
        """Return the picture's hint as it is to be seen in a view."""
        hint = self._picture.hint
        assert hint is not None, "it decides something"

        def seen() -> tuple[NDArray[np.uint8], int]:
            result = shown(hint, view)
            return result, result.nbytes

        return hint if view.is_whole else self._picture.answers.get(("hint", view), seen)

    def _tuned(self) -> Mask:
        """Return the alpha, tuned. What a person said holds for the subject, whatever the tuning would make of it."""
        request, alpha = self._request, self._alpha
        if request.threshold is None and not request.grow and not request.feather and not request.invert:
            return alpha
        self._task.begin("mask")
        scale = self._wider.scale
        grow, feather = round(request.grow * scale), request.feather * scale
        mask = edges.tune(alpha, request.threshold, grow, feather, self._task.check)
        if mask is not alpha:
            self._held(self._wider).apply(mask)
        if request.invert:
            mask = np.iinfo(mask.dtype).max - mask
        self._stopwatch.lap("tuning")
        return mask

    def _cut_out(
        self, mask: Mask, own_colours: Planes | None, ground: Ground | None
    ) -> colours.CutOut | colours.CutOutInTiles:
        """Return the cut-out, in the model's own colours if it gives them, else in those estimated of the picture.

        mask: the mask after tuning. Where it is inverted, the background is what is kept and gets the estimate.
        ground: what the edge is unmixed from: the colours of soft pixels follow from it and their alpha.
        """
        self._task.begin("colours")
        view, invert = self._view, self._request.invert
        layer = self._picture.seen_in(view)
        result: colours.CutOut | colours.CutOutInTiles
        if own_colours is not None and not invert:
            rows, columns = own_colours.shape[1:]
            (top, bottom), (left, right) = view.rows(rows), view.columns(columns)
            part = (left, top, right, bottom)
            result = whole = colours.CutOut(layer)
            whole.colours[...] = model_io.foreground(own_colours, view.width, view.height, part)
        else:
            result = self._in_estimated_colours(mask, layer, None if invert else ground)
        result.fill_alpha(mask)
        self._stopwatch.lap("colours")
        return result

    def _in_estimated_colours(
        self, mask: Mask, layer: Layer, ground: Ground | None
    ) -> colours.CutOut | colours.CutOutInTiles:
        """Return the cut-out without its alpha. layer: the picture in the view. The others as of `_cut_out`."""
        request, view, check = self._request, self._view, self._task.check
        alpha = np.ascontiguousarray(self._alpha[self._rows, self._columns])
        kept = np.iinfo(alpha.dtype).max - alpha if request.invert else alpha
        tuned = mask if request.threshold is not None or request.grow or request.feather else None
        # The whole picture is rarely asked for again.
        learned = None if view.is_whole else partial(self._learned, alpha, layer)
        if request.tiles and ground is None:
            blocks = colours.edge_blocks(kept, tuned)
            in_tiles = colours.CutOutInTiles(layer, blocks)
            colours.estimate_tiles(kept, layer, blocks, check, in_tiles.colours, learned)
            return in_tiles
        whole = colours.CutOut(layer)
        colours.estimate(kept, layer, check, tuned, whole.colours, learned)
        if ground is not None:
            colours.unmix(alpha, layer, ground.field, view, check, whole.colours)
        return whole

    def _learned(self, alpha: Mask, layer: Layer) -> colours.Learned:
        """Return what is known of the colours in a view, whatever the tuning.

        alpha: in the view, before tuning. layer: the picture in the view.
        """
        request, view = self._request, self._view

        def found() -> tuple[colours.Learned, int]:
            learned = colours.learn(alpha, layer, (0, 0, view.width, view.height), self._task.check)
            return learned, learned.memory

        box = None if request.box is None else tuple(request.box)
        learned = self._picture.answers.get(("colours", self._key, box, view, request.depth), found)
        return learned.inverted if request.invert else learned


def coverage(mask: Mask) -> float:
    """Return the mean of the mask, 0..1, of a grid of its pixels."""
    step = max(1, math.isqrt(mask.size // _COVERAGE_SAMPLES))
    return float(mask[::step, ::step].mean(dtype=np.float64)) / np.iinfo(mask.dtype).max
