"""Settle mattes over the frames of a film: what was settled before moves with the picture and is corrected.

A motion-compensated recursive filter (Dubois and Sabri, "Noise Reduction in Image Sequences Using Motion-Compensated
Temporal Filtering", IEEE Transactions on Communications 1984). How far the past counts falls with the difference that
is left between both pictures after the motion, as in Bonneel et al., "Blind Video Temporal Consistency" (SIGGRAPH Asia
2015): where something else is seen, the model's own matte counts alone, so that nothing trails behind what moves.

A mean of mattes is softer than each. So the result is given the contrast that makes it as soft as the model's own.
"""

from __future__ import annotations

import numpy as np

from matted.inference.layer import Layer
from matted.masking.rendering.resampling import resized
from matted.masking.steadying import motion
from matted.masking.steadying.sampling import Floats, blurred, moved

_SIDE = 320  # samples of the longer side that motion is found at, at most
_BRIGHTNESS = (0.299, 0.587, 0.114)
_PAST = 0.8  # the share of the past where the pictures agree
_DIFFERENT = 15.0  # levels, root mean square of the colours: the share falls to 0.6 of that, by a Gaussian
_UNMOVED = 2.0  # levels: what differs less without motion has not moved
_NEAR = 1.0  # sigma, in samples, of the window that a difference is measured in
_CUT = 0.35  # the mean agreement of two frames under which they are of two scenes
_SURROUNDINGS = 8.0  # sigma, in samples, of the window that softness is measured in
_MOST_CONTRAST = 2.0


class Steadier:
    """Settles the mattes of one film, frame after frame: `settle`. Not for several threads at once."""

    def __init__(self) -> None:
        self._colours: Floats | None = None  # 3 x rows x columns, of the frame before
        self._matte: Floats | None = None  # settled, of the frame before

    @property
    def memory(self) -> int:
        """The bytes that it holds."""
        return sum(0 if each is None else each.nbytes for each in (self._colours, self._matte))

    def forget(self) -> None:
        """Have the next frame begin anew."""
        self._colours = self._matte = None

    def settle(self, layer: Layer, matte: Floats) -> Floats:
        """Return the settled matte of the next frame, of the same size. The first frame's is as it was.

        layer: the frame.
        matte: rows x columns, 0..1, of any size, which may differ from frame to frame.
        """
        colours = layer.averaged(_SIDE).planes().astype(np.float32)
        before, settled = self._colours, self._matte
        self._colours, self._matte = colours, matte
        if before is None or settled is None or before.shape != colours.shape or min(colours.shape[1:]) < 2:
            return matte
        size = colours.shape[1], colours.shape[2]
        small = resized(matte, size)
        found = motion.find(_brightness(colours), _brightness(before), small)
        found *= np.float32(1) - _agreement(colours - before, _UNMOVED)
        agreement = _agreement(colours - moved(before, found), _DIFFERENT)
        if agreement.mean() < _CUT:
            return matte
        expected = _moved_matte(resized(settled, matte.shape), found)
        share = resized(agreement, matte.shape) * np.float32(_PAST)
        self._matte = matte + share * (expected - matte)
        return _as_soft_as(self._matte, matte, size)


def _brightness(colours: Floats) -> Floats:
    weights = np.array(_BRIGHTNESS, np.float32)
    return np.asarray(np.tensordot(weights, colours, 1), np.float32)


def _agreement(difference: Floats, scale: float) -> Floats:
    """Return how far two pictures agree, rows x columns, 0..1. difference: 3 x rows x columns, levels."""
    squares = blurred((difference * difference).mean(axis=0), _NEAR)
    return np.asarray(np.exp(squares * np.float32(-0.5 / scale**2)), np.float32)


def _moved_matte(matte: Floats, found: Floats) -> Floats:
    """Return a matte moved by what was found at another size."""
    rows, columns = matte.shape
    scales = rows / found.shape[1], columns / found.shape[2]
    motions = [resized(each, matte.shape) * np.float32(by) for each, by in zip(found, scales, strict=True)]
    result: Floats = moved(matte[np.newaxis], np.stack(motions))[0]
    return result


def _as_soft_as(settled: Floats, matte: Floats, size: tuple[int, int]) -> Floats:
    """Return a settled matte with more contrast around a half where it is softer than another. size: to measure at."""
    one, other = (blurred(resized(each * (1 - each), size), _SURROUNDINGS) for each in (settled, matte))
    contrast = ((one + np.float32(1e-3)) / (other + np.float32(1e-3))).clip(1.0, _MOST_CONTRAST)
    half = np.float32(0.5)
    result: Floats = ((settled - half) * resized(contrast, matte.shape) + half).clip(0.0, 1.0)
    return result
