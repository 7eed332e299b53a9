"""Decode picture files of every format: by Pillow, and what it cannot, or not with all bits, by others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image, UnidentifiedImageError
from PIL.ExifTags import Base as Tag

from matted.files.formats import known, metadata, picture, png_chunks
from matted.files.formats.picture import Picture, PictureError
from matted.files.source import Source

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # what such a file begins with
_SEVERAL = {"MPO", "PSD"}  # a phone's JPEG that contains a second, smaller view; layers, of which the whole is shown
_IMAGECODECS = f"{known.GET_IMAGECODECS} Or save the picture as RGB with 8 or 16 bits a channel."
_HEIF = f"{known.GET_HEIF} Or save the picture as a JPEG."


def decode(source: Source, page: int | None, keep_location: bool) -> Picture:
    """Decode a picture. The parameters are those of pictures.read.

    Raises PictureError where it says what is wrong, DecompressionBombError, UnidentifiedImageError, and whatever else
    decoders raise for damaged files.
    """
    with source.open() as file:
        beginning = file.read(16)
    if not beginning:
        raise PictureError(f"{source} is empty: there is nothing in it.", "Copy or download it once more.")
    if beginning[:4] in _TIFF:
        return _decode_tiff(source, page, keep_location)
    if page is not None and page != 1:
        raise PictureError(f"{source} has no page {page}.", "TIFF files alone have pages.")
    if known.is_heic(beginning):
        return _decode_heic(source, keep_location)
    try:
        return _decode_file(source, source.file, keep_location)
    except ValueError:
        lighter = png_chunks.without_large(source)
        if lighter is None:
            raise
        file_without, profile = lighter
        return _decode_file(source, file_without, keep_location, profile)


def _decode_file(source: Source, file: Path | BinaryIO, keep_location: bool, profile: bytes | None = None) -> Picture:
    """Decode what `file` holds, but no TIFF. source: for messages. profile: the ICC profile, if not in the file."""
    with known.open_picture(file) as image:
        frames = getattr(image, "n_frames", 1)
        if frames > 1 and image.format not in _SEVERAL:
            hint = "By itself, matted remove makes a film of it. Or save the frame that you want as a separate file."
            raise PictureError(f"{source} has {frames} frames: it is a film, and no picture.", hint)
        # Pillow has 16 bits of grey, which are whole numbers of some more in PGM, and floats.
        values, bits = None, {"I": 16, "F": 32}.get(image.mode[:1], 8)
        if image.format == "PNG" and str(image.tile[0][3]).endswith("16B"):
            from matted.files.formats import deep

            bits = 16
            if deep.is_deep(image):
                _, values = deep.decode(image, lambda: Image.open(file, formats=["PNG"]))
        image.load()
        if profile:
            image.info["icc_profile"] = profile
        made = picture.of_image(image, values, bits, keep_location, unsigned=True)
        return replace(made, lossy=image.format in known.LOSSY_IN)


def _decode_heic(source: Source, keep_location: bool) -> Picture:
    if not known.has_heic():
        raise PictureError(f"{source} is a HEIC. matted reads that with pillow-heif, which is not installed.", _HEIF)
    import numpy as np
    import pillow_heif

    heic = pillow_heif.open_heif(source.file, convert_hdr_to_8bit=False)
    image: Any = heic[heic.primary_index]
    if image.size[0] * image.size[1] > 2 * (Image.MAX_IMAGE_PIXELS or 0):
        raise Image.DecompressionBombError
    image.load()
    bits, values = int(image.info.get("bit_depth", 8)), np.asarray(image)
    mode, _, deep = str(image.mode).partition(";")
    if deep:  # in the upper bits of 16; the lower are filled up, so that white is full scale
        values = values | (values >> bits)
        shown = Image.fromarray(np.ascontiguousarray(values >> 8).astype(np.uint8))
    else:
        shown = Image.frombytes(mode, image.size, image.data, "raw", mode, image.stride)
    shown.info.update({name: image.info[name] for name in ("icc_profile", "xmp") if image.info.get(name)})
    if exif := image.info.get("exif"):
        shown.info["exif"] = exif
        shown.getexif().pop(Tag.Orientation, None)  # the decoder has turned it
    return replace(picture.of_image(shown, values if deep else None, bits, keep_location), lossy=True)


def _decode_tiff(source: Source, page: int | None, keep_location: bool) -> Picture:
    from matted.files.formats import deep, tiff

    try:
        # From an open file: one that Pillow opens by its name it maps into memory, and takes a picture that lies on its
        # side for one that stands then.
        with source.open() as file, Image.open(file, formats=["TIFF"]) as image:
            index = 0
            if image.is_animated or page is not None:  # type: ignore[attr-defined]
                index = _page(source, page).index
                image.seek(index)
            tags = image.tag_v2  # type: ignore[attr-defined]
            bits = max(tags.get(Tag.BitsPerSample, (1,)))
            values = None
            if deep.is_deep(image):

                def again() -> Image.Image:
                    other = Image.open(source.file, formats=["TIFF"])
                    other.seek(index)
                    return other

                _, values = deep.decode(image, again)
            elif bits > 8 and (image.mode in ("RGB", "RGBA") or tags.get(Tag.PlanarConfiguration) == 2):
                raise ValueError("Pillow would lose bits, or take the bytes of samples for others")
            image.load()
            unsigned = tags.get(Tag.SampleFormat, (1,))[0] == 1
            # That white is 0 Pillow heeds with up to 8 bits only.
            inverted = tags.get(Tag.PhotometricInterpretation) == 0 and image.mode.startswith(("I", "F"))
            return picture.of_image(image, values, bits, keep_location, unsigned, inverted)
    except (UnidentifiedImageError, ValueError, SyntaxError, LookupError):  # Pillow does not know such a TIFF
        pass
    try:
        wanted = _page(source, page)
        decoded = tiff.decode(source, wanted)
    except tiff.Unsupported as error:
        if error.needs_imagecodecs:
            message = f"{source} is {error.what}. matted reads that with imagecodecs, which are not installed."
            raise PictureError(message, _IMAGECODECS) from error
        raise PictureError(f"{source} is {error.what}, which matted cannot read.", error.hint) from error
    kept = metadata.chosen({**wanted.described, **decoded.info}, keep_location)
    profile = decoded.info.get("icc_profile")
    if decoded.own is not None:
        return picture.of_samples(decoded.own, profile, kept, wanted.bits)
    assert decoded.image is not None
    return picture.converted(decoded.image, decoded.alpha, profile, kept, wanted.bits)


def _page(source: Source, page: int | None) -> Any:
    """Return the page of a TIFF that is its picture, or that of a number. Raises PictureError if there is none."""
    from matted.files.formats import tiff

    found = tiff.pictures(tiff.pages(source))
    if not found:
        raise PictureError(f"{source} has no picture in it.")
    if page is None and len(found) > 1:
        message = f"{source} has {len(found)} pages; matted works on single pictures."
        raise PictureError(message, f"Say which of these pages with --page, 1 to {len(found)}.")
    if page is not None and page > len(found):
        pages = "1 page" if len(found) == 1 else f"{len(found)} pages"
        raise PictureError(f"{source} has no page {page}: it has {pages}.")
    return found[(page or 1) - 1]
