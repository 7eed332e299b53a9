"""Every kind of picture file: read, cut out, written in every format, and compared with what the file had."""

from __future__ import annotations

from pathlib import Path

import file_kinds
import numpy as np
import pytest
from file_kinds import ORIENTATIONS, Kind
from matted.files import pictures
from matted.files.formats import known
from matted.files.formats.known import AVIF, JPEG, PNG, TIFF, WEBP
from matted.files.formats.samples import upright
from matted.files.source import Source

KINDS = file_kinds.kinds()
IN_RESULTS = {"1": "8", "10": "16"}  # what becomes of depths that no result has


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_png_keeps_every_sample_up_to_16_bits_and_the_profile(tmp_path: Path, kind: Kind) -> None:
    kept = file_kinds.kept(kind, PNG, tmp_path)
    assert kept.exact
    assert kept.profile == (kind.profile is not None)
    assert kept.bits == {"float": "16"}.get(kind.depth, IN_RESULTS.get(kind.depth, kind.depth))


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_tiff_keeps_every_sample_and_the_profile(tmp_path: Path, kind: Kind) -> None:
    kept = file_kinds.kept(kind, TIFF, tmp_path)
    assert (kept.exact, kept.profile) == (True, kind.profile is not None)
    assert kept.bits == IN_RESULTS.get(kind.depth, kind.depth)


@pytest.mark.parametrize("form", [WEBP, AVIF, JPEG], ids=lambda form: form.name)
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_format_of_8_bits_keeps_the_colours(tmp_path: Path, kind: Kind, form: known.Form) -> None:
    kept = file_kinds.kept(kind, form, tmp_path)
    assert kept.bits == "8"
    assert kept.exact == (form == WEBP), "WebP of the quality 100 is lossless"
    assert kept.converted or kept.profile == (kind.profile is not None)


@pytest.mark.parametrize("form", [PNG, TIFF, WEBP], ids=lambda form: form.name)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.alpha], ids=str)
def test_alpha_is_kept_where_the_mask_is_full(tmp_path: Path, kind: Kind, form: known.Form) -> None:
    picture, again = file_kinds.result(kind, form, tmp_path)
    full = file_kinds.MASK == 65535
    before, after = (each.samples for each in (picture, again))
    assert before.alpha is not None and after.alpha is not None
    if before.alpha.dtype == after.alpha.dtype:
        np.testing.assert_array_equal(after.alpha[full], before.alpha[full])
    else:
        np.testing.assert_allclose(after.alpha[full] / after.full, before.alpha[full] / before.full, atol=1 / 255)
    assert not after.alpha[file_kinds.MASK == 0].any()


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_what_a_file_would_hold_is_read_like_a_file(tmp_path: Path, kind: Kind) -> None:
    path = tmp_path / f"in{kind.suffix}"
    kind.make(path, 1)
    expected, picture = pictures.read(path), pictures.read(Source(Path("<bytes>"), path.read_bytes()))
    assert (picture.image, picture.metadata, picture.bits) == (expected.image, expected.metadata, expected.bits)
    if kind.colours.startswith("Lab") and kind.profile is None:
        assert "icc_profile" not in picture.image.info, "one that Pillow makes has the time in it"
    assert (picture.own is None) == (expected.own is None)
    if picture.own is not None and expected.own is not None:
        np.testing.assert_array_equal(picture.own.pixels(), expected.own.pixels())


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.turns], ids=str)
def test_a_picture_is_turned_upright_once(tmp_path: Path, kind: Kind, orientation: int) -> None:
    lying, turned = tmp_path / f"lying{kind.suffix}", tmp_path / f"turned{kind.suffix}"
    kind.make(lying, 1)
    kind.make(turned, orientation)
    expected, picture = pictures.read(lying), pictures.read(turned)
    np.testing.assert_array_equal(np.asarray(picture.image), upright(np.asarray(expected.image), orientation))
    if expected.own is not None:
        assert picture.own is not None
        np.testing.assert_array_equal(picture.own.colours, upright(expected.own.colours, orientation))
    for form in (PNG, TIFF):
        assert file_kinds.kept(kind, form, tmp_path, orientation).exact


def test_all_that_is_listed_is_tried() -> None:
    tried = {known.suffixes()[kind.suffix] for kind in KINDS}
    assert {"PNG", "JPEG", "TIFF", "WEBP", "AVIF", "JPEG2000", "BMP", "GIF", "TGA", "PPM", known.HEIC} <= tried
    assert not {"EPS", "WMF", "MPEG", "HDF5", "PDF"}.intersection(known.suffixes().values())
