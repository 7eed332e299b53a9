"""Write PNG files of 8 and 16 bits a sample: filtered and compressed in strips, several at a time.

Pillow has no RGB of 16 bits, and tries five filters on every row. Here each row has the filter that photographs nearly
always get of them, Paeth's; where nothing is left of the picture, there is nothing to filter.
"""

from __future__ import annotations

import os
import struct
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from zlib_ng import zlib_ng

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KINDS = {1: 0, 2: 4, 3: 2, 4: 6}  # the number of a PNG's kind of pixels, by their channels
_PAETH = 4
_ROWS = 64  # of a strip
_FEW = 8  # rows that are filtered at a time: what is in between stays in the processor's cache
_STEP = 8  # bytes that are compared at a time, to find where a strip is empty
_THREADS = 2
# zlib's strategy for PNG, runs of one byte, is three times as fast as its default, in files that are a tenth larger.
# zlib-ng takes half as long as zlib, and makes the same of it.
_HOW = (1, zlib_ng.DEFLATED, -15, 9, zlib_ng.Z_RLE)
_HEADER = b"\x78\x01"  # of zlib's format
_METRE = 39.3701  # inches


class _Image:
    """An image of Pillow's that is sliced by rows as an array is: as a whole array it would be another copy."""

    def __init__(self, image: Image.Image) -> None:
        self._image = image

    def __len__(self) -> int:
        return self._image.height

    def __getitem__(self, rows: slice) -> NDArray[np.uint8]:
        """Return some rows: rows x width x channels."""
        return np.atleast_3d(np.asarray(self._image.crop((0, rows.start, self._image.width, rows.stop))))


_Pixels = NDArray[Any] | _Image


def write(file: BinaryIO, picture: NDArray[Any] | Image.Image, metadata: Mapping[str, Any]) -> None:
    """Write a PNG.

    picture: height x width x 1 to 4, uint8 or uint16; or an image with 8 bits a sample.
    metadata: icc_profile, dpi, exif, xmp, as far as there are any.
    """
    pixels = _Image(picture) if isinstance(picture, Image.Image) else picture
    first = pixels[0:1]
    _, width, channels = first.shape
    bits = 8 * first.dtype.itemsize
    file.write(_SIGNATURE)
    _chunk(file, b"IHDR", struct.pack(">IIBBBBB", width, len(pixels), bits, _KINDS[channels], 0, 0, 0))
    if "icc_profile" in metadata:
        _chunk(file, b"iCCP", b"ICC Profile\0\0" + zlib_ng.compress(metadata["icc_profile"]))
    if "dpi" in metadata:
        across, down = (max(1, round(value * _METRE)) for value in metadata["dpi"])
        _chunk(file, b"pHYs", struct.pack(">IIB", across, down, 1))
    if "exif" in metadata:
        _chunk(file, b"eXIf", metadata["exif"].tobytes().removeprefix(b"Exif\0\0"))
    if "xmp" in metadata:
        _chunk(file, b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata["xmp"])
    checksum, before = 1, _HEADER
    for rows, packed in _strips(pixels):
        checksum = zlib_ng.adler32(rows.data, checksum)
        _chunk(file, b"IDAT", before + packed)
        before = b""
    _chunk(file, b"IDAT", struct.pack(">I", checksum))
    _chunk(file, b"IEND", b"")


def _strips(pixels: _Pixels) -> Iterator[tuple[NDArray[np.uint8], bytes]]:
    """Yield the filtered rows of each strip, and these compressed, in order."""
    tops = range(0, len(pixels), _ROWS)
    if len(tops) < 3:
        yield from (_strip(pixels, top) for top in tops)
        return
    threads = min(_THREADS, os.cpu_count() or 1)
    with ThreadPoolExecutor(threads, "png") as pool:
        waiting: deque[Future[tuple[NDArray[np.uint8], bytes]]] = deque()
        for top in tops:
            waiting.append(pool.submit(_strip, pixels, top))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _strip(pixels: _Pixels, top: int) -> tuple[NDArray[np.uint8], bytes]:
    height = len(pixels)
    bottom = min(top + _ROWS, height)
    strip = pixels[max(top - 1, 0) : bottom]
    rows = _bytes(strip)
    if top == 0:
        rows = np.concatenate([np.zeros_like(rows[:1]), rows])
    pixel, length = rows.shape[1] // strip.shape[1], rows.shape[1] + 1
    left, right = _used(rows, pixel)
    if left >= right:
        return _empty(bottom - top, length, bottom == height)
    filtered = np.zeros((bottom - top, length), np.uint8)
    filtered[:, 0] = _PAETH
    work = np.empty((5, _FEW + 1, right - left), np.uint8)  # once a strip: to get memory takes as long as to fill it
    for row in range(0, bottom - top, _FEW):
        few = filtered[row : row + _FEW, 1 + left : 1 + right]
        _filter(rows[row : row + _FEW + 1, left:right], pixel, few, work)
    return filtered, _packed(filtered, bottom == height)


@lru_cache(maxsize=4)
def _empty(rows: int, length: int, last: bool) -> tuple[NDArray[np.uint8], bytes]:
    """Return a strip of nothing: most of them in many a picture."""
    filtered = np.zeros((rows, length), np.uint8)
    filtered[:, 0] = _PAETH
    return filtered, _packed(filtered, last)


def _packed(filtered: NDArray[np.uint8], last: bool) -> bytes:
    packing = zlib_ng.compressobj(*_HOW)
    return packing.compress(filtered.data) + packing.flush(zlib_ng.Z_FINISH if last else zlib_ng.Z_SYNC_FLUSH)


def _bytes(rows: NDArray[Any]) -> NDArray[np.uint8]:
    """Return rows as a PNG has them, rows x bytes: the upper byte of a sample first."""
    if rows.dtype.itemsize > 1:
        rows = rows.astype(rows.dtype.newbyteorder(">"))
    return np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), -1)


def _used(rows: NDArray[np.uint8], pixel: int) -> tuple[int, int]:
    """Return from where to where some row is not 0, and what the filter makes of it neither. pixel: bytes."""
    width = rows.shape[1]
    whole = width // _STEP * _STEP
    used = np.logical_or.reduce(np.ascontiguousarray(rows[:, :whole]).view(np.uint64), axis=0)
    found = np.flatnonzero(used) * _STEP
    first = int(found[0]) if found.size else whole
    last = int(found[-1]) + _STEP if found.size else 0
    if rows[:, whole:].any():
        first, last = min(first, whole), width
    return max(0, first // pixel * pixel - pixel), min(width, (last // pixel + 2) * pixel) if last else 0


def _filter(rows: NDArray[np.uint8], pixel: int, out: NDArray[np.uint8], work: NDArray[np.uint8]) -> None:
    """Write what is left of rows when Paeth's guess is taken away, but for the first, which is above.

    pixel: bytes. work: to work in, five times the size of `rows` or more.

    The guess is left, up or corner, whichever is nearest to left + up - corner, the first of these where several are.
    Left is as far from that as up is from the corner, and up as far as left is. The corner is nearer than both only
    where it lies between them: then it is as far as these two distances differ. So all of it is done in bytes, of which
    a processor takes many at a time; a choice is a mask of bits.
    """
    np.subtract(rows[1:, :pixel], rows[:-1, :pixel], out=out[:, :pixel])
    left, up, corner = rows[1:, :-pixel], rows[:-1, pixel:], rows[:-1, :-pixel]
    from_left, from_up, some, more, guess = (each[: len(left), : left.shape[1]] for each in work)
    _distance(up, corner, from_left, some)
    _distance(left, corner, from_up, some)
    np.less_equal(from_left, from_up, out=some.view(np.bool_))
    np.copyto(guess, up)
    _choose(guess, left, some, more)
    np.minimum(from_left, from_up, out=some)
    np.maximum(from_left, from_up, out=more)
    more -= some
    nearer, inside = from_left, from_up  # which are not needed any more
    np.less(more, some, out=nearer.view(np.bool_))
    np.minimum(left, up, out=more)
    nearer &= np.less(more, corner, out=inside.view(np.bool_)).view(np.uint8)
    np.maximum(left, up, out=more)
    nearer &= np.less(corner, more, out=inside.view(np.bool_)).view(np.uint8)
    _choose(guess, corner, nearer, more)
    np.subtract(rows[1:, pixel:], guess, out=out[:, pixel:])


def _distance(
    one: NDArray[np.uint8], other: NDArray[np.uint8], out: NDArray[np.uint8], work: NDArray[np.uint8]
) -> None:
    """Write how far two bytes are from each other. work: to work in."""
    np.minimum(one, other, out=work)
    np.maximum(one, other, out=out)
    out -= work


def _choose(
    guess: NDArray[np.uint8], other: NDArray[np.uint8], where: NDArray[np.uint8], work: NDArray[np.uint8]
) -> None:
    """Replace a guess by another where a byte is 1, and not 0; these become bits. work: to work in."""
    np.negative(where, out=where)
    np.bitwise_xor(guess, other, out=work)
    work &= where
    guess ^= work


def _chunk(file: BinaryIO, name: bytes, body: bytes) -> None:
    file.write(struct.pack(">I", len(body)) + name)
    file.write(body)
    file.write(struct.pack(">I", zlib_ng.crc32(body, zlib_ng.crc32(name))))
