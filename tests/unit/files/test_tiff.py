"""TIFF files: which page is the picture, and kinds of samples and colours that Pillow cannot read."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matted.files import pictures
from numpy.typing import NDArray
from PIL import Image, ImageCms
from profiles import SRGB, black_ink_only
from reading import read_or_refuse, refused

WIDTH, HEIGHT = 24, 18
RANDOM = np.random.default_rng(1)
RGB = RANDOM.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
INKS = RANDOM.integers(0, 256, (HEIGHT, WIDTH, 4), dtype=np.uint8)
ALPHA = RANDOM.integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
GREY = np.ascontiguousarray(RGB[:, :, 0])
NEW_KIND, OLD_KIND, COLOURS = 254, 255, 262  # tags
REDUCED, MASK = 1, 4  # kinds of pages

Pages = Callable[..., Path]


def pixels(path: Path) -> NDArray[np.uint8]:
    return np.asarray(pictures.read(path).image)


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """save(samples, **how) writes a TIFF of one page by tifffile and returns its path."""

    def write(array: NDArray[Any], **how: Any) -> Path:
        tifffile.imwrite(tmp_path / "in.tif", array, metadata=None, **how)
        return tmp_path / "in.tif"

    return write


# -- pages -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def save_pages(tmp_path: Path) -> Pages:
    """save_pages((samples, kind), ...) writes a TIFF with these pages and returns its path."""

    def write(*contents: tuple[NDArray[Any], int]) -> Path:
        with tifffile.TiffWriter(tmp_path / "in.tif") as file:
            for array, kind in contents:
                file.write(array, subfiletype=kind, photometric="rgb" if array.ndim == 3 else None, metadata=None)
        return tmp_path / "in.tif"

    return write


def pages_of(data: bytes) -> list[int]:
    """Where the pages of a little-endian TIFF begin."""
    assert data[:4] == b"II*\0"
    places, following = [], 4
    while (place := int.from_bytes(data[following : following + 4], "little")) and place not in places:
        places.append(place)
        following = place + 2 + 12 * int.from_bytes(data[place : place + 2], "little")
    return places


def retag(path: Path, page: int, tag: int, value: int, becomes: int | None = None) -> Path:
    """Change a tag of a page: its value, and its number to `becomes`."""
    data = bytearray(path.read_bytes())
    place = pages_of(data)[page]
    entries = range(place + 2, place + 2 + 12 * int.from_bytes(data[place : place + 2], "little"), 12)
    [at] = [entry for entry in entries if int.from_bytes(data[entry : entry + 2], "little") == tag]
    data[at : at + 12] = struct.pack("<HHII", becomes or tag, 4, 1, value)
    path.write_bytes(data)
    return path


def lead_to(path: Path, place: int) -> Path:
    """Have the last page of a TIFF say that the next one begins at `place`."""
    data = bytearray(path.read_bytes())
    last = pages_of(data)[-1]
    following = last + 2 + 12 * int.from_bytes(data[last : last + 2], "little")
    data[following : following + 4] = struct.pack("<I", place)
    path.write_bytes(data)
    return path


def with_empty_page(path: Path, tags: dict[int, int]) -> Path:
    """Add a page to a TIFF that has these whole numbers as its tags, and no pixels."""
    path.write_bytes(path.read_bytes() + b"\0" * (path.stat().st_size % 2))
    lead_to(path, path.stat().st_size)
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    path.write_bytes(path.read_bytes() + struct.pack("<H", len(tags)) + entries + bytes(4))
    return path


@pytest.mark.parametrize("kind", [REDUCED, MASK, REDUCED | MASK])
def test_a_page_that_only_belongs_to_the_picture_is_passed_over(save_pages: Pages, kind: int) -> None:
    path = save_pages((RGB, 0), (RGB[::3, ::3], REDUCED), (GREY[::2, ::2], REDUCED))
    for page in (1, 2):
        retag(path, page, NEW_KIND, kind)
    np.testing.assert_array_equal(pixels(path), RGB)


def test_a_thumbnail_may_come_before_the_picture(save_pages: Pages) -> None:
    np.testing.assert_array_equal(pixels(save_pages((RGB[::3, ::3], REDUCED), (RGB, 0))), RGB)


def test_a_thumbnail_of_an_old_program_is_passed_over(save_pages: Pages) -> None:
    path = retag(save_pages((RGB, 0), (RGB[::3, ::3], REDUCED)), 1, NEW_KIND, 2, becomes=OLD_KIND)
    np.testing.assert_array_equal(pixels(path), RGB)


@pytest.mark.parametrize("tags", [{}, {256: 0, 257: 0}, {256: 24, 257: 18}, {256: 24, 257: 18, 273: 0, 279: 0}])
def test_an_empty_page_is_passed_over(save: Callable[..., Path], tags: dict[int, int]) -> None:
    np.testing.assert_array_equal(pixels(with_empty_page(save(RGB, photometric="rgb"), tags)), RGB)


def test_a_file_that_has_a_thumbnail_alone_is_read(save_pages: Pages) -> None:
    np.testing.assert_array_equal(pixels(save_pages((RGB, REDUCED))), RGB)


def test_pages_that_are_pictures_are_counted_without_the_others(save_pages: Pages) -> None:
    path = save_pages((RGB, 2), (RGB[::2, ::2], REDUCED), (RGB[::-1], 2))
    assert "has 2 pages; matted works on single pictures" in refused(path).message


def test_a_file_of_empty_pages_has_no_picture(save: Callable[..., Path]) -> None:
    path = save(RGB, photometric="rgb")
    path.write_bytes(struct.pack("<4sIHI", b"II*\0", 8, 0, 0))
    assert "has no picture in it" in refused(with_empty_page(path, {256: 4, 257: 4})).message


@pytest.mark.parametrize(("order", "big"), [("<", False), ("<", True), (">", False)])
def test_a_thumbnail_is_passed_over_in_every_kind_of_file(tmp_path: Path, order: Any, big: bool) -> None:
    path = tmp_path / "in.tif"
    with tifffile.TiffWriter(path, bigtiff=big, byteorder=order) as file:
        file.write(RGB, photometric="rgb", metadata=None)
        file.write(RGB[::2, ::2], photometric="rgb", subfiletype=REDUCED, metadata=None)
    np.testing.assert_array_equal(pixels(path), RGB)


# -- kinds of samples and colours ------------------------------------------------------------------------------------

HOW: dict[str, dict[str, Any]] = {
    "plain": {},
    "planes": {"planarconfig": "separate"},
    "deflate": {"compression": "zlib", "predictor": True},
    "LZW": {"compression": "lzw"},
    "tiles": {"tile": (16, 16)},
    "big endian": {"byteorder": ">"},
}


def arranged(array: NDArray[Any], how: dict[str, Any]) -> NDArray[Any]:
    return np.moveaxis(array, 2, 0) if how.get("planarconfig") == "separate" else array


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("how", HOW.values(), ids=HOW)
def test_floats_from_0_to_1_become_bytes(save: Callable[..., Path], how: dict[str, Any], dtype: str) -> None:
    floats = (RGB / 255).astype(dtype)
    np.testing.assert_array_equal(pixels(save(arranged(floats, how), photometric="rgb", **how)), RGB)


@pytest.mark.parametrize("how", HOW.values(), ids=HOW)
def test_floats_with_alpha_become_bytes(save: Callable[..., Path], how: dict[str, Any]) -> None:
    floats = (np.dstack([RGB, ALPHA]) / 255).astype(np.float32)
    path = save(arranged(floats, how), photometric="rgb", extrasamples=["unassalpha"], **how)
    np.testing.assert_array_equal(pixels(path), np.dstack([RGB, ALPHA]))


def test_what_is_brighter_than_white_is_white(save: Callable[..., Path]) -> None:
    floats = (RGB / 255).astype(np.float32)
    floats[0, 0] = [40.0, np.inf, -3.0]
    expected = RGB.copy()
    expected[0, 0] = [255, 255, 0]
    np.testing.assert_array_equal(pixels(save(floats, photometric="rgb")), expected)


def test_floats_of_another_range_are_stretched_alike_in_all_channels(save: Callable[..., Path]) -> None:
    floats = RGB.astype(np.float32) * 257
    floats[0, 0], floats[0, 1] = 0, 65535
    expected = RGB.copy()
    expected[0, 0], expected[0, 1] = 0, 255
    np.testing.assert_array_equal(pixels(save(floats, photometric="rgb")), expected)


@pytest.mark.parametrize("how", HOW.values(), ids=HOW)
def test_cmyk_with_alpha_keeps_both(save: Callable[..., Path], how: dict[str, Any]) -> None:
    five = arranged(np.dstack([INKS, ALPHA]), how)
    result = pixels(save(five, photometric="separated", extrasamples=["unassalpha"], **how))
    np.testing.assert_array_equal(result[:, :, 3], ALPHA)
    plain = Image.frombytes("CMYK", (WIDTH, HEIGHT), INKS.tobytes()).convert("RGB")
    np.testing.assert_array_equal(result[:, :, :3], np.asarray(plain))


def test_cmyk_of_16_bits_with_alpha_keeps_the_upper_8(save: Callable[..., Path]) -> None:
    five = (np.dstack([INKS, ALPHA]).astype(np.uint16) << 8) | 0x55
    result = pixels(save(five, photometric="separated", extrasamples=["unassalpha"]))
    np.testing.assert_array_equal(result[:, :, 3], ALPHA)


def test_cmyk_with_alpha_is_converted_through_its_profile(save: Callable[..., Path]) -> None:
    cyan = np.zeros((HEIGHT, WIDTH, 5), np.uint8)
    cyan[:, :, 0], cyan[:, :, 4] = 255, 200
    path = save(cyan, photometric="separated", extrasamples=["unassalpha"], iccprofile=black_ink_only())
    result = pixels(path)
    assert result[:, :, :3].min() >= 250
    assert (result[:, :, 3] == 200).all()


@pytest.mark.parametrize("photometric", ["rgb", "separated", "minisblack"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colours_that_are_multiplied_with_alpha_are_divided(
    save: Callable[..., Path], photometric: Any, dtype: Any
) -> None:
    channels, half = {"rgb": 3, "separated": 4, "minisblack": 1}[photometric], np.iinfo(dtype).max // 2
    samples = np.full((HEIGHT, WIDTH, channels + 1), half, dtype)
    samples[:, :, 0] = half // 2
    if photometric == "separated":
        samples[:, :, 3] = 0  # no black
    samples[0, 0] = 0
    image = pictures.read(save(samples, photometric=photometric, extrasamples=["assocalpha"])).image
    red, green, _, alpha = (int(sample) for sample in np.asarray(image)[5, 5])
    assert alpha == pytest.approx(127, abs=1)
    assert red == pytest.approx(127, abs=3)
    assert green == pytest.approx({"rgb": 255, "separated": 0, "minisblack": red}[photometric], abs=3)
    assert np.asarray(image)[0, 0, 3] == 0


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32, np.float32])
def test_grey_with_alpha_is_read_in_every_depth(save: Callable[..., Path], dtype: Any) -> None:
    both = np.dstack([GREY, ALPHA])
    both[0, 0], both[0, 1] = 0, 255  # grey floats are stretched
    whole = np.issubdtype(dtype, np.integer)
    deep = both.astype(dtype) * (np.iinfo(dtype).max // 255) if whole else both.astype(dtype) / 255
    result = pixels(save(deep, photometric="minisblack", extrasamples=["unassalpha"]))
    np.testing.assert_array_equal(result, np.dstack([both[:, :, 0]] * 3 + [both[:, :, 1]]))


def test_white_may_be_0(save: Callable[..., Path]) -> None:
    both = np.dstack([255 - GREY, ALPHA])
    result = pixels(save(both, photometric="miniswhite", extrasamples=["unassalpha"]))
    np.testing.assert_array_equal(result, np.dstack([GREY, GREY, GREY, ALPHA]))


@pytest.mark.parametrize("how", [how for name, how in HOW.items() if name != "planes"])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.float32])
def test_grey_is_read_in_every_depth_whichever_end_is_white(
    save: Callable[..., Path], dtype: Any, photometric: Any, how: dict[str, Any]
) -> None:
    grey = GREY.copy()
    grey[0, 0], grey[0, 1] = 0, 255  # 32 bits and floats are stretched
    stored = 255 - grey if photometric == "miniswhite" else grey
    whole = np.issubdtype(dtype, np.integer)
    deep = stored.astype(dtype) * (np.iinfo(dtype).max // 255) if whole else stored.astype(dtype) / 255
    if dtype == np.float32 and "predictor" in how:
        how = {**how, "predictor": False}
    np.testing.assert_array_equal(pixels(save(deep, photometric=photometric, **how)), np.dstack([grey] * 3))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_lab_with_alpha_looks_like_lab_without(save: Callable[..., Path], dtype: Any) -> None:
    to_lab = {"inMode": "RGB", "outMode": "LAB"}
    transform = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), **to_lab)
    lab = np.asarray(ImageCms.applyTransform(Image.fromarray(RGB), transform))
    deep = lab.astype(dtype) << (8 * np.dtype(dtype).itemsize - 8)
    alpha = ALPHA.astype(dtype) * (np.iinfo(dtype).max // 255)
    path = save(np.dstack([deep, alpha]), photometric="cielab", extrasamples=["unassalpha"])
    result = pixels(path)
    np.testing.assert_array_equal(result[:, :, 3], ALPHA)
    np.testing.assert_array_equal(result[:, :, :3], pixels(save(lab, photometric="cielab")))


def test_a_channel_that_is_no_alpha_is_left_out(save: Callable[..., Path]) -> None:
    path = save(np.dstack([RGB, ALPHA, ALPHA]) / np.float32(255), photometric="rgb", extrasamples=[0, 0])
    np.testing.assert_array_equal(pixels(path), RGB)


def test_profile_resolution_and_orientation_are_those_of_any_picture(save: Callable[..., Path]) -> None:
    floats = (np.dstack([RGB, ALPHA]) / 255).astype(np.float32)
    how: dict[str, Any] = {"resolution": (100, 50), "resolutionunit": "CENTIMETER", "iccprofile": SRGB}
    path = save(floats, photometric="rgb", extrasamples=["unassalpha"], extratags=[(274, 3, 1, 6, True)], **how)
    picture = pictures.read(path)
    np.testing.assert_array_equal(np.asarray(picture.image), np.rot90(np.dstack([RGB, ALPHA]), -1))
    assert picture.metadata["icc_profile"] == SRGB
    assert picture.metadata["dpi"] == pytest.approx((254, 127))


def test_a_thumbnail_is_passed_over_beside_floats(save_pages: Pages) -> None:
    path = save_pages((RGB[::3, ::3], REDUCED), ((RGB / 255).astype(np.float32), 0))
    np.testing.assert_array_equal(pixels(path), RGB)


@pytest.mark.parametrize(
    ("dtype", "photometric", "bits"),
    [(np.uint8, "rgb", 8), (np.uint16, "rgb", 16), (np.float32, "rgb", 32), (np.uint16, "minisblack", 16)],
)
def test_the_depth_of_the_file_is_known(save: Callable[..., Path], dtype: Any, photometric: Any, bits: int) -> None:
    samples = np.zeros((4, 4, 3) if photometric == "rgb" else (4, 4), dtype)
    assert pictures.read(save(samples, photometric=photometric)).bits == bits


# -- what is refused -------------------------------------------------------------------------------------------------


def test_a_kind_that_cannot_be_read_is_named(save: Callable[..., Path]) -> None:
    refusal = refused(save(np.zeros((4, 4, 4), np.float32), photometric="cielab", extrasamples=["unassalpha"]))
    assert refusal.message.endswith("is a TIFF of 32-bit float Lab with alpha, which matted cannot read.")
    assert refusal.hint == "Save it as RGB with 8 or 16 bits a channel."


def test_other_inks_than_the_four_are_left_out_or_named(save: Callable[..., Path]) -> None:
    path = save(np.zeros((4, 4, 7), np.uint8), photometric="separated", planarconfig="contig", extrasamples=[0, 0, 0])
    assert pixels(path).shape == (4, 4, 3), "inks beside the four are left out"
    path = retag(save(np.zeros((4, 4, 3), np.uint8), photometric="rgb"), 0, COLOURS, 5)
    assert "is a TIFF of 8-bit CMYK, which matted cannot read" in refused(path).message


def test_a_file_of_the_one_kind_that_pillow_never_reads_is_named(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "in.tif", RGB, photometric="rgb", bigtiff=True, byteorder=">")
    refusal = refused(tmp_path / "in.tif")
    assert "is a big-endian BigTIFF, which matted cannot read" in refusal.message
    assert refusal.hint == "Save it as an ordinary TIFF."


@pytest.mark.slow
def test_without_the_codecs_it_is_said_what_is_missing(save: Callable[..., Path]) -> None:
    path = save(np.dstack([INKS, ALPHA]), photometric="separated", extrasamples=["unassalpha"], compression="lzw")
    program = (
        "import sys; sys.modules['imagecodecs'] = None\n"
        "from pathlib import Path; from matted.files import pictures\n"
        "try: pictures.read(Path(sys.argv[1]))\n"
        "except pictures.PictureError as error: print(error.message, error.hint)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True)
    assert "is a TIFF of 8-bit CMYK with alpha. matted reads that with imagecodecs" in done.stdout, done.stderr
    assert "pip install 'matted[tiff]'" in done.stdout


def test_pillow_is_enough_for_what_it_knows(save: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tifffile", None)
    np.testing.assert_array_equal(pixels(save(RGB, photometric="rgb", compression="lzw")), RGB)
    np.testing.assert_array_equal(pixels(save(RGB.astype(np.uint16) * 257, photometric="rgb")), RGB)


@pytest.mark.parametrize("size", [(40_000, 40_000), (2**31 - 1, 2**31 - 1)])
def test_a_bomb_is_refused_with_the_limit(save: Callable[..., Path], size: tuple[int, int]) -> None:
    path = save((RGB / 255).astype(np.float32), photometric="rgb")
    retag(retag(path, 0, 256, size[0]), 0, 257, size[1])
    refusal = refused(path)
    assert "too large" in refusal.message
    assert "megapixels" in refusal.hint


def test_pages_that_lead_to_each_other_come_to_an_end(save_pages: Pages) -> None:
    path = save_pages((RGB, 0), (RGB, 0))
    lead_to(path, pages_of(path.read_bytes())[0])
    assert "has 2 pages" in refused(path).message


FUZZED = settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.slow
@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
@FUZZED
@given(data=st.data())
def test_a_file_with_changed_bytes_is_read_or_refused(tmp_path: Path, compression: Any, data: st.DataObject) -> None:
    path = tmp_path / "in.tif"
    floats = (np.dstack([RGB, ALPHA]) / 255).astype(np.float32)
    with tifffile.TiffWriter(path) as file:
        file.write(
            floats, photometric="rgb", extrasamples=["unassalpha"], compression=compression, metadata=None, software=""
        )
        file.write(RGB[::3, ::3], photometric="rgb", subfiletype=REDUCED, metadata=None, software="")
    changed = bytearray(path.read_bytes())
    spots = st.one_of(st.integers(0, 300), st.integers(0, len(changed) - 1))
    for spot in data.draw(st.lists(spots, min_size=1, max_size=6)):
        changed[spot] = data.draw(st.integers(0, 255))
    path.write_bytes(changed)
    read_or_refuse(path)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_file_is_refused(save: Callable[..., Path], share: float) -> None:
    path = save((RGB / 255).astype(np.float32), photometric="rgb")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    refused(path)
