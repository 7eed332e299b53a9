"""The pixels that a client sent, and smaller pictures of them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Bytes = NDArray[np.uint8]

# Wire format: (samples a pixel, how many of them are looked at, which of these are red, green and blue).
_FORMATS = {
    "RGBA8": (4, 4, (0, 1, 2)),
    "BGRA8": (4, 4, (2, 1, 0)),
    "RGB8": (3, 3, (0, 1, 2)),
    "GRAYA8": (2, 1, (0, 0, 0)),
    "GRAY8": (1, 1, (0, 0, 0)),
}
# RGBX makes Pillow treat alpha as any other channel, without multiplying by it.
_MODES = {4: "RGBX", 3: "RGB", 1: "L"}

# A layer with more pixels than this is first averaged over whole pixels, once for all that is made of it, down to sides
# of no less than that: a third of the time at 24 megapixels, and on average the same within 0.4 of a level.
_EXACT_PIXELS = 3_000_000
_REDUCED_SIDE = 1280
_REDUCING_GAP = 1.5  # how much larger than its result a picture is when the filter proper begins

_HELPER = ThreadPoolExecutor(1, "halves")


@dataclass(frozen=True)
class _Reduced:
    """A layer's image averaged over so many pixels across and down; without alpha where it is any smaller."""

    image: Image.Image
    across: int
    down: int


class Layer:
    """samples: height x width x 4, 3 or 1, of which `channels` are red, green and blue. Not copied, nor changed."""

    def __init__(self, samples: Bytes, channels: tuple[int, int, int] = (0, 1, 2)) -> None:
        self.samples = samples
        self.channels = channels
        self.height, self.width = int(samples.shape[0]), int(samples.shape[1])

    @classmethod
    def received(cls, pixels: memoryview, width: int, height: int, format: str) -> Layer:
        """pixels: rows from the top without padding, in one of the protocol's formats."""
        count, used, channels = _FORMATS[format]
        samples = np.frombuffer(pixels, np.uint8).reshape(height, width, count)
        return cls(np.ascontiguousarray(samples[:, :, :used]), channels)

    def crop(self, left: int, top: int, right: int, bottom: int) -> Layer:
        return Layer(np.ascontiguousarray(self.samples[top:bottom, left:right]), self.channels)

    @cached_property
    def image(self) -> Image.Image:
        """The samples as Pillow has them, whose channels are all alike."""
        mode = _MODES[self.samples.shape[2]]
        return Image.frombuffer(mode, (self.width, self.height), self.samples, "raw", mode, 0, 1)

    def planes(self) -> Bytes:
        """3 x height x width: red, green, blue."""
        return np.stack([self.samples[:, :, channel] for channel in self.channels])

    def resized(self, width: int, height: int, resampling: Image.Resampling) -> Layer:
        """Squashed to height x width. Of a large layer nearly, of others exactly what Pillow makes of it."""
        if self._is_large:
            return self._squashed(self._reduced, width, height, resampling, _REDUCING_GAP)
        image = self.image.resize((width, height), resampling)
        return Layer(np.asarray(image).reshape(height, width, -1), self.channels)

    def averaged(self, side: int) -> Layer:
        """With a longer side of at most `side`: each pixel the mean of those that it stands for."""
        scale = max(self.width, self.height) / side
        if scale <= 1.0:
            return self
        width, height = max(1, round(self.width / scale)), max(1, round(self.height / scale))
        whole = _Reduced(self.image, 1, 1)
        source = self._reduced if self._is_large and scale >= max(self._reduced.across, self._reduced.down) else whole
        return self._squashed(source, width, height, Image.Resampling.BOX, 1.0)

    @property
    def _is_large(self) -> bool:
        return self.width * self.height > _EXACT_PIXELS

    @cached_property
    def _reduced(self) -> _Reduced:
        across, down = max(1, self.width // _REDUCED_SIDE), max(1, self.height // _REDUCED_SIDE)
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
    """make(top, bottom) for two halves of so many rows, at once: while Pillow works, Python's other threads go on."""
    lower = _HELPER.submit(make, rows // 2, rows)
    if rows > 1:
        make(0, rows // 2)
    lower.result()
