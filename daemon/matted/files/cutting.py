"""Put a mask into a picture as its alpha channel, with colours that show nothing of the background."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from matted_client import messages
from matted_client.pictures import Mask as Reply
from numpy.typing import NDArray
from PIL import Image

from matted.files.formats import icc, samples
from matted.files.formats.samples import Samples
from matted.files.pictures import Picture
from matted.masking.colours import band

_ROWS = messages.TILE  # that are worked on at a time: they stay in the processor's cache
Bytes = NDArray[np.uint8]
Mask = NDArray[np.uint8 | np.uint16]


class _Foreground(Protocol):
    """The colours of a cut-out, where they may be others than the picture's."""

    def within(self, top: int) -> Iterator[tuple[slice, Bytes]]:
        """Yield what there is of the _ROWS rows from `top` on: its columns, and rows x columns x 3 or 4, RGB first."""


class _Whole:
    """Colours of all of a picture (a _Foreground). pixels: height x width x 3 or 4."""

    def __init__(self, pixels: Bytes) -> None:
        self._pixels = pixels

    def within(self, top: int) -> Iterator[tuple[slice, Bytes]]:
        """As `_Foreground.within`."""
        yield slice(0, self._pixels.shape[1]), self._pixels[top : top + _ROWS]


class _Tiles:
    """Colours in some tiles of a picture (a _Foreground). marks, pixels: `tiles` and `foreground` of a reply."""

    def __init__(self, marks: Bytes, pixels: Bytes, width: int, height: int) -> None:
        """width, height: of the picture."""
        self._tiles: dict[int, list[tuple[slice, Bytes]]] = {}
        end = 0
        for place in np.flatnonzero(marks):
            row, column = divmod(int(place), -(-width // messages.TILE))
            top, left = row * messages.TILE, column * messages.TILE
            columns = slice(left, min(left + messages.TILE, width))
            rows = min(messages.TILE, height - top)
            begin, end = end, end + 4 * rows * (columns.stop - left)
            self._tiles.setdefault(top, []).append((columns, pixels[begin:end].reshape(rows, -1, 4)))

    def within(self, top: int) -> Iterator[tuple[slice, Bytes]]:
        """As `_Foreground.within`."""
        yield from self._tiles.get(top, [])


def of_reply(picture: Picture, reply: Reply) -> Picture:
    """Return the picture cut out by the daemon's reply: with the subject's own colours if they came with it."""
    mask = _mask_in(reply)
    if reply.foreground is None:
        return _cut_out(picture, mask, None)
    pixels = np.frombuffer(reply.foreground, np.uint8)
    if reply.tiles is None:
        return _cut_out(picture, mask, _Whole(pixels.reshape(*mask.shape, 4)))
    return _cut_out(picture, mask, _Tiles(np.frombuffer(reply.tiles, np.uint8), pixels, *mask.shape[::-1]))


def grey(reply: Reply) -> Picture:
    """Return the mask of the daemon's reply as a picture in grey."""
    return grey_of(_mask_in(reply))


def grey_of(mask: Mask) -> Picture:
    """Return a mask as a picture in grey."""
    own = Samples(mask[:, :, np.newaxis])
    return Picture(Image.fromarray(own.reduced()[:, :, 0]), {}, own=own)


def cut_out(picture: Picture, mask: Mask, foreground: NDArray[np.uint8] | None = None) -> Picture:
    """Return the picture with the mask as its alpha channel, multiplied with the alpha that it has.

    mask: height x width; 8 bits, or 16.
    foreground: the foreground colours, height x width x 3 or 4, RGB and what is left unread; None to keep the picture's
        own.

    With `foreground`, its colours replace those of the picture, except where the mask is full. Pixels far from the
    subject become black: what was removed cannot be recovered from the file, and the file is smaller.
    """
    return _cut_out(picture, mask, None if foreground is None else _Whole(foreground))


def _cut_out(picture: Picture, mask: Mask, foreground: _Foreground | None) -> Picture:
    removed = None if foreground is None else _removed(mask)
    image = _cut(picture.image, mask, foreground, removed)
    if picture.own is None:
        return Picture(image, picture.metadata)
    own = picture.own
    alpha = _product(_scaled(mask, own.colours.dtype), own.alpha)
    if foreground is not None and removed is not None:
        own = replace(own, colours=_with_foreground(picture, own, mask, foreground, removed))
    return Picture(image, picture.metadata, own=replace(own, alpha=alpha))


def _mask_in(reply: Reply) -> Mask:
    depth: Any = np.uint8 if reply.info.depth == 8 else "<u2"
    mask: Mask = np.frombuffer(reply.alpha, depth).reshape(reply.info.height, reply.info.width)
    return mask


def _cut(
    image: Image.Image, mask: Mask, foreground: _Foreground | None, removed: NDArray[np.bool_] | None
) -> Image.Image:
    """Return the picture that the daemon was shown, cut out: RGBA."""
    full, width = np.iinfo(mask.dtype).max, image.width
    result = np.empty((*mask.shape, 4), np.uint8)
    # A pixel is a word where it can be: NumPy is slow where a row is three samples.
    words = result.view(np.uint32)[:, :, 0]
    for top in range(0, len(mask), _ROWS):
        rows = slice(top, top + _ROWS)
        kept, out = mask[rows], result[rows]
        shown = image.crop((0, top, width, top + len(kept)))
        source = np.frombuffer(shown.tobytes("raw", "RGBA" if shown.mode == "RGBA" else "RGBX"), np.uint8)
        source = source.reshape(out.shape)
        out[...] = source
        for columns, pixels in () if foreground is None else foreground.within(top):
            different = kept[:, columns] < full
            if pixels.shape[2] == 4:
                np.copyto(words[rows, columns], pixels.view(np.uint32)[:, :, 0], where=different)
            else:
                np.copyto(out[:, columns, :3], pixels, where=different[:, :, np.newaxis])
        out[:, :, 3] = _product(_scaled(kept, np.dtype(np.uint8)), source[:, :, 3] if shown.mode == "RGBA" else None)
        if removed is not None:
            np.copyto(words[rows], 0, where=removed[rows])  # where alpha is 0 anyway
    return Image.fromarray(result)


def _with_foreground(
    picture: Picture, own: Samples, mask: Mask, foreground: _Foreground, removed: NDArray[np.bool_]
) -> NDArray[Any]:
    """Return the picture's own colours, changed as the foreground changes those that the daemon was shown.

    So what the foreground leaves alone keeps every bit, and what it changes keeps the grain that 8 bits do not show.
    """
    profile = picture.metadata.get("icc_profile")
    conversion = icc.conversion(profile) if profile else None
    result = own.colours.copy()
    result[removed] = own.black
    flat = result.reshape(-1, result.shape[2])
    shown = np.asarray(picture.image)[:, :, :3]
    changed_to = shown.copy()
    for top in range(0, len(mask), _ROWS):
        for columns, pixels in foreground.within(top):
            changed_to[top : top + _ROWS, columns] = pixels[:, :, :3]
    places = np.flatnonzero((mask < np.iinfo(mask.dtype).max) & ~removed)
    seen, wanted = shown.reshape(-1, 3)[places], changed_to.reshape(-1, 3)[places]
    different = (seen != wanted).any(axis=1)
    places, seen, wanted = places[different], seen[different], wanted[different]
    if conversion is None:
        change = icc.unconverted(wanted, own.grey) - icc.unconverted(seen, own.grey)
    else:
        change = conversion.from_srgb(wanted) - conversion.from_srgb(seen)
    changed = flat[places] + change * own.range
    flat[places] = changed if result.dtype.kind == "f" else np.rint(changed).clip(0, own.full).astype(result.dtype)
    return result


def _scaled(mask: Mask, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the mask as samples of a type, full where it is full."""
    if mask.dtype == dtype:
        return mask
    if dtype.kind == "f":
        return (mask / np.float32(np.iinfo(mask.dtype).max)).astype(dtype)
    if mask.dtype == np.uint8:
        return mask.astype(np.uint16) * np.uint16(257)
    return ((mask.astype(np.uint32) * 255 + 32895) >> 16).astype(np.uint8)  # mask / 257, rounded


def _product(alpha: NDArray[Any], own: NDArray[Any] | None) -> NDArray[Any]:
    """Return the product of two channels of alpha, as samples of the same type."""
    if own is None:
        return alpha
    full = samples.full_scale(alpha.dtype)
    if alpha.dtype.kind == "f":
        return np.asarray(alpha * own)
    return np.asarray((alpha.astype(np.uint32) * own + int(full) // 2) // int(full), alpha.dtype)


def _removed(mask: Mask) -> NDArray[np.bool_]:
    """Mark where the mask is 0 and no soft edge is near.

    Near a soft edge the colours are kept, because an editor that scales the cut-out mixes them into the edge.
    """
    removed: NDArray[np.bool_] = mask == 0
    for row, soft in enumerate(band.edge_blocks(mask)):
        strip = removed[row * band.BLOCK : (row + 1) * band.BLOCK]
        strip &= ~np.repeat(soft, band.BLOCK)[: mask.shape[1]]
    return removed
