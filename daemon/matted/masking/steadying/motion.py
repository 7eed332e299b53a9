"""Find how one frame of a film has moved since another: dense flow, from coarse to fine.

That is the method of Lucas and Kanade ("An Iterative Image Registration Technique", IJCAI 1981) on a pyramid of
pictures (Bouguet, "Pyramidal Implementation of the Lucas Kanade Feature Tracker", 2001), with a window around every
sample.
The windows weigh the subject more than its background: an edge moves with the subject, which hides what is behind it.
"""

from __future__ import annotations

import numpy as np

from matted.masking.rendering.resampling import resized
from matted.masking.steadying.sampling import Floats, blurred, halved, moved

_LEAST_SIDE = 8  # samples of the shorter side at the coarsest level, at least
_STEPS = 3  # at each level
_WINDOW = 1.7  # sigma of the window, in samples
_SMOOTHING = 1.5  # sigma that the flow is smoothed by after each step
_STIFFNESS = 20.0  # squared levels a sample that are added to the gradients': what is flat follows its surroundings
_MOST_DIFFERENCE = 30.0  # levels: beyond, something else is seen, and weighs no more
_LONGEST_STEP = 2.0  # samples
_BACKGROUND = 0.3  # the weight of background beside the subject's 1.3


def find(now: Floats, before: Floats, matte: Floats) -> Floats:
    """Return where each sample was before: 2 x rows x columns, down and across, in samples, to be added to its place.

    now, before: rows x columns, brightness in 0..255.
    matte: rows x columns, 0..1, of now.
    """
    levels = [(now, before, matte + np.float32(_BACKGROUND))]
    while min(levels[-1][0].shape) >= 2 * _LEAST_SIDE:
        one, other, weight = levels[-1]
        levels.append((halved(one), halved(other), halved(weight)))
    motion = np.zeros((2, *levels[-1][0].shape), np.float32)
    for one, other, weight in reversed(levels):
        if motion.shape[1:] != one.shape:
            motion = np.stack([resized(each, one.shape) for each in motion]) * np.float32(2)
        motion = _improved(motion, one, other, weight)
    return motion


def _improved(motion: Floats, now: Floats, before: Floats, weight: Floats) -> Floats:
    """Return the motion after some steps at one level."""
    gradient: Floats = np.asarray(np.gradient(now), np.float32)
    weighted = gradient * weight
    down, both, across = blurred(
        np.stack([weighted[0] * gradient[0], weighted[0] * gradient[1], weighted[1] * gradient[1]]), _WINDOW
    )
    down += np.float32(_STIFFNESS)
    across += np.float32(_STIFFNESS)
    determinant = down * across - both * both
    for _ in range(_STEPS):
        difference = now - moved(before[np.newaxis], motion)[0]
        np.clip(difference, -_MOST_DIFFERENCE, _MOST_DIFFERENCE, out=difference)
        y, x = blurred(weighted * difference, _WINDOW)
        step = np.stack([across * y - both * x, down * x - both * y]) / determinant
        motion = blurred(motion + step.clip(-_LONGEST_STEP, _LONGEST_STEP), _SMOOTHING)
    return motion
