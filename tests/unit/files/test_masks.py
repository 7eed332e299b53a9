"""Masks in picture files of every kind: what is taken, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matted.files import cutting, masks
from matted.files.pictures import Picture, PictureError
from numpy.typing import NDArray
from PIL import Image
from profiles import LINEAR_GREY, SRGB
from writing import Save

WIDTH, HEIGHT = 48, 32
COLOURS = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
PICTURE = Picture(Image.fromarray(COLOURS), {})
SOURCE = Path("photo.jpg")
# The left is black, the right white, between them is grey.
MASK = np.zeros((HEIGHT, WIDTH), np.uint8)
MASK[:, 20:] = 128
MASK[:, 22:] = 255
BINARY = np.where(MASK > 127, 255, 0).astype(np.uint8)


def read(path: Path, picture: Picture = PICTURE, strokes: bool = False) -> NDArray[np.uint8]:
    mask = masks.read(path, SOURCE, picture, strokes)
    assert mask.mode == "L"
    return np.asarray(mask)


def refusal(path: Path, picture: Picture = PICTURE, strokes: bool = False) -> PictureError:
    with pytest.raises(PictureError) as refused:
        masks.read(path, SOURCE, picture, strokes)
    return refused.value


def with_alpha(colours: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> Image.Image:
    image = Image.fromarray(colours).convert("RGB")
    image.putalpha(Image.fromarray(alpha))
    return image


# -- grey --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["m.png", "m.tif"])
def test_a_grey_picture_is_taken_as_it_is(save: Save, name: str) -> None:
    np.testing.assert_array_equal(read(save(name, MASK)), MASK)
    np.testing.assert_array_equal(read(save(name, Image.fromarray(MASK).convert("RGB"))), MASK)
    opaque = with_alpha(MASK, np.full_like(MASK, 255))
    np.testing.assert_array_equal(read(save(name, opaque)), MASK)


@pytest.mark.parametrize("name", ["m.png", "m.tif"])
def test_of_16_bits_the_upper_ones_count(save: Save, name: str) -> None:
    np.testing.assert_array_equal(read(save(name, MASK.astype(np.uint16) * 257)), MASK)


@pytest.mark.parametrize("name", ["m.png", "m.tif"])
def test_one_bit_and_palettes_are_black_and_white(save: Save, name: str) -> None:
    np.testing.assert_array_equal(read(save(name, Image.fromarray(BINARY).convert("1"))), BINARY)
    np.testing.assert_array_equal(read(save(name, Image.fromarray(BINARY).convert("P"))), BINARY)


@pytest.mark.parametrize("name", ["m.jpg", "m.webp"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_what_a_lossy_file_made_of_black_and_white_is_that_again(save: Save, name: str, mode: str) -> None:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    depth = 12 - np.hypot(rows - 14, columns - 20) + np.sin(columns)
    path = save(name, Image.fromarray((depth > 0).astype(np.uint8) * 255).convert(mode), quality=90)
    with Image.open(path) as stored:
        assert len(np.unique(np.asarray(stored.convert("L")))) > 5, "nothing was lost"
    mask = read(path)
    assert set(np.unique(mask[depth > 4])) == {255} and set(np.unique(mask[depth < -4])) == {0}


@pytest.mark.parametrize("profile", [SRGB, LINEAR_GREY], ids=["sRGB", "linear"])
def test_black_and_white_stay_so_with_a_colour_profile(save: Save, profile: bytes) -> None:
    image = Image.fromarray(BINARY) if profile is LINEAR_GREY else Image.fromarray(BINARY).convert("RGB")
    np.testing.assert_array_equal(read(save("m.png", image, icc_profile=profile)), BINARY)


def test_a_mask_is_turned_upright_like_its_picture(save: Save) -> None:
    image = Image.fromarray(MASK)
    exif = image.getexif()
    exif[0x0112] = 6  # turned by a quarter
    path = save("m.png", image, exif=exif)
    turned = Picture(PICTURE.image.transpose(Image.Transpose.ROTATE_90), {})
    np.testing.assert_array_equal(read(path, turned), np.rot90(MASK, -1))
    assert "32 x 48 pixels, the picture photo.jpg 48 x 32" in refusal(path).message


def test_a_little_colour_in_grey_does_not_matter(save: Save) -> None:
    tinted = np.dstack([MASK, MASK, np.minimum(MASK, 240)])
    np.testing.assert_array_equal(read(save("m.png", tinted)), MASK)


def test_every_pixel_of_a_large_mask_is_taken(save: Save) -> None:
    mask = np.zeros((1500, 2100), np.uint8)
    mask[700:, 1000:] = 255
    mask[::7, ::11] = 77
    picture = Picture(Image.new("RGB", (2100, 1500)), {})
    np.testing.assert_array_equal(read(save("m.png", mask), picture), mask)
    np.testing.assert_array_equal(read(save("m.png", with_alpha(np.full_like(mask, 90), mask)), picture), mask)


# -- with transparency -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["m.png", "m.tif", "m.webp"])
@pytest.mark.parametrize("colour", [(90, 90, 90), (255, 255, 255), (200, 30, 60)])
def test_the_transparency_of_a_flat_colour_is_taken(save: Save, name: str, colour: tuple[int, int, int]) -> None:
    flat = with_alpha(np.full((HEIGHT, WIDTH, 3), colour, np.uint8), MASK)
    np.testing.assert_array_equal(read(save(name, flat, **({"lossless": True} if name == "m.webp" else {}))), MASK)


@pytest.mark.parametrize("strokes", [False, True])
@pytest.mark.parametrize("foreground", [None, COLOURS])
def test_the_transparency_of_a_cut_out_is_taken(
    save: Save, foreground: NDArray[np.uint8] | None, strokes: bool
) -> None:
    cut_out = cutting.cut_out(PICTURE, MASK, foreground).image
    np.testing.assert_array_equal(read(save("cut.png", cut_out), strokes=strokes), MASK)


@pytest.mark.parametrize("strokes", [False, True])
def test_the_transparency_of_a_cut_out_in_grey_is_taken(save: Save, strokes: bool) -> None:
    grey = Picture(Image.fromarray(COLOURS[:, :, 0]).convert("RGB"), {})
    np.testing.assert_array_equal(read(save("cut.png", cutting.cut_out(grey, MASK).image), grey, strokes), MASK)


def test_what_was_not_painted_on_a_transparent_layer_is_undecided(save: Save) -> None:
    colours, alpha = np.zeros_like(MASK), np.zeros_like(MASK)
    alpha[4:12, 4:12] = 255  # a black stroke, and a white one with a soft rim
    alpha[4:12, 30:40] = 255
    alpha[4:12, 29] = 100
    colours[4:12, 29:40] = 255
    mask = read(save("strokes.png", with_alpha(colours, alpha)))
    assert set(np.unique(mask[alpha == 0])) == {128}
    assert set(np.unique(mask[4:12, 4:12])) == {0} and set(np.unique(mask[4:12, 30:40])) == {255}
    assert 128 < mask[5, 29] < 255
    np.testing.assert_array_equal(read(save("strokes.png", with_alpha(colours, alpha)), strokes=True), mask)


@pytest.mark.parametrize("name", ["s.png", "s.tif", "s.webp"])
@pytest.mark.parametrize("opacity", [255, 120])
@pytest.mark.parametrize(("paint", "said"), [(0, 0), (9, 0), (250, 255), (255, 255)])
def test_a_stroke_in_black_alone_is_background_and_in_white_alone_is_the_subject(
    save: Save, name: str, opacity: int, paint: int, said: int
) -> None:
    alpha = np.zeros_like(MASK)
    alpha[4:12, 4:12] = opacity
    stroke = with_alpha(np.full_like(MASK, paint), alpha)
    mask = read(save(name, stroke, **({"lossless": True} if name == "s.webp" else {})), strokes=True)
    np.testing.assert_array_equal(mask, np.where(alpha > 0, said, 128))


@pytest.mark.parametrize("strokes", [False, True])
def test_a_dot_on_a_large_layer_is_seen(save: Save, strokes: bool) -> None:
    colours, alpha = np.zeros((1500, 2100), np.uint8), np.zeros((1500, 2100), np.uint8)
    alpha[700:900, 300:500] = 255  # black
    alpha[101, 101] = colours[101, 101] = 255  # a pixel that samples of every n-th would miss
    mask = read(save("s.png", with_alpha(colours, alpha)), Picture(Image.new("RGB", (2100, 1500)), {}), strokes=strokes)
    assert (mask[101, 101], mask[800, 400], mask[0, 0]) == (255, 0, 128)


@pytest.mark.parametrize("opacity", [255, 120])
def test_a_whole_mask_in_black_alone_could_mean_either_and_is_refused(save: Save, opacity: int) -> None:
    alpha = np.zeros_like(MASK)
    alpha[4:12, 4:12] = opacity
    path = save("m.png", with_alpha(np.zeros_like(MASK), alpha))
    failure = refusal(path)
    assert failure.message == f"{path} holds black alone, which may be what is kept or what is removed."
    assert failure.hint == "Paint in white what is kept, too, or save the mask in grey, without transparency."


@pytest.mark.parametrize("strokes", [False, True])
@pytest.mark.parametrize("paint", [0, 90, 255])
def test_what_is_wholly_transparent_is_refused(save: Save, paint: int, strokes: bool) -> None:
    path = save("m.png", with_alpha(np.full_like(MASK, paint), np.zeros_like(MASK)))
    failure = refusal(path, strokes=strokes)
    assert failure.message == f"{path} is wholly transparent."
    assert failure.hint == "Paint in white what is kept, in black what is removed."


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_a_mask_of_another_size_is_refused_with_both_sizes(save: Save) -> None:
    path = save("m.png", MASK[:, 1:])
    failure = refusal(path)
    assert failure.message == f"{path} has 47 x 32 pixels, the picture photo.jpg 48 x 32."
    assert "scale or crop both alike" in failure.hint


def test_a_picture_in_colour_is_no_mask(save: Save) -> None:
    path = save("m.png", COLOURS)
    failure = refusal(path)
    assert failure.message == f"{path} is in colour, and a mask is grey."
    assert "White is kept" in failure.hint and "Give the picture first" in failure.hint


@pytest.mark.parametrize("second", [COLOURS, COLOURS[:, :, 0]], ids=["colour", "grey"])
def test_a_mask_and_a_picture_that_were_swapped_are_told_so(save: Save, second: NDArray[np.uint8]) -> None:
    path = save("photo.png", second)
    failure = refusal(path, Picture(Image.fromarray(BINARY).convert("RGB"), {}))
    assert failure.message == f"photo.jpg looks like a mask, and {path} like a picture."
    assert failure.hint == "Give the picture first, and then its mask."


def test_a_drawing_in_black_and_white_may_have_a_mask(save: Save) -> None:
    drawing = Picture(Image.fromarray(BINARY).convert("RGB"), {})
    np.testing.assert_array_equal(read(save("m.png", MASK), drawing), MASK)


@pytest.mark.parametrize(("content", "said"), [(b"", "is empty"), (b"no picture", "is not a picture")])
def test_a_file_that_is_no_picture_is_reported_by_its_name(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "m.png").write_bytes(content)
    assert f"{tmp_path / 'm.png'} {said}" in refusal(tmp_path / "m.png").message
    assert "cannot be read: No such file" in refusal(tmp_path / "missing.png").message
