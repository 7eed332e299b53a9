"""Picture files of every kind that people have, and of some that they should not have."""

from __future__ import annotations

import io
import os
import struct
import tracemalloc
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matted.files import cutting, pictures
from matted.files.formats import png_chunks
from matted.files.pictures import Picture, PictureError
from numpy.typing import NDArray
from PIL import Image, ImageOps, PngImagePlugin
from PIL.PngImagePlugin import PngInfo
from png_files import png_claiming
from profiles import LINEAR_GREY, SRGB, black_ink_only
from reading import read_or_refuse, refused
from writing import Save

WIDTH, HEIGHT = 24, 18
RGB = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
GREY = np.ascontiguousarray(RGB[:, :, 0])
ALPHA = np.ascontiguousarray(RGB[:, :, 1])
MASK = np.random.default_rng(2).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
LOSSLESS = {"png": {}, "tif": {}, "webp": {"lossless": True, "exact": True}}


def pixels(picture: Picture) -> NDArray[np.uint8]:
    return np.asarray(picture.image)


def cut(source: Path, mask: NDArray[np.uint8] = MASK) -> Path:
    """Write what `matted remove` makes of a file whose mask is `mask`, and return its path."""
    target = source.with_name("result.png")
    pictures.write(cutting.cut_out(pictures.read(source), mask), target, overwrite=False)
    return target


def cut_and_reopen(source: Path, mask: NDArray[np.uint8] = MASK) -> Image.Image:
    """What `matted remove` makes of a file whose mask is `mask`."""
    with Image.open(cut(source, mask)) as image:
        image.load()
        return image


# -- what comes in ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_a_lossless_picture_is_read_exactly(save: Save, suffix: str) -> None:
    picture = pictures.read(save(f"in.{suffix}", RGB, **LOSSLESS[suffix]))
    assert picture.wire_format == "RGB8"
    np.testing.assert_array_equal(pixels(picture), RGB)


@pytest.mark.parametrize("name", ["in.jpg", "in.webp"])
def test_a_lossy_picture_is_read_as_it_decodes(save: Save, name: str) -> None:
    path = save(name, RGB)
    with Image.open(path) as image:
        np.testing.assert_array_equal(pixels(pictures.read(path)), np.asarray(image))


def test_the_content_decides_and_not_the_name(save: Save) -> None:
    path = save("in.png", RGB)
    np.testing.assert_array_equal(pixels(pictures.read(path.rename(path.with_name("photo.jpg")))), RGB)


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_a_transparent_picture_keeps_its_hidden_colours(save: Save, suffix: str) -> None:
    rgba = np.dstack([RGB, np.zeros((HEIGHT, WIDTH), np.uint8)])
    picture = pictures.read(save(f"in.{suffix}", rgba, **LOSSLESS[suffix]))
    assert picture.wire_format == "RGBA8"
    np.testing.assert_array_equal(pixels(picture), rgba)


@pytest.mark.parametrize("name", ["in.png", "in.tif"])
def test_a_grey_picture_becomes_three_equal_channels(save: Save, name: str) -> None:
    np.testing.assert_array_equal(pixels(pictures.read(save(name, GREY))), np.dstack([GREY] * 3))


@pytest.mark.parametrize("name", ["in.png", "in.tif"])
def test_a_grey_picture_with_alpha_keeps_it(save: Save, name: str) -> None:
    image = Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(ALPHA)])
    np.testing.assert_array_equal(pixels(pictures.read(save(name, image))), np.dstack([GREY, GREY, GREY, ALPHA]))


@pytest.mark.parametrize("name", ["in.png", "in.tif"])
def test_a_picture_of_black_and_white_becomes_0_and_255(save: Save, name: str) -> None:
    bits = GREY > 127
    picture = pictures.read(save(name, Image.fromarray(bits)))
    np.testing.assert_array_equal(pixels(picture), np.dstack([bits * np.uint8(255)] * 3))


def palette_image() -> tuple[Image.Image, NDArray[np.uint8], NDArray[np.uint8]]:
    """(picture with four colours, their indices, their values)."""
    colours = np.array([[250, 10, 20], [30, 240, 50], [60, 70, 230], [128, 129, 130]], np.uint8)
    indices = (GREY % 4).astype(np.uint8)
    image = Image.fromarray(indices)
    image.putpalette(colours.tobytes())
    return image, indices, colours


@pytest.mark.parametrize("name", ["in.png", "in.tif"])
def test_a_palette_picture_becomes_its_colours(save: Save, name: str) -> None:
    image, indices, colours = palette_image()
    picture = pictures.read(save(name, image))
    assert picture.wire_format == "RGB8"
    np.testing.assert_array_equal(pixels(picture), colours[indices])


def test_a_palette_picture_keeps_its_transparency(save: Save) -> None:
    image, indices, colours = palette_image()
    picture = pictures.read(save("in.png", image, transparency=bytes([0, 100, 255, 255])))
    expected = np.dstack([colours[indices], np.array([0, 100, 255, 255], np.uint8)[indices]])
    np.testing.assert_array_equal(pixels(picture), expected)


def test_a_palette_picture_with_one_transparent_colour_keeps_it(save: Save) -> None:
    image, indices, _ = palette_image()
    picture = pictures.read(save("in.png", image, transparency=2))
    np.testing.assert_array_equal(pixels(picture)[:, :, 3], np.where(indices == 2, 0, 255))


def test_a_grey_picture_with_one_transparent_grey_keeps_it(save: Save) -> None:
    levels = (GREY % 4).astype(np.uint8)
    picture = pictures.read(save("in.png", levels, transparency=2))
    np.testing.assert_array_equal(pixels(picture)[:, :, 3], np.where(levels == 2, 0, 255))


def test_a_colour_picture_with_one_transparent_colour_keeps_it(save: Save) -> None:
    rgb = RGB.copy()
    rgb[3:7, 4:9] = (1, 2, 3)
    picture = pictures.read(save("in.png", rgb, transparency=(1, 2, 3)))
    assert picture.wire_format == "RGBA8"
    np.testing.assert_array_equal(pixels(picture)[:, :, 3], np.where((rgb == (1, 2, 3)).all(axis=2), 0, 255))
    np.testing.assert_array_equal(pixels(picture)[:, :, :3], rgb)


@pytest.mark.parametrize("name", ["in.png", "in.tif"])
def test_16_bit_grey_keeps_its_upper_8(save: Save, name: str) -> None:
    deep = (GREY.astype(np.uint16) << 8) | 0x55
    np.testing.assert_array_equal(pixels(pictures.read(save(name, deep))), np.dstack([GREY] * 3))


def deep_png(path: Path, samples: NDArray[np.uint16], *chunks: bytes) -> Path:
    """Write grey or RGB of 16 bits, with more chunks: each its name and what it holds."""
    height, width, channels = samples.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    data = png_claiming(width, height, rows, 16, {1: 0, 3: 2}[channels])
    at = data.index(b"IDAT") - 4
    more = b"".join(struct.pack(">I", len(it) - 4) + it + struct.pack(">I", zlib.crc32(it)) for it in chunks)
    path.write_bytes(data[:at] + more + data[at:])
    return path


UPSIDE_DOWN = b"eXIf" + b"II*\0" + struct.pack("<IHHHIII", 8, 1, 0x112, 3, 1, 3, 0)


@pytest.mark.parametrize("large", [False, True], ids=["", "long text"])
@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_with_one_transparent_colour_keep_it(tmp_path: Path, channels: int, large: bool) -> None:
    upper = RGB[:, :, :channels]
    deep = (upper.astype(np.uint16) << 8) | 0x55
    deep[1, 1] = deep[0, 0] ^ 1  # differs in the lower 8 bits only, so it is not transparent
    upper = (deep >> 8).astype(np.uint8)
    key = b"tRNS" + b"".join(struct.pack(">H", sample) for sample in deep[0, 0])
    text = b"zTXt" + b"a\0\0" + zlib.compress(bytes(2 * PngImagePlugin.MAX_TEXT_CHUNK))
    picture = pictures.read(deep_png(tmp_path / "in.png", deep, key, UPSIDE_DOWN, *([text] if large else [])))
    assert (picture.image.mode, picture.bits) == ("RGBA", 16)
    transparent = (deep == deep[0, 0]).all(axis=2)
    assert transparent[0, 0] and not transparent[1, 1]
    result = np.rot90(pixels(picture), 2)
    np.testing.assert_array_equal(result[:, :, 3], np.where(transparent, 0, 255))
    np.testing.assert_array_equal(result[:, :, :3], np.broadcast_to(upper, RGB.shape))


@pytest.mark.parametrize(("colour", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
@pytest.mark.parametrize("bits", [8, 16])
def test_the_depth_of_a_png_is_known(tmp_path: Path, bits: int, colour: int, channels: int) -> None:
    path = tmp_path / "in.png"
    path.write_bytes(png_claiming(3, 2, bytes(2 * (1 + 3 * channels * bits // 8)), bits, colour))
    assert pictures.read(path).bits == bits


def test_a_picture_of_one_bit_is_not_deep(save: Save) -> None:
    assert pictures.read(save("in.png", Image.new("1", (4, 4)))).bits <= 8
    assert pictures.read(save("in.jpg", RGB)).bits == 8


@pytest.mark.parametrize(
    "samples",
    [
        np.arange(-200, 232, dtype=np.int32).reshape(HEIGHT, WIDTH) * 1000,
        np.linspace(-0.5, 1.5, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH),
    ],
    ids=["integers", "floats"],
)
def test_samples_without_an_agreed_white_are_stretched(save: Save, samples: Any) -> None:
    grey = pixels(pictures.read(save("in.tif", samples)))[:, :, 0].ravel()
    assert (grey[0], grey[-1]) == (0, 255)
    assert (np.diff(grey.astype(int)) >= 0).all()


def test_samples_that_are_not_numbers_are_read_without_a_warning(save: Save) -> None:
    samples = np.linspace(0, 1, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)
    samples[2, 2] = np.nan
    assert pixels(pictures.read(save("in.tif", samples)))[-1, -1, 0] == 255


def test_a_flat_picture_without_an_agreed_white_can_be_read(save: Save) -> None:
    assert not pixels(pictures.read(save("in.tif", np.full((4, 4), 0.7, np.float32)))).any()


def test_cmyk_without_a_profile_is_converted_plainly(save: Save) -> None:
    inks = Image.new("CMYK", (3, 1))
    inks.putpixel((1, 0), (0, 255, 255, 0))
    inks.putpixel((2, 0), (0, 0, 0, 255))
    expected = [[255, 255, 255], [255, 0, 0], [0, 0, 0]]
    assert pixels(pictures.read(save("in.tif", inks)))[0].tolist() == expected


@pytest.mark.parametrize("name", ["in.tif", "in.jpg"])
def test_cmyk_with_a_profile_is_converted_through_it(save: Save, name: str) -> None:
    cyan = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    picture = pictures.read(save(name, cyan, icc_profile=black_ink_only()))
    assert pixels(picture).min() >= 250


def test_cmyk_with_a_broken_profile_is_converted_plainly(save: Save) -> None:
    red = Image.new("CMYK", (4, 4), (0, 255, 255, 0))
    assert pixels(pictures.read(save("in.tif", red, icc_profile=b"broken")))[0, 0].tolist() == [255, 0, 0]


def test_grey_with_a_profile_is_converted_through_it(save: Save) -> None:
    light = Image.new("L", (4, 4), 55)  # a fifth of the light, which sRGB writes as 128
    picture = pictures.read(save("in.png", light, icc_profile=LINEAR_GREY))
    np.testing.assert_allclose(pixels(picture), 128, atol=2)


def test_grey_with_a_profile_for_colours_is_converted_plainly(save: Save) -> None:
    assert pixels(pictures.read(save("in.png", GREY, icc_profile=SRGB)))[:, :, 1].tolist() == GREY.tolist()


def test_a_grey_picture_keeps_its_transparency_beside_a_profile(save: Save) -> None:
    levels = (GREY % 4).astype(np.uint8)
    picture = pictures.read(save("in.png", levels, transparency=2, icc_profile=LINEAR_GREY))
    assert picture.wire_format == "RGBA8"
    np.testing.assert_array_equal(pixels(picture)[:, :, 3], np.where(levels == 2, 0, 255))


def test_a_jpeg_that_carries_a_second_view_is_one_picture(save: Save) -> None:
    view = Image.fromarray(RGB[::-1])
    path = save("in.jpg", RGB, format="MPO", save_all=True, append_images=[view])
    with Image.open(path) as image:
        assert image.n_frames == 2
        np.testing.assert_array_equal(pixels(pictures.read(path)), np.asarray(image))


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1)])
def test_the_smallest_and_thinnest_pictures_can_be_read(save: Save, size: tuple[int, int]) -> None:
    assert pictures.read(save("in.png", Image.new("RGB", size))).image.size == size


# -- orientation -----------------------------------------------------------------------------------------------------

UPRIGHT: dict[int, Callable[[Any], Any]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}


def exif(orientation: int) -> Image.Exif:
    data = Image.Exif()
    data[0x0112] = orientation
    return data


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("suffix", LOSSLESS)
def test_a_picture_is_turned_upright(save: Save, suffix: str, orientation: int) -> None:
    path = save(f"in.{suffix}", RGB, exif=exif(orientation), **LOSSLESS[suffix])
    np.testing.assert_array_equal(pixels(pictures.read(path)), UPRIGHT[orientation](RGB))


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_a_jpeg_is_turned_upright(save: Save, orientation: int) -> None:
    with Image.open(save("plain.jpg", RGB)) as plain:
        decoded = np.asarray(plain)
    path = save("in.jpg", RGB, exif=exif(orientation))
    np.testing.assert_array_equal(pixels(pictures.read(path)), UPRIGHT[orientation](decoded))


@pytest.mark.parametrize("name", ["in.jpg", "in.png", "in.webp", "in.tif"])
def test_a_result_is_not_turned_a_second_time(save: Save, name: str) -> None:
    path = save(name, RGB, exif=exif(6))
    result = cut_and_reopen(path, np.ascontiguousarray(np.rot90(MASK, -1)))
    assert result.size == (HEIGHT, WIDTH)
    assert ImageOps.exif_transpose(result).size == (HEIGHT, WIDTH)


# -- what goes out ---------------------------------------------------------------------------------------------------


def test_the_mask_becomes_the_alpha_channel(save: Save) -> None:
    result = cut_and_reopen(save("in.png", RGB))
    assert result.mode == "RGBA"
    np.testing.assert_array_equal(np.asarray(result)[:, :, 3], MASK)


@pytest.mark.parametrize("name", ["in.png", "in.jpg", "in.webp", "in.tif"])
def test_the_colours_under_the_alpha_are_those_of_the_source(save: Save, name: str) -> None:
    path = save(name, RGB)
    with Image.open(path) as image:
        decoded = np.asarray(image)
    result = cut_and_reopen(path, np.zeros_like(MASK))
    np.testing.assert_array_equal(np.asarray(result)[:, :, :3], decoded)


def test_an_alpha_that_is_already_there_is_multiplied(save: Save) -> None:
    result = np.asarray(cut_and_reopen(save("in.png", np.dstack([RGB, ALPHA]))))
    product = MASK.astype(float) * ALPHA / 255
    np.testing.assert_allclose(result[:, :, 3], product, atol=1)
    np.testing.assert_array_equal(result[:, :, :3], RGB)


def test_a_full_mask_leaves_the_alpha_as_it_was(save: Save) -> None:
    result = cut_and_reopen(save("in.png", np.dstack([RGB, ALPHA])), np.full_like(MASK, 255))
    np.testing.assert_array_equal(np.asarray(result)[:, :, 3], ALPHA)


def test_cutting_out_leaves_the_picture_itself_alone(save: Save) -> None:
    picture = pictures.read(save("in.png", np.dstack([RGB, ALPHA])))
    cutting.cut_out(picture, MASK)
    np.testing.assert_array_equal(pixels(picture), np.dstack([RGB, ALPHA]))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_the_subjects_own_colours_are_used_where_it_is_not_sure(save: Save, mode: str) -> None:
    own = 255 - RGB
    mask = np.where(MASK > 128, 255, MASK).astype(np.uint8)
    picture = pictures.read(save("in.png", RGB if mode == "RGB" else np.dstack([RGB, ALPHA])))
    result = pixels(cutting.cut_out(picture, mask, own))
    np.testing.assert_array_equal(result[:, :, :3], np.where((mask == 255)[:, :, np.newaxis], RGB, own))
    if mode == "RGB":
        np.testing.assert_array_equal(result[:, :, 3], mask)
    np.testing.assert_array_equal(pixels(picture)[:, :, :3], RGB)


def test_what_was_removed_is_not_in_the_file_unless_the_colours_are_kept() -> None:
    random = np.random.default_rng(3)
    photograph, own = (random.integers(1, 256, (210, 333, 3), dtype=np.uint8) for _ in range(2))
    mask = np.zeros((210, 333), np.uint8)
    mask[100:150, 100:200] = 255
    mask[100:150, 200:210] = 128  # soft on one side, hard on the others
    picture = Picture(Image.fromarray(photograph), {})
    black = ~pixels(cutting.cut_out(picture, mask, own))[:, :, :3].any(axis=2)
    assert not black[mask > 0].any()
    assert not black[100:150, 190:226].any(), "an editor that scales it mixes in what is beside the soft edge"
    far = np.ones_like(black)
    far[60:190, 160:250] = False
    assert black[far & (mask == 0)].all()
    np.testing.assert_array_equal(pixels(cutting.cut_out(picture, mask))[:, :, :3], photograph)


@pytest.mark.parametrize("name", ["in.png", "in.jpg", "in.webp", "in.tif"])
def test_the_colour_profile_is_kept_byte_for_byte(save: Save, name: str) -> None:
    assert cut_and_reopen(save(name, RGB, icc_profile=SRGB)).info["icc_profile"] == SRGB


def test_the_colour_profile_survives_being_turned_upright(save: Save) -> None:
    path = save("in.jpg", RGB, icc_profile=SRGB, exif=exif(3))
    assert cut_and_reopen(path).info["icc_profile"] == SRGB


def test_the_colour_profile_of_a_palette_is_kept(save: Save) -> None:
    image, _, _ = palette_image()
    assert cut_and_reopen(save("in.png", image, icc_profile=SRGB)).info["icc_profile"] == SRGB


@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
def test_the_profile_of_a_grey_picture_is_kept_with_its_grey(save: Save, mode: str) -> None:
    source = Image.new(mode, (WIDTH, HEIGHT))
    path = save("in.tif", source, icc_profile=LINEAR_GREY)
    assert cut_and_reopen(path).info["icc_profile"] == LINEAR_GREY
    assert path.with_name("result.png").read_bytes()[25] == 4  # grey with alpha


@pytest.mark.parametrize(("mode", "profile"), [("CMYK", b"of another kind"), ("L", SRGB), ("RGB", LINEAR_GREY)])
def test_a_profile_that_does_not_describe_the_result_is_not_in_it(save: Save, mode: str, profile: bytes) -> None:
    result = cut_and_reopen(save("in.tif", Image.new(mode, (WIDTH, HEIGHT)), icc_profile=profile))
    assert "icc_profile" not in result.info


def long_text(kind: str, count: int = 1, length: int = 3_000_000) -> PngInfo:
    """Text as a photographer's program leaves it in a PNG: the whole history of its edits, some MB."""
    info = PngInfo()
    for number in range(count):
        add = info.add_itxt if kind.startswith("i") else info.add_text
        add(f"History {number}", "edited " * (length // 7), zip=kind.endswith("z"))
    return info


@pytest.mark.parametrize("kind", ["t", "tz", "i", "iz"])
def test_a_png_with_long_text_can_be_read(save: Save, kind: str) -> None:
    np.testing.assert_array_equal(pixels(pictures.read(save("in.png", RGB, pnginfo=long_text(kind)))), RGB)


@pytest.mark.slow
def test_a_png_with_many_texts_can_be_read(save: Save) -> None:
    path = save("in.png", RGB, pnginfo=long_text("tz", count=80, length=1_000_000))
    np.testing.assert_array_equal(pixels(pictures.read(path)), RGB)


def test_long_text_behind_the_pixels_does_not_matter(save: Save) -> None:
    with_text = save("text.png", RGB, pnginfo=long_text("tz")).read_bytes()
    start = with_text.index(b"zTXt") - 4
    chunk = with_text[start : start + 12 + int.from_bytes(with_text[start : start + 4], "big")]
    path = save("in.png", RGB)
    whole = path.read_bytes()
    path.write_bytes(whole[:-12] + chunk + whole[-12:])
    np.testing.assert_array_equal(pixels(pictures.read(path)), RGB)


def test_long_text_does_not_cost_a_picture_its_orientation_and_resolution(save: Save) -> None:
    picture = pictures.read(save("in.png", RGB, pnginfo=long_text("iz"), exif=exif(6), dpi=(300, 300)))
    np.testing.assert_array_equal(pixels(picture), np.rot90(RGB, -1))
    assert picture.metadata["dpi"] == pytest.approx((300, 300), abs=0.1)


@pytest.mark.parametrize("name", ["in.png", "in.jpg", "in.webp", "in.tif"])
def test_a_large_colour_profile_is_kept(save: Save, name: str) -> None:
    large = SRGB + np.random.default_rng(4).bytes(4_000_000)
    again = pictures.read(cut(save(name, RGB, icc_profile=large)))
    assert again.metadata["icc_profile"] == large
    np.testing.assert_array_equal(pixels(again)[:, :, 3], MASK)


def test_grey_with_a_large_profile_is_converted_through_it(save: Save) -> None:
    picture = pictures.read(save("in.png", Image.new("L", (4, 4), 55), icc_profile=LINEAR_GREY + bytes(2_000_000)))
    np.testing.assert_allclose(pixels(picture), 128, atol=2)


def test_a_profile_that_would_fill_the_memory_is_refused(save: Save) -> None:
    refusal = refused(save("in.png", RGB, icc_profile=SRGB + bytes(png_chunks.MAX_PROFILE)))
    assert "colour profile has more than 64 MB" in refusal.message


@pytest.mark.slow
def test_text_that_would_fill_the_memory_is_left_packed(save: Save) -> None:
    path = save("in.png", RGB, pnginfo=long_text("tz", length=200_000_000))
    tracemalloc.start()
    np.testing.assert_array_equal(pixels(pictures.read(path)), RGB)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


@pytest.mark.parametrize("name", ["in.png", "in.jpg", "in.tif"])
def test_the_resolution_is_kept(save: Save, name: str) -> None:
    dpi = cut_and_reopen(save(name, RGB, dpi=(300, 150))).info["dpi"]
    assert dpi == pytest.approx((300, 150), abs=0.1)


def tiff(resolution: tuple[int, int] = (300, 1), without: int = 0) -> bytes:
    """A TIFF of one grey pixel whose resolution is the given fraction, without one of its tags."""
    tags = [(256, 3, 1), (257, 3, 1), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 200), (277, 3, 1), (278, 3, 1)]
    tags += [(279, 4, 1), (282, 5, 190), (283, 5, 190), (296, 3, 2)]
    tags = [tag for tag in tags if tag[0] != without]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)
    return head.ljust(190, b"\0") + struct.pack("<II", *resolution) + b"\0\0" + b"\x80"


@pytest.mark.parametrize("resolution", [(0, 0), (300, 0), (0, 1), (2**32 - 1, 1), (300, 1)])
def test_a_senseless_resolution_does_not_keep_a_picture_from_being_written(
    tmp_path: Path, resolution: tuple[int, int]
) -> None:
    path = tmp_path / "in.tif"
    path.write_bytes(tiff(resolution))
    assert cut_and_reopen(path, np.full((1, 1), 77, np.uint8)).getpixel((0, 0)) == (128, 77)


def test_a_result_goes_into_a_folder_that_is_made_for_it(tmp_path: Path) -> None:
    target = tmp_path / "new" / "deep" / "out.png"
    pictures.write(Picture(Image.fromarray(RGB), {}), target, overwrite=False)
    assert os.listdir(target.parent) == ["out.png"]


def test_a_result_is_a_png_whatever_its_name(tmp_path: Path) -> None:
    target = tmp_path / "out.dat"
    pictures.write(Picture(Image.fromarray(RGB), {}), target, overwrite=False)
    assert target.read_bytes().startswith(b"\x89PNG")


# -- what must not be lost -------------------------------------------------------------------------------------------


def write_fails(target: Path, overwrite: bool = False, metadata: dict[str, Any] | None = None) -> PictureError:
    with pytest.raises(PictureError) as failure:
        pictures.write(Picture(Image.fromarray(RGB), metadata or {}), target, overwrite)
    return failure.value


def test_a_file_that_exists_is_not_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "out.png"
    target.write_text("precious")
    failure = write_fails(target)
    assert (target.read_text(), os.listdir(tmp_path)) == ("precious", ["out.png"])
    assert "exists" in failure.message
    assert "--force" in failure.hint


def test_a_file_that_exists_is_overwritten_on_demand(tmp_path: Path) -> None:
    target = tmp_path / "out.png"
    target.write_text("old")
    pictures.write(Picture(Image.fromarray(RGB), {}), target, overwrite=True)
    np.testing.assert_array_equal(np.asarray(Image.open(target)), RGB)
    assert os.listdir(tmp_path) == ["out.png"]


def test_a_folder_below_a_file_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    failure = write_fails(tmp_path / "file" / "out.png")
    assert "cannot be written" in failure.message
    assert os.listdir(tmp_path) == ["file"]


def test_a_folder_deep_below_a_file_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    assert "cannot be written" in write_fails(tmp_path / "file" / "deep" / "out.png").message


def test_a_folder_in_the_place_of_the_result_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "out.png"
    target.mkdir()
    for overwrite in (False, True):
        failure = write_fails(target, overwrite)
        assert failure.message == f"{target} cannot be written: there is a folder of that name."
        assert "--force" not in failure.hint
    assert (os.listdir(tmp_path), os.listdir(target)) == (["out.png"], [])


def test_a_name_that_is_too_long_cannot_be_written(tmp_path: Path) -> None:
    assert "cannot be written" in write_fails(tmp_path / ("x" * 300 + ".png")).message


def test_a_name_of_the_greatest_length_can_be_written(tmp_path: Path) -> None:
    target = tmp_path / ("x" * 251 + ".png")
    pictures.write(Picture(Image.fromarray(RGB), {}), target, overwrite=False)
    assert os.listdir(tmp_path) == [target.name]


def test_a_failure_in_the_middle_of_writing_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(Exception):  # noqa: B017  whatever an impossible profile makes Pillow raise
        pictures.write(Picture(Image.fromarray(RGB), {"icc_profile": object()}), tmp_path / "out.png", False)
    assert os.listdir(tmp_path) == []


# -- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "what"), [("in.png", "frames"), ("in.webp", "frames"), ("in.tif", "pages")])
def test_a_file_of_several_pictures_is_refused(save: Save, name: str, what: str) -> None:
    more = [Image.fromarray(RGB[::-1]), Image.fromarray(255 - RGB)]
    refusal = refused(save(name, RGB, save_all=True, append_images=more))
    said = (
        "has 3 pages; matted works on single pictures."
        if what == "pages"
        else "has 3 frames: it is a film, and no picture."
    )
    assert said in refusal.message
    assert what.removesuffix("s") in refusal.hint
    assert ("--page" in refusal.hint) == (what == "pages")


def test_a_format_that_would_run_a_program_is_refused(save: Save) -> None:
    refusal = refused(save("in.eps", RGB))
    assert "is not a picture that matted can read" in refusal.message
    assert refusal.hint == "matted formats lists what can be read."


def test_an_empty_file_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    assert refused(tmp_path / "a.jpg").message == f"{tmp_path / 'a.jpg'} is empty: there is nothing in it."


@pytest.mark.parametrize("content", [b"\0", b"a text\n" * 100, b"%PDF-1.7", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"])
def test_something_else_than_a_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "in.png"
    path.write_bytes(content)
    refused(path)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "missing.png").message


def test_a_folder_is_not_a_picture(tmp_path: Path) -> None:
    assert "cannot be read" in refused(tmp_path).message


@pytest.mark.parametrize("size", [(20_000, 20_000), (2**31 - 1, 2**31 - 1), (2**31 - 1, 1)])
def test_a_decompression_bomb_is_refused_with_the_limit(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_claiming(*size, bits=1, colour=0))
    refusal = refused(path)
    assert "too large" in refusal.message
    assert "megapixels" in refusal.hint


def test_a_picture_of_a_hundred_megapixels_is_no_bomb(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(png_claiming(10_400, 10_000, bytes(10_000 * 1301), bits=1, colour=0))
    assert pictures.read(path).image.size == (10_400, 10_000)


@pytest.mark.parametrize("size", [(0, 0), (0, 5), (5, 0)])
def test_a_picture_without_pixels_is_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "none.png"
    path.write_bytes(png_claiming(*size, bits=1, colour=0))
    refused(path)


def encoded(name: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(RGB).save(out, name, icc_profile=SRGB, exif=exif(6))
    return out.getvalue()


FORMATS = {name: encoded(name) for name in ("PNG", "JPEG", "WEBP", "TIFF")}
FUZZED = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("name", FORMATS)
def test_a_truncated_picture_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "in.png"
    path.write_bytes(FORMATS[name][: len(FORMATS[name]) * 2 // 3])
    refused(path)


def test_damaged_pixels_are_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "in.png"
    data = bytearray(FORMATS["PNG"])
    at = data.index(b"IDAT") + 30
    data[at : at + 8] = b"\xff" * 8
    path.write_bytes(data)
    assert "is damaged" in refused(path).message


@pytest.mark.parametrize("tag", [256, 257, 258, 262, 273, 277, 278, 279])
def test_a_tiff_that_lacks_a_tag_is_read_or_refused(tmp_path: Path, tag: int) -> None:
    read_damaged(tmp_path / "in.tif", tiff(without=tag))


@pytest.mark.parametrize("offset", [1, 100, 190, 5000])
def test_a_tiff_with_a_lost_second_page_is_called_damaged(tmp_path: Path, offset: int) -> None:
    data, path = bytearray(tiff()), tmp_path / "in.tif"
    count = int.from_bytes(data[8:10], "little")
    struct.pack_into("<I", data, 10 + 12 * count, offset)
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert "is damaged" in refused(path).message


def read_damaged(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    read_or_refuse(path)


@pytest.mark.parametrize("name", FORMATS)
@FUZZED
@given(data=st.data())
def test_a_file_cut_anywhere_is_read_or_refused(tmp_path: Path, name: str, data: st.DataObject) -> None:
    whole = FORMATS[name]
    read_damaged(tmp_path / "in", whole[: data.draw(st.integers(0, len(whole)))])


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
@FUZZED
@given(data=st.data())
def test_a_file_with_changed_bytes_is_read_or_refused(tmp_path: Path, name: str, data: st.DataObject) -> None:
    changed = bytearray(FORMATS[name])
    spots = st.one_of(st.integers(0, min(len(changed), 400) - 1), st.integers(0, len(changed) - 1))
    for spot in data.draw(st.lists(spots, min_size=1, max_size=6)):
        changed[spot] = data.draw(st.integers(0, 255))
    read_damaged(tmp_path / "in", bytes(changed))


def test_a_damaged_remark_in_a_good_picture_is_not_reported_as_a_warning(tmp_path: Path) -> None:
    out = io.BytesIO()
    Image.fromarray(RGB).save(out, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01")
    path = tmp_path / "in.jpg"
    path.write_bytes(out.getvalue())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert pictures.read(path).image.size == (WIDTH, HEIGHT)
