"""Picture files: read what a person means by the file, write cut-outs and masks without ever losing one."""

from __future__ import annotations

import io
import math
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matted_client import MattedError
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageCms, ImageOps, UnidentifiedImageError

from matted.mask import band
from matted.system import atomic_file

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".webp", ".tif", ".tiff"})
# Level 1 writes a cut-out three to four times as fast as zlib's default. To look for runs alone, which zlib has for
# PNG, makes it smaller again: 9 to 16 % larger than the default, where level 1 by itself is 13 to 36 %.
_COMPRESSION = {"compress_level": 1, "compress_type": zlib.Z_RLE}
MAX_DPI = 1e6  # beyond it a resolution is damage, and a PNG cannot hold it


class PictureError(MattedError):
    """A file that cannot be read or written: which, and why."""


@dataclass(frozen=True)
class Picture:
    """image: RGB or RGBA, 8 bit, upright. metadata: what its PNG should keep (icc_profile, dpi)."""

    image: Image.Image
    metadata: dict[str, Any]

    @property
    def wire_format(self) -> str:
        return f"{self.image.mode}8"


def read(path: Path) -> Picture:
    """Raises PictureError."""
    try:
        with warnings.catch_warnings():
            # Pillow warns from 89 megapixels on, which cameras reach, and refuses at twice that
            # and comments on damaged remarks in pictures that are fine
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as image:
                _refuse_animation(path, image)
                image.load()
                upright = ImageOps.exif_transpose(image)
                return _simplify(upright)
    except UnidentifiedImageError:
        message = f"{path} is not a picture that matted can read."
        raise PictureError(message, "PNG, JPEG, WebP and TIFF are possible.") from None
    except Image.DecompressionBombError:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 1_000_000
        raise PictureError(
            f"{path} is too large.", f"At most {limit} megapixels are possible; scale it down."
        ) from None
    except MemoryError:
        raise PictureError(f"There is not enough memory to open {path}.", "Close other programs.") from None
    except OSError as error:
        if error.errno is not None:
            raise PictureError(f"{path} cannot be read: {error.strerror}.") from None
        raise PictureError(f"{path} is damaged: {error}.", "Open and save it again in an editor.") from None
    except PictureError:
        raise
    except Exception as error:  # Pillow's decoders meet damaged files with almost any exception
        raise PictureError(f"{path} is damaged: {error}.", "Open and save it again in an editor.") from None


def inside(folder: Path) -> list[Path]:
    """The picture files of a folder, by name. Raises PictureError if there are none."""
    files = sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not files:
        raise PictureError(f"There are no pictures in {folder}.", "PNG, JPEG, WebP and TIFF are looked for.")
    return files


def cut_out(picture: Picture, mask: NDArray[np.uint8], foreground: NDArray[np.uint8] | None = None) -> Picture:
    """Put the mask (height x width) into the alpha channel, under an alpha that is already there.

    foreground: the subject's own colours, height x width x 3, RGB. They take the place of the picture's, but where the
    mask is full: those pixels are the subject's already. Where nothing of the subject is near, the picture becomes
    black: what was removed is not to be found in the file, which is smaller for it.
    """
    alpha = Image.fromarray(mask)
    image = picture.image
    if image.mode == "RGBA":
        alpha = ImageChops.multiply(alpha, image.getchannel("A"))
    result = image.convert("RGB") if foreground is None else _repainted(image, mask, foreground)
    result.putalpha(alpha)
    return Picture(result, picture.metadata)


def _repainted(image: Image.Image, mask: NDArray[np.uint8], foreground: NDArray[np.uint8]) -> Image.Image:
    result = Image.fromarray(foreground)
    result.paste(image.convert("RGB"), mask=Image.fromarray(mask == 255))
    result.paste((0, 0, 0), mask=Image.fromarray(_removed(mask)))
    return result


def _removed(mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where the mask is 0, but for what lies at a soft edge: an editor that scales the cut-out mixes that in."""
    removed: NDArray[np.bool_] = mask == 0
    for row, soft in enumerate(band.soft_blocks(mask)):
        strip = removed[row * band.MARGIN : (row + 1) * band.MARGIN]
        strip &= ~np.repeat(soft, band.MARGIN)[: mask.shape[1]]
    return removed


def write(picture: Picture, path: Path, overwrite: bool) -> None:
    """Write a PNG: whole, or not at all. Raises PictureError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file.replacing(path) as draft:
            picture.image.save(draft, "PNG", **_COMPRESSION, **picture.metadata)
            if path.exists() and not overwrite:
                raise PictureError(f"{path} exists.", "Use --force to overwrite it.")
    except OSError as error:
        raise PictureError(f"{path} cannot be written: {error.strerror or error}.") from None


def _refuse_animation(path: Path, image: Image.Image) -> None:
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # a JPEG of a phone with a second, smaller view in it
        what = "pages" if image.format == "TIFF" else "frames"
        message = f"{path} has {frames} {what}; matted works on single pictures."
        raise PictureError(message, f"Save the one that you want as a file of its own, without the other {what}.")


def _simplify(image: Image.Image) -> Picture:
    """To RGB or RGBA with the colours unchanged; the profile is kept where it still describes them."""
    metadata: dict[str, Any] = {}
    dpi = image.info.get("dpi")
    if dpi and all(math.isfinite(value) and 0 < value < MAX_DPI for value in dpi):
        metadata["dpi"] = dpi
    transparent = image.mode in ("LA", "La", "PA", "RGBa") or "transparency" in image.info
    profile = image.info.pop("icc_profile", None)  # or Pillow would write it, whatever becomes of the colours
    if image.mode in ("RGB", "RGBA", "P", "PA"):
        if profile:
            metadata["icc_profile"] = profile
    elif profile and image.mode in ("CMYK", "L") and not transparent:
        converted = _through_profile(image, profile)
        if converted is not None:
            return Picture(converted, metadata)
    if image.mode == "RGBA" or (image.mode == "RGB" and not transparent):
        return Picture(image, metadata)
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.mode in ("I", "F"):
        image = _stretch(image)
    return Picture(image.convert("RGBA" if transparent else "RGB"), metadata)


def _through_profile(image: Image.Image, profile: bytes) -> Image.Image | None:
    """To sRGB through the picture's own profile, which an RGB picture could not keep. None if it is unusable."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return None


def _stretch(image: Image.Image) -> Image.Image:
    """32-bit integers or floats have no agreed white: from the darkest to the brightest sample becomes 0 to 255."""
    samples = np.nan_to_num(np.asarray(image, np.float64))
    low, high = float(samples.min()), float(samples.max())
    return Image.fromarray(((samples - low) * (255.0 / max(high - low, 1e-12))).round().astype(np.uint8))
