"""Bring a picture's samples to 8 bits, from whatever numbers a file has them in."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_BEYOND_WHITE = 0.01  # of a float picture's samples: lamps and reflections, which are brighter than white


def to_bytes(planes: NDArray[Any], bits: int, grey: bool) -> NDArray[np.uint8]:
    """Return samples as 0 to 255.

    planes: channels x height x width, all colours of a picture; unsigned whole numbers of `bits` bits, or others.
    grey: whether they are those of a grey picture.

    The upper 8 bits are kept of unsigned numbers; fewer than 8 are spread out. In floats white is 1, as photo programs
    have it. Signed and 32-bit whole numbers and grey floats come from instruments, without an agreed white: they are
    stretched, and so are floats of another range.
    """
    if planes.dtype.kind == "u" and not (grey and bits == 32):
        upper = planes >> (bits - 8) if bits >= 8 else (planes * (255.0 / (2**bits - 1))).round()
        return np.asarray(upper, np.uint8)
    black, white = _range(planes, grey)
    result = np.empty(planes.shape, np.uint8)
    for plane, out in zip(planes, result, strict=True):  # one at a time, since as floats they are large
        out[:] = _scale(plane, black, white)
    return result


def grey_to_bytes(image: Image.Image, bits: int, unsigned: bool) -> Image.Image:
    """Return a grey picture whose samples are no bytes with samples of 8 bits.

    image: of one of Pillow's modes I;16, I and F.
    bits: of a sample in the file.
    unsigned: whether whole numbers of 32 bits have no sign; Pillow takes them for numbers that have one.
    """
    values = np.asarray(image)
    if image.mode.startswith("I;16"):
        return Image.fromarray((values >> 8).astype(np.uint8))
    if image.mode == "I" and bits == 32 and unsigned:
        values = values.view(np.uint32)
    return Image.fromarray(to_bytes(values[np.newaxis], bits, grey=True)[0])


def alpha_to_bytes(plane: NDArray[Any], bits: int) -> NDArray[np.uint8]:
    """Return the samples of an alpha channel as 0 to 255. As floats they are 0 to 1."""
    return _scale(plane, 0.0, 1.0) if plane.dtype.kind == "f" else to_bytes(plane[np.newaxis], bits, grey=False)[0]


def _range(planes: NDArray[Any], grey: bool) -> tuple[float, float]:
    """Return the samples of black and of white."""
    known = [plane[np.isfinite(plane)] for plane in planes]
    known = [plane for plane in known if plane.size]
    if not known:
        return 0.0, 1.0
    beyond = sum(int((plane > 1).sum()) for plane in known) / sum(plane.size for plane in known)
    if planes.dtype.kind == "f" and not grey and beyond <= _BEYOND_WHITE:
        return 0.0, 1.0
    return float(min(plane.min() for plane in known)), float(max(plane.max() for plane in known))


def _scale(plane: NDArray[Any], black: float, white: float) -> NDArray[np.uint8]:
    """Map black to 0 and white to 255. What is no number becomes black."""
    values = plane.astype(np.float64)
    values -= black
    values *= 255.0 / max(white - black, 1e-12)
    np.nan_to_num(values, copy=False, nan=0.0, posinf=255.0, neginf=0.0)
    return values.clip(0.0, 255.0, out=values).round(out=values).astype(np.uint8)
