"""Convert a picture's colours to sRGB by its ICC profile, and colours of sRGB back to the profile's own."""

from __future__ import annotations

import io
import struct
from contextlib import suppress
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from matted.files.formats.samples import Samples

_SRGB = ImageCms.createProfile("sRGB")
# From linear sRGB to XYZ under the light of profiles, D50.
_TO_XYZ = np.array(
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
)
_STEPS = 2**16
_GRID = np.linspace(0.0, 1.0, _STEPS)
_SPACES = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}
_NEAR = 1  # level of 255 by which a profile's colours may differ from those of sRGB, to count as the same
_DARK = 12.92 * 255  # levels of sRGB for all light, where there is little
_FINE = 2  # levels of sRGB that a step may be
_ROWS = 64  # that are converted at a time
_CORNERS = 9  # colours a side of the cube by which profiles are compared


class Conversion:
    """Converts between a profile and sRGB. Colours within are 0 to 1, n x 1 (grey) or 3."""

    def __init__(self, profile: bytes) -> None:
        """profile: of RGB or grey. Raises PyCMSError or OSError if it is unusable."""
        self._mode = mode_of(profile)
        self._profile = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        self._there = ImageCms.buildTransform(self._profile, _SRGB, self._mode, "RGB")
        self._back: ImageCms.ImageCmsTransform | None = None  # that of a scanner converts one way alone
        with suppress(ImageCms.PyCMSError):
            self._back = ImageCms.buildTransform(_SRGB, self._profile, "RGB", self._mode)
        self.curves = Curves.of(profile)  # None where the profile is a table

    def is_plain(self) -> bool:
        """Whether the colours are those of sRGB."""
        steps = np.linspace(0, 255, _CORNERS if self._mode == "RGB" else 256).round().astype(np.uint8)
        colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3) if self._mode == "RGB" else steps
        seen = np.asarray(self.to_srgb(Samples(colours.reshape(1, -1, 3 if self._mode == "RGB" else 1)))).astype(int)
        return bool(np.abs(seen.reshape(-1, 3) - colours.reshape(len(seen[0]), -1)).max() <= _NEAR)

    def to_srgb(self, own: Samples) -> Image.Image:
        """Return a picture's colours as RGB of 8 bits."""
        if (
            self.curves is None
            or own.colours.dtype == np.uint8
            or (own.colours.dtype == np.uint16 and self.curves.fine_in_eight_bits)
        ):  # by lcms, which is much quicker
            reduced = own.rounded()
            image = Image.fromarray(reduced[:, :, 0] if own.grey else np.ascontiguousarray(reduced))
            return ImageCms.applyTransform(image, self._there) or image
        result = np.empty((*own.colours.shape[:2], 3), np.uint8)
        for top in range(0, len(result), _ROWS):
            rows = own.colours[top : top + _ROWS]
            flat = rows.reshape(-1, rows.shape[2])
            places = flat if flat.dtype == np.uint16 else _places(_from_0_to_1(flat, own))
            result[top : top + _ROWS] = self.curves.to_srgb(places).reshape(*rows.shape[:2], 3)
        return Image.fromarray(result)

    def from_srgb(self, colours: NDArray[np.uint8]) -> NDArray[Any]:
        """Return colours in the profile's own numbers, 0 to 1. colours: n x 3.

        Those of a profile that does not convert back are returned as they are. That does for what they are needed for:
        by how much a colour changes.
        """
        if self.curves is not None:
            return self.curves.from_srgb(colours)
        if self._back is None:
            return unconverted(colours, self._mode == "L")
        image = ImageCms.applyTransform(Image.fromarray(colours[np.newaxis]), self._back)
        return np.asarray(image).reshape(len(colours), -1) / 255.0


class Curves:
    """A profile that is a curve a channel and a matrix, as those of working spaces are. It is exact for all depths."""

    def __init__(self, curves: list[NDArray[Any]], matrix: NDArray[Any] | None) -> None:
        """curves: of each channel, light at `_STEPS` samples. matrix: from light to linear sRGB; None for grey."""
        self.light = [curve.astype(np.float32) for curve in curves]
        self.matrix = None if matrix is None else matrix.astype(np.float32)

    @classmethod
    def of(cls, profile: bytes) -> Curves | None:
        """Read them from a profile; None if it has others, or is damaged."""
        try:
            tags = _tags(profile)
            if b"A2B0" in tags:
                return None
            if profile[16:20] == b"GRAY":
                return cls([_curve(tags[b"kTRC"])], None)
            columns = [struct.unpack_from(">3i", tags[name], 8) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
            matrix = np.linalg.inv(_TO_XYZ) @ (np.array(columns).T / 65536.0)
            np.linalg.inv(matrix)
            return cls([_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")], matrix)
        except (LookupError, ValueError, ZeroDivisionError, struct.error, np.linalg.LinAlgError):
            return None

    @property
    def fine_in_eight_bits(self) -> bool:
        """Whether steps of 8 bits are hardly larger than those of sRGB, for dark tones too; those of light are."""
        return all(float(curve[_STEPS // 256]) * _DARK <= _FINE for curve in self.light)

    def to_srgb(self, places: NDArray[np.uint16]) -> NDArray[np.uint8]:
        """places: the colours as entries of the curves, n x channels."""
        light = np.stack([curve[places[:, at]] for at, curve in enumerate(self.light)], axis=1)
        if self.matrix is not None:
            light = light @ self.matrix.T
        np.clip(light, 0.0, 1.0, out=light)
        light *= np.float32(_STEPS - 1)
        light += np.float32(0.5)
        result = _ENCODED[light.astype(np.uint16)]
        return np.broadcast_to(result, (len(result), 3))

    def from_srgb(self, colours: NDArray[np.uint8]) -> NDArray[Any]:
        light = _DECODED[colours if self.matrix is not None else colours[:, 1:2]]
        if self.matrix is not None:
            light = light @ np.linalg.inv(self.matrix.astype(np.float64)).T
        channels = [np.interp(light[:, at], np.maximum.accumulate(curve), _GRID) for at, curve in enumerate(self.light)]
        return np.stack(channels, axis=1)


def _places(colours: NDArray[Any]) -> NDArray[np.uint16]:
    """Return where in tables of `_STEPS` entries colours are. What is no number counts as 0."""
    scaled = np.nan_to_num(colours, nan=0.0, posinf=1.0, neginf=0.0).clip(0.0, 1.0) * np.float32(_STEPS - 1)
    return np.asarray(np.rint(scaled), np.uint16)


def _decoded(colours: NDArray[Any]) -> NDArray[Any]:
    """Return the light of colours of sRGB, both 0 to 1."""
    return np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)


_DECODED = _decoded(np.arange(256) / 255.0)
SRGB_LIGHT = _decoded(_GRID)  # at `_STEPS` samples, as that of other curves
_ENCODED = (
    (np.where(_GRID <= 0.0031308, _GRID * 12.92, 1.055 * _GRID ** (1 / 2.4) - 0.055) * 255.0).round().astype(np.uint8)
)


def _from_0_to_1(colours: NDArray[Any], own: Samples) -> NDArray[Any]:
    return (colours.astype(np.float32) - np.float32(own.black)) / np.float32(max(own.range, 1e-12))


def mode_of(profile: bytes) -> str:
    """Return Pillow's mode of the colours that a profile is for; empty for one that Pillow has no mode for."""
    return _SPACES.get(profile[16:20], "")


@lru_cache(maxsize=8)
def conversion(profile: bytes) -> Conversion | None:
    """Return what converts between a profile of RGB or grey and sRGB; None if its colours are those of sRGB.

    None also if it is unusable: then nobody can say what colours they are.
    """
    try:
        result = Conversion(profile)
    except (ImageCms.PyCMSError, OSError):
        return None
    return None if result.is_plain() else result


def unconverted(colours: NDArray[np.uint8], grey: bool) -> NDArray[Any]:
    """Return colours of sRGB as numbers from 0 to 1. colours: n x 3. grey: whether one channel is wanted."""
    return (colours[:, 1:2] if grey else colours) / 255.0


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image | None:
    """Convert a picture that no result can be like, such as one in CMYK, to sRGB. None if the profile is unusable."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(image, source, _SRGB, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return None


def _tags(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", profile, 128)
    result = {}
    for number in range(min(count, 1000)):
        name, place, size = struct.unpack_from(">4sII", profile, 132 + 12 * number)
        result[name] = profile[place : place + size]
    return result


def _curve(tag: bytes) -> NDArray[Any]:
    """Return the light at each step of a channel, 0 to 1. Raises ValueError or struct.error if it is damaged."""
    kind = tag[:4]
    if kind == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if count == 0:
            return _GRID
        if count == 1:
            return np.asarray(_GRID ** (struct.unpack_from(">H", tag, 12)[0] / 256.0))
        table = np.frombuffer(tag, ">u2", count, 12) / 65535.0
        return np.asarray(np.interp(_GRID, np.linspace(0.0, 1.0, count), table))
    if kind != b"para":
        raise ValueError(f"a curve of kind {kind!r}")
    (function,) = struct.unpack_from(">H", tag, 8)
    gamma, *more = (value / 65536.0 for value in struct.unpack_from(f">{(1, 3, 4, 5, 7)[function]}i", tag, 12))
    a, b, c, d, e, f = more + [1.0, 0.0, 0.0, 0.0, 0.0, 0.0][len(more) :]
    if function in (1, 2):  # c is added to all of it, from where the power begins
        beginning, below, above = -b / a, c, c
        slope = 0.0
    else:
        beginning, below, above, slope = d, f, e, c
    power = np.maximum(a * _GRID + b, 0.0) ** gamma
    result = np.where(_GRID >= beginning, power + above, slope * _GRID + below) if function else power
    return np.asarray(result.clip(0.0, 1.0))
