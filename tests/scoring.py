"""Scores masks by the measures of the matting papers, and composes cut-outs again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from canvas import Bytes, Colour, Floats, composed
from matted.evaluation.scores import iou, mean_absolute_error
from numpy.typing import NDArray

GRADIENT_SIGMA = 1.4  # pixels, as alphamatting.com has it
BAND = 8  # pixels that the soft band reaches beyond the true edge
SOFT = (0.02, 0.98)  # a true alpha between these is an edge
STEP = 0.1  # and so is a neighbour that differs by more

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Scores:
    """How near a mask is to the truth.

    - iou: intersection over union of what is above 0.5; 1 is perfect
    - mad: mean absolute difference times 1000; 0 is perfect, as below
    - grad: mean squared difference of the gradients times 1000
    - band: as mad, near the true edges only. It is 0 where the truth has no edge
    """

    iou: float
    mad: float
    grad: float
    band: float


def scores(mask: Floats, truth: Floats) -> Scores:
    """Score a mask against the true alpha: H x W each, 0..1."""
    difference, band = np.abs(mask - truth), soft_band(truth)
    gradients = (gradient(mask) - gradient(truth)) ** 2
    near = float(difference[band].mean()) if band.any() else 0.0
    return Scores(iou(mask, truth), mean_absolute_error(mask, truth) * 1e3, float(gradients.mean()) * 1e3, near * 1e3)


def gradient(alpha: Floats) -> Floats:
    """Return the length of the gradient of the blurred alpha: H x W, per pixel."""
    reach = int(4 * GRADIENT_SIGMA + 0.5)
    x = np.arange(-reach, reach + 1)
    bell = np.exp(-((x / GRADIENT_SIGMA) ** 2) / 2)
    bell /= bell.sum()
    slope = x / GRADIENT_SIGMA**2 * bell
    across = _correlated(_correlated(alpha, bell, 0), slope, 1)
    down = _correlated(_correlated(alpha, slope, 0), bell, 1)
    return np.hypot(across, down)


def _correlated(plane: Floats, kernel: Floats, axis: int) -> Floats:
    """Correlate along an axis; the plane is mirrored at its borders."""
    reach = len(kernel) // 2
    margins = [(reach, reach) if axis == each else (0, 0) for each in (0, 1)]
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(plane, margins, "symmetric"), len(kernel), axis)
    result: Floats = windows @ kernel
    return result


def soft_band(truth: Floats) -> Flags:
    """Return the pixels near edges of the true alpha: H x W. Near: in 8 steps or fewer to one of the 4 neighbours."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(truth, 1, "symmetric"), (3, 3))
    band: Flags = (truth > SOFT[0]) & (truth < SOFT[1]) | (windows.max((2, 3)) - windows.min((2, 3)) > STEP)
    for _ in range(BAND):
        wide = np.pad(band, 1)
        band = wide[1:-1, 1:-1] | wide[:-2, 1:-1] | wide[2:, 1:-1] | wide[1:-1, :-2] | wide[1:-1, 2:]
    return band


def composed_again(cut_out: NDArray[np.uint8] | NDArray[np.uint16], ground: Floats | Colour) -> Floats:
    """Lay a cut-out over a ground. Returns H x W x 3, 0..255.

    - cut_out: H x W x 4, R, G, B, A, the colours not multiplied by alpha
    - ground: H x W x 3 or one colour, 0..255
    """
    levels = cut_out.astype(np.float64) * (255 / np.iinfo(cut_out.dtype).max)
    return composed(levels[..., 3] / 255, levels[..., :3], ground)


def share_within(one: Floats | Bytes, other: Floats | Bytes, levels: float) -> float:
    """Return the share of the pixels that differ by no more than the levels in any channel. Both: H x W x channels."""
    difference = np.abs(one.astype(np.float64) - other.astype(np.float64)).max(-1)
    return float((difference <= levels + 1e-9).mean())
