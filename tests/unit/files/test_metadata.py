"""What a result says of its picture: who, when, with what; where only if that is asked for; never how it lies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matted.files import cutting, pictures
from matted.files.formats import known, metadata
from matted.files.formats.known import AVIF, PNG, TIFF, WEBP, Form
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base
from PIL.TiffImagePlugin import IFDRational

RGB = np.random.default_rng(1).integers(0, 256, (18, 24, 3), dtype=np.uint8)
FULL = np.full((18, 24), 255, np.uint8)
SAID: dict[int, Any] = {
    Base.ImageDescription: "A heron",
    Base.Make: "Maker",
    Base.Model: "Camera 3",
    Base.DateTime: "2024:05:06 07:08:09",
    Base.Artist: "Émilie",
    Base.Copyright: "© her",
}
CAMERA: dict[int, Any] = {
    Base.DateTimeOriginal: "2024:05:06 07:08:09",
    Base.OffsetTimeOriginal: "+02:00",
    Base.FNumber: IFDRational(28, 10),
    Base.ISOSpeedRatings: 200,
    Base.LensModel: "50 mm",
}
SECRETS: dict[int, Any] = {Base.MakerNote: b"a serial number", Base.BodySerialNumber: "0815"}
PLACE: dict[int, Any] = {GPS.GPSLatitudeRef: "N", GPS.GPSLatitude: (52.0, 31.0, 12.0), GPS.GPSLongitudeRef: "E"}
XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" photoshop:City="Berlin"
 photoshop:Headline="A bird" xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/" crs:Exposure2012="+1.5"
 xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6" xmlns:exif="http://ns.adobe.com/exif/1.0/"
 exif:GPSLatitude="52,31.2N" xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">all of them</rdf:li></rdf:Alt></dc:rights>
</rdf:Description></rdf:RDF></x:xmpmeta>"""
FORMS = [PNG, TIFF, WEBP, AVIF]


def photograph(path: Path, **how: Any) -> Path:
    exif = Image.Exif()
    exif.update({**SAID, Base.Orientation: 6, IFD.Exif: {**CAMERA, **SECRETS}, IFD.GPSInfo: PLACE})
    as_read = Image.Exif()
    as_read.load(exif.tobytes())
    Image.fromarray(RGB).save(path, exif=as_read, dpi=(300, 300), **how)
    return path


def result(source: Path, form: Form, keep_location: bool = False) -> Image.Image:
    target = source.with_name(f"result{form.suffixes[0]}")
    picture = pictures.read(source, keep_location=keep_location)
    mask = np.full((picture.image.height, picture.image.width), 255, np.uint8)
    pictures.write(cutting.cut_out(picture, mask), target, True, form)
    with Image.open(target) as image:
        image.load()
        return image


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_result_in_memory_is_what_its_file_holds(tmp_path: Path, form: Form) -> None:
    picture, target = pictures.read(photograph(tmp_path / "in.jpg")), tmp_path / "out"
    pictures.write(picture, target, False, form)
    assert pictures.encoded(picture, form) == target.read_bytes()


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
@pytest.mark.parametrize("name", ["in.jpg", "in.png", "in.tif", "in.webp", "in.avif"])
def test_date_camera_copyright_and_description_are_kept(tmp_path: Path, name: str, form: Form) -> None:
    made = result(photograph(tmp_path / name), form)
    exif = made.getexif()
    assert {tag: exif.get(tag) for tag in SAID if tag in (Base.Make, Base.Model, Base.DateTime)} == {
        tag: SAID[tag] for tag in (Base.Make, Base.Model, Base.DateTime)
    }
    assert exif[Base.ImageDescription] == "A heron"
    within = exif.get_ifd(IFD.Exif)
    assert {tag: within.get(tag) for tag in CAMERA} == CAMERA
    assert not set(SECRETS) & set(within)
    assert IFD.GPSInfo not in exif
    assert exif.get(Base.Orientation, 1) == 1
    assert made.size == (18, 24)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_the_place_is_kept_if_that_is_asked_for(tmp_path: Path, form: Form) -> None:
    source = photograph(tmp_path / "in.jpg", xmp=XMP)
    found = result(source, form, keep_location=True)
    assert found.getexif().get_ifd(IFD.GPSInfo)[GPS.GPSLatitude] == (52.0, 31.0, 12.0)
    assert b"Berlin" in words(found) and b"GPSLatitude" in words(found)
    again = result(source, form)
    assert IFD.GPSInfo not in again.getexif()
    assert b"Berlin" not in words(again) and b"GPS" not in words(again)


def words(image: Image.Image) -> bytes:
    found = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    return found.encode() if isinstance(found, str) else bytes(found)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_of_xmp_the_words_are_kept_and_not_the_edits(tmp_path: Path, form: Form) -> None:
    found = words(result(photograph(tmp_path / "in.jpg", xmp=XMP), form))
    assert b"A bird" in found and b"all of them" in found
    assert b"Exposure" not in found and b"Orientation" not in found


def test_what_old_programs_wrote_becomes_xmp() -> None:
    old = {(2, 120): b"A heron", (2, 80): [b"One", b"Two"], (2, 90): b"Berlin", (2, 5): b"bad \xff\x00 text"}
    kept = metadata.chosen({"iptc": old}, keep_location=False)["xmp"]
    assert b"<dc:description>" in kept and b"A heron" in kept
    assert b"<rdf:li>One</rdf:li><rdf:li>Two</rdf:li>" in kept
    assert b"Berlin" not in kept
    assert b"Berlin" in metadata.chosen({"iptc": old}, keep_location=True)["xmp"]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_the_resolution_is_kept_in_every_format(tmp_path: Path, form: Form) -> None:
    made = result(photograph(tmp_path / "in.jpg"), form)
    dpi = made.info.get("dpi") or tuple(made.getexif().get(tag) for tag in (Base.XResolution, Base.YResolution))
    assert dpi == pytest.approx((300, 300), abs=0.1)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"no xml",
        b'<!DOCTYPE a [<!ENTITY b "bbbb">]><a>&b;</a>',
        XMP[:200],
        XMP.replace(b"A bird", b"x" * 2_000_000),
        b"<a>" * 50_000,
        5,
    ],
)
def test_xmp_that_is_damaged_or_hostile_is_left_out(packet: Any) -> None:
    assert "xmp" not in metadata.chosen({"xmp": packet}, keep_location=True)


def test_values_that_cannot_be_written_are_left_out() -> None:
    found = {
        0: {Base.Make: "Maker", Base.Model: object(), Base.Copyright: None, Base.Rating: float("nan")},
        IFD.Exif: {Base.FNumber: IFDRational(1, 0), Base.ISOSpeedRatings: 2**70},
    }
    exif = metadata.chosen({"exif": found}, keep_location=True)["exif"]
    assert dict(exif) == {Base.Make: "Maker"}


def test_a_description_that_fits_into_no_file_is_left_out() -> None:
    found = {0: {Base.Make: "Maker", Base.ImageDescription: "x" * 100_000}}
    assert dict(metadata.chosen({"exif": found}, keep_location=False)["exif"]) == {Base.Make: "Maker"}


def test_a_picture_that_says_nothing_has_no_metadata(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "in.png")
    assert pictures.read(tmp_path / "in.png").metadata == {}
    assert "exif" not in result(tmp_path / "in.png", known.PNG).info
