"""From pixels to a model's input, from its raw output to a mask. Pure NumPy and Pillow.

Terms: `raw` is what the model gives, `matte` is float32 in 0..1 at the model's size, `mask` is integers at the
layer's size; 0 is background everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from matted.models.catalogue import Row

# Wire format: (Pillow's mode, every how manieth byte, channel of R, G, B). RGBX makes Pillow treat alpha as any other
# channel, without multiplying by it, and wraps the received frame without a copy.
_LAYOUTS = {
    "RGBA8": ("RGBX", 1, (0, 1, 2)),
    "BGRA8": ("RGBX", 1, (2, 1, 0)),
    "RGB8": ("RGB", 1, (0, 1, 2)),
    "GRAYA8": ("L", 2, (0, 0, 0)),
    "GRAY8": ("L", 1, (0, 0, 0)),
}
_LANCZOS = Image.Resampling.LANCZOS
_RESAMPLING = {"lanczos": _LANCZOS, "bilinear": Image.Resampling.BILINEAR}
# A picture with more pixels than this that is more than three times as large as the input is first reduced by a whole
# factor: a third of the time at 24 megapixels, and on average the same input within 0.4 of a level.
_EXACT_PIXELS = 3_000_000
_REDUCING_GAP = 1.5
_MAX_WORKING_PIXELS = 3840 * 2160  # background matting needs 2.7 GB for this many
_TILE = 256  # pixels a side of what a mask is made of at once: it stays in the processor's cache
_LANCZOS_SUPPORT = 3.0  # samples to each side, where enlarging


@dataclass(frozen=True)
class Fit:
    """How a picture is shown to a model: at `size` (height, width), squashed, or padded at its right and lower edge."""

    size: tuple[int, int]
    padded: bool = False

    def crop(self, raw: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
        """Take the padding of a width x height picture off an output, whose last two axes are rows and columns."""
        return raw[..., :height, :width] if self.padded else raw


def fit(width: int, height: int, size: tuple[int, int] | None) -> Fit:
    """How to show a picture to a model that takes `size`, or any size if that is None.

    Models of any size need sides that are multiples of 4, and memory in proportion to the pixels: pictures that are
    small enough keep every pixel, larger ones are scaled down.
    """
    if size is not None:
        return Fit(size)
    scale = min(1.0, math.sqrt(_MAX_WORKING_PIXELS / (width * height)))
    sides = max(1, math.ceil(height * scale / 4)) * 4, max(1, math.ceil(width * scale / 4)) * 4
    return Fit(sides, padded=scale == 1.0)


def wrap(pixels: memoryview, width: int, height: int, format: str) -> tuple[Image.Image, tuple[int, int, int]]:
    """Return a received frame as Pillow's image, and which of its channels are R, G, B.

    Formats of 4 bytes or 1 byte a pixel are not copied. All channels are alike to Pillow: alpha is one of them.
    """
    mode, step, channels = _LAYOUTS[format]
    samples = np.ascontiguousarray(np.frombuffer(pixels, np.uint8)[::step])
    return Image.frombuffer(mode, (width, height), samples, "raw", mode, 0, 1), channels


def prepare_input(
    pixels: memoryview, width: int, height: int, format: str, row: Row, shown: Fit
) -> NDArray[np.float32]:
    """Return 1 x 3 x shown.size, normalised as the row says. `pixels`: height x width pixels of `format`, 8 bit.

    Squashing to a square scores better with the models that want one than keeping the aspect ratio. An alpha channel
    is left out: the model looks at the colours, also at hidden ones.
    """
    picture, channels = wrap(pixels, width, height, format)
    if not shown.padded:
        gap = _REDUCING_GAP if width * height > _EXACT_PIXELS else None
        picture = picture.resize(shown.size[::-1], _RESAMPLING[row.resample], reducing_gap=gap)
    samples = np.asarray(picture).reshape(picture.height, picture.width, -1)
    planes = [samples[:, :, channel] for channel in channels]
    brightest = max(*(int(plane.max()) for plane in planes), 1) if row.scale == "max" else 255
    levels = np.empty((1, 3, *shown.size), np.float32)
    for target, plane, mean, std in zip(levels[0], planes, row.mean, row.std, strict=True):
        inner = target[: picture.height, : picture.width]
        np.divide(plane, np.float32(brightest), out=inner)
        inner -= np.float32(mean)
        inner /= np.float32(std)
        target[picture.height :] = target[picture.height - 1]
        target[:, picture.width :] = target[:, picture.width - 1, np.newaxis]
    return levels


def activate(raw: NDArray[np.float32], row: Row) -> NDArray[np.float32]:
    """Logits to probabilities where the row says that the model gives logits."""
    if row.activation != "sigmoid":
        return raw
    one = np.float32(1.0)
    probabilities: NDArray[np.float32] = one / (one + np.exp(-np.clip(raw, -60.0, 60.0)))
    return probabilities


def make_matte(raw: NDArray[np.float32], row: Row) -> NDArray[np.float32]:
    """Turn the raw output into 0..1: clipped, or stretched by its own minimum and maximum ("minmax"), as U²-Net's and
    IS-Net's authors do.
    """
    if row.activation != "minmax":
        return np.clip(raw, 0.0, 1.0)
    low, high = float(raw.min()), float(raw.max())
    return (raw - low) / max(high - low, 1e-6)


def make_foreground(raw: NDArray[np.float32], width: int, height: int) -> NDArray[np.uint8]:
    """Bring a model's own foreground colours, 3 x rows x columns in 0..1, to height x width x 3, RGB8."""
    colours = np.rint(np.clip(raw, 0.0, 1.0).transpose(1, 2, 0) * 255.0).astype(np.uint8)
    picture = Image.fromarray(np.ascontiguousarray(colours))
    return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))


class Edge(Protocol):
    """Knows better than a matte where the subject ends (edges.study)."""

    def reaches(self, top: int, bottom: int, left: int, right: int) -> bool: ...

    def apply(self, alpha: NDArray[np.float32], top: int, left: int) -> None: ...


def make_mask(
    matte: NDArray[np.float32], width: int, height: int, depth: int, edge: Edge | None = None
) -> NDArray[np.uint8 | np.uint16]:
    """Enlarge a matte to height x width, have its edge refined, and round it to `depth` (8 or 16) bits.

    Where the matte has one level of that depth, as it has away from the subject's edge, nothing is computed.
    """
    full = np.float32(2**depth - 1)
    samples = matte * full
    levels = np.rint(samples).astype(np.uint8 if depth == 8 else np.dtype("<u2"))
    mask = np.empty((height, width), levels.dtype)
    for top in range(0, height, _TILE):
        bottom = min(height, top + _TILE)
        first, last, upper, lower = _seen(top, bottom, height, matte.shape[0])
        lowest, highest = levels[first:last].min(axis=0), levels[first:last].max(axis=0)
        for left in range(0, width, _TILE):
            right = min(width, left + _TILE)
            start, stop, near, far = _seen(left, right, width, matte.shape[1])
            tile = mask[top:bottom, left:right]
            if lowest[start:stop].min() == highest[start:stop].max():
                tile[...] = lowest[start]
                if edge is None or not edge.reaches(top, bottom, left, right):
                    continue
            # What overshoots is cut off after each pass, as it is on integers: a corner would overshoot twice as far.
            seen = Image.fromarray(samples[first:last, start:stop])
            wide = seen.resize((right - left, last - first), _LANCZOS, (near, 0, far, last - first))
            seen = Image.fromarray(np.asarray(wide).clip(0, full))
            fine = seen.resize((right - left, bottom - top), _LANCZOS, (0, upper, right - left, lower))
            alpha = np.asarray(fine).clip(0, full)
            if edge is not None:
                alpha /= full
                edge.apply(alpha, top, left)
                alpha *= full
            np.rint(alpha, out=tile, casting="unsafe")
    return mask


def _seen(start: int, stop: int, size: int, samples: int) -> tuple[int, int, float, float]:
    """Which of `samples` a filter looks at to make the pixels start..stop of `size`, as first and behind the last; and
    where those pixels begin and end, counted from that first one.
    """
    scale = samples / size
    margin = _LANCZOS_SUPPORT * max(1.0, scale) + 1
    first, last = max(0, math.floor(start * scale - margin)), min(samples, math.ceil(stop * scale + margin))
    return first, last, start * scale - first, min(stop * scale, samples) - first
