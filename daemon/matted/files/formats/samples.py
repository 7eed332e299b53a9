"""Samples as a file has them, and the same as whole numbers of 8 or 16 bits, from whatever numbers they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[Any]

_BEYOND_WHITE = 0.01  # of a float picture's samples: lamps and reflections, which are brighter than white

_UPRIGHT: dict[int, Callable[[Plane], Plane]] = {  # by the number that files have for it
    2: lambda array: array[:, ::-1],
    3: lambda array: array[::-1, ::-1],
    4: lambda array: array[::-1],
    5: lambda array: array.swapaxes(0, 1),
    6: lambda array: np.rot90(array, -1),
    7: lambda array: array[::-1, ::-1].swapaxes(0, 1),
    8: lambda array: np.rot90(array),
}


@dataclass(frozen=True)
class Samples:
    """A picture's own samples, upright.

    colours: height x width x 1 (grey) or 3 (RGB); uint8, uint16 or floats (of a file: float32). They are in the
        picture's own profile.
    alpha: height x width, of the same type, 0 to full scale (1 for floats); None if nothing is transparent.
    black, white: what these two are in `colours`; None for 0 and full scale.
    """

    colours: NDArray[Any]
    alpha: NDArray[Any] | None = None
    black: float = 0.0
    white: float | None = None

    @property
    def full(self) -> float:
        """Full scale: of alpha, and of colours that say nothing else."""
        return full_scale(self.colours.dtype)

    @property
    def range(self) -> float:
        """How far white is from black."""
        return (self.full if self.white is None else self.white) - self.black

    @property
    def grey(self) -> bool:
        """Whether there is one channel, not three."""
        return bool(self.colours.shape[2] == 1)

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return self.colours.nbytes + (0 if self.alpha is None else self.alpha.nbytes)

    def pixels(self) -> NDArray[Any]:
        """Return all channels of a pixel together: height x width x 1 to 4."""
        if self.alpha is None:
            return self.colours
        return np.concatenate([self.colours, self.alpha[:, :, np.newaxis]], axis=2)

    def reduced(self) -> NDArray[np.uint8]:
        """Return the colours with 8 bits: the upper ones of whole numbers."""
        if self.colours.dtype.kind == "u":
            return to_whole(self.colours, 8 * self.colours.dtype.itemsize)
        return _scale(self.colours, self.black, self.black + self.range, 8)

    def inverted(self) -> Samples:
        """Return them with black and white exchanged."""
        turned = (self.colours.dtype.type(2 * self.black + self.range) - self.colours).astype(self.colours.dtype)
        return replace(self, colours=turned)

    def rounded(self) -> NDArray[np.uint8]:
        """Return the colours with 8 bits, those of 16 rounded: nearer to what they are by half a level."""
        if self.colours.dtype != np.uint16:
            return self.reduced()
        return np.asarray((self.colours - (self.colours >> 8) + np.uint16(128)) >> 8, np.uint8)  # sample / 257

    def whole(self) -> Samples:
        """Return them as whole numbers: themselves, or floats brought to 16 bits."""
        if self.colours.dtype.kind == "u":
            return self
        alpha = None if self.alpha is None else _scale(self.alpha, 0.0, 1.0, 16)
        return Samples(_scale(self.colours, self.black, self.black + self.range, 16), alpha)


def full_scale(dtype: np.dtype[Any]) -> float:
    """Return full scale of a type of samples: 1 for floats."""
    return 1.0 if dtype.kind == "f" else float(np.iinfo(dtype).max)


def kept(colours: NDArray[Any], bits: int, alpha: NDArray[Any] | None = None) -> Samples:
    """Keep samples as a file has them, as far as results can have such ones.

    colours: height x width x 1 or 3; unsigned whole numbers of `bits` bits, or others.
    alpha: height x width, of the same kind.

    Unsigned numbers of 8 and 16 bits stay, and floats, as float32. Of others the upper 8 or 16 bits are kept, or they
    are spread out to these. In floats white is 1, as photo programs have it. Signed and 32-bit whole numbers and grey
    floats come from instruments, without an agreed white: the darkest is black, and the brightest white; and so it is
    with floats of another range.
    """
    wanted, grey = 8 if bits <= 8 else 16, colours.shape[2] == 1
    if colours.dtype.kind == "f":
        black, white = _range(colours, grey)
        colours = colours.astype(np.float32, copy=False)
        return Samples(colours, None if alpha is None else alpha.astype(np.float32, copy=False), black, white)
    whole = colours.dtype.kind == "u" and not (grey and bits == 32)
    result = to_whole(colours, bits, wanted) if whole else _scale(colours, *_range(colours, grey), wanted)
    return Samples(result, None if alpha is None else to_whole(alpha, bits, wanted))


def is_beyond_white(values: NDArray[Any]) -> bool:
    """Whether more of a float picture's samples are above 1 than lamps and reflections are: 1 is not its white then."""
    known = values[np.isfinite(values)]
    return bool((known > 1).sum() > _BEYOND_WHITE * known.size)


def to_whole(values: NDArray[Any], bits: int, wanted: int = 8) -> NDArray[Any]:
    """Return unsigned whole numbers of `bits` bits with `wanted` bits, 8 or 16: the upper ones, or spread out."""
    if bits == wanted:
        return np.asarray(values, _type(wanted))
    if bits > wanted:
        return np.asarray(values >> (bits - wanted), _type(wanted))
    factor = (2**wanted - 1) / (2**bits - 1)
    return np.asarray(np.rint(np.multiply(values, factor, dtype=np.float64)), _type(wanted))


def divided(colours: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """Return colours that were multiplied with alpha as they were before. Both as `Samples` has them."""
    full = full_scale(colours.dtype)
    smallest = 1.0 if colours.dtype.kind == "u" else 1e-30
    result = colours * (np.float32(full) / np.maximum(alpha, smallest).astype(np.float32))[:, :, np.newaxis]
    return np.asarray(result if colours.dtype.kind == "f" else np.rint(result.clip(0, full)), colours.dtype)


def upright(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn height x width (x channels) upright. orientation: the number that files have for how it lies, 1 to 8."""
    turn = _UPRIGHT.get(orientation)
    return np.ascontiguousarray(array if turn is None else turn(array))


def _type(bits: int) -> np.dtype[Any]:
    return np.dtype(np.uint8 if bits == 8 else np.uint16)


def _range(colours: NDArray[Any], grey: bool) -> tuple[float, float]:
    """Return the samples of black and of white."""
    known = colours[np.isfinite(colours)]
    if not known.size:
        return 0.0, 1.0
    if colours.dtype.kind == "f" and not grey and not is_beyond_white(colours):
        return 0.0, 1.0
    return float(known.min()), float(known.max())


def _scale(values: NDArray[Any], black: float, white: float, bits: int) -> NDArray[Any]:
    """Map black to 0 and white to full scale. What is no number becomes black."""
    full = 2.0**bits - 1.0
    result = np.empty(values.shape, _type(bits))
    for row, out in zip(values, result, strict=True):  # one at a time, since as floats they are large
        scaled = (row.astype(np.float64) - black) * (full / max(white - black, 1e-12))
        np.nan_to_num(scaled, copy=False, nan=0.0, posinf=full, neginf=0.0)
        out[...] = scaled.clip(0.0, full).round()
    return result
