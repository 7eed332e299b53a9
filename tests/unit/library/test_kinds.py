"""Pictures of every kind in, results of the same kind out: without a daemon."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matted.files import cutting
from matted.files.formats.samples import Samples
from matted.files.pictures import Picture, PictureError
from matted.library import kinds
from PIL import Image
from PIL.ExifTags import Base
from profiles import WIDE

RANDOM = np.random.default_rng(5)
HEIGHT, WIDTH = 12, 20
LEVELS = RANDOM.integers(0, 65536, (HEIGHT, WIDTH, 4)).astype(np.uint16)
MASK = np.zeros((HEIGHT, WIDTH), np.uint16)
MASK[:, 5:] = 65535
TYPES = ["u1", "u2", ">u2", "f2", "f4", "f8"]


def array_of(dtype: str, channels: int) -> np.ndarray[Any, np.dtype[Any]]:
    """A picture of a type of samples, height x width x channels."""
    levels = LEVELS[:, :, :channels]
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return (levels / 65535).astype(kind)
    return (levels >> 8).astype(kind) if kind.itemsize == 1 else levels.astype(kind)


def cut(taken: kinds.Taken) -> Any:
    """The cut-out by MASK, of the picture's kind."""
    mask = MASK if taken.picture.is_deep else (MASK >> 8).astype(np.uint8)
    return taken.give(cutting.cut_out(taken.picture, mask))


def grey(taken: kinds.Taken) -> Any:
    """MASK, of the picture's kind."""
    own = Samples((MASK if taken.picture.is_deep else (MASK >> 8).astype(np.uint8))[:, :, np.newaxis])
    return taken.give(Picture(Image.fromarray(own.reduced()[:, :, 0]), {}, own=own))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", TYPES)
def test_an_array_comes_out_with_its_samples_and_an_alpha_of_its_type(dtype: str, channels: int) -> None:
    array = array_of(dtype, channels)
    before = array.copy()
    taken = kinds.take(array, "picture")
    result = cut(taken)
    colours = channels - 1 + channels % 2
    assert (result.dtype, result.shape) == (array.dtype, (HEIGHT, WIDTH, colours + 1))
    np.testing.assert_array_equal(result[:, :, :colours], array[:, :, :colours])
    full = 1.0 if array.dtype.kind == "f" else np.iinfo(array.dtype).max
    expected = array[:, :, colours] if channels > colours else np.full((HEIGHT, WIDTH), full, array.dtype)
    np.testing.assert_array_equal(result[:, 5:, colours], expected[:, 5:])
    assert not result[:, :5, colours].any()
    assert result.flags.writeable and result.flags.c_contiguous
    np.testing.assert_array_equal(array, before)


@pytest.mark.parametrize("dtype", TYPES)
def test_the_mask_of_an_array_is_height_x_width_of_its_type(dtype: str) -> None:
    array = array_of(dtype, 3)
    mask = grey(kinds.take(array, "picture"))
    full = 1.0 if array.dtype.kind == "f" else np.iinfo(array.dtype).max
    assert (mask.dtype, mask.shape) == (array.dtype, (HEIGHT, WIDTH))
    np.testing.assert_array_equal(mask, np.where(MASK > 0, full, 0))


@pytest.mark.parametrize("dtype", TYPES)
def test_the_daemon_is_shown_the_upper_8_bits(dtype: str) -> None:
    shown = np.asarray(kinds.take(array_of(dtype, 3), "picture").picture.image).astype(int)
    assert np.abs(shown - (LEVELS[:, :, :3] >> 8)).max() <= 1


def test_an_array_of_height_x_width_is_grey() -> None:
    taken = kinds.take(array_of("u1", 1)[:, :, 0], "picture")
    assert cut(taken).shape == (HEIGHT, WIDTH, 2)
    assert np.ptp(np.asarray(taken.picture.image), axis=2).max() == 0


@pytest.mark.parametrize("dtype", TYPES)
def test_an_array_need_not_be_contiguous(dtype: str) -> None:
    array = array_of(dtype, 3)
    for view in (array[:, :, ::-1], array[::-1], array[:, ::2], array.transpose(1, 0, 2), np.asfortranarray(array)):
        taken = kinds.take(view, "picture")
        assert taken.picture.image.size == (view.shape[1], view.shape[0])
        mask = (
            np.full(view.shape[:2], 65535, np.uint16) if taken.picture.is_deep else np.full(view.shape[:2], 255, "u1")
        )
        foreground = np.asarray(taken.picture.image)[:, :, :3]
        result = taken.give(cutting.cut_out(taken.picture, mask, foreground))
        np.testing.assert_array_equal(result[:, :, :3], view)


def test_what_can_be_made_an_array_is_taken_as_one() -> None:
    class Tensor:
        def __array__(self, *_: Any, **__: Any) -> Any:
            return array_of("u1", 3)

    assert isinstance(cut(kinds.take(Tensor(), "picture")), np.ndarray)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((3, 40, 50), np.uint8), "an array of 3 x 40 x 50. .*array.transpose"),
        (np.zeros((2, 40, 50, 3), np.uint8), "an array of 2 x 40 x 50 x 3. .*one picture at a time"),
        (np.zeros((40, 50, 5), np.uint8), "an array of 40 x 50 x 5. It has to be height x width"),
        (np.zeros(9, np.uint8), "an array of 9. "),
        (np.uint8(9), "an array of no dimensions"),
        (np.zeros((0, 50, 3), np.uint8), "has no pixels"),
        (np.zeros((4, 5, 3), np.int64), "an array of int64. It has to be uint8, uint16, or floats"),
        (np.zeros((4, 5), np.bool_), "an array of bool"),
        (np.full((4, 5, 3), 200.0), "floats up to 200. .*divide them by 255"),
        (np.array([[None]]), "an array of object"),
    ],
)
def test_an_array_that_is_no_picture_is_refused_with_a_sentence(array: Any, said: str) -> None:
    with pytest.raises(PictureError, match="<picture> " + r"(is|has) " + said.removeprefix("has ")):
        kinds.take(np.asarray(array) if not isinstance(array, np.ndarray) else array, "picture")


def test_lamps_brighter_than_white_and_what_is_no_number_are_taken() -> None:
    array = array_of("f4", 3)
    array[0, 0], array[0, 1] = 7.5, np.nan
    result = cut(kinds.take(array, "picture"))
    np.testing.assert_array_equal(result[:, 5:, :3], array[:, 5:])


@pytest.mark.parametrize("value", [None, 7, ["a.jpg"], object()])
def test_what_is_no_picture_at_all_is_a_type_error(value: Any) -> None:
    with pytest.raises(TypeError, match="<plate> has to be a path, the bytes of a file"):
        kinds.take(value, "plate")


# -- images of Pillow ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV", "I", "F"])
def test_an_image_of_every_mode_becomes_rgba(mode: str) -> None:
    rgb = Image.fromarray(array_of("u1", 3))
    image = rgb.convert("RGBA").convert(mode) if mode in ("LA", "RGBX") else rgb.convert("RGB")
    image = Image.frombytes("LAB", rgb.size, rgb.tobytes()) if mode == "LAB" else image.convert(mode)
    before = image.tobytes()
    result = cut(kinds.take(image, "picture"))
    assert (result.mode, result.size) == ("RGBA", image.size)
    assert result.getchannel("A").getextrema() == (0, 255)
    if mode in ("L", "P", "RGB", "RGBA", "CMYK", "YCbCr"):
        np.testing.assert_array_equal(np.asarray(result)[:, :, :3], np.asarray(image.convert("RGB")))
    assert image.tobytes() == before
    assert grey(kinds.take(image, "picture")).mode == "L"


def test_an_image_of_16_bits_is_shown_with_its_upper_ones() -> None:
    image = Image.fromarray(LEVELS[:, :, 0])
    taken = kinds.take(image, "picture")
    assert taken.picture.is_deep
    assert np.abs(np.asarray(cut(taken))[:, :, 0].astype(int) - (LEVELS[:, :, 0] >> 8)).max() <= 1


def test_whole_numbers_beyond_16_bits_are_spread_over_what_they_span() -> None:
    levels = (LEVELS[:, :, 0].astype(np.int32) - 30_000) * 4
    shown = np.asarray(kinds.take(Image.fromarray(levels), "picture").picture.image)[:, :, 0]
    assert (shown.min(), shown.max()) == (0, 255)
    assert np.argmax(shown) == np.argmax(levels)


def test_an_image_is_turned_upright_and_keeps_profile_and_camera(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[Base.Orientation], exif[Base.Model] = 6, "Camera 3"
    path = tmp_path / "in.png"
    Image.fromarray(array_of("u1", 3)).save(path, exif=exif, icc_profile=WIDE)
    with Image.open(path) as image:
        taken = kinds.take(image, "picture")
        assert image.info["icc_profile"] == WIDE and image.size == (WIDTH, HEIGHT), "it stays as it was"
    assert taken.picture.image.size == (HEIGHT, WIDTH)
    result = taken.give(cutting.cut_out(taken.picture, np.full((WIDTH, HEIGHT), 255, np.uint8)))
    assert result.info["icc_profile"] == WIDE
    assert result.getexif()[Base.Model] == "Camera 3" and Base.Orientation not in result.getexif()
    np.testing.assert_array_equal(np.asarray(result)[:, :, :3], np.rot90(array_of("u1", 3), -1))


def test_a_damaged_image_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "in.png"
    Image.fromarray(RANDOM.integers(0, 256, (80, 80, 3)).astype(np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with Image.open(path) as image, pytest.raises(PictureError, match="<picture> is damaged: "):
        kinds.take(image, "picture")


# -- files and their bytes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrapped", [bytes, bytearray, memoryview])
def test_bytes_become_a_png(wrapped: Any) -> None:
    file = io.BytesIO()
    Image.fromarray(array_of("u1", 3)).save(file, "BMP")
    result = cut(kinds.take(wrapped(file.getvalue()), "picture"))
    assert isinstance(result, bytes)
    with Image.open(io.BytesIO(result)) as image:
        assert (image.format, image.mode) == ("PNG", "RGBA")
        np.testing.assert_array_equal(np.asarray(image)[:, :, :3], array_of("u1", 3))


@pytest.mark.parametrize("how", [str, Path])
def test_a_path_becomes_an_image(tmp_path: Path, how: Any) -> None:
    path = tmp_path / "in.bmp"
    Image.fromarray(array_of("u1", 3)).save(path)
    taken = kinds.take(how(path), "picture")
    assert taken.name == path
    assert isinstance(cut(taken), Image.Image)


def test_bytes_that_are_no_picture_are_refused_with_a_sentence() -> None:
    with pytest.raises(PictureError, match=re.escape("<hint> is not a picture that matted can read.")):
        kinds.take(b"nothing", "hint")
    with pytest.raises(PictureError, match=re.escape("missing.jpg cannot be read: No such file or directory.")):
        kinds.take("missing.jpg", "picture")


def test_a_mask_may_be_an_array_of_true_and_false() -> None:
    mask = kinds.take_mask(MASK > 0, "mask").picture.image
    np.testing.assert_array_equal(np.asarray(mask)[:, :, 0], np.where(MASK > 0, 255, 0))
