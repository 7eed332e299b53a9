"""Frames: what lies where, and that colours mix as light does, at every depth and in every profile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matted.files import cutting
from matted.files.formats import picture as making
from matted.files.formats.samples import Samples
from matted.files.framing import words
from matted.files.framing.backgrounds import Blur, Colour, Scene
from matted.files.framing.frame import Frame
from matted.files.framing.layout import Margin
from matted.files.pictures import Picture
from matted_client import MattedError
from numpy.typing import NDArray
from PIL import Image
from profiles import LINEAR, LINEAR_GREY, WIDE

Array = NDArray[Any]
WIDTH, HEIGHT = 60, 40
BOX = (20, 10, 45, 30)  # of the subject
GAMMA = 461 / 256  # of ProPhoto, as its profile rounds it
DEPTHS = {"8": np.uint8, "16": np.uint16, "float": np.float32}


def srgb_light(values: Any) -> Array:
    """The light of sRGB, by its formula; values 0 to 1."""
    values = np.asarray(values, np.float64)
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def srgb(light: Any) -> Array:
    light = np.asarray(light, np.float64)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)


CURVES: dict[str, tuple[bytes | None, Callable[[Any], Array], Callable[[Any], Array]]] = {
    "sRGB": (None, srgb_light, srgb),
    "ProPhoto": (WIDE, lambda values: np.asarray(values) ** GAMMA, lambda light: np.asarray(light) ** (1 / GAMMA)),
    "linear Rec. 2020": (LINEAR, np.asarray, np.asarray),
}


def full(dtype: Any) -> float:
    return 1.0 if np.dtype(dtype).kind == "f" else float(np.iinfo(dtype).max)


def shaped(dtype: Any = np.uint8) -> Array:
    """Alpha: a box, whose right column is a ramp from nothing to all."""
    alpha = np.zeros((HEIGHT, WIDTH), np.float64)
    left, top, right, bottom = BOX
    alpha[top:bottom, left:right] = 1
    alpha[top:bottom, right - 1] = np.linspace(0.1, 0.9, bottom - top)
    return np.asarray(alpha if np.dtype(dtype).kind == "f" else np.rint(alpha * full(dtype)), dtype)


def noise(channels: int, dtype: Any, seed: int = 1) -> Array:
    values = np.random.default_rng(seed).random((HEIGHT, WIDTH, channels))
    return np.asarray(values if np.dtype(dtype).kind == "f" else np.rint(values * full(dtype)), dtype)


def picture_of(colours: Array, alpha: Array | None = None, profile: bytes | None = None) -> Picture:
    """A picture as it is read from a file with these samples."""
    if colours.dtype == np.uint8 and colours.shape[2] == 3 and profile is None:
        return Picture(Image.fromarray(colours if alpha is None else np.dstack([colours, alpha])), {})
    return making.of_samples(Samples(colours, alpha), profile, {}, 8 * colours.dtype.itemsize)


def mask_of(picture: Picture) -> Array:
    return picture.samples.colours[:, :, 0]


def framed(frame: Frame, colours: Array, alpha: Array, profile: bytes | None = None) -> Samples:
    return frame.apply(picture_of(colours, alpha, profile), picture_of(colours, None, profile)).samples


@pytest.mark.parametrize("space", CURVES)
@pytest.mark.parametrize("depth", DEPTHS)
def test_colours_are_composed_in_linear_light_by_the_formula(depth: str, space: str) -> None:
    dtype, (profile, decode, encode) = DEPTHS[depth], CURVES[space]
    colours, alpha, ground = noise(3, dtype), shaped(dtype), noise(3, dtype, seed=2)
    frame = Frame(Scene(picture_of(ground, None, profile)))
    result = framed(frame, colours, alpha, profile)
    assert result.alpha is None and result.colours.dtype == dtype
    share = alpha[:, :, np.newaxis] / full(dtype)
    mixed = decode(colours / full(dtype)) * share + decode(ground / full(dtype)) * (1 - share)
    expected = encode(mixed) * full(dtype)
    tolerance = {"8": 1.01, "16": 3, "float": 2e-5}[depth]
    np.testing.assert_allclose(result.colours.astype(np.float64), expected, atol=tolerance)
    opaque = alpha == full(dtype)
    np.testing.assert_array_equal(result.colours[opaque], colours[opaque])


@pytest.mark.parametrize("space", CURVES)
@pytest.mark.parametrize("depth", DEPTHS)
def test_a_known_ramp_over_known_colours(depth: str, space: str) -> None:
    dtype, (profile, _, encode) = DEPTHS[depth], CURVES[space]
    black = np.zeros((HEIGHT, WIDTH, 3), dtype)
    result = framed(Frame(Colour((255, 255, 255))), black, shaped(dtype), profile)
    share = shaped(dtype)[:, :, np.newaxis] / full(dtype)
    tolerance = {"8": 0.51, "16": 1, "float": 1e-5}[depth]
    expected = np.broadcast_to(encode(1 - share) * full(dtype), black.shape)
    np.testing.assert_allclose(result.colours.astype(np.float64), expected, atol=tolerance)


def test_a_colour_is_exact_in_srgb_and_is_converted_into_a_profile() -> None:
    alpha = np.zeros((HEIGHT, WIDTH), np.uint8)
    plain = framed(Frame(words.background("#336699")), noise(3, np.uint8), alpha)
    assert (plain.colours == (0x33, 0x66, 0x99)).all()
    wide = Frame(words.background("#336699")).apply(
        picture_of(noise(3, np.uint16), np.zeros((HEIGHT, WIDTH), np.uint16), WIDE), picture_of(noise(3, np.uint16))
    )
    assert wide.metadata["icc_profile"] == WIDE
    np.testing.assert_allclose(np.asarray(wide.image), np.full((HEIGHT, WIDTH, 3), (0x33, 0x66, 0x99)), atol=1)
    assert wide.own is not None and (wide.own.colours[0, 0] != np.array((0x33, 0x66, 0x99)) * 257).all()


def test_a_grey_picture_stays_grey_on_grey_and_gets_rgb_on_a_colour() -> None:
    grey, alpha = noise(1, np.uint16), shaped(np.uint16)
    white = Frame(Colour((255, 255, 255))).apply(picture_of(grey, alpha, LINEAR_GREY), picture_of(grey))
    assert white.own is not None and white.own.grey and white.metadata["icc_profile"] == LINEAR_GREY
    red = Frame(Colour((255, 0, 0))).apply(picture_of(grey, alpha, LINEAR_GREY), picture_of(grey))
    assert red.own is not None and red.own.colours.shape == (HEIGHT, WIDTH, 3)
    assert "icc_profile" not in red.metadata
    assert (red.own.colours[0, 0] == (65535, 0, 0)).all()
    opaque = alpha == 65535
    expected = np.repeat(srgb(grey[opaque] / 65535) * 65535, 3, axis=1)
    np.testing.assert_allclose(red.own.colours[opaque].astype(np.float64), expected, atol=1)


def test_crops_to_the_subjects_box_exactly() -> None:
    colours, alpha = noise(3, np.uint8), shaped()
    alpha[0, 0] = 3  # noise that nobody sees
    result = framed(Frame(crop=Margin(0)), colours, alpha)
    left, top, right, bottom = BOX
    np.testing.assert_array_equal(result.colours, colours[top:bottom, left:right])
    assert result.alpha is not None
    np.testing.assert_array_equal(result.alpha, alpha[top:bottom, left:right])


@pytest.mark.parametrize(("text", "margin"), [("0", 0), ("7", 7), ("20%", 5), ("12px", 12), ("40", 40)])
def test_a_margin_reaches_beyond_the_picture(text: str, margin: int) -> None:
    colours, alpha = noise(3, np.uint8), shaped()
    result = framed(Frame(crop=words.margin(text)), colours, alpha)
    left, top, right, bottom = BOX
    assert result.alpha is not None
    assert result.alpha.shape == (bottom - top + 2 * margin, right - left + 2 * margin)
    inner = (slice(margin, margin + bottom - top), slice(margin, margin + right - left))
    np.testing.assert_array_equal(result.alpha[inner], alpha[top:bottom, left:right])
    assert int(result.alpha.sum()) == int(alpha.sum())


def test_what_the_pictures_edge_cuts_off_stays_at_that_edge() -> None:
    alpha = np.zeros((HEIGHT, WIDTH), np.uint8)
    alpha[15:, 20:30] = 255  # a person, down to the lower edge
    layout = Frame(crop=Margin(5)).layout(alpha)
    assert layout.view == (15, 10, 35, HEIGHT)
    square = Frame(crop=Margin(5), square=True).layout(alpha)
    assert square.size == (30, 30) and square.view == (10, 10, 40, HEIGHT)
    wide = Frame(square=True).layout(alpha)
    assert wide.size == (60, 60) and wide.view == (0, -20, 60, 40)


def test_without_a_subject_there_is_nothing_to_crop_to() -> None:
    alpha = np.full((HEIGHT, WIDTH), 5, np.uint8)
    with pytest.raises(MattedError, match="no subject"):
        Frame(crop=Margin(0)).layout(alpha)
    assert framed(Frame(square=True, shadow=50), noise(3, np.uint8), alpha).colours.shape == (60, 60, 3)


@pytest.mark.parametrize("size", [(30, 30), (200, 100), (17, 90), (1, 1), (120, 80)])
@pytest.mark.parametrize("crop", [None, Margin(0), Margin(10, percent=True)])
@pytest.mark.parametrize("background", [None, Colour((0, 128, 255)), Blur(), Blur(3)])
@pytest.mark.parametrize("shadow", [None, 60])
def test_a_size_is_exact_in_every_combination(size: Any, crop: Any, background: Any, shadow: Any) -> None:
    frame = Frame(background, crop, size, size[0] == size[1], shadow)
    result = framed(frame, noise(3, np.uint8), shaped())
    assert result.colours.shape == (size[1], size[0], 3)
    assert (result.alpha is None) == (background is not None)
    assert frame.apply_to_mask(cutting.grey_of(shaped())).image.size == size


def test_resizing_leaves_no_halo_and_keeps_the_aspect() -> None:
    """A red subject on what is green and transparent: nothing green may show, at any alpha."""
    colours = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    alpha = shaped()
    colours[...] = (0, 255, 0)
    colours[alpha > 0] = (200, 0, 0)
    for size in ((31, 23), (143, 97)):
        result = framed(Frame(size=size), colours, alpha)
        assert result.alpha is not None
        seen = result.alpha > 0
        np.testing.assert_allclose(result.colours[seen], np.broadcast_to((200, 0, 0), (seen.sum(), 3)), atol=2)
        rows, columns = (np.flatnonzero((result.alpha > 127).any(axis=axis)) for axis in (1, 0))
        scale = min(size[0] / WIDTH, size[1] / HEIGHT)
        assert abs(rows.size - 20 * scale) <= 1.5 and abs(columns.size - 24.5 * scale) <= 1.5


def test_pictures_are_resized_in_linear_light() -> None:
    colours = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    colours[::2] = 255  # lines; half the light
    result = framed(Frame(size=(30, 20)), colours, np.full((HEIGHT, WIDTH), 255, np.uint8))
    np.testing.assert_allclose(result.colours[5:-5, 5:-5], round(float(srgb(0.5)) * 255), atol=1)


def test_a_mask_is_cropped_and_resized_as_its_picture() -> None:
    mask, frame = shaped(np.uint16), Frame(crop=Margin(3), square=True)
    cut = framed(frame, noise(3, np.uint16), mask)
    np.testing.assert_array_equal(mask_of(frame.apply_to_mask(cutting.grey_of(mask))), cut.alpha)
    resized = Frame(crop=Margin(3), size=(50, 40))
    smaller = framed(resized, noise(3, np.uint16), mask)
    np.testing.assert_array_equal(mask_of(resized.apply_to_mask(cutting.grey_of(mask))), smaller.alpha)


def test_a_shadow_is_below_and_darkens_the_ground_alone() -> None:
    colours, alpha = noise(3, np.uint8), shaped()
    result = framed(Frame(Colour((255, 255, 255)), shadow=50), colours, alpha)
    np.testing.assert_array_equal(result.colours[alpha == 255], colours[alpha == 255])
    left, top, right, bottom = BOX
    below, above = (int(result.colours[row, (left + right) // 2, 0]) for row in (bottom, top - 1))
    assert below < above < 255 and result.colours[0, 0, 0] == 255
    darkest = float(srgb(0.5)) * 255  # where half the light is taken
    assert result.colours[alpha == 0].min() >= darkest - 1
    transparent = framed(Frame(shadow=50), colours, alpha)
    assert transparent.alpha is not None
    shade = (alpha == 0) & (transparent.alpha > 0)
    assert shade.any() and not transparent.colours[shade].any()
    # The same seen on white: 1 - shadow of the light is left.
    expected = srgb(1 - transparent.alpha[shade] / 255) * 255
    np.testing.assert_allclose(result.colours[shade][:, 0].astype(float), expected, atol=1.5)


def test_a_crop_has_room_for_the_shadow() -> None:
    alpha = np.zeros((400, 400), np.uint8)
    alpha[150:250, 150:250] = 255
    colours = np.zeros((400, 400, 3), np.uint8)
    result = framed(Frame(crop=Margin(0), shadow=100), colours, alpha)
    assert result.alpha is not None
    edges = np.concatenate([result.alpha[0], result.alpha[-1], result.alpha[:, 0], result.alpha[:, -1]])
    assert edges.max() <= 4


@pytest.mark.parametrize("radius", [None, 2.0, 9.0, 30.0])
def test_a_blurred_ground_shows_nothing_of_the_subject(radius: float | None) -> None:
    colours = np.full((200, 300, 3), (10, 200, 30), np.uint8)
    alpha = np.zeros((200, 300), np.uint8)
    alpha[60:140, 100:200] = 255
    colours[alpha > 0] = (255, 0, 0)
    result = framed(Frame(Blur(radius), size=(500, 300)), colours, np.zeros_like(alpha))
    assert result.colours[:, :, 0].max() > 100, "without a subject everything is ground"
    cut = picture_of(colours, alpha)
    behind = Frame(Blur(radius)).apply(cut, picture_of(colours))
    ground = np.asarray(behind.image)[alpha == 0]
    np.testing.assert_allclose(ground, np.broadcast_to((10, 200, 30), ground.shape), atol=1)


def test_a_blur_is_that_of_a_gaussian_in_linear_light() -> None:
    colours = np.zeros((120, 120, 3), np.uint8)
    colours[:, 60:] = 255
    result = framed(Frame(Blur(3)), colours, np.zeros((120, 120), np.uint8)).colours
    from math import erf

    offsets = np.arange(120) - 59.5
    expected = [float(srgb(0.5 * (1 + erf(offset / (3 * 2**0.5))))) * 255 for offset in offsets]
    # What lies farther off counts a thousandth, and dark tones are steep.
    np.testing.assert_allclose(result[60, 52:, 1], expected[52:], atol=3)


def test_a_scene_covers_the_result_with_its_middle_in_the_middle() -> None:
    scene = np.zeros((100, 400, 3), np.uint8)
    scene[:, :200, 0], scene[:, 200:, 1] = 255, 255
    frame = Frame(Scene(picture_of(scene)))
    result = framed(frame, noise(3, np.uint8), np.zeros((HEIGHT, WIDTH), np.uint8)).colours
    assert (result[:, : WIDTH // 2 - 1] == (255, 0, 0)).all() and (result[:, WIDTH // 2 + 1 :] == (0, 255, 0)).all()
    again = framed(frame, noise(3, np.uint16), np.zeros((HEIGHT, WIDTH), np.uint16), WIDE)
    assert again.colours.dtype == np.uint16, "what is kept of a scene is for results of its kind"


def test_white_is_behind_what_is_transparent_in_a_scene() -> None:
    scene = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    result = framed(
        Frame(Scene(picture_of(scene, np.full((HEIGHT, WIDTH), 51, np.uint8)))),
        noise(3, np.uint8),
        np.zeros((HEIGHT, WIDTH), np.uint8),
    )
    np.testing.assert_allclose(result.colours, round(float(srgb(0.8)) * 255), atol=1)


def test_metadata_stay_and_one_layout_serves_several_frames() -> None:
    colours, alpha = noise(3, np.uint8), shaped()
    cut = Picture(Image.fromarray(np.dstack([colours, alpha])), {"dpi": (300.0, 300.0), "xmp": b"x"})
    frame = Frame(Colour((0, 0, 0)), crop=Margin(2))
    layout = frame.layout(alpha)
    other = np.roll(alpha, 5, axis=1)
    moved = Picture(Image.fromarray(np.dstack([colours, other])), cut.metadata)
    result = frame.apply(moved, moved, layout)
    assert result.image.size == frame.apply(cut, cut).image.size == layout.size
    assert result.metadata == cut.metadata


def test_contradictions_are_refused() -> None:
    with pytest.raises(MattedError, match="not 800 x 600"):
        Frame(size=(800, 600), square=True)
    for frame in (Frame(background=Blur()), Frame(shadow=10)):
        with pytest.raises(MattedError, match="mask has no"):
            frame.refuse_masks()
    Frame(crop=Margin(1), size=(5, 5)).refuse_masks()
