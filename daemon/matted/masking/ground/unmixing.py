"""Unmix a pixel: how much of it is subject, and in what colour, where the colour of the ground is known.

A pixel is I = alpha F + (1 - alpha) B, with the subject's colour F and the ground's B (Porter and Duff, "Compositing
Digital Images", SIGGRAPH 1984). With B alone there are three equations for four unknowns: the matting problem. Smith
and Blinn, "Blue Screen Matting" (SIGGRAPH 1996), list what solves it; here it is solved by

- F, where it is seen nearby: alpha is how far I is on the way from B to F;
- F as far from B as a colour can be, where nothing tells it, as in a shadow: the least alpha that explains I.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_WHITE = np.float32(255)


def along(colours: Floats, ground: Floats, subject: Floats) -> Floats:
    """Return how far colours are on the way from the ground to the subject: alpha, 0..1, of each.

    colours, ground, subject: n x 3, levels of 0..255.
    """
    way = subject - ground
    length = np.einsum("nc,nc->n", way, way)
    return np.asarray(np.einsum("nc,nc->n", colours - ground, way) / np.maximum(length, 1)).clip(0, 1)


def off(colours: Floats, ground: Floats, subject: Floats, alpha: Floats) -> Floats:
    """Return how far colours are from the mixtures of ground and subject by alpha, levels of the worst channel."""
    mixture = ground + alpha[:, np.newaxis] * (subject - ground)
    return greatest(np.abs(colours - mixture))


def least(colours: Floats, ground: Floats, noise: float = 0.0) -> Floats:
    """Return the least alpha, 0..1, by which a colour of 0..255 explains each pixel.

    colours, ground: n x 3. noise: levels by which a pixel may differ from its mixture.
    """
    differences = colours - ground
    room = np.where(differences > 0, _WHITE - ground, ground)
    shares = np.maximum(np.abs(differences) - np.float32(noise), 0) / np.maximum(room, 1)
    return greatest(shares).clip(0, 1)


def greatest(values: Floats) -> Floats:
    """Return the greatest of three values: ... of ... x 3. A reduction over as few as that takes ten times as long."""
    return np.maximum(np.maximum(values[..., 0], values[..., 1]), values[..., 2])


def foreground(colours: Floats, ground: Floats, alpha: Floats) -> Floats:
    """Return F = (I - (1 - alpha) B) / alpha: the shape of `colours`, 0..255.

    colours, ground: ... x 3, levels. alpha: ..., above 0.
    """
    shares = alpha[..., np.newaxis]
    return np.asarray((colours - (np.float32(1) - shares) * ground) / shares).clip(0, 255)
