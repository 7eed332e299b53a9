"""What a subject may lie on: a colour, another picture, or its own picture blurred. As samples of the result."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from matted.files.formats import samples
from matted.files.formats.samples import Samples
from matted.files.framing import resampling
from matted.files.framing.layout import Layout
from matted.files.framing.light import Floats, Light
from matted.files.pictures import Picture

_ROWS = 256  # that are converted at a time
_BLUR = 0.02  # of the picture's longer side: the standard deviation of a blur that nobody has said more of
_GROUND = 0.02  # alpha up to which a pixel shows the ground alone
_LITTLE = 1e-3  # weight of what lies farther off, where there is ground nearby
_KEPT = 100_000_000  # bytes of a ground that is kept for the next picture of the same size


class Background(Protocol):
    """What a subject lies on."""

    @property
    def file(self) -> Path | None:
        """The file that it is read from; None if it is from none."""

    @property
    def is_grey(self) -> bool:
        """Whether it has no colour, so that a grey picture stays grey."""

    def samples(self, source: Picture, cut: Samples, light: Light, layout: Layout) -> NDArray[Any]:
        """Return it as samples of the result: height x width x channels, or 1 x 1 x channels for one colour.

        source: the picture.
        cut: its samples with the subject's alpha; those of the result are of their kind.
        light: of these samples.
        layout: of the result.
        """


@dataclass(frozen=True)
class Colour:
    """One colour. rgb: red, green, blue in sRGB, 0 to 255."""

    rgb: tuple[int, int, int]
    file: ClassVar[None] = None

    @property
    def is_grey(self) -> bool:
        """As Background has it."""
        return len(set(self.rgb)) == 1

    def samples(self, source: Picture, cut: Samples, light: Light, layout: Layout) -> NDArray[Any]:
        """As Background has it."""
        pixel = Samples(np.array(self.rgb, np.uint8).reshape(1, 1, 3))
        return light.from_srgb(_SRGB.decode(pixel.colours, pixel), cut)


@dataclass
class Scene:
    """Another picture, scaled until it covers the result, the middle in the middle. White is behind it.

    picture: it, as pictures.read returns it.
    file: that it is read from; None if it is from none.
    """

    picture: Picture
    file: Path | None = None
    # What was made of it last, and for what: pictures of one run are mostly of one size.
    _latest: tuple[Any, NDArray[Any]] | None = field(default=None, repr=False, compare=False)

    @property
    def is_grey(self) -> bool:
        """As Background has it."""
        return self.picture.own is not None and self.picture.own.grey

    def samples(self, source: Picture, cut: Samples, light: Light, layout: Layout) -> NDArray[Any]:
        """As Background has it."""
        wanted = (layout.size, light, cut.colours.dtype, cut.grey, cut.black, cut.white)
        latest = self._latest
        if latest is not None and latest[0] == wanted:
            return latest[1]
        planes, shares = self._planes()
        width, height = layout.size
        down, across = planes[0].shape
        scale = max(width / across, height / down)
        left, top = (across - width / scale) / 2, (down - height / scale) / 2
        box = (left, top, min(left + width / scale, across), min(top + height / scale, down))
        seen = [resampling.resized(plane, layout.size, box) for plane in planes]
        if shares is not None:
            white = 1 - resampling.resized(shares, layout.size, box)
            seen = [plane + white for plane in seen]
        result = _encoded(seen, light, cut)
        self._latest = (wanted, result) if result.nbytes <= _KEPT else None
        return result

    def _planes(self) -> tuple[list[Floats], Floats | None]:
        """Return its light of sRGB in three planes, multiplied with its alpha, and that alpha; None if it is opaque."""
        own, shown = self.picture.own, Samples(np.asarray(self.picture.image)[:, :, :3])
        light = Light.of(self.picture.metadata.get("icc_profile"), own.grey) if own is not None else _SRGB
        height, width = shown.colours.shape[:2]
        planes = [np.empty((height, width), np.float32) for _ in range(3)]
        for top in range(0, height, _ROWS):
            rows = slice(top, top + _ROWS)
            found = light.to_srgb(own, rows) if own is not None else None
            if found is None:
                found = _SRGB.decode(shown.colours[rows], shown)
            for at, plane in enumerate(planes):
                plane[rows] = found[:, :, at]
        if self.picture.image.mode != "RGBA":
            return planes, None
        alpha = own.alpha if own is not None else np.asarray(self.picture.image)[:, :, 3]
        assert alpha is not None
        shares = alpha.astype(np.float32) / np.float32(samples.full_scale(alpha.dtype))
        for plane in planes:
            plane *= shares
        return planes, shares


@dataclass(frozen=True)
class Blur:
    """The picture itself, blurred in linear light, as if the subject were not in it.

    radius: standard deviation in pixels of the picture; None: by the picture's size.

    Only pixels that show the ground alone are blurred: what is behind the subject, and beyond the picture, is made of
    the ground that is nearest. So the subject leaves no glow around itself.
    """

    radius: float | None = None
    file: ClassVar[None] = None

    @property
    def is_grey(self) -> bool:
        """As Background has it: a grey picture is grey when it is blurred."""
        return True

    def samples(self, source: Picture, cut: Samples, light: Light, layout: Layout) -> NDArray[Any]:
        """As Background has it."""
        assert cut.alpha is not None
        alpha, own = cut.alpha, source.samples
        height, width = alpha.shape
        sigma = self.radius or _BLUR * max(width, height)
        factor = resampling.factor_for(sigma)
        ground = (alpha <= alpha.dtype.type(_GROUND * samples.full_scale(alpha.dtype))).astype(np.float32)
        weights = _sure(resampling.reduced(ground, factor))
        # The result may reach beyond the picture: there is no ground there, so it is filled up as well.
        left, top, right, bottom = (side / factor for side in layout.view)
        down, across = weights.shape
        padding = (
            (math.ceil(max(0.0, -top)), math.ceil(max(0.0, bottom - down))),
            (math.ceil(max(0.0, -left)), math.ceil(max(0.0, right - across))),
        )
        weights = np.pad(weights, padding)
        share = resampling.blurred(weights, sigma / factor)
        above, before = padding[0][0], padding[1][0]
        box = (left + before, top + above, right + before, bottom + above)
        box = (*box[:2], min(box[2], weights.shape[1]), min(box[3], weights.shape[0]))
        seen = []
        for at in range(own.colours.shape[2]):
            plane = resampling.reduced(light.decode_channel(own.colours[:, :, at], at, own), factor)
            plane = resampling.blurred(np.pad(plane, padding) * weights, sigma / factor)
            seen.append(resampling.resized(_filled(plane, share), layout.size, box))
        result = np.empty((*seen[0].shape, len(seen)), own.colours.dtype)
        for first in range(0, len(result), _ROWS):
            rows = slice(first, first + _ROWS)
            for at, plane in enumerate(seen):
                result[rows, :, at] = light.encode_channel(plane[rows], at, own)
        return result


def _sure(weights: Floats) -> Floats:
    """Keep the weight of what is wholly ground, and not beside an edge, which still shows something of the subject."""
    sure = np.pad(weights > 1 - _LITTLE, 1, constant_values=True)
    rows = sure[:-2] & sure[1:-1] & sure[2:]
    return (rows[:, :-2] & rows[:, 1:-1] & rows[:, 2:]).astype(np.float32)


def _filled(light: Floats, weights: Floats) -> Floats:
    """Divide light by its weights; where they are small, what comes from farther off counts more and more."""
    if min(light.shape) == 1:
        total = max(float(weights.sum()), 1e-12)
        farther: Floats | np.float32 = np.float32(light.sum() / total)
    else:
        half = _filled(resampling.reduced(light, 2), resampling.reduced(weights, 2))
        height, width = light.shape
        farther = resampling.resized(half, (width, height), (0.0, 0.0, width / 2, height / 2))
    return np.asarray((light + _LITTLE * farther) / (weights + _LITTLE), np.float32)


def _encoded(planes: list[Floats], light: Light, like: Samples) -> NDArray[Any]:
    """Return light of sRGB, in three planes, as samples of a picture."""
    height, width = planes[0].shape
    result = np.empty((height, width, like.colours.shape[2]), like.colours.dtype)
    for top in range(0, height, _ROWS):
        rows = slice(top, top + _ROWS)
        result[rows] = light.from_srgb(np.stack([plane[rows] for plane in planes], axis=2), like)
    return result


_SRGB = Light.of(None, False)
