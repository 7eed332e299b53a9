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

from matted.inference.layer import Layer
from matted.mask import resampling
from matted.models.spec import ModelSpec

_RESAMPLING = {"lanczos": Image.Resampling.LANCZOS, "bilinear": Image.Resampling.BILINEAR}
_MAX_WORKING_PIXELS = 3840 * 2160  # background matting needs 2.7 GB for this many


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


def show(layer: Layer, spec: ModelSpec, shown: Fit) -> NDArray[np.uint8]:
    """Return what the model is to see of a layer: 3 x shown.size, RGB.

    Squashing to a square scores better with the models that want one than keeping the aspect ratio. An alpha channel
    is left out: the model looks at the colours, also at hidden ones.
    """
    height, width = shown.size
    if not shown.padded:
        return layer.resized(width, height, _RESAMPLING[spec.resample]).planes()
    beyond = (0, height - layer.height), (0, width - layer.width)
    return np.pad(layer.planes(), ((0, 0), *beyond), "edge")


def normalise(planes: NDArray[np.uint8], spec: ModelSpec) -> NDArray[np.float32]:
    """Return the model's input, 1 x 3 x rows x columns, of what it is to see."""
    brightest = max(int(planes.max()), 1) if spec.scale == "max" else 255
    levels = np.empty((1, *planes.shape), np.float32)
    for target, plane, mean, std in zip(levels[0], planes, spec.mean, spec.std, strict=True):
        np.divide(plane, np.float32(brightest), out=target)
        target -= np.float32(mean)
        target /= np.float32(std)
    return levels


def prepare_input(layer: Layer, spec: ModelSpec, shown: Fit) -> NDArray[np.float32]:
    """The model's input for a layer, where what it sees is of no further interest."""
    return normalise(show(layer, spec, shown), spec)


def activate(raw: NDArray[np.float32], spec: ModelSpec) -> NDArray[np.float32]:
    """Logits to probabilities where the spec says that the model gives logits."""
    if spec.activation != "sigmoid":
        return raw
    one = np.float32(1.0)
    probabilities: NDArray[np.float32] = one / (one + np.exp(-np.clip(raw, -60.0, 60.0)))
    return probabilities


def make_matte(raw: NDArray[np.float32], spec: ModelSpec) -> NDArray[np.float32]:
    """Turn the raw output into 0..1: clipped, or stretched by its own minimum and maximum ("minmax"), as U²-Net's and
    IS-Net's authors do.
    """
    if spec.activation != "minmax":
        return np.clip(raw, 0.0, 1.0)
    low, high = float(raw.min()), float(raw.max())
    return (raw - low) / max(high - low, 1e-6)


def make_foreground(raw: NDArray[np.float32], width: int, height: int) -> NDArray[np.uint8]:
    """Bring a model's own foreground colours, 3 x rows x columns in 0..1, to height x width x 3, RGB8."""
    colours = np.rint(np.clip(raw, 0.0, 1.0).transpose(1, 2, 0) * 255.0).astype(np.uint8)
    picture = Image.fromarray(np.ascontiguousarray(colours))
    return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))


class Edge(Protocol):
    """Knows better than a matte where the subject ends (edges.study). Blocks are counted from the top left."""

    def reaches(self, row: int, column: int) -> bool: ...

    def apply_to_block(self, alpha: NDArray[np.float32], row: int, column: int) -> None: ...


def make_mask(
    matte: NDArray[np.float32], width: int, height: int, depth: int, edge: Edge | None = None
) -> NDArray[np.uint8 | np.uint16]:
    """Enlarge a matte to height x width, have its edge refined, and round it to `depth` (8 or 16) bits.

    Where the matte has one level of that depth, as it has away from the subject's edge, nothing is computed.
    """
    full = np.float32(2**depth - 1)
    levels = np.rint(matte * full).astype(np.uint8 if depth == 8 else np.dtype("<u2"))
    mask = np.empty((height, width), levels.dtype)
    columns = resampling.lanczos(matte.shape[1], width)
    for row, down in enumerate(resampling.lanczos(matte.shape[0], height)):
        lowest, highest = levels[down.seen].min(axis=0), levels[down.seen].max(axis=0)
        for column, across in enumerate(columns):
            block = mask[down.made, across.made]
            if lowest[across.seen].min() == highest[across.seen].max():
                block[...] = lowest[across.seen.start]
                if edge is None or not edge.reaches(row, column):
                    continue
            # What overshoots is cut off after each pass, as it is on integers: a corner would overshoot twice as far.
            wide = (matte[down.seen, across.seen] @ across.weights.T).clip(0.0, 1.0)
            alpha = down.weights @ wide
            np.clip(alpha, 0.0, 1.0, out=alpha)
            if edge is not None:
                edge.apply_to_block(alpha, row, column)
            alpha *= full
            np.rint(alpha, out=block, casting="unsafe")
    return mask
