"""Compose a subject, its shadow and a ground in linear light."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from matted.files.formats.samples import Samples
from matted.files.framing.light import Floats, Light

_ROWS = 64  # that are composed at a time: what is in between stays small
_FAINT = 1 / 4096  # of all light: a shadow that takes less changes no sample of 8 bits


def composed(subject: Samples, ground: NDArray[Any] | None, shadow: Floats | None, light: Light) -> Samples:
    """Return the subject above its shadow above the ground.

    subject: with alpha.
    ground: samples of the same kind, height x width x channels, or 1 x 1 x channels for one colour; None for nothing:
        the shadow is part of alpha then, in black.
    shadow: how much light it takes, 0 to 1, height x width; None for none.
    light: of all samples.

    Where alpha is full the subject's samples stay as they are, and those of the ground where there is neither subject
    nor shadow. Without alpha if there is a ground.
    """
    assert subject.alpha is not None
    if ground is None:
        assert shadow is not None
        return _with_shadow(subject, subject.alpha, shadow, light)
    colours = np.broadcast_to(ground, subject.colours.shape).copy()
    for top in range(0, len(colours), _ROWS):
        rows = slice(top, top + _ROWS)
        out, over, alpha = colours[rows], subject.colours[rows], subject.alpha[rows]
        full, mixed = alpha >= subject.full, alpha > 0
        if shadow is not None:
            mixed |= shadow[rows] > _FAINT
        mixed &= ~full
        for at in range(out.shape[2]):  # one at a time: NumPy is slow where a row is three samples
            np.copyto(out[:, :, at], over[:, :, at], where=full)
        if mixed.any():
            share = (alpha[mixed].astype(np.float32) / np.float32(subject.full))[:, np.newaxis]
            behind = light.decode(out[mixed], subject)
            if shadow is not None:
                behind *= 1 - shadow[rows][mixed][:, np.newaxis]
            out[mixed] = light.encode(light.decode(over[mixed], subject) * share + behind * (1 - share), subject)
    return Samples(colours, None, subject.black, subject.white)


def _with_shadow(subject: Samples, own: NDArray[Any], shadow: Floats, light: Light) -> Samples:
    """Return the subject with its shadow as a part of alpha. own: the alpha of the subject."""
    colours, alpha = subject.colours.copy(), own.copy()
    for top in range(0, len(colours), _ROWS):
        rows = slice(top, top + _ROWS)
        places = (own[rows] < subject.full) & (shadow[rows] > _FAINT)
        if not places.any():
            continue
        share = own[rows][places].astype(np.float32) / np.float32(subject.full)
        both = share + shadow[rows][places] * (1 - share)
        seen = light.decode(colours[rows][places], subject) * (share / both)[:, np.newaxis]
        colours[rows][places] = light.encode(seen, subject)
        scaled = both * np.float32(subject.full)
        alpha[rows][places] = scaled if alpha.dtype.kind == "f" else np.rint(scaled)
    return Samples(colours, alpha, subject.black, subject.white)
