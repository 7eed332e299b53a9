"""Find the picture among the pages of a TIFF file, and decode by tifffile what Pillow cannot."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ExifTags import IFD
from PIL.ExifTags import Base as Tag
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from matted.files.formats import samples
from matted.files.formats.samples import Samples
from matted.files.source import Source

_BIG, _BIG_ENDIAN_BIG = b"II+\0", b"MM\0+"
_XMP = 700
_DIRECTORIES = (IFD.Exif, IFD.GPSInfo)
_TAGS = (
    *(Tag.ImageWidth, Tag.ImageLength, Tag.NewSubfileType, Tag.SubfileType, Tag.StripOffsets, Tag.TileOffsets),
    *(Tag.BitsPerSample, Tag.SampleFormat, Tag.PhotometricInterpretation, Tag.ExtraSamples),
    *(Tag.Orientation, Tag.XResolution, Tag.YResolution, Tag.ResolutionUnit, Tag.InterColorProfile),
    *(Tag.ImageDescription, Tag.Make, Tag.Model, Tag.DateTime, Tag.Artist, Tag.Copyright, _XMP, *_DIRECTORIES),
)
_MOST_PAGES = 10_000
_MOST_BYTES = 16  # of a pixel in memory, before it is brought to 8 bits: four floats
_CHANNELS = {0: 1, 1: 1, 2: 3, 5: 4, 8: 3, 9: 3}  # of each photometric interpretation, without alpha
_COLOURS = {0: "grey", 1: "grey", 2: "RGB", 3: "palette", 5: "CMYK", 6: "YCbCr", 8: "Lab", 9: "Lab", 10: "Lab"}
_NUMBERS = {2: "signed ", 3: "float ", 5: "complex ", 6: "complex "}
_INKS, _LAB, _ICC_LAB, _MIN_IS_WHITE = 5, 8, 9, 0
_AS_RGB = "Save it as RGB with 8 or 16 bits a channel."
_PREMULTIPLIED, _STRAIGHT = 1, 2  # kinds of alpha among the extra samples; others are no alpha


class Unsupported(Exception):
    """The file may be whole, but cannot be read. `needs_imagecodecs`: it could be, if they were installed."""

    def __init__(self, what: str, needs_imagecodecs: bool = False, hint: str = _AS_RGB) -> None:
        """what: the picture, such as "a TIFF of 32-bit float RGB". hint: what else the person can do."""
        super().__init__(what)
        self.hint = hint
        self.what = what
        self.needs_imagecodecs = needs_imagecodecs


@dataclass(frozen=True)
class Page:
    """One page of a file.

    index: of the page.
    tags: their values by number.
    directories: those of EXIF, by the number of the tag that leads to each.
    """

    index: int
    tags: Mapping[int, Any]
    directories: Mapping[int, Mapping[int, Any]] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height; 0 for what it lacks."""
        return int(self.tags.get(Tag.ImageWidth, 0)), int(self.tags.get(Tag.ImageLength, 0))

    @property
    def has_pixels(self) -> bool:
        """Whether there is something to decode."""
        return min(self.size) > 0 and any(self.tags.get(Tag.StripOffsets) or self.tags.get(Tag.TileOffsets) or ())

    @property
    def is_picture(self) -> bool:
        """Whether it is the picture itself: not a smaller version of another page, and not a mask of one."""
        reduced, mask = 1, 4
        kind, old_kind = self.tags.get(Tag.NewSubfileType, 0), self.tags.get(Tag.SubfileType)
        return self.has_pixels and not kind & (reduced | mask) and old_kind != 2

    @property
    def bits(self) -> int:
        """Bits a sample, the most of all channels."""
        return int(max(self.tags.get(Tag.BitsPerSample, (1,))))

    @property
    def described(self) -> dict[str, Any]:
        """What it says of itself, for metadata.chosen."""
        return {"exif": {0: self.tags, **self.directories}, "xmp": self.tags.get(_XMP)}

    def __str__(self) -> str:
        """Describe what it holds, such as "a TIFF of 32-bit float RGB with alpha"."""
        numbers = _NUMBERS.get(self.tags.get(Tag.SampleFormat, (1,))[0], "")
        colours = _COLOURS.get(self.tags.get(Tag.PhotometricInterpretation, 1), "an unknown kind of colours")
        alpha = any(kind in (_PREMULTIPLIED, _STRAIGHT) for kind in self.tags.get(Tag.ExtraSamples, ()))
        return f"a TIFF of {self.bits}-bit {numbers}{colours}" + (" with alpha" if alpha else "")


def pages(source: Source) -> list[Page]:
    """List all pages of the file, not decoded. Raises OSError, Unsupported, or ValueError if it is damaged."""
    found: list[Page] = []
    with source.open() as file:
        head = file.read(8)
        if head.startswith(_BIG_ENDIAN_BIG):
            raise Unsupported("a big-endian BigTIFF", hint="Save it as an ordinary TIFF.")
        if head.startswith(_BIG):
            head += file.read(8)
        directory = ImageFileDirectory_v2(head)
        places: set[int] = set()
        place: int = directory.next
        while place and place not in places and len(found) < _MOST_PAGES:
            places.add(place)
            file.seek(place)
            directory.next = -1
            directory.load(file)
            if directory.next < 0:  # Pillow only warns of it
                raise ValueError(f"page {len(found) + 1} is lost")
            tags = {tag: directory[tag] for tag in _TAGS if tag in directory}
            place = directory.next
            found.append(Page(len(found), tags, _directories(file, head, tags)))
    return found


def _directories(file: BinaryIO, head: bytes, tags: Mapping[int, Any]) -> dict[int, dict[int, Any]]:
    """Return the directories of EXIF that tags lead to, without damaged ones."""
    found = {}
    for tag in _DIRECTORIES:
        directory = ImageFileDirectory_v2(head)
        with suppress(Exception):  # whatever damage makes Pillow raise
            file.seek(tags[tag])
            directory.load(file)
            found[int(tag)] = dict(directory)
    return found


def pictures(candidates: list[Page]) -> list[Page]:
    """Return the pages that are pictures: without thumbnails, masks and empty ones, unless there is nothing else."""
    with_pixels = [page for page in candidates if page.has_pixels]
    return [page for page in with_pixels if page.is_picture] or with_pixels[:1]


@dataclass(frozen=True)
class Decoded:
    """A page that tifffile decoded, upright.

    own: its samples, if they are grey or RGB.
    image: its colours, as CMYK or LAB of 8 bits, if they are that; with alpha beside it.
    info: resolution and profile, as Pillow has them.
    """

    own: Samples | None
    image: Image.Image | None
    alpha: Image.Image | None
    info: dict[str, Any]


def decode(source: Source, page: Page) -> Decoded:
    """Decode a page by tifffile.

    Raises Unsupported, DecompressionBombError, or whatever tifffile raises for damaged files.
    """
    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what it has to say is said here
    most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
    width, height = page.size
    if width * height > most:
        raise Image.DecompressionBombError
    with tifffile.TiffFile(source.file) as file:
        stored = file.pages[page.index].aspage()
        if stored.nbytes > most * _MOST_BYTES:
            raise Image.DecompressionBombError
        if stored.axes not in ("YX", "YXS", "SYX") or stored.photometric not in _CHANNELS or stored.dtype is None:
            raise Unsupported(str(page))
        try:
            array = stored.asarray()
        except ValueError as error:
            if "imagecodecs" in str(error):
                raise Unsupported(str(page), needs_imagecodecs=True) from error
            raise
        pixels = array[:, :, np.newaxis] if array.ndim == 2 else array
        pixels = np.moveaxis(array, 0, 2) if stored.axes == "SYX" else pixels
        return _decoded(pixels, page, int(stored.photometric), tuple(stored.extrasamples))


def _decoded(pixels: NDArray[Any], page: Page, photometric: int, extra: tuple[int, ...]) -> Decoded:
    """Tell colours and alpha apart. pixels: height x width x channels."""
    count = _CHANNELS[photometric]
    if pixels.shape[2] < count or (photometric in (_LAB, _ICC_LAB) and pixels.dtype.kind == "f"):
        raise Unsupported(str(page))
    colours, alpha, kind = pixels[:, :, :count], None, 0
    for place, what in enumerate(extra, count):
        if what in (_PREMULTIPLIED, _STRAIGHT) and place < pixels.shape[2]:
            alpha, kind = pixels[:, :, place], what
            break
    if photometric in (_LAB, _ICC_LAB) and colours.dtype.kind == "i":
        colours = colours.view(f"u{colours.dtype.itemsize}")
    own = samples.kept(colours, page.bits, alpha)
    if photometric == _MIN_IS_WHITE:
        own = own.inverted()
    if kind == _PREMULTIPLIED and own.alpha is not None:
        own = replace(own, colours=samples.divided(own.colours, own.alpha))
    orientation = int(page.tags.get(Tag.Orientation, 1))
    own = replace(
        own,
        colours=samples.upright(own.colours, orientation),
        alpha=None if own.alpha is None else samples.upright(own.alpha, orientation),
    )
    if photometric in (0, 1, 2):
        return Decoded(own, None, None, _info(page))
    planes = np.ascontiguousarray(own.reduced())
    if photometric == _ICC_LAB:
        planes[:, :, 1:] ^= 0x80  # 128 is 0; in the bytes of Pillow's LAB, as in the other Lab, 0 is
    size = planes.shape[1], planes.shape[0]
    image = Image.frombytes("CMYK" if photometric == _INKS else "LAB", size, planes.tobytes())
    seen = None if own.alpha is None else Image.fromarray(Samples(own.alpha[:, :, np.newaxis]).reduced()[:, :, 0])
    return Decoded(None, image, seen, _info(page))


def _info(page: Page) -> dict[str, Any]:
    """Return resolution and colour profile, as Pillow does when it decodes a TIFF."""
    info: dict[str, Any] = {}
    across, down = page.tags.get(Tag.XResolution), page.tags.get(Tag.YResolution)
    inches = {2: 1.0, 3: 2.54}.get(page.tags.get(Tag.ResolutionUnit, 2))
    if across is not None and down is not None and inches:
        with suppress(ZeroDivisionError):  # older versions of Pillow read fractions so
            info["dpi"] = (float(across) * inches, float(down) * inches)
    if profile := page.tags.get(Tag.InterColorProfile):
        info["icc_profile"] = profile
    return info
