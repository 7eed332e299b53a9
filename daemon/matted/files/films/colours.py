"""Bring the colours of a film to RGB and back: by its own matrix and range, exactly, with libswscale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from matted.files.films import forms

Pixels = NDArray[np.uint8]  # height x width x 3 or 4, or height x width
# Of libswscale: cubic, whole chroma at both ends, exact rounding. A level of 8 bits comes back as it was.
_EXACTLY = 0x4 | 0x2000 | 0x4000 | 0x40000
_LIMITED, _FULL = 1, 2
_RGB, _BT709, _UNSPECIFIED, _SMPTE170M, _BT2020 = 0, 1, 2, 6, 9  # numbers of H.273
# That libswscale knows, with the primaries and the transfer function that go with each.
_MATRICES = {_BT709: (1, 1), 4: (4, 4), 5: (5, 6), _SMPTE170M: (6, 6), 7: (7, 7), _BT2020: (9, 14), 10: (9, 14)}
_HDR = {16: "PQ", 18: "HLG"}  # transfer functions
_BEYOND = 3  # pixels by which colours are carried over an edge
_LAYOUTS = {1: "gray", 3: "rgb24", 4: "rgba"}


@dataclass(frozen=True)
class Colours:
    """What the numbers of a film's samples mean, in the numbers of H.273.

    matrix: between RGB and the samples: BT.601, BT.709, BT.2020.
    full: whether the samples of a luma go from 0 to full scale; else from 16 to 235.
    primaries, transfer: they are handed on, and nothing is converted.
    """

    matrix: int
    full: bool
    primaries: int
    transfer: int

    @property
    def hdr(self) -> str:
        """The transfer function of a film that is HDR, else empty."""
        return _HDR.get(self.transfer, "")


def of_frame(frame: Any) -> Colours:
    """Return what a decoded frame says, and where it says nothing what players take: BT.709 for a large picture."""
    rgb = frame.format.is_rgb or frame.format.has_palette
    large = frame.width >= 1280 or frame.height > 576
    matrix = frame.colorspace if frame.colorspace in _MATRICES else _BT709 if large or rgb else _SMPTE170M
    full = rgb or frame.color_range == _FULL or frame.format.name.startswith("yuvj")
    primaries, transfer = _MATRICES[matrix]
    if frame.color_primaries != _UNSPECIFIED:
        primaries = frame.color_primaries
    if frame.color_trc != _UNSPECIFIED:
        transfer = frame.color_trc
    return Colours(matrix, full, primaries, transfer)


# Of frames that come from pictures, which are in sRGB.
OF_PICTURES = Colours(_BT709, True, 1, 13)


def spread(pixels: Pixels) -> Pixels:
    """Return RGBA whose colours go on a little beyond what is seen, where all is black else.

    In 4:2:0 four neighbours share a colour, and an edge beside black would get dark.
    """
    seen = pixels[:, :, 3] > 0
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    if not rows.size:
        return pixels
    down = slice(max(0, rows[0] - _BEYOND), rows[-1] + 1 + _BEYOND)
    part = down, slice(max(0, columns[0] - _BEYOND), columns[-1] + 1 + _BEYOND)
    result = pixels.copy()
    weighted = Image.fromarray(np.ascontiguousarray(result[part])).convert("RGBa")
    around = np.array(weighted.filter(ImageFilter.BoxBlur(_BEYOND)).convert("RGBA"))
    around[:, :, 3] = 0
    np.copyto(result[part], around, where=~(seen[part] | pixels[part][:, :, :3].any(axis=2))[:, :, np.newaxis])
    return result


class Reader:
    """Makes RGB or RGBA, 8 bits a sample, of decoded frames."""

    def __init__(self) -> None:
        self._converter, self._packer = _converter(), _converter()

    def pixels(self, frame: Any, colours: Colours, alpha: bool) -> Pixels:
        """Return height x width x 3, or 4 with alpha."""
        planar = self._converter.reformat(  # a quarter of the time that libswscale takes for packed pixels
            frame,
            format="gbrap" if alpha else "gbrp",
            src_colorspace=colours.matrix,
            dst_colorspace=colours.matrix,
            src_color_range=_FULL if colours.full else _LIMITED,
            dst_color_range=_FULL,
            interpolation=_EXACTLY,
            threads=1,
        )
        packed = self._packer.reformat(planar, format="rgba" if alpha else "rgb24", threads=1)
        return np.asarray(packed.to_ndarray(), np.uint8)


class Writer:
    """Makes frames for an encoder of RGB, RGBA or grey."""

    def __init__(self, pixels: str, colours: Colours) -> None:
        """pixels: FFmpeg's name of the format that the encoder takes."""
        self._format = pixels
        self._colours = colours
        self._yuv = pixels.startswith("yuv")
        self._converter = _converter()

    def frame(self, pixels: Pixels) -> Any:
        """Return a frame that the encoder takes. What has a luma is in the limited range, as players expect it."""
        if self._yuv and pixels.ndim == 2:
            pixels = np.repeat(pixels[:, :, np.newaxis], 3, axis=2)
        layout = _LAYOUTS[1 if pixels.ndim == 2 else pixels.shape[2]]
        frame = forms.library().VideoFrame.from_ndarray(np.ascontiguousarray(pixels), layout)
        if layout != self._format:
            frame = self._converted(frame)
        self.describe(frame)  # ProRes has it in each frame
        return frame

    def describe(self, holder: Any) -> None:
        """Have a frame, or an encoder, say what the numbers mean."""
        holder.color_range = _LIMITED if self._yuv else _FULL
        holder.colorspace = self._colours.matrix if self._yuv else _RGB
        holder.color_primaries = self._colours.primaries
        holder.color_trc = self._colours.transfer

    def _converted(self, frame: Any) -> Any:
        return self._converter.reformat(
            frame,
            format=self._format,
            src_colorspace=self._colours.matrix,
            dst_colorspace=self._colours.matrix,
            src_color_range=_FULL,
            dst_color_range=_LIMITED if self._yuv else _FULL,
            interpolation=_EXACTLY,
            threads=1,
        )


def _converter() -> Any:
    forms.library()
    from av.video.reformatter import VideoReformatter

    return VideoReformatter()
