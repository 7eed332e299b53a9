"""Turn samples into linear light, in which colours mix as light does, and light back into samples: at every depth."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matted.files.formats import icc
from matted.files.formats.icc import Conversion
from matted.files.formats.samples import Samples

Floats = NDArray[np.float32]
_STEPS = 2**16
_ROWS = 64  # that are converted at a time
_ROUNDED = 0.01  # by which white may be off in a matrix: its numbers are rounded


class Light:
    """Knows the light of the samples of a picture: black is 0, and white is 1.

    Light is in the picture's own primaries. A profile that is a table, as those of scanners, has no curves; that of
    sRGB is taken then, which is near.
    """

    def __init__(self, curves: icc.Curves | None, tables: Conversion | None, grey: bool) -> None:
        """curves: of the profile; None for those of sRGB. tables: converts to a profile that has none."""
        channels = curves.light if curves is not None else [icc.SRGB_LIGHT]
        self._decoding = [np.maximum.accumulate(each).astype(np.float64) for each in channels]
        self._matrix = None if curves is None or curves.matrix is None else _with_white(curves.matrix)
        self._tables = tables
        self._grey = grey
        # The light at the end of the curves goes on as steeply, for floats that are brighter than white.
        self._slopes = [max(float(each[-1] - each[-2]) * (_STEPS - 1), 1e-3) for each in self._decoding]
        grid = np.linspace(0.0, 1.0, _STEPS)
        self._in_eight_bits = [np.rint(np.interp(grid, each, grid) * 255).astype(np.uint8) for each in self._decoding]

    @classmethod
    def of(cls, profile: bytes | None, grey: bool) -> Light:
        """Return that of a profile; of sRGB if there is none, or it is unusable. grey: whether there is one channel."""
        return _light(profile if profile and icc.mode_of(profile) == ("L" if grey else "RGB") else None, grey)

    def decode(self, colours: NDArray[Any], like: Samples) -> Floats:
        """Return the light of samples, of the same shape, whose last axis is the channels. like: says what is white."""
        result = np.empty(colours.shape, np.float32)
        for at in range(colours.shape[-1]):
            result[..., at] = self.decode_channel(colours[..., at], at, like)
        return result

    def decode_channel(self, values: NDArray[Any], at: int, like: Samples) -> Floats:
        """Return the light of the samples of one channel, of the same shape. at: which channel."""
        at %= len(self._decoding)
        curve = self._decoding[at]
        if values.dtype == np.uint8 and like.white is None:
            return np.asarray(curve[:: (_STEPS - 1) // 255].astype(np.float32)[values])
        if values.dtype == np.uint16 and like.white is None:
            return np.asarray(curve.astype(np.float32)[values])
        scaled = np.nan_to_num((values.astype(np.float64) - like.black) / max(like.range, 1e-12), posinf=1e6, neginf=0)
        light = np.interp(scaled, np.linspace(0.0, 1.0, _STEPS), curve)
        light += np.maximum(scaled - 1.0, 0.0) * self._slopes[at] + np.minimum(scaled, 0.0)
        return light.astype(np.float32)

    def encode(self, light: Floats, like: Samples) -> NDArray[Any]:
        """Return the samples of light, of the type of `like`, of the same shape. The last axis is the channels."""
        result = np.empty(light.shape, like.colours.dtype)
        for at in range(light.shape[-1]):
            result[..., at] = self.encode_channel(light[..., at], at, like)
        return result

    def encode_channel(self, light: Floats, at: int, like: Samples) -> NDArray[Any]:
        """Return the samples of the light of one channel. at: which channel."""
        at %= len(self._decoding)
        dtype = like.colours.dtype
        if dtype == np.uint8 and like.white is None:
            places = np.minimum(light, np.float32(1))
            np.maximum(places, np.float32(0), out=places)
            places *= np.float32(_STEPS - 1)
            places += np.float32(0.5)
            return self._in_eight_bits[at][places.astype(np.uint16)]
        scaled = np.interp(light, self._decoding[at], np.linspace(0.0, 1.0, _STEPS))
        if dtype.kind != "f":
            return np.asarray(np.rint(scaled * like.range + like.black), dtype)
        scaled += np.maximum(light - 1.0, 0.0) / self._slopes[at] + np.minimum(light, 0.0)
        return np.asarray(scaled * like.range + like.black, dtype)

    def from_srgb(self, light: Floats, like: Samples) -> NDArray[Any]:
        """Return light of sRGB as samples of this picture. light: ... x 3. Of grey, its luminance."""
        if self._grey:
            luminance = light @ np.array([0.2126, 0.7152, 0.0722], np.float32)
            return self.encode(luminance[..., np.newaxis], like)
        if self._tables is not None:
            eight = _SRGB.encode(light, Samples(np.empty((0, 0, 3), np.uint8)))
            own = self._tables.from_srgb(np.ascontiguousarray(eight.reshape(-1, 3))).reshape(light.shape)
            scaled = own * like.range + like.black
            return np.asarray(scaled if like.colours.dtype.kind == "f" else np.rint(scaled), like.colours.dtype)
        if self._matrix is not None:
            light = light @ np.linalg.inv(self._matrix).T.astype(np.float32)
        return self.encode(light.clip(0.0, None), like)

    def to_srgb(self, own: Samples, at: slice) -> Floats | None:
        """Return some rows of a picture as light of sRGB, height x width x 3. None if this profile is a table."""
        if self._tables is not None:
            return None
        light = self.decode(own.colours[at], own)
        if self._grey:
            return np.repeat(light, 3, axis=2)
        return light if self._matrix is None else light @ self._matrix.T.astype(np.float32)

    def shown(self, own: Samples) -> NDArray[np.uint8] | None:
        """Return a picture's colours as RGB in sRGB of 8 bits, rounded. None if this profile is a table."""
        result = np.empty((*own.colours.shape[:2], 3), np.uint8)
        eight = Samples(result)
        for top in range(0, len(result), _ROWS):
            light = self.to_srgb(own, slice(top, top + _ROWS))
            if light is None:
                return None
            result[top : top + _ROWS] = _SRGB.encode(light, eight)
        return result

    def in_colour(self, own: Samples) -> Samples:
        """Return grey samples as RGB in sRGB, of the same depth."""
        colours = own.colours
        if self._decoding[0] is not _SRGB._decoding[0] and not np.array_equal(self._decoding[0], _SRGB._decoding[0]):
            colours = np.empty_like(own.colours)
            for row, out in zip(own.colours, colours, strict=True):  # one at a time, since as floats they are large
                out[...] = _SRGB.encode(self.decode(row, own), own)
        return Samples(np.repeat(colours, 3, axis=2), own.alpha, own.black, own.white)


def _with_white(matrix: NDArray[Any]) -> NDArray[np.float64]:
    """Return the matrix with which white is white exactly, and not as nearly as its numbers were rounded."""
    sums = matrix.astype(np.float64).sum(axis=1, keepdims=True)
    return matrix / (sums if np.abs(sums - 1).max() < _ROUNDED else 1.0)


@lru_cache(maxsize=8)
def _light(profile: bytes | None, grey: bool) -> Light:
    conversion = icc.conversion(profile) if profile else None
    if conversion is None:
        return Light(None, None, grey)
    return Light(conversion.curves, conversion if conversion.curves is None else None, grey)


_SRGB = Light(None, None, False)
