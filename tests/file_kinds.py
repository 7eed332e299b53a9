"""Every kind of picture file that people have, made byte by byte or by those who know: and what its result keeps.

docs/files.md has the tables that are made here; the tests of the room `files` go through the same kinds.
"""

from __future__ import annotations

import io
import tempfile
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import tifffile
from matted.files import cutting, pictures
from matted.files.formats import known
from matted.files.formats.known import Form
from matted.files.formats.samples import Samples, upright
from matted.files.framing.backgrounds import Colour
from matted.files.framing.frame import Frame
from matted.files.pictures import Picture
from numpy.typing import NDArray
from PIL import Image, ImageCms, PngImagePlugin
from png_files import png_claiming
from profiles import LINEAR_GREY, WIDE, black_ink_only

WIDTH, HEIGHT = 48, 32
ORIENTATIONS = range(1, 9)

Array = NDArray[Any]
Make = Callable[[Path, int], None]  # takes the file, and the number of its orientation


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    format, depth, colours: as the table says it.
    suffix: of the file.
    make: writes one.
    own: its samples as the file stores them, height x width x channels; None if it does not keep them exactly.
    profile: that it has.
    turns: whether such a file can say how it lies.
    """

    format: str
    depth: str
    colours: str
    suffix: str
    make: Make
    own: Array | None = None
    profile: bytes | None = None
    turns: bool = False

    def __str__(self) -> str:
        return f"{self.format} {self.depth} {self.colours}"

    @property
    def alpha(self) -> bool:
        return "alpha" in self.colours


def ramp(channels: int, dtype: Any = np.uint8) -> Array:
    """Samples that are all different from their neighbours: height x width x channels."""
    random = np.random.default_rng(channels)
    smooth = np.add.outer(np.arange(HEIGHT) * 3, np.arange(WIDTH) * 2)[:, :, np.newaxis] + np.arange(channels) * 20
    if np.dtype(dtype).kind == "f":
        values = (smooth / 255 + random.random((HEIGHT, WIDTH, channels)) / 1000).astype(dtype)
        values[0, 0], values[0, 1] = 0, 1  # a grey one is stretched from its darkest to its brightest
        return values
    levels = 2 ** (8 * np.dtype(dtype).itemsize) // 256
    return (smooth * levels + random.integers(0, levels, smooth.shape, endpoint=False)).astype(dtype)


MASK = np.zeros((HEIGHT, WIDTH), np.uint16)
MASK[4:-4, 8:-8] = 65535
MASK[4:-4, 8:10] = 30000


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def _pillow(array: Array, **how: Any) -> Make:
    """Have Pillow write it."""

    def make(path: Path, orientation: int) -> None:
        mode = how.get("mode")
        flat = array[:, :, 0] if array.shape[2] == 1 else array
        image = Image.fromarray(flat) if mode is None else Image.frombytes(mode, (WIDTH, HEIGHT), flat.tobytes())
        more = {"exif": _exif(orientation)} if orientation != 1 else {}
        image.save(path, **{name: value for name, value in how.items() if name != "mode"}, **more)

    return make


def _tifffile(array: Array, **how: Any) -> Make:
    def make(path: Path, orientation: int) -> None:
        pixels = array[:, :, 0] if array.shape[2] == 1 else array
        tifffile.imwrite(path, pixels, metadata=None, extratags=[(274, 3, 1, orientation, True)], **how)

    return make


def _deep_png(array: Array, profile: bytes | None = None) -> Make:
    """A PNG of 16 bits, whose rows are not filtered."""

    def make(path: Path, orientation: int) -> None:
        rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
        data = png_claiming(WIDTH, HEIGHT, rows, 16, {1: 0, 2: 4, 3: 2, 4: 6}[array.shape[2]])
        chunks = io.BytesIO()
        if profile:
            PngImagePlugin.putchunk(chunks, b"iCCP", b"x\0\0" + zlib.compress(profile))
        PngImagePlugin.putchunk(chunks, b"eXIf", _exif(orientation).tobytes()[6:])
        at = data.index(b"IDAT") - 4
        path.write_bytes(data[:at] + chunks.getvalue() + data[at:])

    return make


def _heic(array: Array) -> Make:
    def make(path: Path, orientation: int) -> None:
        if array.dtype == np.uint8:
            image = Image.fromarray(array)
            pillow_heif.from_pillow(image).save(path, quality=-1, chroma=444, exif=_exif(orientation).tobytes())
        else:
            mode = "RGB;16"
            pillow_heif.encode(mode, (WIDTH, HEIGHT), array.tobytes(), path, quality=-1, chroma=444)

    return make


def _lab() -> Array:
    to_lab = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), inMode="RGB", outMode="LAB"
    )
    return np.asarray(ImageCms.applyTransform(Image.fromarray(ramp(3)), to_lab))


def kinds() -> list[Kind]:
    """All of them, in the order of the table."""
    grey, rgb, rgba, both = ramp(1), ramp(3), ramp(4), ramp(2)
    grey16, rgb16, rgba16, both16 = (ramp(count, np.uint16) for count in (1, 3, 4, 2))
    grey_f, rgb_f, rgba_f = (ramp(count, np.float32) for count in (1, 3, 4))
    straight: dict[str, Any] = {"extrasamples": ["unassalpha"]}
    one_bit = ((grey > 100) * 255).astype(np.uint8)
    palette = Image.fromarray(rgb).quantize(16)
    chosen = np.asarray(palette.convert("RGB"))

    def indexed(path: Path, orientation: int) -> None:
        palette.save(path, **({"exif": _exif(orientation)} if orientation != 1 else {}))

    found = [
        Kind("PNG", "1", "grey", ".png", _pillow(one_bit.astype(bool)), one_bit, turns=True),
        Kind("PNG", "8", "grey", ".png", _pillow(grey), grey, turns=True),
        Kind("PNG", "8", "grey with alpha", ".png", _pillow(both, mode="LA"), both, turns=True),
        Kind("PNG", "8", "grey, own profile", ".png", _pillow(grey, icc_profile=LINEAR_GREY), grey, LINEAR_GREY, True),
        Kind("PNG", "8", "palette", ".png", indexed, chosen, turns=True),
        Kind("PNG", "8", "RGB", ".png", _pillow(rgb), rgb, turns=True),
        Kind("PNG", "8", "RGB with alpha", ".png", _pillow(rgba), rgba, turns=True),
        Kind("PNG", "8", "RGB, wide profile", ".png", _pillow(rgb, icc_profile=WIDE), rgb, WIDE, True),
        Kind("PNG", "16", "grey", ".png", _deep_png(grey16), grey16, turns=True),
        Kind("PNG", "16", "grey with alpha", ".png", _deep_png(both16), both16, turns=True),
        Kind("PNG", "16", "RGB", ".png", _deep_png(rgb16), rgb16, turns=True),
        Kind("PNG", "16", "RGB with alpha", ".png", _deep_png(rgba16), rgba16, turns=True),
        Kind("PNG", "16", "RGB, wide profile", ".png", _deep_png(rgb16, WIDE), rgb16, WIDE, True),
        Kind("TIFF", "8", "grey", ".tif", _tifffile(grey), grey, turns=True),
        Kind("TIFF", "8", "RGB", ".tif", _tifffile(rgb, photometric="rgb"), rgb, turns=True),
        Kind("TIFF", "8", "RGB with alpha", ".tif", _tifffile(rgba, photometric="rgb", **straight), rgba, turns=True),
        Kind("TIFF", "16", "grey", ".tif", _tifffile(grey16), grey16, turns=True),
        Kind("TIFF", "16", "RGB", ".tif", _tifffile(rgb16, photometric="rgb"), rgb16, turns=True),
        Kind(
            "TIFF", "16", "RGB, LZW", ".tif", _tifffile(rgb16, photometric="rgb", compression="lzw"), rgb16, turns=True
        ),
        Kind(
            *("TIFF", "16", "RGB, wide profile", ".tif"),
            _tifffile(rgb16, photometric="rgb", iccprofile=WIDE, compression="zlib", predictor=True),
            *(rgb16, WIDE, True),
        ),
        Kind(
            *("TIFF", "16", "RGB with alpha", ".tif"),
            _tifffile(rgba16, photometric="rgb", byteorder=">", **straight),
            *(rgba16, None, True),
        ),
        Kind("TIFF", "float", "grey", ".tif", _tifffile(grey_f), grey_f, turns=True),
        Kind("TIFF", "float", "RGB", ".tif", _tifffile(rgb_f, photometric="rgb"), rgb_f, turns=True),
        Kind(
            *("TIFF", "float", "RGB with alpha, wide profile", ".tif"),
            _tifffile(rgba_f, photometric="rgb", iccprofile=WIDE, **straight),
            *(rgba_f, WIDE, True),
        ),
        Kind("TIFF", "8", "CMYK", ".tif", _pillow(rgba, mode="CMYK", icc_profile=black_ink_only()), turns=True),
        Kind(
            "TIFF", "8", "CMYK with alpha", ".tif", _tifffile(ramp(5), photometric="separated", **straight), turns=True
        ),
        Kind("TIFF", "8", "Lab", ".tif", _tifffile(_lab(), photometric="cielab"), turns=True),
        Kind("JPEG", "8", "grey", ".jpg", _pillow(grey, quality=100), turns=True),
        Kind("JPEG", "8", "RGB", ".jpg", _pillow(rgb, quality=100, subsampling=0), turns=True),
        Kind("JPEG", "8", "RGB, wide profile", ".jpg", _pillow(rgb, quality=100, icc_profile=WIDE), None, WIDE, True),
        Kind("JPEG", "8", "CMYK", ".jpg", _pillow(rgba, mode="CMYK", quality=100), turns=True),
        Kind("WebP", "8", "RGB", ".webp", _pillow(rgb, lossless=True, exact=True), rgb, turns=True),
        Kind("WebP", "8", "RGB with alpha", ".webp", _pillow(rgba, lossless=True, exact=True), rgba, turns=True),
        Kind("AVIF", "8", "RGB", ".avif", _pillow(rgb, quality=100, subsampling="4:4:4"), turns=True),
        Kind("AVIF", "8", "RGB with alpha", ".avif", _pillow(rgba, quality=100, subsampling="4:4:4"), turns=True),
        Kind("HEIC", "8", "RGB", ".heic", _heic(rgb), turns=True),
        Kind("HEIC", "10", "RGB", ".heic", _heic(rgb16)),
        Kind("JPEG 2000", "8", "RGB", ".jp2", _pillow(rgb), rgb),
        Kind("JPEG 2000", "8", "RGB with alpha", ".jp2", _pillow(rgba), rgba),
        Kind("JPEG 2000", "16", "grey", ".jp2", _pillow(grey16), grey16),
        Kind("BMP", "8", "RGB", ".bmp", _pillow(rgb), rgb),
        Kind("GIF", "8", "palette", ".gif", indexed, chosen),
        Kind("TGA", "8", "RGB with alpha", ".tga", _pillow(rgba), rgba),
        Kind("PPM", "8", "RGB", ".ppm", _pillow(rgb), rgb),
        Kind("PGM", "16", "grey", ".pgm", _pillow(grey16), grey16),
        Kind("PFM", "float", "grey", ".pfm", _pillow(grey_f), grey_f),
        Kind("QOI", "8", "RGB with alpha", ".qoi", _pillow(rgba), rgba),
        Kind("PCX", "8", "RGB", ".pcx", _pillow(rgb), rgb),
        Kind("SGI", "8", "RGB", ".sgi", _pillow(rgb), rgb),
        Kind("DDS", "8", "RGB with alpha", ".dds", _pillow(rgba), rgba),
        Kind("ICO", "8", "RGB with alpha", ".ico", _pillow(rgba, sizes=[(WIDTH, HEIGHT)]), rgba),
    ]
    return found


@dataclass(frozen=True)
class Kept:
    """What a result has of a picture, where its mask is full.

    bits: of a sample, or "float".
    converted: whether its colours are in sRGB, and the file's are not.
    exact: whether its samples are those of the file, as far as so many bits have them; else they are near.
    profile: whether the file's own is in it.
    """

    bits: str
    converted: bool
    exact: bool
    profile: bool

    def __str__(self) -> str:
        words = [self.bits, *(["sRGB"] if self.converted else []), *([] if self.exact else ["near"])]
        return ", ".join([*words, *(["profile"] if self.profile else [])])


def result(kind: Kind, form: Form, folder: Path, orientation: int = 1) -> tuple[Picture, Picture]:
    """Read a file of a kind, cut it out, write that in a format, and read it. Returns both pictures.

    What cannot be transparent has white behind it.
    """
    source, target = folder / f"in{kind.suffix}", folder / f"out{form.suffixes[0]}"
    kind.make(source, orientation)
    picture = pictures.read(source)
    mask = MASK if orientation < 5 else np.ascontiguousarray(MASK.T)
    shown = mask if picture.is_deep else (mask // 257).astype(np.uint8)
    cut = cutting.cut_out(picture, shown)
    cut = cut if form.alpha else Frame(Colour((255, 255, 255))).apply(cut, picture)
    pictures.write(cut, target, True, form, 100 if form.quality else None)
    return picture, pictures.read(target)


def kept(kind: Kind, form: Form, folder: Path, orientation: int = 1) -> Kept:
    """Say what a result keeps. Raises AssertionError if it is not even near."""
    picture, again = result(kind, form, folder, orientation)
    full = (MASK if orientation < 5 else MASK.T) == 65535
    stored = again.samples.colours[full]
    profile = kind.profile is not None and again.metadata.get("icc_profile") == kind.profile
    converted = bool(picture.colours) or (kind.profile is not None and not profile)
    on_white = not form.alpha and picture.image.mode == "RGBA"
    if on_white:
        wanted = _on_white(np.asarray(picture.image)[full])
    elif converted:
        wanted = np.asarray(picture.image)[full][:, :3]
    elif kind.own is not None:
        own = upright(kind.own, orientation)
        wanted = _as((own[:, :, :-1] if kind.alpha else own)[full], stored.dtype)
    else:
        wanted = _as(picture.samples.colours[full], stored.dtype)
    wanted = np.repeat(wanted, 3, axis=1) if wanted.shape[1] < stored.shape[1] else wanted
    same = np.array_equal(wanted, stored)
    if not same:
        far = np.abs(Samples(wanted[np.newaxis]).reduced().astype(int) - Samples(stored[np.newaxis]).reduced())
        # What the daemon is shown of a wide profile is converted from 8 bits, and what is framed from all of them.
        most = 10 if converted and picture.is_deep and not form.alpha else 6
        assert far.max() <= most, f"{kind} as {form.title}: {far.max()}"
    bits = "float" if stored.dtype.kind == "f" else str(8 * stored.dtype.itemsize)
    return Kept(bits, converted, same and form not in (known.AVIF, known.JPEG), profile)


def _on_white(pixels: Array) -> Array:
    """RGBA of 8 bits in front of white, mixed as light is: n x 3."""
    colours, alpha = pixels[:, :3] / 255, pixels[:, 3:] / 255
    light = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4) * alpha + 1 - alpha
    mixed = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(mixed * 255), np.uint8)


def _as(own: Array, dtype: np.dtype[Any]) -> Array:
    """The file's samples as a result of a type can have them at best."""
    if own.dtype == dtype:
        return own
    if own.dtype.kind == "f":
        return np.rint(own * np.float64(65535 if dtype == np.uint16 else 255)).astype(dtype)
    return (own >> 8).astype(dtype) if own.dtype.itemsize > dtype.itemsize else own


def rows() -> Iterator[list[str]]:
    """The table of docs/files.md: a row for each kind, what a result keeps in each format."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for kind in kinds():
            cells = [kind.format, kind.depth, kind.colours, "yes" if kind.turns else ""]
            for form in known.FORMS.values():
                cells.append(str(kept(kind, form, Path(folder))))
            yield cells


def table() -> str:
    titles = [form.title for form in known.FORMS.values()]
    lines = ["| in | bits | colours | turned | " + " | ".join(titles) + " |", "|---" * (4 + len(titles)) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(cells) + " |" for cells in rows())]) + "\n"


if __name__ == "__main__":
    print(table())
