"""Bring pictures and masks to the size and place that they have in a result, and blur planes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from matted.files.formats import samples
from matted.files.formats.samples import Samples
from matted.files.framing.layout import Layout
from matted.files.framing.light import Floats, Light

# Without the dark and light seams that sharper filters leave in linear light. It averages where it makes smaller.
_FILTER = Image.Resampling.BICUBIC
_FAINT = 1e-4  # alpha that cannot be seen, where colours cannot be told
_BLURRED_TO = 4.0  # pixels: a larger standard deviation is that of a smaller plane, which is as smooth
_REACH = 3.0  # standard deviations


def laid_out(own: Samples, light: Light, layout: Layout) -> Samples:
    """Return samples as they lie in a result; around them is nothing: black, and alpha of 0.

    own: of a picture with alpha. Those that are resized are in linear light, multiplied with alpha, so that what is
    transparent has no part in the colours.
    """
    width, height = layout.size
    assert own.alpha is not None
    if not layout.is_resized and layout.place == layout.part == (0, 0, own.alpha.shape[1], own.alpha.shape[0]):
        return own
    alpha = np.zeros((height, width), own.alpha.dtype)
    colours = np.zeros((height, width, own.colours.shape[2]), own.colours.dtype)
    colours[...] = own.black
    rows, columns = _slices(layout.place)
    if not layout.is_resized:
        from_rows, from_columns = _slices(tuple(round(side) for side in layout.part))
        alpha[rows, columns] = own.alpha[from_rows, from_columns]
        colours[rows, columns] = own.colours[from_rows, from_columns]
        return Samples(colours, alpha, own.black, own.white)
    size, part = (columns.stop - columns.start, rows.stop - rows.start), layout.part
    near, box = _surroundings(part, own.alpha.shape)
    shares = own.alpha[near].astype(np.float32) / np.float32(own.full)
    smaller = resized(shares, size, box)
    alpha[rows, columns] = _as_samples(smaller, own.alpha.dtype)
    divisor = np.maximum(smaller, np.float32(_FAINT))
    for at in range(own.colours.shape[2]):
        plane = light.decode_channel(own.colours[near][:, :, at], at, own) * shares
        plane = np.asarray(resized(plane, size, box).clip(0.0, None) / divisor, np.float32)
        if own.colours.dtype.kind != "f":
            np.minimum(plane, 1.0, out=plane)
        colours[rows, columns, at] = light.encode_channel(plane, at, own)
    return Samples(colours, alpha, own.black, own.white)


def mask_laid_out(mask: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """Return a mask as it lies in a result; around it is 0. mask: height x width, uint8 or uint16."""
    width, height = layout.size
    result = np.zeros((height, width), mask.dtype)
    rows, columns = _slices(layout.place)
    if not layout.is_resized:
        result[rows, columns] = mask[_slices(tuple(round(side) for side in layout.part))]
        return result
    near, box = _surroundings(layout.part, mask.shape)
    shares = mask[near].astype(np.float32) / np.float32(np.iinfo(mask.dtype).max)
    result[rows, columns] = _as_samples(
        resized(shares, (columns.stop - columns.start, rows.stop - rows.start), box), mask.dtype
    )
    return result


def resized(plane: Floats, size: tuple[int, int], box: tuple[float, float, float, float] | None = None) -> Floats:
    """Resize a plane of floats. size: width and height. box: the part of the plane that is wanted; None for all."""
    image = Image.fromarray(np.ascontiguousarray(plane, np.float32))
    return np.asarray(image.resize(size, _FILTER, box))


def reduced(plane: Floats, factor: int) -> Floats:
    """Return the means of squares of `factor` pixels a side; at the ends, of what is left."""
    return plane if factor == 1 else np.asarray(Image.fromarray(np.ascontiguousarray(plane)).reduce(factor))


def factor_for(sigma: float) -> int:
    """Return by what factor a plane may be reduced before it is blurred. sigma: standard deviation in its pixels."""
    return max(1, int(sigma / _BLURRED_TO))


def blurred(plane: Floats, sigma: float) -> Floats:
    """Blur a plane by a Gaussian; beyond its ends is 0. sigma: its standard deviation in pixels, a few at most."""
    reach = max(1, int(np.ceil(_REACH * sigma)))
    offsets = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (offsets / sigma) ** 2)
    weights /= weights.sum()
    for axis in (0, 1):
        padding = [(0, 0), (0, 0)]
        padding[axis] = (reach, reach)
        padded, count = np.pad(plane, padding), plane.shape[axis]
        plane = np.zeros(plane.shape, np.float32)
        for at, weight in enumerate(weights.astype(np.float32)):
            plane += weight * (padded[at : at + count] if axis == 0 else padded[:, at : at + count])
    return plane


def _as_samples(shares: Floats, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return 0 to 1 as samples of a type. What rounding has left of full scale becomes full."""
    shares = shares.clip(0.0, 1.0)
    if dtype.kind == "f":
        return np.where(shares > 1 - _FAINT, 1.0, shares).astype(dtype)
    return np.asarray(np.rint(shares * np.float32(samples.full_scale(dtype))), dtype)


def _slices(box: tuple[int, ...]) -> tuple[slice, slice]:
    left, top, right, bottom = box
    return slice(top, bottom), slice(left, right)


def _surroundings(
    part: tuple[float, float, float, float], shape: tuple[int, ...]
) -> tuple[tuple[slice, slice], tuple[float, float, float, float]]:
    """Return the rows and columns that a part of a plane needs, and where the part lies in those."""
    left, top = int(part[0]), int(part[1])
    rows, columns = slice(top, min(shape[0], int(np.ceil(part[3])))), slice(left, min(shape[1], int(np.ceil(part[2]))))
    return (rows, columns), (part[0] - left, part[1] - top, part[2] - left, part[3] - top)
