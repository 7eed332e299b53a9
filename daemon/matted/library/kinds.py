"""Take pictures of every kind that programs have, and give results of the same kind: files, bytes, images, arrays."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from matted.files import pictures
from matted.files.formats import samples
from matted.files.formats.samples import Samples
from matted.files.pictures import Picture, PictureError
from matted.files.source import Source

# A file, what a file would hold, an image of Pillow, an array of NumPy or what can be made one.
AnyPicture: TypeAlias = str | os.PathLike[str] | bytes | Image.Image | NDArray[Any]

_SHAPES = "It has to be height x width, or height x width x 1 to 4 channels."
_TYPES = "It has to be uint8, uint16, or floats from 0 to 1."


@dataclass(frozen=True)
class Taken:
    """A picture that was taken.

    name: in messages: its file, or what stands for it.
    picture: as matted works on it.
    give: makes a result, a cut-out or a mask, one of the picture's kind.
    """

    name: Path
    picture: Picture
    give: Callable[[Picture], Any]


def take(value: Any, called: str, page: int | None = None, keep_location: bool = False) -> Taken:
    """Take a picture.

    value: one of AnyPicture, or what has `__array__`, or another buffer of bytes.
    called: what stands for it in messages, such as "picture".
    page, keep_location: as those of pictures.read.

    Raises PictureError if it cannot be read, and TypeError if it is of no kind that can be.
    """
    if isinstance(value, (str, os.PathLike)):
        path = Path(value)
        return Taken(path, pictures.read(path, page, keep_location), _image)
    name = Path(f"<{called}>")
    if isinstance(value, (bytes, bytearray, memoryview)):
        return Taken(name, pictures.read(Source(name, bytes(value)), page, keep_location), pictures.encoded)
    if isinstance(value, Image.Image):
        return Taken(name, pictures.of_image(value, name, keep_location), _image)
    if hasattr(value, "__array__"):
        array = np.asarray(value)
        return Taken(name, _of_array(array, name), lambda result: _array(result, array.dtype))
    kinds = "a path, the bytes of a file, an image of Pillow or an array"
    raise TypeError(f"{name} has to be {kinds}, not {type(value).__name__}.")


def take_mask(value: Any, called: str) -> Taken:
    """Take a mask, or what is known of one: as `take`, and arrays of true and false."""
    if hasattr(value, "__array__") and not isinstance(value, Image.Image):
        array = np.asarray(value)
        value = np.where(array, np.uint8(255), np.uint8(0)) if array.dtype == np.bool_ else array
    return take(value, called)


def _of_array(array: NDArray[Any], name: Path) -> Picture:
    """Return the picture in an array, whose shape and type are those that _SHAPES and _TYPES say."""
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or not 1 <= channels <= 4:
        shape = " x ".join(map(str, array.shape)) or "no dimensions"
        raise PictureError(f"{name} is an array of {shape}.", _shape_hint(array))
    if not array.size:
        raise PictureError(f"{name} has no pixels.")
    if array.dtype.kind != "f" and array.dtype.newbyteorder("=") not in (np.uint8, np.uint16):
        raise PictureError(f"{name} is an array of {array.dtype}.", _TYPES)
    if array.dtype.kind == "f" and samples.is_beyond_white(array):
        top = float(np.nanmax(array))
        raise PictureError(f"{name} has floats up to {top:g}.", "They have to be from 0 to 1: divide them by 255, say.")
    pixels = np.atleast_3d(array).astype(array.dtype.newbyteorder("="), copy=False)
    if pixels.dtype == np.uint8 and channels > 2:
        return Picture(Image.fromarray(np.ascontiguousarray(pixels)), {})
    count = channels - 1 + channels % 2
    alpha = np.ascontiguousarray(pixels[:, :, count]) if count < channels else None
    own = Samples(np.ascontiguousarray(pixels[:, :, :count]), alpha)
    return pictures.of_samples(own, None, {}, 8 * own.colours.dtype.itemsize)


def _shape_hint(array: NDArray[Any]) -> str:
    if array.ndim == 3 and array.shape[0] in (1, 3, 4):
        return f"{_SHAPES} Where the channels come first: array.transpose(1, 2, 0)."
    return f"{_SHAPES} Give one picture at a time." if array.ndim == 4 else _SHAPES


def _array(result: Picture, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the samples of a result, height x width for a mask, else height x width x channels with alpha."""
    own = result.own
    pixels = np.asarray(result.image) if own is None else own.pixels()
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if dtype.kind == "f" and pixels.dtype.kind != "f":
        pixels = pixels / np.float64(np.iinfo(pixels.dtype).max)
    return np.array(pixels, dtype)


def _image(result: Picture) -> Image.Image:
    """Return a result as an image of Pillow, which has 8 bits where there is alpha: RGBA, or L for a mask."""
    image, metadata = pictures.in_eight_bits(result)
    exif = metadata.pop("exif", None)
    image.info.update(metadata | ({} if exif is None else {"exif": exif.tobytes()}))
    return image
