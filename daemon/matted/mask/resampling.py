"""From the samples of a small picture to the pixels of a large one, by products of matrices.

Along either axis each pixel is a weighted mean of a few samples, so a block of pixels is
`down.weights @ samples[down.seen, across.seen] @ across.weights.T`: many times as fast as filtering pixel by pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_Doubles = NDArray[np.float64]

# Pixels a side of a block. What is made of a large one leaves the processor's cache, and each of its pixels is
# multiplied by all samples that any of them sees; small ones are hardly worth a call each.
BLOCK = 128

_LOBES = 3.0  # samples to each side that Lanczos' window reaches


@dataclass(frozen=True)
class Span:
    """The pixels `made` of an axis, and the samples `seen` of it that they are made of.

    weights: pixels x samples, with sum 1 for each pixel.
    """

    made: slice
    seen: slice
    weights: Floats


def lanczos(samples: int, pixels: int, block: int = BLOCK) -> list[Span]:
    """An axis enlarged or reduced as Pillow's LANCZOS does it, in blocks of `block` pixels: without anything beyond the
    ends, and wider where it reduces.
    """
    scale = samples / pixels
    stretch = max(scale, 1.0)

    def window(distance: _Doubles) -> _Doubles:
        x = distance / stretch
        return np.where(np.abs(x) < _LOBES, np.sinc(x) * np.sinc(x / _LOBES), 0.0)

    centres = (np.arange(pixels, dtype=np.float64) + 0.5) * scale - 0.5
    return _spans(centres, samples, block, _LOBES * stretch, window)


def linear(samples: int, pixels: int, pixels_a_sample: float, block: int = BLOCK) -> list[Span]:
    """An axis between the centres of samples that are `pixels_a_sample` apart: the last may lie beyond the pixels."""

    def window(distance: _Doubles) -> _Doubles:
        return np.maximum(0.0, 1.0 - np.abs(distance))

    centres = ((np.arange(pixels, dtype=np.float64) + 0.5) / pixels_a_sample - 0.5).clip(0.0, samples - 1.0)
    return _spans(centres, samples, block, 1.0, window)


def _spans(
    centres: _Doubles, samples: int, block: int, reach: float, window: Callable[[_Doubles], _Doubles]
) -> list[Span]:
    """centres: of each pixel, counted in samples. window: weights by distance, which are 0 beyond `reach` samples."""
    first = np.ceil(centres - reach).astype(np.intp)
    near = first[:, np.newaxis] + np.arange(int(2 * reach) + 1)
    weights = window(centres[:, np.newaxis] - near) * ((near >= 0) & (near < samples))
    weights /= weights.sum(axis=1, keepdims=True)
    spans = []
    for start in range(0, centres.size, block):
        made = slice(start, min(start + block, centres.size))
        begin, end = int(near[made.start, 0]), int(near[made.stop - 1, -1]) + 1
        matrix = np.zeros((made.stop - made.start, end - begin), np.float32)
        np.put_along_axis(matrix, near[made] - begin, weights[made].astype(np.float32), axis=1)
        seen = slice(max(0, begin), min(samples, end))
        spans.append(Span(made, seen, matrix[:, seen.start - begin : seen.stop - begin]))
    return spans
