"""Resample a picture by products of matrices: its samples become the pixels of a picture of another size.

Along either axis a pixel is a weighted mean of a few samples, so a block of pixels is
`down.weights @ picture[down.samples, across.samples] @ across.weights.T`. That is many times as fast as filtering
pixel by pixel. `resized` is for small planes, which Pillow resamples as a whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]
_Doubles = NDArray[np.float64]

# Pixels a side of a block. The arrays of a larger one leave the processor's cache, and each of its pixels is multiplied
# by all samples that any of its pixels needs; for a smaller one the call takes longer than the arithmetic.
BLOCK = 128

_LOBES = 3.0  # samples on each side that Lanczos' window reaches


@dataclass(frozen=True)
class Span:
    """Some pixels of an axis, as weighted means of samples.

    pixels: which pixels of the result.
    samples: which samples of the source they depend on.
    weights: pixels x samples, with sum 1 for each pixel.
    """

    pixels: slice
    samples: slice
    weights: Floats


def lanczos(samples: int, pixels: int, block: int = BLOCK, part: tuple[float, float] | None = None) -> list[Span]:
    """Resample an axis as Pillow's LANCZOS does: nothing beyond the ends counts, and the window widens to reduce.

    samples: of the source.
    pixels: of the result.
    block: pixels of a span at most.
    part: where the result begins and ends, in samples; None for the whole axis.
    """
    begin, end = part or (0.0, float(samples))
    scale = (end - begin) / pixels
    stretch = max(scale, 1.0)

    def window(distance: _Doubles) -> _Doubles:
        x = distance / stretch
        return np.where(np.abs(x) < _LOBES, np.sinc(x) * np.sinc(x / _LOBES), 0.0)

    centres = (np.arange(pixels, dtype=np.float64) + 0.5) * scale + begin - 0.5
    return _spans(centres, samples, block, _LOBES * stretch, window)


def linear(samples: int, pixels: int, pixels_a_sample: float, block: int = BLOCK, begin: float = 0.0) -> list[Span]:
    """Interpolate an axis linearly between the centres of its samples; beyond the outermost centres it is constant.

    samples: of the source.
    pixels: of the result.
    pixels_a_sample: the distance of two samples; the last sample may reach beyond the pixels.
    block: pixels of a span at most.
    begin: where the pixels begin, in samples.
    """

    def window(distance: _Doubles) -> _Doubles:
        return np.maximum(0.0, 1.0 - np.abs(distance))

    centres = ((np.arange(pixels, dtype=np.float64) + 0.5) / pixels_a_sample + begin - 0.5).clip(0.0, samples - 1.0)
    return _spans(centres, samples, block, 1.0, window)


def resized(plane: Floats, shape: tuple[int, ...]) -> Floats:
    """Return a plane at another size: interpolated linearly, and averaged where it becomes smaller.

    shape: its rows and columns then. A plane that has them already is returned as it is.
    """
    if plane.shape == shape:
        return plane
    rows, columns = shape
    return np.asarray(Image.fromarray(plane).resize((columns, rows), Image.Resampling.BILINEAR))


def _spans(
    centres: _Doubles, samples: int, block: int, reach: float, window: Callable[[_Doubles], _Doubles]
) -> list[Span]:
    """Divide an axis into spans.

    centres: the position of each pixel, in samples; 0 is the centre of the first.
    samples: of the source.
    block: pixels of a span at most.
    reach: samples beyond which the window is 0.
    window: weights by distance in samples, not normalised.
    """
    first = np.ceil(centres - reach).astype(np.intp)
    near = first[:, np.newaxis] + np.arange(int(2 * reach) + 1)
    weights = window(centres[:, np.newaxis] - near) * ((near >= 0) & (near < samples))
    weights /= weights.sum(axis=1, keepdims=True)
    spans = []
    for start in range(0, centres.size, block):
        covered = slice(start, min(start + block, centres.size))
        begin, end = int(near[covered.start, 0]), int(near[covered.stop - 1, -1]) + 1
        matrix = np.zeros((covered.stop - covered.start, end - begin), np.float32)
        np.put_along_axis(matrix, near[covered] - begin, weights[covered].astype(np.float32), axis=1)
        needed = slice(max(0, begin), min(samples, end))
        spans.append(Span(covered, needed, matrix[:, needed.start - begin : needed.stop - begin]))
    return spans
