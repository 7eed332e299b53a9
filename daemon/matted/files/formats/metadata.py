"""Choose what of a picture's metadata its result keeps: who took it, when, with what, and what it shows; not where.

Only what is listed here is kept. All else can be wrong for the result (orientation, thumbnails, edits that a raw
converter would make again), or tell more than its person knows (serial numbers, maker's notes, history).
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from typing import Any

from PIL import Image, IptcImagePlugin
from PIL.ExifTags import GPS, IFD, Base
from PIL.TiffImagePlugin import IFDRational

_MAIN = {Base.ImageDescription, Base.Make, Base.Model, Base.DateTime, Base.Artist, Base.Copyright, Base.Rating}
_CAMERA = {Base.ExposureTime, Base.FNumber, Base.ExposureProgram, Base.ISOSpeedRatings, Base.SensitivityType}
_CAMERA |= {Base.StandardOutputSensitivity, Base.RecommendedExposureIndex, Base.ISOSpeed, Base.ExifVersion}
_CAMERA |= {Base.DateTimeOriginal, Base.DateTimeDigitized, Base.OffsetTime, Base.OffsetTimeOriginal}
_CAMERA |= {Base.OffsetTimeDigitized, Base.ShutterSpeedValue, Base.ApertureValue, Base.BrightnessValue}
_CAMERA |= {Base.ExposureBiasValue, Base.MaxApertureValue, Base.SubjectDistance, Base.MeteringMode, Base.LightSource}
_CAMERA |= {Base.Flash, Base.FocalLength, Base.SubsecTime, Base.SubsecTimeOriginal, Base.SubsecTimeDigitized}
_CAMERA |= {Base.SensingMethod, Base.ExposureMode, Base.WhiteBalance, Base.DigitalZoomRatio}
_CAMERA |= {Base.FocalLengthIn35mmFilm, Base.SceneCaptureType, Base.LensSpecification, Base.LensMake, Base.LensModel}
_GPS = set(GPS)
_MOST_BYTES = 65_000  # of all EXIF, which is what fits into a JPEG, and of XMP that is read or written
_DROPPED_FIRST = (Base.ImageDescription, Base.Artist, Base.Copyright)  # where that is too much

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_DC, _XMP = "http://purl.org/dc/elements/1.1/", "http://ns.adobe.com/xap/1.0/"
_PHOTOSHOP, _RIGHTS = "http://ns.adobe.com/photoshop/1.0/", "http://ns.adobe.com/xap/1.0/rights/"
_IPTC, _EXIF = "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/", "http://ns.adobe.com/exif/1.0/"
_EXTENDED = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_PREFIXES = {"rdf": _RDF, "dc": _DC, "xmp": _XMP, "photoshop": _PHOTOSHOP, "xmpRights": _RIGHTS, "exif": _EXIF}
_PREFIXES |= {"Iptc4xmpCore": _IPTC, "Iptc4xmpExt": _EXTENDED, "x": "adobe:ns:meta/"}
_WORDS = {
    _DC: {"title", "description", "creator", "rights", "subject", "date"},
    _XMP: {"CreateDate", "ModifyDate", "Rating", "Label"},
    _PHOTOSHOP: {"Headline", "CaptionWriter", "Credit", "Source", "DateCreated", "AuthorsPosition", "Instructions"},
    _RIGHTS: {"Marked", "Owner", "UsageTerms", "WebStatement"},
    _IPTC: {"CreatorContactInfo", "AltTextAccessibility", "ExtDescrAccessibility"},
}
_PLACES = {
    _PHOTOSHOP: {"City", "State", "Country"},
    _IPTC: {"Location", "CountryCode"},
    _EXTENDED: {"LocationCreated", "LocationShown"},
    _EXIF: {name for name in GPS.__members__ if name.startswith("GPS")},
}
# What old programs left in the place of XMP, by its number: which property that is, and of what kind.
_OLD = {
    (2, 5): (_DC, "title", "Alt"),
    (2, 25): (_DC, "subject", "Bag"),
    (2, 80): (_DC, "creator", "Seq"),
    (2, 105): (_PHOTOSHOP, "Headline", ""),
    (2, 110): (_PHOTOSHOP, "Credit", ""),
    (2, 115): (_PHOTOSHOP, "Source", ""),
    (2, 116): (_DC, "rights", "Alt"),
    (2, 120): (_DC, "description", "Alt"),
}
_OLD_PLACES = {
    (2, 90): (_PHOTOSHOP, "City", ""),
    (2, 95): (_PHOTOSHOP, "State", ""),
    (2, 101): (_PHOTOSHOP, "Country", ""),
}
MAX_DPI = 1e6  # a higher resolution is a damaged value, and does not fit into a PNG

Directories = Mapping[int, Mapping[int, Any]]  # of EXIF: the values by tag, of the main one (0) and those within


def of_image(image: Any) -> dict[str, Any]:
    """Collect everything that a picture of Pillow's says of itself, for `chosen`."""
    exif = image.getexif()
    found = {0: dict(exif)} | {ifd: dict(exif.get_ifd(ifd)) for ifd in (IFD.Exif, IFD.GPSInfo) if ifd in exif}
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    try:
        old = IptcImagePlugin.getiptcinfo(image) if image.format in ("JPEG", "MPO", "TIFF") else None
    except Exception:  # it is damaged, in any way: it says nothing then
        old = None
    return {"dpi": image.info.get("dpi"), "exif": found, "xmp": xmp, "iptc": old}


def chosen(found: Mapping[str, Any], keep_location: bool) -> dict[str, Any]:
    """Return what a result keeps of what `of_image` found: "dpi", "exif" (an Image.Exif) and "xmp" (bytes)."""
    result: dict[str, Any] = {}
    if dpi := _resolution(found.get("dpi")):
        result["dpi"] = dpi
    if exif := _exif(found.get("exif") or {}, keep_location):
        result["exif"] = exif
    if xmp := _xmp(found.get("xmp"), found.get("iptc"), keep_location):
        result["xmp"] = xmp
    return result


def _resolution(value: Any) -> tuple[float, ...] | None:
    """Return the dots per inch, across and down; None if the picture does not say, or says what cannot be."""
    try:
        dpi = tuple(float(one) for one in value or ())
    except (TypeError, ValueError, ZeroDivisionError):  # older versions of Pillow read fractions so
        return None
    return dpi if len(dpi) == 2 and all(math.isfinite(one) and 0 < one < MAX_DPI for one in dpi) else None


def _exif(found: Directories, keep_location: bool) -> Image.Exif | None:
    wanted: dict[int, set[Any]] = {0: _MAIN, IFD.Exif: _CAMERA, **({IFD.GPSInfo: _GPS} if keep_location else {})}
    kept = {ifd: _usable(found.get(ifd) or {}, tags) for ifd, tags in wanted.items()}
    if not any(kept.values()):
        return None
    for left_out in (0, *_DROPPED_FIRST):
        kept[0].pop(left_out, None)
        result = Image.Exif()
        result.update(kept[0])
        result.update({ifd: values for ifd, values in kept.items() if ifd and values})
        if len(result.tobytes()) <= _MOST_BYTES:
            return result
    return None


def _usable(values: Mapping[int, Any], tags: Iterable[int]) -> dict[int, Any]:
    """Return the values of some tags, but for those that cannot be written."""
    result = {}
    for tag in set(tags).intersection(values):
        one = Image.Exif()
        one[tag] = values[tag]
        try:
            parts = values[tag] if isinstance(values[tag], tuple) else (values[tag],)
            if any(isinstance(part, float | IFDRational) and not math.isfinite(float(part)) for part in parts):
                continue
            one.tobytes()
        except Exception:  # Pillow reads values that it cannot write, and raises whatever that leads to
            continue
        result[tag] = values[tag]
    return result


def _xmp(packet: Any, old: Mapping[tuple[int, int], Any] | None, keep_location: bool) -> bytes | None:
    """Return XMP with the wanted properties alone; None if there are none."""
    description = ET.Element(f"{{{_RDF}}}Description", {f"{{{_RDF}}}about": ""})
    for one in _descriptions(packet):
        for name, value in one.attrib.items():
            if _wanted(name, keep_location):
                description.set(name, value)
        description.extend(child for child in one if _wanted(child.tag, keep_location))
    there = {child.tag for child in description} | set(description.attrib)
    for number, (space, word, kind) in (_OLD | (_OLD_PLACES if keep_location else {})).items():
        texts = _texts((old or {}).get(number))
        if texts and f"{{{space}}}{word}" not in there:
            description.append(_property(space, word, kind, texts))
    if len(description) == 0 and len(description.attrib) == 1:
        return None
    for prefix, space in _PREFIXES.items():
        ET.register_namespace(prefix, space)
    whole = ET.Element("{adobe:ns:meta/}xmpmeta")
    ET.SubElement(whole, f"{{{_RDF}}}RDF").append(description)
    text = ET.tostring(whole, "utf-8")
    text = b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>' + text + b'<?xpacket end="r"?>'
    return text if len(text) <= _MOST_BYTES else None


def _descriptions(packet: Any) -> list[ET.Element]:
    """Return the groups of properties of XMP. Empty if it is damaged, or of a kind that could fill the memory."""
    data = packet.encode("utf-8", "replace") if isinstance(packet, str) else packet
    if not isinstance(data, bytes) or b"<!" in data or len(data) > 16 * _MOST_BYTES:
        return []
    try:
        return list(ET.fromstring(data.strip(b"\0 \r\n\t")).iter(f"{{{_RDF}}}Description"))[:100]
    except (ET.ParseError, ValueError, LookupError):
        return []


def _wanted(name: str, keep_location: bool) -> bool:
    space, _, word = name.removeprefix("{").partition("}")
    return word in _WORDS.get(space, ()) or (keep_location and word in _PLACES.get(space, ()))


def _texts(value: Any) -> list[str]:
    parts = value if isinstance(value, list) else [value] if value else []
    found = [part.decode("utf-8", "replace") if isinstance(part, bytes) else str(part) for part in parts]
    return ["".join(letter for letter in text if letter.isprintable() or letter in "\n\t") for text in found if text]


def _property(space: str, word: str, kind: str, texts: list[str]) -> ET.Element:
    result = ET.Element(f"{{{space}}}{word}")
    if not kind:
        result.text = texts[0]
        return result
    group = ET.SubElement(result, f"{{{_RDF}}}{kind}")
    for text in texts[:1] if kind == "Alt" else texts:
        language = {"{http://www.w3.org/XML/1998/namespace}lang": "x-default"} if kind == "Alt" else {}
        ET.SubElement(group, f"{{{_RDF}}}li", language).text = text
    return result
