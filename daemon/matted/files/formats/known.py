"""Know which formats of files this installation reads and writes: those of Pillow, and HEIC by pillow-heif.

Pillow is imported where it is needed: the command line knows the formats before it needs that.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from PIL import ImageFile

# Pillow would have Ghostscript run what is in an EPS, has no decoder for MPEG, and IPTC is no picture of its own.
_NEVER = {"EPS", "MPEG", "IPTC"}
_FIRST = ("PNG", "JPEG", "WEBP", "TIFF")  # what most files are: the others are not even imported for them
_FEATURES = {"WEBP": "webp", "AVIF": "avif", "JPEG2000": "jpg_2000"}  # what Pillow is not always built with
_ALSO = {"MPO": "JPEG"}  # files of other names that are read as one of these
HEIC = "HEIC"
_HEIC_SUFFIXES = (".heic", ".heif", ".hif")
GET_HEIF = "Get it with: pip install 'matted[heic]'."
GET_IMAGECODECS = "Get them with: pip install 'matted[tiff]'."
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
LOSSY_IN = ("JPEG", "MPO", "WEBP", "AVIF", "JPEG2000", HEIC)


@dataclass(frozen=True)
class Form:
    """A format that results are written in.

    name: as --format has it.
    suffixes: of its files; results get the first.
    bits: that a sample has at most, and whether floats are possible.
    most: pixels that a side has at most.
    alpha: whether pictures can be transparent.
    quality: that is taken if none is said, 1 to 100; None for a lossless format, which has none.
    """

    name: str
    suffixes: tuple[str, ...]
    bits: int = 8
    floats: bool = False
    most: int = 2**31 - 1
    alpha: bool = True
    quality: int | None = None

    @property
    def title(self) -> str:
        """As people write it."""
        return {"webp": "WebP"}.get(self.name, self.name.upper())

    @property
    def about(self) -> str:
        """What it keeps, in a few words."""
        depth = "8, 16 and 32 bits, floats" if self.floats else f"8 and {self.bits} bits" if self.bits > 8 else "8 bits"
        loss = "lossless" if self.quality is None else f"--quality, 1 to 100 (default: {self.quality})"
        return f"{depth}; {loss}" + ("" if self.alpha else "; with --background, or masks, as it cannot be transparent")


PNG = Form("png", (".png",), bits=16)
TIFF = Form("tiff", (".tif", ".tiff"), bits=32, floats=True)
WEBP = Form("webp", (".webp",), most=16_383, quality=90)
AVIF = Form("avif", (".avif",), most=65_536, quality=80)
JPEG = Form("jpeg", (".jpg", ".jpeg", ".jpe"), most=65_500, alpha=False, quality=92)
FORMS = {form.name: form for form in (PNG, WEBP, TIFF, AVIF, JPEG)}


def form_of(name: str) -> Form | None:
    """Return the format of a result by the name of its file; None if no format has such a suffix."""
    suffix = Path(name).suffix.lower()
    return next((form for form in FORMS.values() if suffix in form.suffixes), None)


def can_write(form: Form) -> bool:
    """Whether Pillow was built with what it takes."""
    from PIL import features

    feature = _FEATURES.get(form.name.upper())
    return feature is None or bool(features.check(feature))


def transparent() -> list[str]:
    """Return the names of the formats that are written here and can be transparent."""
    return [name for name, form in FORMS.items() if form.alpha and can_write(form)]


@lru_cache(maxsize=1)
def readable() -> tuple[str, ...]:
    """Return Pillow's names of the formats that are read, the usual ones first."""
    from PIL import Image, features

    Image.init()
    known = [name for name in Image.OPEN if name not in _NEVER and not _is_stub(name)]
    known = [name for name in known if name not in _FEATURES or features.check(_FEATURES[name])]
    return tuple(sorted(known, key=lambda name: (name not in _FIRST, name)))


@lru_cache(maxsize=1)
def suffixes() -> dict[str, str]:
    """Return the format of each suffix that files of pictures have, in lower case with the dot."""
    from PIL import Image

    names = readable()
    found = {end: _ALSO.get(name, name) for end, name in Image.registered_extensions().items()}
    result = {end: name for end, name in found.items() if name in names}
    return result | (dict.fromkeys(_HEIC_SUFFIXES, HEIC) if has_heic() else {})


def open_picture(file: Path | BinaryIO) -> ImageFile.ImageFile:
    """Open a file by Pillow, not decoded. Raises as Image.open does."""
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(file, formats=_FIRST)
    except UnidentifiedImageError:
        return Image.open(file, formats=readable())


def has_heic() -> bool:
    """Whether pillow-heif is installed."""
    return importlib.util.find_spec("pillow_heif") is not None


def missing() -> dict[str, str]:
    """Return what could be read if more were installed, each with how to get it."""
    codecs = importlib.util.find_spec("imagecodecs") is not None
    rare = {} if codecs else {"imagecodecs, for TIFF files that are compressed in rare ways": GET_IMAGECODECS}
    return rare | ({} if has_heic() else {"pillow-heif, for HEIC": GET_HEIF})


def is_heic(beginning: bytes) -> bool:
    """Whether a file is HEIC. beginning: its first 12 bytes or more."""
    return beginning[4:8] == b"ftyp" and beginning[8:12] in _HEIC_BRANDS


def _is_stub(name: str) -> bool:
    """Whether Pillow knows such files, and leaves it to another program to decode them."""
    from PIL import Image, ImageFile

    factory = Image.OPEN[name][0]
    return isinstance(factory, type) and issubclass(factory, ImageFile.StubImageFile)
