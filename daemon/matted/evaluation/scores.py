"""Score a mask against the true one, by the measures that papers publish. All masks are float64, 0..1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.float64]

_EPSILON = float(np.finfo(np.float64).eps)


def iou(mask: Mask, truth: Mask) -> float:
    """Return the intersection over union of the pixels above 0.5. 1 is perfect."""
    one, other = mask > 0.5, truth > 0.5
    union = np.logical_or(one, other).sum()
    return float(np.logical_and(one, other).sum() / union) if union else 1.0


def mean_absolute_error(mask: Mask, truth: Mask) -> float:
    """Return the mean of |difference|. 0 is perfect."""
    return float(np.abs(mask - truth).mean())


def s_measure(mask: Mask, truth: Mask) -> float:
    """Return the structure measure. 1 is perfect.

    Half of it scores the subject and the background each as a whole, half compares structure in four quarters around
    the subject's centre: D.-P. Fan et al., "Structure-measure: A New Way to Evaluate Foreground Maps", ICCV 2017.
    """
    subject = truth > 0.5
    share = float(subject.mean())
    if share == 0.0:
        return 1.0 - float(mask.mean())
    if share == 1.0:
        return float(mask.mean())
    return max(0.0, 0.5 * _object_part(mask, subject, share) + 0.5 * _region_part(mask, subject))


def _object_part(mask: Mask, subject: NDArray[np.bool_], share: float) -> float:
    inside = _uniformity(mask[subject])
    outside = _uniformity(1.0 - mask[~subject])
    return share * inside + (1.0 - share) * outside


def _uniformity(values: NDArray[np.float64]) -> float:
    """Score a region that should be 1: less for lower and for scattered values."""
    mean = float(values.mean())
    scatter = float(values.std(ddof=1)) if values.size > 1 else 0.0
    return 2.0 * mean / (mean * mean + 1.0 + scatter + _EPSILON)


def _region_part(mask: Mask, subject: NDArray[np.bool_]) -> float:
    height, width = subject.shape
    rows, columns = np.nonzero(subject)
    y, x = round(float(rows.mean())) + 1, round(float(columns.mean())) + 1
    total = 0.0
    for part in (np.s_[:y, :x], np.s_[:y, x:], np.s_[y:, :x], np.s_[y:, x:]):
        one, other = mask[part], subject[part].astype(np.float64)
        if one.size:
            total += one.size / (height * width) * _similarity(one, other)
    return total


def _similarity(one: Mask, other: Mask) -> float:
    """Return the structural similarity (SSIM) of two regions, without its stabilising constants."""
    mean_one, mean_other = float(one.mean()), float(other.mean())
    count = max(one.size - 1, 1)
    spread_one = float(((one - mean_one) ** 2).sum()) / count
    spread_other = float(((other - mean_other) ** 2).sum()) / count
    together = float(((one - mean_one) * (other - mean_other)).sum()) / count
    above = 4.0 * mean_one * mean_other * together
    below = (mean_one**2 + mean_other**2) * (spread_one + spread_other)
    if above != 0.0:
        return above / (below + _EPSILON)
    return 1.0 if below == 0.0 else 0.0
