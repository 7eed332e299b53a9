"""Read picture files as people see them (upright, RGB or RGBA), and write cut-outs and masks as PNG.

What needs NumPy is imported where it is needed: most files are read without it, and it takes longer to import than they
take to be read.
"""

from __future__ import annotations

import io
import math
import os
import warnings
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from matted_client import MattedError
from PIL import Image, ImageChops, ImageCms, ImageOps, UnidentifiedImageError
from PIL.ExifTags import Base as Tag

from matted.files.formats import png_chunks
from matted.system import atomic_file

if TYPE_CHECKING:
    from matted.files.formats import tiff

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF")
_LOSSY = ("JPEG", "MPO", "WEBP")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".webp", ".tif", ".tiff"})
# zlib's level 1 writes a cut-out three to four times as fast as its default level, in a file that is 13 to 36 % larger.
# With run-length matching only, a strategy that zlib has for PNG, the file is just 9 to 16 % larger.
_COMPRESSION = {"compress_level": 1, "compress_type": zlib.Z_RLE}
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # what such a file begins with
MAX_DPI = 1e6  # a higher resolution is a damaged value, and does not fit into a PNG


class PictureError(MattedError):
    """A picture file cannot be read or written. The message names the file and the reason."""


@dataclass(frozen=True)
class Picture:
    """A decoded picture.

    image: RGB or RGBA, 8 bits a sample, upright.
    metadata: what is written into its PNG as well: icc_profile, dpi.
    bits: those of a sample in the file that it was read from.
    lossy: whether that file is of a kind that keeps samples only nearly as they were.
    """

    image: Image.Image
    metadata: dict[str, Any]
    bits: int = 8
    lossy: bool = False

    @property
    def wire_format(self) -> str:
        """The protocol's name of its pixel format."""
        return f"{self.image.mode}8"


def read(path: Path) -> Picture:
    """Decode a PNG, JPEG, WebP or TIFF file. Raises PictureError."""
    try:
        with warnings.catch_warnings():
            # Pillow warns from 89 megapixels on, which cameras reach; it refuses pictures of twice that size, and that
            # limit stays. It also warns of damaged metadata in pictures that are fine.
            warnings.simplefilter("ignore")
            return _decode(path)
    except UnidentifiedImageError as error:
        message = f"{path} is not a picture that matted can read."
        raise PictureError(message, "Use a PNG, JPEG, WebP or TIFF file.") from error
    except Image.DecompressionBombError as error:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 1_000_000
        hint = f"At most {limit} megapixels are possible; scale it down."
        raise PictureError(f"{path} is too large.", hint) from error
    except MemoryError as error:
        raise PictureError(f"There is not enough memory to open {path}.", "Close other programs.") from error
    except OSError as error:
        if error.errno is not None:
            raise PictureError(f"{path} cannot be read: {error.strerror}.") from error
        raise PictureError(f"{path} is damaged: {error}.", "Open and save it again in an editor.") from error
    except PictureError:
        raise
    except Exception as error:  # Pillow's decoders raise almost any exception for damaged files
        raise PictureError(f"{path} is damaged: {error}.", "Open and save it again in an editor.") from error


def _decode(path: Path) -> Picture:
    with open(path, "rb") as beginning:
        is_tiff = beginning.read(4) in _TIFF
    if is_tiff:
        return _decode_tiff(path)
    try:
        return _decode_file(path, path)
    except ValueError:
        lighter = png_chunks.without_large(path)
        if lighter is None:
            raise
        file, profile = lighter
        return _decode_file(path, file, profile)


def _decode_file(path: Path, file: Path | BinaryIO, profile: bytes | None = None) -> Picture:
    """Decode what `file` holds, but no TIFF. path: for messages. profile: the ICC profile, if it is not in the file."""
    with Image.open(file, formats=FORMATS) as image:
        frames = getattr(image, "n_frames", 1)
        if frames > 1 and image.format != "MPO":  # MPO: a phone's JPEG that contains a second, smaller view
            raise _several(path, frames, "frames")
        deep = image.format == "PNG" and str(image.tile[0][3]).endswith("16B")
        image.load()
        if profile:
            image.info["icc_profile"] = profile
        whole: Image.Image = image
        if deep and "transparency" in image.info:
            from matted.files.formats import png_key

            whole = png_key.with_alpha(image, file)
        picture = _to_rgb(ImageOps.exif_transpose(whole), 16 if deep else 8)
        return replace(picture, lossy=image.format in _LOSSY)


def _decode_tiff(path: Path) -> Picture:
    from matted.files.formats import tiff

    try:
        with Image.open(path, formats=["TIFF"]) as image:
            if image.is_animated:  # type: ignore[attr-defined]
                image.seek(_only_page(path).index)
            tags = image.tag_v2  # type: ignore[attr-defined]
            bits = max(tags.get(Tag.BitsPerSample, (1,)))
            image.load()
            picture = _to_rgb(ImageOps.exif_transpose(image), bits, tags.get(Tag.SampleFormat, (1,))[0] == 1)
            if image.mode.startswith(("I", "F")) and tags.get(Tag.PhotometricInterpretation) == 0:
                # White is 0. Pillow heeds that with up to 8 bits only.
                picture = replace(picture, image=ImageChops.invert(picture.image))
            return picture
    except (UnidentifiedImageError, ValueError, SyntaxError, LookupError):  # Pillow does not know such a TIFF
        pass
    try:
        page = _only_page(path)
        colours, alpha = tiff.decode(path, page)
    except tiff.Unsupported as error:
        if error.needs_tifffile:
            message = f"{path} is {error.what}. matted reads that with tifffile, which is not installed."
            hint = "Get it with: pip install 'matted[tiff]'. Or save the picture as RGB with 8 or 16 bits a channel."
        else:
            message = f"{path} is {error.what}, which matted cannot read."
            hint = error.hint
        raise PictureError(message, hint) from error
    picture = _to_rgb(colours, page.bits)
    if alpha is not None:
        picture.image.putalpha(alpha)
    return picture


def _only_page(path: Path) -> tiff.Page:
    """Return the page of a TIFF that is its picture. Raises PictureError if there is none, or more than one."""
    from matted.files.formats import tiff

    found = tiff.pictures(tiff.pages(path))
    if not found:
        raise PictureError(f"{path} has no picture in it.")
    if len(found) > 1:
        raise _several(path, len(found), "pages")
    return found[0]


def _several(path: Path, count: int, what: str) -> PictureError:
    message = f"{path} has {count} {what}; matted works on single pictures."
    return PictureError(message, f"Save the one that you want as a separate file, without the other {what}.")


def write(picture: Picture, path: Path, overwrite: bool) -> None:
    """Write a PNG file whole or not at all, and make its folder. Raises PictureError, also if it exists already."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file.replacing(path) as draft:
            picture.image.save(draft, "PNG", **_COMPRESSION, **picture.metadata)
            refuse_to_replace(path, overwrite)
    except OSError as error:
        raise PictureError(f"{path} cannot be written: {error.strerror or error}.") from error


def refuse_to_replace(path: Path, overwrite: bool) -> None:
    """Raise PictureError if what is there must not be replaced by a result: a folder, or without `overwrite` a file."""
    if os.path.isdir(path):
        message = f"{path} cannot be written: there is a folder of that name."
        raise PictureError(message, "Rename the folder, or choose another place with -o.")
    if os.path.exists(path) and not overwrite:
        raise PictureError(f"{path} exists.", "Use --force to overwrite it.")


def _to_rgb(image: Image.Image, bits: int, unsigned: bool = False) -> Picture:
    """Convert to RGB or RGBA. The colours look the same; an ICC profile is kept where it still describes them.

    bits: those of a sample in the file.
    unsigned: whether whole numbers of 32 bits have no sign; Pillow takes them for numbers that have one.
    """
    metadata: dict[str, Any] = {}
    dpi = _resolution(image)
    if dpi:
        metadata["dpi"] = dpi
    transparent = image.mode in ("LA", "La", "PA", "RGBa") or "transparency" in image.info
    profile = image.info.pop("icc_profile", None)  # Pillow would write it even after the colours were converted
    if image.mode in ("RGB", "RGBA", "P", "PA"):
        if profile:
            metadata["icc_profile"] = profile
    elif profile and image.mode in ("CMYK", "L") and not transparent:
        converted = _to_srgb(image, profile)
        if converted is not None:
            return Picture(converted, metadata, bits)
    if image.mode == "RGBA" or (image.mode == "RGB" and not transparent):
        return Picture(image, metadata, bits)
    if image.mode.startswith(("I", "F")):
        from matted.files.formats import samples

        image = samples.grey_to_bytes(image, bits, unsigned)
    elif image.mode == "La":
        image = image.convert("LA")
    return Picture(image.convert("RGBA" if transparent else "RGB"), metadata, bits)


def _resolution(image: Image.Image) -> tuple[float, ...] | None:
    """Return the dots per inch, across and down; None if the picture does not say, or says what cannot be."""
    try:
        dpi = tuple(float(value) for value in image.info.get("dpi", ()))
    except ZeroDivisionError:  # older versions of Pillow read fractions so
        return None
    return dpi if dpi and all(math.isfinite(value) and 0 < value < MAX_DPI for value in dpi) else None


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image | None:
    """Convert to sRGB by the picture's ICC profile, which an RGB picture could not keep. None if it is unusable."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return None
