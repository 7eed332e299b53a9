"""Read picture files as people see them, with the samples that they have, and write results in the formats there are.

What needs NumPy is imported where it is needed: it takes longer to import than many files take to be read.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image, UnidentifiedImageError

from matted.files.formats import decoding, known, picture
from matted.files.formats.known import PNG, TIFF, Form
from matted.files.formats.picture import Picture as Picture
from matted.files.formats.picture import PictureError as PictureError
from matted.files.formats.picture import of_samples as of_samples
from matted.files.source import Source
from matted.system import atomic_file

_SEE = "matted formats lists what can be read."
_LOSSLESS = 100  # the quality of a WebP whose samples are exact
_HIGH = 90  # the quality of a JPEG from which on colours are as sharp as brightness
_RESOLUTION = {282: 0, 283: 1}  # tags of EXIF: dots per inch across, and down
_INCHES = {296: 2}  # the tag that says so


def read(path: Path | Source, page: int | None = None, keep_location: bool = False) -> Picture:
    """Decode a file of any format that this installation reads. Raises PictureError.

    path: of the file; or what it would hold, in memory.
    page: the number of the page of a TIFF that is read, from 1 on; None for the only one.
    keep_location: whether metadata keep where the picture was taken.
    """
    refuse_no_name(path.name if isinstance(path, Source) else path)
    with _translated(path):
        return decoding.decode(path if isinstance(path, Source) else Source(path), page, keep_location)


def of_image(image: Image.Image, name: Path, keep_location: bool = False) -> Picture:
    """Take what Pillow has opened or made, which stays as it is. Raises PictureError.

    name: what stands for it in messages.
    """
    with _translated(name):
        image.load()
        shown, exif = image.copy(), image.getexif()
        if exif:  # of which a copy loses some, of some formats
            shown.info["exif"] = exif.tobytes()
        low, high = image.getextrema() if image.mode.startswith("I") else (-1, -1)
        whole = isinstance(low, int) and isinstance(high, int) and 0 <= low and high < 2**16
        bits = 16 if whole else 32 if image.mode in ("I", "F") else 8
        return picture.of_image(shown, None, bits, keep_location, unsigned=whole)


@contextmanager
def _translated(path: Path | Source) -> Iterator[None]:
    """Raise PictureError for whatever a decoder raises. path: names the picture in messages."""
    try:
        with warnings.catch_warnings():
            # Pillow warns from 89 megapixels on, which cameras reach; it refuses pictures of twice that size, and that
            # limit stays. It also warns of damaged metadata in pictures that are fine.
            warnings.simplefilter("ignore")
            yield
    except UnidentifiedImageError as error:
        raise PictureError(f"{path} is not a picture that matted can read.", _SEE) from error
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


def write(picture: Picture, path: Path, overwrite: bool, form: Form = PNG, quality: int | None = None) -> None:
    """Write a file whole or not at all, and make its folder. Raises PictureError, also if it exists already.

    form: its format, whatever its name.
    quality: 1 to 100, of a format that has one; None for that format's own.
    """
    refuse_no_name(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file.replacing(path) as draft:
            with open(draft, "w+b") as file:
                _encode(picture, file, form, form.quality if quality is None else quality)
            refuse_to_replace(path, overwrite)
    except OSError as error:
        raise PictureError(f"{path} cannot be written: {error.strerror or error}.") from error


def encoded(picture: Picture, form: Form = PNG, quality: int | None = None) -> bytes:
    """Return what a file of the picture holds. form, quality: as those of `write`."""
    file = io.BytesIO()
    _encode(picture, file, form, form.quality if quality is None else quality)
    return file.getvalue()


def refuse_no_name(path: Path) -> None:
    """Raise PictureError if no file can have this name: Python raises ValueError then, wherever it is used."""
    try:
        os.fsencode(path)
    except UnicodeEncodeError as error:
        raise PictureError(f"{str(path)!r} can be no file's name: it is no text of this system.") from error
    if "\0" in str(path):
        raise PictureError(f"{str(path)!r} can be no file's name: a character of it is 0.")


def refuse_unreadable(path: Path) -> None:
    """Raise PictureError if a file cannot be opened. It may still be no picture."""
    refuse_no_name(path)
    with _translated(path), open(path, "rb"):
        pass


def refuse_unwritable(path: Path) -> None:
    """Raise PictureError if it is known beforehand that a file cannot be made: its folder is none, or is closed."""
    place = Path(os.path.abspath(path)).parent
    while not os.path.lexists(place) and place != place.parent:  # folders that are missing are made
        place = place.parent
    if not os.path.isdir(place):
        raise PictureError(f"{path} cannot be written: {place} is no folder.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise PictureError(
            f"{path} cannot be written: nothing can be put into {place}.",
            "Choose another place, or see who may write there.",
        )


def refuse_to_replace(path: Path, overwrite: bool) -> None:
    """Raise PictureError if what is there must not be replaced by a result: a folder, or without `overwrite` a file."""
    if os.path.isdir(path):
        message = f"{path} cannot be written: there is a folder of that name."
        raise PictureError(message, "Rename the folder, or choose another name.")
    if os.path.exists(path) and not overwrite:
        raise PictureError(f"{path} exists.", "Use --force to overwrite it.")


def refuse_too_large(source: Path, picture: Picture, form: Form) -> None:
    """Raise PictureError if a picture, which is in the file `source`, has too long a side for a format of results."""
    if max(picture.image.size) > form.most:
        sides = "{} x {} pixels".format(*picture.image.size)
        message = f"{source} has {sides}; a side of a {form.title} has at most {form.most}."
        raise PictureError(message, "Choose another format: --format png")


def bits_in(picture: Picture, form: Form) -> int:
    """Return how many bits a sample of a result of this picture has in a format."""
    if picture.own is None:
        return 8
    return min(form.bits, 8 * picture.own.colours.dtype.itemsize)


def _encode(picture: Picture, file: BinaryIO, form: Form, quality: int | None) -> None:
    if form == PNG:
        from matted.files.formats import png_writing

        png_writing.write(
            file, picture.image if picture.own is None else picture.own.whole().pixels(), picture.metadata
        )
        return
    if form == TIFF:
        from matted.files.formats import tiff_writing

        pixels = _pixels(picture.image) if picture.own is None else picture.own.pixels()
        pixels = pixels.astype("float32", copy=False) if pixels.dtype.kind == "f" else pixels
        tiff_writing.write(file, pixels, picture.metadata)
        return
    image, metadata = in_eight_bits(picture)
    image.save(file, form.name.upper(), **_how(form, quality), **metadata)


def _how(form: Form, quality: int | None) -> dict[str, Any]:
    if form == known.WEBP:
        exact = quality == _LOSSLESS
        return {"lossless": exact, "quality": 60 if exact else quality, "exact": exact}
    if form == known.JPEG:
        sharp = quality is not None and quality >= _HIGH
        return {"quality": quality, "subsampling": "4:4:4" if sharp else "4:2:0", "optimize": True}
    return {"quality": quality, "subsampling": "4:4:4"}


def _pixels(image: Image.Image) -> Any:
    import numpy as np

    return np.atleast_3d(np.asarray(image))


def in_eight_bits(picture: Picture) -> tuple[Image.Image, dict[str, Any]]:
    """Return what a format of 8 bits keeps of a picture, and its metadata as Pillow takes them.

    RGB of 8 bits keeps its samples and its profile. What has more bits, or is grey with a profile, is in sRGB.
    """
    kept, own = picture.metadata, picture.own
    image = picture.image
    if own is not None and not own.grey and own.colours.dtype.itemsize == 1:
        image = Image.fromarray(own.pixels())
    elif own is not None:
        kept = {name: value for name, value in kept.items() if name != "icc_profile"}
    exif = Image.Exif()
    exif.update(kept.get("exif", {}))
    if "dpi" in kept:
        exif.update({tag: kept["dpi"][at] for tag, at in _RESOLUTION.items()} | _INCHES)
    result = {name: value for name, value in kept.items() if name != "exif"}
    return image, result | ({"exif": exif} if len(exif) else {})
