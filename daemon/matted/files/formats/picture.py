"""Make pictures of what was decoded: as the daemon is shown them, and with their own samples and profile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matted_client import MattedError
from PIL import Image, ImageOps

from matted.files.formats import metadata

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from matted.files.formats.samples import Samples

_IN_WORK = 18  # bytes in memory of a pixel of 8 bits, while its picture is worked on
_OWN_IN_WORK = 4  # how often its own samples are in memory then, at most
_GREY = {"1", "L", "LA", "La"}
_ALPHA = {"LA", "La", "PA", "RGBa", "RGBA"}


class PictureError(MattedError):
    """A picture file cannot be read or written. The message names the file and the reason."""

    code = "file"


@dataclass(frozen=True)
class Picture:
    """A decoded picture.

    image: RGB or RGBA, 8 bits a sample, upright, in sRGB: what the daemon is shown.
    metadata: what is written into its result as well: icc_profile (of `own`, if there is that), dpi, exif, xmp.
    bits: those of a sample in the file that it was read from.
    lossy: whether that file is of a kind that keeps samples only nearly as they were.
    own: its samples as the file has them; None where `image` has the same.
    colours: what the file's colours are, if results cannot have such ones: "CMYK", "Lab".
    """

    image: Image.Image
    metadata: dict[str, Any]
    bits: int = 8
    lossy: bool = False
    own: Samples | None = None
    colours: str = ""

    @property
    def wire_format(self) -> str:
        """The protocol's name of its pixel format."""
        return f"{self.image.mode}8"

    @property
    def samples(self) -> Samples:
        """Its own samples: those of `image` where the file has the same."""
        import numpy as np

        from matted.files.formats.samples import Samples

        if self.own is not None:
            return self.own
        pixels = np.asarray(self.image)
        return Samples(pixels[:, :, :3], pixels[:, :, 3] if pixels.shape[2] == 4 else None)

    @property
    def is_deep(self) -> bool:
        """Whether its samples have more than 8 bits."""
        return self.own is not None and self.own.colours.dtype.itemsize > 1

    @property
    def bytes_in_work(self) -> int:
        """The memory that it takes while it is worked on, about: with its own samples."""
        return _IN_WORK * self.image.width * self.image.height + (_OWN_IN_WORK * self.own.nbytes if self.own else 0)


def of_image(
    image: Image.Image,
    values: NDArray[Any] | None,
    bits: int,
    keep_location: bool,
    unsigned: bool = False,
    inverted: bool = False,
) -> Picture:
    """Make a picture of what Pillow decoded.

    image: as the file has it; it may be turned.
    values: its samples, upright, if they have 16 bits and `image` has not: height x width x 1 to 4.
    bits: those of a sample in the file.
    keep_location: whether metadata keep where the picture was taken.
    unsigned: whether whole numbers of 32 bits have no sign; Pillow takes them for numbers that have one.
    inverted: whether white is 0, in a grey picture of more than 8 bits.
    """
    kept = metadata.chosen(metadata.of_image(image), keep_location)
    profile = image.info.pop("icc_profile", None)  # Pillow would write it even after the colours were converted
    key = image.info.get("transparency")
    ImageOps.exif_transpose(image, in_place=True)  # else it would copy what is upright already
    if values is not None or image.mode in _GREY or image.mode.startswith(("I", "F")):
        return of_samples(_samples(image, bits, values, unsigned, inverted, key), profile, kept, bits)
    if image.mode not in ("RGB", "RGBA", "RGBX", "RGBa", "P", "PA"):
        return converted(image, None, profile, kept, bits)
    transparent = image.mode in _ALPHA or key is not None
    wanted = "RGBA" if transparent else "RGB"
    image = image if image.mode == wanted else image.convert(wanted)  # which would copy it
    if profile and profile[16:20] == b"RGB ":
        from matted.files.formats import icc

        if icc.conversion(profile) is not None:
            return of_samples(_samples(image, 8), profile, kept, bits)
        kept["icc_profile"] = profile
    return Picture(image, kept, bits)


def of_samples(own: Samples, profile: bytes | None, kept: dict[str, Any], bits: int) -> Picture:
    """Make a picture of samples that its result can have, too.

    profile: of its colours. kept: the metadata of its result.
    """
    from matted.files.formats import icc

    if profile and icc.mode_of(profile) == ("L" if own.grey else "RGB"):
        kept = {**kept, "icc_profile": profile}
        conversion = icc.conversion(profile)
    else:
        conversion = None
    image = _reduced(own) if conversion is None else conversion.to_srgb(own)
    if own.alpha is not None:
        image.putalpha(_reduced_alpha(own.alpha))
    return Picture(image, kept, bits, own=own)


def converted(
    image: Image.Image, alpha: Image.Image | None, profile: bytes | None, kept: dict[str, Any], bits: int
) -> Picture:
    """Make a picture in sRGB of one whose colours no result can have, by its profile if that is usable.

    image: upright. alpha: if it has none itself.
    """
    result = None
    if profile and image.mode in ("CMYK", "LAB"):
        from matted.files.formats import icc

        result = icc.to_srgb(image, profile)
    colours = {"LAB": "Lab"}.get(image.mode, image.mode)
    result = result or image.convert("RGB")
    result.info.pop("icc_profile", None)  # the one that Pillow makes has the time in it, so results would differ
    if alpha is not None:
        result.putalpha(alpha)
    return Picture(result, kept, bits, colours=colours)


def _samples(
    image: Image.Image,
    bits: int,
    values: NDArray[Any] | None = None,
    unsigned: bool = False,
    inverted: bool = False,
    key: Any = None,
) -> Samples:
    """Return the samples of an upright picture. The parameters are those of `of_image`. key: a transparent colour."""
    import numpy as np

    from matted.files.formats import samples
    from matted.files.formats.samples import Samples

    if values is None and image.mode in _GREY:
        shown = image.convert("LA" if image.mode == "La" else "L") if image.mode in ("1", "La") else image
        if key is not None and shown.mode == "L":
            shown = shown.convert("LA")  # which heeds the key
        values = np.asarray(shown)
    elif values is None:
        values = np.asarray(image)
        if image.mode == "I" and bits == 32 and unsigned:
            values = values.view(np.uint32)
        elif image.mode == "I" and bits == 16 and unsigned:
            values = values.astype(np.uint16)
    values = values[:, :, np.newaxis] if values.ndim == 2 else values
    count = values.shape[2] - 1 + values.shape[2] % 2
    alpha = values[:, :, count] if count < values.shape[2] else None
    own = samples.kept(values[:, :, :count], max(bits, 8), alpha)
    if inverted:
        own = own.inverted()
    if key is not None and alpha is None:
        same = (values == np.array(key).astype(values.dtype)).all(axis=2)
        own = Samples(own.colours, np.where(same, 0, own.full).astype(own.colours.dtype), own.black, own.white)
    return own


def _reduced(own: Samples) -> Image.Image:
    """Return the colours as RGB of 8 bits."""
    import numpy as np

    colours = own.reduced()
    return Image.fromarray(np.repeat(colours, 3, axis=2) if own.grey else np.ascontiguousarray(colours))


def _reduced_alpha(alpha: NDArray[Any]) -> Image.Image:
    from matted.files.formats.samples import Samples

    return Image.fromarray(Samples(alpha[:, :, None]).reduced()[:, :, 0])
