"""Fit alpha to a picture and a rough mask of it, at a bounded size; render it at any size and of any part.

The steps, each of which is a module: what of the mask is sure (constraints) and the band of what is not (band), how
probable the subject is by the colours nearby (likelihood), the alpha that fits both the colours and that (closed_form),
and local colour models of it, which give alpha at the picture's own pixels (edges.local, edges.refinement).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matted.inference.layer import Layer
from matted.masking import rendering
from matted.masking.edges import local
from matted.masking.edges.matrices import Floats
from matted.masking.edges.refinement import EdgeModels, Grid, Refinement
from matted.masking.matting import closed_form, likelihood
from matted.masking.matting.band import Band, BandInView, Mask, MaskInView, Rough
from matted.masking.matting.looks import Blend, Tile
from matted.masking.rendering.resampling import BLOCK
from matted.masking.view import View

Check = Callable[[], None]

_WEIGHT = 0.05  # of the probability by colour in the system; a window has 1
_WINDOWS = closed_form.Windows(reach=1, noise=0.07)  # (a quarter of a step of an 8-bit sample)²
_STEPS = 12
_CELLS = 176  # of the grid of models along the longer side, at most
_SIGMA = 0.006  # of the models' Gaussian windows, as a share of the longer side


def fit(rough: Rough, band: Band, check: Check) -> FittedAlpha:
    """Fit alpha to a rough mask in its band.

    check: called between pieces of the work; raises to stop.
    """
    check()
    known, planes, unknown = rough.known, rough.planes, band.unknown
    alpha = known.alpha.copy()
    if not unknown.any():
        return FittedAlpha(alpha, band, None)
    probable = band.probable
    if probable is None:
        probable = likelihood.probability(planes, alpha, known.certainty, unknown, band.near)
        check()
    certainty = np.abs(2 * probable - 1)
    weight = np.float32(_WEIGHT) * certainty * certainty
    alpha[unknown] = probable[unknown]
    alpha = closed_form.solve(planes, alpha, unknown, probable, weight, _WINDOWS, _STEPS, check)
    return FittedAlpha(alpha, band, colour_models(planes, alpha, unknown))


def colour_models(planes: NDArray[np.uint8], alpha: Floats, unknown: NDArray[np.bool_]) -> EdgeModels:
    """Fit local colour models to an alpha: they give it at the layer's own pixels.

    planes: 3 x height x width, of the layer at a smaller size.
    alpha: height x width, 0..1.
    unknown: height x width: where the models are wanted.
    """
    longer = max(alpha.shape)
    grid = Grid(-(-longer // _CELLS), alpha.shape)
    share = grid.mean(unknown.astype(np.float32))
    models = local.fit(planes, alpha, np.ones_like(alpha), share > 0, grid.cell, _SIGMA * longer)
    return EdgeModels.of(models, share, grid, True)


@dataclass(frozen=True)
class FittedAlpha:
    """The alpha of a layer, fitted at a bounded size, and rendered at any size.

    alpha: rows x columns, 0..1, of the whole layer at a smaller size.
    band: where it may differ from the mask.
    models: give alpha at the layer's own pixels; None if nothing is unknown, or alpha has as many.
    suffices: pixels of a view for one of the layer, up to which alpha is seen as it is, without the models.
    """

    alpha: Floats
    band: Band
    models: EdgeModels | None
    suffices: float = 0.0

    @property
    def memory(self) -> int:
        """The bytes that it takes."""
        return self.alpha.nbytes + self.band.memory + (0 if self.models is None else self.models.fields.nbytes)

    def render(
        self,
        mask: MaskInView,
        view: View,
        picture: Layer,
        depth: int,
        check: Check,
        tiles: Sequence[Tile] = (),
    ) -> Mask:
        """Return the alpha in a view, height x width: uint8, or little-endian uint16.

        mask: the rough mask that it was fitted to, in the view.
        picture: the layer as it is to be seen in the view.
        depth: bits of a pixel, 8 or 16.
        check: called between pieces of the work; raises to stop.
        tiles: parts that were looked at more closely, in the place of the models.
        """
        refiner = _Refiner(self, mask, view, picture, check, tiles)
        return rendering.render(self.alpha, view.width, view.height, depth, refiner, view=view)


class _Refiner:
    """Refines the blocks of a view (a rendering.EdgeRefiner): colour models or tiles, then what stays as it was."""

    def __init__(
        self,
        fitted: FittedAlpha,
        mask: MaskInView,
        view: View,
        picture: Layer,
        check: Check,
        tiles: Sequence[Tile],
    ) -> None:
        """Prepare a view. The parameters are those of `FittedAlpha.render`."""
        self._check = check
        self._band = BandInView(fitted.band, mask, view)
        self._size = view.height, view.width
        models = fitted.models if view.scale > fitted.suffices and not tiles else None
        self._models = None if models is None else Refinement(models, picture, check, view)
        self._blend = Blend(tiles, view)

    def reaches(self, row: int, column: int) -> bool:
        """Return whether anything is unknown in the block."""
        return self._band.reaches(*self._block(row, column))

    def apply_to_block(self, alpha: Floats, row: int, column: int) -> None:
        """Refine the alpha of the block in place."""
        self._check()
        if self._models is not None:
            self._models.apply_to_block(alpha, row, column)
        self._blend.apply(alpha, *self._block(row, column))
        stays, mask = self._band.settled(*self._block(row, column))
        alpha[stays] = mask[stays] * np.float32(1 / np.iinfo(mask.dtype).max)

    def _block(self, row: int, column: int) -> tuple[slice, slice]:
        height, width = self._size
        top, left = row * BLOCK, column * BLOCK
        return slice(top, min(top + BLOCK, height)), slice(left, min(left + BLOCK, width))
