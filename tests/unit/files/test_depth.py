"""Pictures of more than 8 bits, and of other colours than sRGB: what the daemon is shown, and what results keep."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from matted.files import cutting, pictures
from matted.files.formats import icc, png_writing, samples
from matted.files.formats.samples import Samples
from matted.files.pictures import Picture
from numpy.typing import NDArray
from PIL import Image, ImageCms
from profiles import LINEAR, LINEAR_GREY, PROPHOTO, SRGB, WIDE, working_space
from reading import refused

WIDTH, HEIGHT = 80, 64
RANDOM = np.random.default_rng(5)
DEEP = RANDOM.integers(0, 65536, (HEIGHT, WIDTH, 3)).astype(np.uint16)
MASK = np.zeros((HEIGHT, WIDTH), np.uint16)
MASK[10:50, 20:60] = 65535
MASK[10:50, 20] = 30001


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    path = tmp_path / "in.tif"
    tifffile.imwrite(path, DEEP, photometric="rgb", iccprofile=WIDE, metadata=None)
    return path


# -- what the daemon is shown ----------------------------------------------------------------------------------------


def by_lcms(colours: NDArray[np.uint8], profile: bytes) -> NDArray[np.uint8]:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    image = ImageCms.profileToProfile(
        Image.fromarray(colours), source, ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    assert image is not None
    return np.asarray(image)


@pytest.mark.parametrize("profile", [WIDE, LINEAR], ids=["ProPhoto", "linear Rec. 2020"])
def test_16_bits_look_as_lcms_shows_the_same_colours_of_8(profile: bytes) -> None:
    eight = RANDOM.integers(0, 256, (40, 50, 3)).astype(np.uint8)
    conversion = icc.conversion(profile)
    assert conversion is not None
    shown = np.asarray(conversion.to_srgb(Samples(eight.astype(np.uint16) * 257)))
    assert np.abs(shown.astype(int) - by_lcms(eight, profile)).max() <= 1
    floats = np.asarray(conversion.to_srgb(Samples((eight / 255).astype(np.float32))))
    assert np.abs(floats.astype(int) - shown).max() <= 1


def test_dark_tones_of_linear_light_are_not_crushed() -> None:
    conversion = icc.conversion(LINEAR)
    assert conversion is not None
    dark = np.linspace(0, 0.01, 200, dtype=np.float32).reshape(1, -1, 1).repeat(3, axis=2)
    assert len(np.unique(np.asarray(conversion.to_srgb(Samples(dark)))[0, :, 1])) > 20


@pytest.mark.parametrize("profile", [WIDE, LINEAR, LINEAR_GREY])
def test_colours_of_srgb_there_and_back_are_the_same(profile: bytes) -> None:
    conversion = icc.conversion(profile)
    assert conversion is not None
    grey = profile is LINEAR_GREY
    colours = RANDOM.integers(0, 256, (500, 3)).astype(np.uint8)
    colours = np.repeat(colours[:, :1], 3, axis=1) if grey else colours
    own = np.rint(conversion.from_srgb(colours) * 65535).astype(np.uint16)
    far = np.abs(np.asarray(conversion.to_srgb(Samples(own[np.newaxis])))[0].astype(int) - colours)
    if profile is WIDE:  # shown in steps of its 8 bits, which are wider than those of sRGB, in dark strong colours most
        assert far.mean() <= 1
    else:
        assert far.max() <= 1


def curve(function: int, *numbers: float) -> bytes:
    values = b"".join(round(number * 65536).to_bytes(4, "big", signed=True) for number in numbers)
    return b"para\0\0\0\0" + function.to_bytes(2, "big") + b"\0\0" + values


@pytest.mark.parametrize(
    "trc",
    [
        curve(0, 2.2),
        curve(1, 2.2, 1.1, -0.1),
        curve(2, 2.0, 0.95, 0.05, -0.0025),
        curve(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045),
        curve(4, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045, 0.0, 0.0),
        b"curv" + struct.pack(">II5H", 0, 5, 0, 3000, 12000, 35000, 65535),
        b"curv" + bytes(8),
    ],
)
def test_every_kind_of_curve_is_read_as_lcms_reads_it(trc: bytes) -> None:
    profile = working_space(PROPHOTO, 0, trc)
    conversion = icc.conversion(profile)
    assert conversion is not None
    colours = RANDOM.integers(0, 256, (40, 50, 3)).astype(np.uint8)
    shown = np.asarray(conversion.to_srgb(Samples(colours.astype(np.uint16) * 257)))
    assert np.abs(shown.astype(int) - by_lcms(colours, profile)).max() <= 2


def test_a_picture_in_srgb_is_not_converted() -> None:
    assert icc.conversion(SRGB) is None


@pytest.mark.parametrize("profile", [b"", b"RGB " * 40, WIDE[:200], WIDE[:-20]])
def test_a_profile_that_is_damaged_costs_no_picture(tmp_path: Path, profile: bytes) -> None:
    path = tmp_path / "in.tif"
    tifffile.imwrite(path, DEEP, photometric="rgb", iccprofile=profile or None, metadata=None)
    picture = pictures.read(path)
    assert picture.own is not None
    np.testing.assert_array_equal(picture.own.colours, DEEP)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_a_wide_profile_is_converted_for_the_daemon_and_kept_in_the_result(tmp_path: Path, suffix: str) -> None:
    smooth = np.asarray(Image.fromarray((DEEP >> 8).astype(np.uint8)).resize((8, 6)).resize((WIDTH, HEIGHT)))
    Image.fromarray(smooth).save(tmp_path / f"in{suffix}", icc_profile=WIDE)
    picture = pictures.read(tmp_path / f"in{suffix}")
    assert picture.own is not None and picture.metadata["icc_profile"] == WIDE
    np.testing.assert_array_equal(np.asarray(picture.image), by_lcms(picture.own.colours, WIDE))


# -- what is cut out -------------------------------------------------------------------------------------------------


def foreground(picture: Picture) -> NDArray[np.uint8]:
    """What the daemon may send: other colours where the mask is not full."""
    found = np.asarray(picture.image)[:, :, :3].copy()
    found[MASK < 65535] = 255 - found[MASK < 65535]
    return found


def test_where_the_mask_is_full_every_byte_is_the_files(deep: Path) -> None:
    picture = pictures.read(deep)
    result = cutting.cut_out(picture, MASK, foreground(picture)).own
    assert result is not None and result.alpha is not None
    np.testing.assert_array_equal(result.colours[MASK == 65535], DEEP[MASK == 65535])
    np.testing.assert_array_equal(result.alpha, MASK)


def test_what_was_removed_is_gone_from_16_bits_too(deep: Path) -> None:
    picture = pictures.read(deep)
    result = cutting.cut_out(picture, MASK, foreground(picture)).own
    assert result is not None
    far = np.ones_like(MASK, bool)
    far[:, :64] = False
    assert not result.colours[far].any()
    kept = cutting.cut_out(picture, MASK).own
    assert kept is not None
    np.testing.assert_array_equal(kept.colours, DEEP)


def test_other_colours_of_a_soft_edge_are_in_the_pictures_own_profile(tmp_path: Path) -> None:
    colour = np.array([30000, 20000, 10000], np.uint16)
    tifffile.imwrite(
        *(tmp_path / "in.tif", np.tile(colour, (HEIGHT, WIDTH, 1))), photometric="rgb", iccprofile=WIDE, metadata=None
    )
    picture = pictures.read(tmp_path / "in.tif")
    wanted = np.asarray(picture.image).copy()
    wanted[:, 20] = (90, 140, 60)
    result = cutting.cut_out(picture, MASK, wanted).own
    conversion = icc.conversion(WIDE)
    assert result is not None and conversion is not None
    shown = np.asarray(conversion.to_srgb(Samples(result.colours[20:21, 20:21])))
    assert np.abs(shown.astype(int) - (90, 140, 60)).max() <= 1


def test_colours_beyond_srgb_stay_where_the_foreground_leaves_them(deep: Path) -> None:
    picture = pictures.read(deep)
    result = cutting.cut_out(picture, MASK, np.asarray(picture.image)).own
    assert result is not None
    np.testing.assert_array_equal(result.colours[10:50, 20:60], DEEP[10:50, 20:60])


def test_an_alpha_of_16_bits_is_multiplied_in_16_bits(tmp_path: Path) -> None:
    alpha = RANDOM.integers(0, 65536, (HEIGHT, WIDTH)).astype(np.uint16)
    path = tmp_path / "in.tif"
    tifffile.imwrite(path, np.dstack([DEEP, alpha]), photometric="rgb", extrasamples=["unassalpha"], metadata=None)
    result = cutting.cut_out(pictures.read(path), MASK).own
    assert result is not None and result.alpha is not None
    product = alpha.astype(float) * MASK / 65535
    np.testing.assert_allclose(result.alpha, product, atol=0.51)


def test_floats_beyond_white_stay_as_they_are(tmp_path: Path) -> None:
    floats = (DEEP / 65535).astype(np.float32)
    floats[20, 30] = (40.0, -0.5, 1.5)
    tifffile.imwrite(tmp_path / "in.tif", floats, photometric="rgb", metadata=None)
    picture = pictures.read(tmp_path / "in.tif")
    result = cutting.cut_out(picture, MASK, foreground(picture)).own
    assert result is not None and result.alpha is not None
    np.testing.assert_array_equal(result.colours[MASK == 65535], floats[MASK == 65535])
    np.testing.assert_array_equal(result.alpha, (MASK / np.float32(65535)).astype(np.float32))


def test_memory_is_counted_in_bytes(deep: Path, tmp_path: Path) -> None:
    Image.fromarray((DEEP >> 8).astype(np.uint8)).save(tmp_path / "in.png")
    shallow = pictures.read(tmp_path / "in.png").bytes_in_work
    assert pictures.read(deep).bytes_in_work == shallow + 4 * DEEP.nbytes


# -- pages -----------------------------------------------------------------------------------------------------------


def test_a_page_is_chosen_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "in.tif"
    with tifffile.TiffWriter(path) as file:
        for page in range(3):
            file.write(DEEP // (page + 1), photometric="rgb", metadata=None)
            file.write((DEEP >> 8).astype(np.uint8)[::4, ::4], photometric="rgb", subfiletype=1, metadata=None)
    for page in range(3):
        own = pictures.read(path, page + 1).own
        assert own is not None
        np.testing.assert_array_equal(own.colours, DEEP // (page + 1))
    refusal = refused(path)
    assert "has 3 pages" in refusal.message
    assert refusal.hint == "Say which of these pages with --page, 1 to 3."
    with pytest.raises(pictures.PictureError, match="has no page 4: it has 3 pages"):
        pictures.read(path, 4)


def test_what_has_no_pages_has_the_first_alone(tmp_path: Path) -> None:
    path = tmp_path / "in.png"
    Image.fromarray((DEEP >> 8).astype(np.uint8)).save(path)
    assert pictures.read(path, 1).image.size == (WIDTH, HEIGHT)
    with pytest.raises(pictures.PictureError, match="has no page 2"):
        pictures.read(path, 2)


# -- what is not installed -------------------------------------------------------------------------------------------


def test_without_pillow_heif_it_is_said_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "in.jpg"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))
    assert "is damaged" in refused(path).message
    monkeypatch.setattr("matted.files.formats.known.has_heic", lambda: False)
    refusal = refused(path)
    assert "is a HEIC. matted reads that with pillow-heif, which is not installed" in refusal.message
    assert "pip install 'matted[heic]'" in refusal.hint


# -- PNG -------------------------------------------------------------------------------------------------------------


@st.composite
def pixels(draw: Any) -> Samples:
    """Pictures of all sizes and kinds of samples, parts of which are empty."""
    height, width = draw(st.integers(1, 200)), draw(st.integers(1, 70))
    dtype = draw(st.sampled_from([np.uint8, np.uint16]))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    array = random.integers(0, np.iinfo(dtype).max, (height, width, draw(st.integers(1, 4))), endpoint=True).astype(
        dtype
    )
    top, left = draw(st.integers(0, height)), draw(st.integers(0, width))
    array[: draw(st.integers(0, height))][:, :left] = 0
    array[top:] = 0
    channels = array.shape[2]
    count = channels - 1 + channels % 2
    return Samples(array[:, :, :count], array[:, :, count] if count < channels else None)


@settings(max_examples=150)
@given(own=pixels())
def test_a_png_that_is_written_is_what_pillow_reads(own: Samples) -> None:
    file = io.BytesIO()
    whole = own.pixels()
    png_writing.write(file, whole, {})
    if whole.dtype == np.uint16:
        import imagecodecs

        found = imagecodecs.png_decode(file.getvalue())
    else:
        with Image.open(io.BytesIO(file.getvalue())) as image:
            found = np.asarray(image)
    np.testing.assert_array_equal(found.reshape(whole.shape), whole)


@pytest.mark.parametrize("bits", [1, 2, 4, 7, 10, 12, 14, 24, 32])
def test_depths_between_8_and_16_bits_are_spread_out(bits: int) -> None:
    white = np.array([0, 2**bits - 1], np.uint32)
    wanted = 8 if bits <= 8 else 16
    assert samples.to_whole(white, bits, wanted).tolist() == [0, 2**wanted - 1]
