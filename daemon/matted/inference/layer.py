"""A layer: the pixels that a client sent. Crop them, and make smaller pictures of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from matted.system.threads import for_each

Bytes = NDArray[np.uint8]

# By the protocol's format: samples of a pixel, how many of them are kept, and which of these are red, green and blue.
_FORMATS = {
    "RGBA8": (4, 4, (0, 1, 2)),
    "BGRA8": (4, 4, (2, 1, 0)),
    "RGB8": (3, 3, (0, 1, 2)),
    "GRAYA8": (2, 1, (0, 0, 0)),
    "GRAY8": (1, 1, (0, 0, 0)),
}
# RGBX makes Pillow treat alpha as any other channel; with RGBA it would multiply the colours by it.
_MODES = {4: "RGBX", 3: "RGB", 1: "L"}

# A layer of more than _EXACT_PIXELS is first averaged over whole pixels, to sides of at least _REDUCED_SIDE, and all
# smaller pictures are made of that: a third of the time at 24 megapixels, and on average within 0.4 of a level.
_EXACT_PIXELS = 3_000_000
_REDUCED_SIDE = 1280
_REDUCING_GAP = 1.5  # Pillow averages a picture to this many times the result's size before it filters


@dataclass(frozen=True)
class _Reduced:
    """A layer's image, averaged; without alpha, unless it has the layer's own size.

    across, down: pixels of the layer that a pixel is the mean of.
    """

    image: Image.Image
    across: int
    down: int


class Layer:
    """A picture in the host's own order of channels. Its pixels are neither copied nor changed.

    samples: height x width x 4, 3 or 1.
    channels: which of the samples of a pixel are red, green and blue.
    alpha: height x width, the picture's own, for whoever cuts out what it shows; None: it is opaque. Masks are made
        without regard to it, so that a part of a layer has none until somebody asks, and smaller pictures have none.
    """

    def __init__(
        self,
        samples: Bytes,
        channels: tuple[int, int, int] = (0, 1, 2),
        alpha: Bytes | Callable[[], Bytes] | None = None,
    ) -> None:
        """Take samples and their order. alpha: a function makes it when it is first asked for."""
        self.samples = samples
        self.channels = channels
        self._alpha = alpha
        self.height, self.width = int(samples.shape[0]), int(samples.shape[1])

    @classmethod
    def from_frame(cls, pixels: memoryview, width: int, height: int, format: str) -> Layer:
        """Make a layer of a raw frame.

        pixels: rows from the top, without padding.
        format: one of the protocol's.
        """
        count, used, channels = _FORMATS[format]
        samples = np.frombuffer(pixels, np.uint8).reshape(height, width, count)
        alpha = samples[:, :, -1] if format.endswith("A8") else None
        return cls(np.ascontiguousarray(samples[:, :, :used]), channels, alpha)

    def crop(self, left: int, top: int, right: int, bottom: int) -> Layer:
        """Return a part of the layer: left <= x < right, top <= y < bottom."""
        return Layer(np.ascontiguousarray(self.samples[top:bottom, left:right]), self.channels)

    @cached_property
    def alpha(self) -> Bytes | None:
        """Height x width, the picture's own; None: it is opaque."""
        return self._alpha() if callable(self._alpha) else self._alpha

    @property
    def has_alpha(self) -> bool:
        """Whether it has an alpha, which may be opaque everywhere."""
        return self._alpha is not None

    @property
    def memory(self) -> int:
        """The bytes that it takes, with its alpha."""
        return self.samples.nbytes + (self.height * self.width if self.has_alpha else 0)

    @cached_property
    def image(self) -> Image.Image:
        """The samples as an image of Pillow's, with channels that it treats alike."""
        mode = _MODES[self.samples.shape[2]]
        return Image.frombuffer(mode, (self.width, self.height), self.samples, "raw", mode, 0, 1)

    def planes(self) -> Bytes:
        """Return red, green and blue: 3 x height x width."""
        return np.stack([self.samples[:, :, channel] for channel in self.channels])

    def resized(self, width: int, height: int, resampling: Image.Resampling) -> Layer:
        """Return the layer resized to height x width, whatever its aspect ratio.

        resampling: as Pillow does it; exactly up to _EXACT_PIXELS, nearly above.
        """
        across, down = self._factors
        if self._is_large and width * across <= self.width and height * down <= self.height:
            return self._squashed(self._reduced, width, height, resampling, _REDUCING_GAP)
        image = self.image.resize((width, height), resampling)
        return Layer(np.asarray(image).reshape(height, width, -1), self.channels)

    def part(self, box: tuple[float, float, float, float], width: int, height: int) -> Layer:
        """Return a part of the layer, averaged to height x width pixels, with its alpha.

        box: left, top, right, bottom, in pixels of the layer; fractions are possible.
        width, height: at most those of the box, rounded up.
        """
        left, top, right, bottom = box
        if (right - left, bottom - top) == (width, height) and left == int(left) and top == int(top):
            rows, columns = slice(int(top), int(bottom)), slice(int(left), int(right))
            samples, own = np.ascontiguousarray(self.samples[rows, columns]), self.alpha
            return Layer(samples, self.channels, None if own is None else own[rows, columns])
        across, down = self._factors
        source, reduced = self.image, box
        if self._is_large and (right - left) >= width * across and (bottom - top) >= height * down:
            source, reduced = self._reduced.image, (left / across, top / down, right / across, bottom / down)
        image = source.resize((width, height), Image.Resampling.BOX, reduced)
        alpha = None if self._alpha is None else lambda: self._part_of_alpha(box, width, height)
        return Layer(np.asarray(image).reshape(height, width, -1), self.channels, alpha)

    def _part_of_alpha(self, box: tuple[float, float, float, float], width: int, height: int) -> Bytes:
        """Return alpha in a part, as `part`."""
        left, top, right, bottom = box
        above, before = int(top), int(left)
        assert self.alpha is not None, "the part has an alpha"
        own = np.ascontiguousarray(self.alpha[above : math.ceil(bottom), before : math.ceil(right)])
        inner = (left - before, top - above, right - before, bottom - above)
        return np.asarray(Image.fromarray(own).resize((width, height), Image.Resampling.BOX, inner))

    def averaged(self, side: int) -> Layer:
        """Return the layer averaged until its longer side is `side` pixels, or as it is if that is no longer."""
        scale = max(self.width, self.height) / side
        if scale <= 1.0:
            return self
        width, height = max(1, round(self.width / scale)), max(1, round(self.height / scale))
        whole = _Reduced(self.image, 1, 1)
        source = self._reduced if self._is_large and scale >= max(self._factors) else whole
        return self._squashed(source, width, height, Image.Resampling.BOX, 1.0)

    @property
    def _is_large(self) -> bool:
        return self.width * self.height > _EXACT_PIXELS

    @property
    def _factors(self) -> tuple[int, int]:
        """How many pixels across and down `_reduced` averages into one."""
        return max(1, self.width // _REDUCED_SIDE), max(1, self.height // _REDUCED_SIDE)

    @cached_property
    def _reduced(self) -> _Reduced:
        across, down = self._factors
        size = -(-self.width // across), -(-self.height // down)
        reduced = Image.new("RGB" if self.image.mode == "RGBX" else self.image.mode, size)

        def make(top: int, bottom: int) -> None:
            box = (0, top * down, self.width, min(bottom * down, self.height))
            reduced.paste(self.image.reduce((across, down), box), (0, top))

        _in_halves(make, size[1])
        return _Reduced(reduced, across, down)

    def _squashed(self, source: _Reduced, width: int, height: int, resampling: Image.Resampling, gap: float) -> Layer:
        samples = np.empty((height, width, len(source.image.getbands())), np.uint8)
        right, end = self.width / source.across, self.height / source.down

        def make(top: int, bottom: int) -> None:
            box = (0.0, top / height * end, right, bottom / height * end)
            part = source.image.resize((width, bottom - top), resampling, box, gap)
            samples[top:bottom] = np.asarray(part).reshape(bottom - top, width, -1)

        _in_halves(make, height)
        return Layer(samples, self.channels)


def _in_halves(make: Callable[[int, int], None], rows: int) -> None:
    """Call make(top, bottom) for two halves of the rows."""
    for_each(lambda part: make(*part), [part for part in ((0, rows // 2), (rows // 2, rows)) if part[0] < part[1]])
