"""Write TIFF files of every depth by tifffile, with the metadata that it does not write itself."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, BinaryIO

from numpy.typing import NDArray
from PIL import Image
from PIL.ExifTags import IFD, Base
from PIL.TiffImagePlugin import ImageFileDirectory_v2

_ASCII, _BYTE, _LONG, _SHORT = 2, 1, 4, 3  # types of values
_LEVEL = 4  # of zlib: with the predictor, higher ones take twice the time for a hundredth of the size
_XMP = 700
_DIRECTORIES = (IFD.Exif, IFD.GPSInfo)
_TEXTS = (Base.ImageDescription, Base.Make, Base.Model, Base.DateTime, Base.Artist, Base.Copyright)


def write(file: BinaryIO, pixels: NDArray[Any], metadata: Mapping[str, Any]) -> None:
    """Write a TIFF.

    file: that is written and read, and empty.
    pixels: height x width x 1 to 4, uint8, uint16 or float32; a second or fourth is alpha.
    metadata: icc_profile, dpi, exif, xmp, as far as there are any.
    """
    import tifffile

    channels = pixels.shape[2]
    exif: Image.Exif | None = metadata.get("exif")
    within = {int(ifd): exif[ifd] for ifd in _DIRECTORIES if ifd in exif} if exif is not None else {}
    tags: list[tuple[int, int, int | None, Any, bool]] = [(ifd - 1, _LONG, 1, 0, True) for ifd in within]
    for tag in _TEXTS:
        if exif is not None and isinstance(exif.get(tag), str):
            tags.append((tag, _ASCII, None, exif[tag].encode("utf-8", "replace"), True))
    if "xmp" in metadata:
        tags.append((_XMP, _BYTE, len(metadata["xmp"]), metadata["xmp"], True))
    tifffile.imwrite(
        file,
        pixels if channels > 1 else pixels[:, :, 0],
        byteorder="<",
        photometric="minisblack" if channels < 3 else "rgb",
        planarconfig="contig" if channels > 1 else None,
        extrasamples=None if channels % 2 else ["unassalpha"],
        compression="adobe_deflate",
        compressionargs={"level": _LEVEL},
        predictor=pixels.dtype.kind == "u",
        rowsperstrip=64,
        iccprofile=metadata.get("icc_profile"),
        resolution=metadata.get("dpi"),
        resolutionunit="INCH" if "dpi" in metadata else None,
        software=False,
        metadata=None,
        extratags=tags,
    )
    if within:
        _add_directories(file, within)


def _add_directories(file: BinaryIO, within: Mapping[int, Mapping[int, Any]]) -> None:
    """Write directories of EXIF at the end, and have tags of the picture lead to them.

    tifffile does not write such tags. So there is one of the number before, which is nobody's, and becomes it here.
    """
    import tifffile

    file.seek(0)
    with tifffile.TiffFile(file, mode="r+") as written:
        for ifd, values in within.items():
            directory = ImageFileDirectory_v2()
            for tag, value in values.items():
                directory[tag] = value
            place = written.filehandle.seek(0, 2)
            place += written.filehandle.write(b"\0" * (place % 2))
            written.filehandle.write(directory.tobytes(place))
            leading = written.pages.first.tags[ifd - 1]
            leading.overwrite(place)
            written.filehandle.seek(leading.offset)
            written.filehandle.write(struct.pack("<H", ifd))
