"""What is keyed out of a ground has the alpha that it was drawn with."""

from __future__ import annotations

from typing import Any

import made_graphics
import more_graphics
import numpy as np
import pytest
from canvas import Bytes, Canvas, Colour, Floats, blurred, clouds, composed, even, grain, jpeg, ramp, rounded, stacked
from conftest import PHOTOGRAPHS
from keyed_pictures import (
    BLUE,
    SAID_NOTHING,
    Stopped,
    alpha_of,
    cover,
    field_of,
    ground_of,
    keyed,
    layer_of,
    nothing,
    on,
    stop,
)
from matted.evaluation.scores import iou
from matted.inference.layer import Layer
from matted.masking import ground, keyer
from matted.masking.colours.unmixed import unmix
from matted.masking.ground.finding import COLOUR, KEY, PAPER, Ground
from matted.masking.view import View
from numpy.typing import NDArray
from PIL import Image
from scoring import composed_again, scores, share_within
from sheet import BLACK, WHITE, Made, made_by

WIDTH, HEIGHT = 240, 180
ALL = made_graphics.KINDS | more_graphics.KINDS
OVAL = cover(WIDTH, HEIGHT, lambda canvas: canvas.oval((121.3, 88.7), (70, 45)))
BOX = cover(WIDTH, HEIGHT, lambda canvas: canvas.box(70, 50, 150, 110))
SHADOW = 0.4 * blurred(np.roll(BOX, (14, 12), (0, 1)), 6)


def off(mask: NDArray[Any], alpha: Floats) -> float:
    """Return by how much a mask is off where it is most, in levels of 255."""
    return float(np.abs(mask * (255 / np.iinfo(mask.dtype).max) - 255 * alpha).max())


# -- known alpha -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("colour", "ink"), [(WHITE, BLUE), (BLACK, WHITE), ((128, 128, 128), (20, 200, 30)), (WHITE, BLACK)]
)
def test_the_alpha_of_an_oval_is_exact(colour: Colour, ink: Colour) -> None:
    steep = np.abs(np.subtract(ink, colour)).max()
    assert off(alpha_of(on(colour, OVAL, ink)), OVAL) <= 255 / steep + 1, "a level of the picture"


@pytest.mark.parametrize("depth", [8, 16])
def test_both_depths_have_the_same_alpha(depth: int) -> None:
    mask = keyed(on(WHITE, OVAL)).alpha(depth, "auto", True, SAID_NOTHING)
    assert mask.dtype == (np.uint8 if depth == 8 else np.dtype("<u2"))
    assert mask.max() == (1 << depth) - 1 and mask.min() == 0 and off(mask, OVAL) <= 2


def test_soft_edges_are_as_soft_as_they_were() -> None:
    soft = blurred(OVAL, 2)
    mask = alpha_of(on(WHITE, soft)) / 255
    assert np.abs(mask - soft).mean() < 0.002


def test_two_strokes_that_nearly_touch_are_told_apart() -> None:
    lines = cover(WIDTH, HEIGHT, *(lambda canvas, x=x: canvas.box(x, 70, x + 3, 110) for x in (100, 104.25, 180)))
    mask = alpha_of(on(WHITE, lines))
    assert off(mask, lines) <= 3 and 0 < mask[90, 103] < 100


@pytest.mark.parametrize("width", [0.5, 0.75, 1])
def test_a_hair_is_as_transparent_as_its_ink_says(width: float) -> None:
    thin = cover(WIDTH, HEIGHT, lambda canvas: canvas.line([(20, 30), (220, 60)], width))
    thick = cover(WIDTH, HEIGHT, lambda canvas: canvas.line([(20, 120), (220, 150)], 8))
    mask = alpha_of(on(WHITE, np.maximum(thin, thick)))
    assert np.abs(mask[:100] / 255 - thin[:100]).max() < 0.03


def test_a_shadow_has_the_least_alpha_and_is_black() -> None:
    alpha, inks = stacked([(SHADOW, BLACK), (BOX, BLUE)])
    picture = on(WHITE, alpha, inks)
    only = SHADOW > 0.02
    mask = alpha_of(picture)
    assert np.abs(mask / 255 - alpha)[only].max() <= 0.03
    without = alpha_of(picture, shadow=False)
    assert np.abs(without / 255 - BOX).max() <= 0.05 and (without <= mask).all()


@pytest.mark.parametrize("opacity", [0.25, 0.5, 0.9])
def test_a_glow_on_black_has_the_opacity_of_its_light(opacity: float) -> None:
    halo = opacity * blurred(BOX, 12)
    mask = alpha_of(on(BLACK, halo, WHITE))
    assert np.abs(mask / 255 - halo)[halo > 0.02].max() <= 0.01


def test_without_shadows_nothing_changes_where_there_are_none() -> None:
    picture = on(WHITE, OVAL)
    np.testing.assert_array_equal(alpha_of(picture, shadow=False), alpha_of(picture))


# -- grounds with noise ------------------------------------------------------------------------------------------------


def noisy(alpha: Floats, colour: Colour, sigma: float, ink: Colour = (25, 25, 60)) -> Bytes:
    noise = grain(np.random.default_rng(1), WIDTH, HEIGHT, sigma)[..., np.newaxis]
    return rounded(composed(alpha, ink, even(WIDTH, HEIGHT, colour)) + noise)


@pytest.mark.parametrize(("colour", "kind"), [((235, 230, 215), PAPER), ((20, 180, 60), KEY)])
def test_noise_is_neither_subject_nor_hole(colour: Colour, kind: str) -> None:
    picture = noisy(OVAL, colour, 2.5)
    assert ground_of(picture).kind == kind
    mask = alpha_of(picture)
    assert not mask[OVAL == 0].any() and (mask[blurred(OVAL, 2) > 0.999] == 255).all()
    assert np.abs(mask / 255 - OVAL).max() < 0.1


@pytest.mark.parametrize("sigma", [1.3, 2, 3])
@pytest.mark.parametrize("colour", [(240, 240, 240), (235, 230, 215), (20, 180, 60)])
def test_a_ground_with_noise_alone_is_empty(colour: Colour, sigma: float) -> None:
    for picture in (noisy(0 * OVAL, colour, sigma), jpeg(noisy(0 * OVAL, colour, sigma), 80)):
        seen = keyed(picture)
        assert seen.is_empty and np.count_nonzero(seen.alpha(8, "auto", True, SAID_NOTHING)) <= 1e-4 * OVAL.size


def test_ripples_of_compression_are_ground() -> None:
    mask = alpha_of(jpeg(on(WHITE, OVAL, BLACK), 85, halved=False))
    far = blurred(OVAL, 2) < 0.001
    assert mask[far].max() < 20 and (mask[far] > 0).mean() < 0.01
    assert (mask[blurred(OVAL, 2) > 0.999] == 255).all()


# -- whether the ground suffices ---------------------------------------------------------------------------------------


def textured() -> Bytes:
    """Return a part of a photograph: height x width x 3."""
    with Image.open(PHOTOGRAPHS / "coffee.jpg") as image:
        return np.asarray(image.convert("RGB").crop((100, 100, 100 + WIDTH, 100 + HEIGHT)))


def test_what_is_drawn_or_painted_needs_no_model() -> None:
    assert keyed(on(WHITE, OVAL)).drawn and keyed(on(WHITE, OVAL)).suffices
    spots = 110 + clouds(np.random.default_rng(3), WIDTH, HEIGHT, 30, 25)[..., np.newaxis].repeat(3, 2)
    painted = keyed(on(WHITE, OVAL, spots))
    assert not painted.drawn and not painted.photographed and painted.suffices


def test_a_photographed_thing_needs_one_but_before_a_key_colour() -> None:
    photographed = textured().astype(np.float64) * 0.8
    assert keyed(on(WHITE, OVAL, photographed)).photographed
    assert not keyed(on(WHITE, OVAL, photographed)).suffices
    noise = grain(np.random.default_rng(1), WIDTH, HEIGHT, 2)[..., np.newaxis]
    key = composed(OVAL, photographed, even(WIDTH, HEIGHT, (20, 180, 60))) + noise
    assert keyed(rounded(key)).ground.kind == KEY and keyed(rounded(key)).suffices


def test_what_is_hardly_told_from_the_ground_needs_one() -> None:
    spots = clouds(np.random.default_rng(3), WIDTH, HEIGHT, 12, 5).clip(-8, 5)[..., np.newaxis] + (250, 235, 250)
    pale = keyed(on(WHITE, OVAL, spots))
    assert not pale.drawn and not pale.photographed and not pale.suffices


# -- all that a client may send ----------------------------------------------------------------------------------------


def white(picture: Bytes) -> Ground:
    """Return a white ground for a picture that is too small to have one."""
    return Ground(COLOUR, field_of(picture), 1.5, 1.0)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (1, 50), (50, 1), (2, 2), (3, 5)])
@pytest.mark.parametrize("fill", ["ground", "subject", "random", "dot"])
def test_the_smallest_pictures_are_keyed(shape: tuple[int, int], fill: str) -> None:
    random = np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)
    picture = random if fill == "random" else np.full_like(random, 0 if fill == "subject" else 255)
    if fill == "dot":
        picture[0, 0] = 0
    seen = keyer.key(layer_of(picture), white(picture), nothing)
    for depth in (8, 16):
        for holes in ("auto", "open", "keep"):
            mask = seen.alpha(depth, holes, True, keyer.Said(keep=[(0, 0)], drop=[(shape[1] - 1, shape[0] - 1)]))
            assert mask.shape == shape
    mask = seen.alpha(8, "auto", True, SAID_NOTHING)
    if fill in ("ground", "subject"):
        assert (mask == (255 if fill == "subject" else 0)).all()
    if fill == "dot":
        assert mask[0, 0] == 255 and not mask.ravel()[1:].any()
    assert seen.memory > 0


def test_all_subject_and_all_ground() -> None:
    picture = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    empty = keyed(picture)
    assert empty.is_empty and not empty.alpha(8, "keep", True, SAID_NOTHING).any()
    full = keyer.key(layer_of(255 - picture), white(picture), nothing)
    assert (full.alpha(8, "open", True, SAID_NOTHING) == 255).all()


@pytest.mark.parametrize("side", [16, 32, 48])
def test_an_icon_is_exact(side: int) -> None:
    ring = cover(side, side, lambda canvas: canvas.ring((side / 2, side / 2), side * 0.42, side * 0.2))
    mask = alpha_of(on(WHITE, ring))
    assert np.abs(mask / 255 - ring).max() <= 0.02


def test_a_subject_that_reaches_the_border_ends_there() -> None:
    box = cover(WIDTH, HEIGHT, lambda canvas: canvas.box(100.5, 90.25, WIDTH + 5, HEIGHT + 5))
    assert off(alpha_of(on(WHITE, box)), box) <= 2


def test_grey_layers_and_all_orders_of_channels_are_alike() -> None:
    picture = on(WHITE, OVAL, (40, 40, 40))
    expected = alpha_of(picture)
    opaque = np.full((HEIGHT, WIDTH, 1), 255, np.uint8)
    for format, samples in (
        ("GRAY8", picture[:, :, :1]),
        ("GRAYA8", np.concatenate([picture[:, :, :1], opaque], 2)),
        ("RGBA8", np.concatenate([picture, opaque], 2)),
        ("BGRA8", np.concatenate([picture[:, :, ::-1], opaque], 2)),
    ):
        layer = Layer.from_frame(memoryview(samples.tobytes()), WIDTH, HEIGHT, format)
        found = ground.find(layer)
        assert found is not None
        np.testing.assert_array_equal(keyer.key(layer, found, nothing).alpha(8, "auto", True, SAID_NOTHING), expected)


def test_a_picture_is_keyed_again_the_same_and_stays_what_it_is() -> None:
    picture = rounded(composed(OVAL, BLUE, ramp(WIDTH, HEIGHT, WHITE, (200, 220, 255), 1)))
    before = picture.copy()
    seen = keyed(picture)
    first = seen.alpha(8, "auto", True, SAID_NOTHING)
    seen.alpha(16, "keep", False, keyer.Said(drop=[(120, 90)]))
    np.testing.assert_array_equal(seen.alpha(8, "auto", True, SAID_NOTHING), first)
    np.testing.assert_array_equal(alpha_of(picture), first)
    np.testing.assert_array_equal(picture, before)


def test_a_cancel_stops_it() -> None:
    picture = on(WHITE, OVAL)
    with pytest.raises(Stopped):
        keyer.key(layer_of(picture), ground_of(picture), stop)


def test_doubtful_holes_are_those_of_what_is_painted() -> None:
    def handle(canvas: Canvas) -> None:
        canvas.disc((120, 90), 60)
        canvas.disc((120, 90), 12, ink=False)
        canvas.disc((158, 90), 9, ink=False)

    alpha = cover(WIDTH, HEIGHT, handle)
    assert not keyed(on(WHITE, alpha)).doubtful.any()
    spots = 110 + clouds(np.random.default_rng(3), WIDTH, HEIGHT, 30, 25)[..., np.newaxis].repeat(3, 2)
    seen = keyed(on(WHITE, alpha, spots))
    hole = seen.cells.background.labels[90, 158]
    open_ = seen.alpha(8, "auto", True, SAID_NOTHING)[90, 158] == 0
    assert not seen.drawn and seen.doubtful[hole] == open_


# -- made pictures -----------------------------------------------------------------------------------------------------

SEEDS = (301, 302)
NOTHING = [kind for kind in ALL if kind.startswith("nothing")]
NOISY = ["logo_jpeg", "line_paper", "ink_blue", "green_screen", "pencil", "scanned_page"]
# Any alpha from the least one on explains a dab of half-transparent paint, or a glow, and the least one is taken. What
# a layer is transparent by itself is no matter of the ground.
OPEN_TO_CHOICE = ["airbrush", "glow", "own_alpha"]
CLEAN = [kind for kind in ALL if kind not in [*NOISY, *NOTHING, "own_alpha"]]


def made(kind: str, seed: int) -> tuple[Made, keyer.Keyed, Bytes]:
    """Return a picture, what is seen in it, and its mask."""
    picture = made_by(ALL[kind], seed, 600, 427)
    seen = keyed(picture.picture)
    mask = seen.alpha(8, "auto", True, SAID_NOTHING)
    assert mask.dtype == np.uint8
    return picture, seen, mask


def again(picture: Made, seen: keyer.Keyed, mask: Bytes) -> Floats:
    """Return the cut-out, composed again over the ground that was found."""
    layer, field = layer_of(picture.picture), seen.ground.field
    colours = picture.picture.copy()
    unmix(mask, layer, field, View.of(layer.width, layer.height), nothing, colours)
    ground = field.sampled((0, 0, layer.width, layer.height), layer.width, layer.height)
    return composed_again(np.dstack([colours, mask]), ground.astype(np.float64))


@pytest.mark.slow
@pytest.mark.parametrize("kinds", [made_graphics.KINDS, more_graphics.KINDS], ids=["made", "more"])
def test_masks_are_as_good_as_they_have_to_be(kinds: dict[str, Any]) -> None:
    """The means over all kinds whose alpha the picture tells."""
    each = []
    for kind in kinds:
        for seed in SEEDS if kind not in [*NOTHING, *OPEN_TO_CHOICE] else ():
            picture, _, mask = made(kind, seed)
            found = scores(mask / 255, picture.alpha)
            told = np.abs(picture.alpha - 0.5) > 1 / 255  # of half a pixel, rounding decides whether it is above 0.5
            each.append((iou(mask[told] / 255, picture.alpha[told]), found.mad, found.grad, found.band))
    overlap, mad, grad, band = np.mean(each, axis=0)
    assert overlap >= 0.97 and mad <= 6 and grad <= 0.07 and band <= 12, (overlap, mad, grad, band)


@pytest.mark.slow
@pytest.mark.parametrize("kind", CLEAN)
def test_over_its_ground_a_clean_picture_is_what_it_was(kind: str) -> None:
    for seed in SEEDS:
        picture, seen, mask = made(kind, seed)
        assert share_within(again(picture, seen, mask), picture.picture, 2) >= 0.999


@pytest.mark.slow
@pytest.mark.parametrize("kind", NOISY)
def test_over_its_ground_a_picture_with_noise_is_what_it_was_but_for_that(kind: str) -> None:
    for seed in SEEDS:
        picture, seen, mask = made(kind, seed)
        levels = 8 if kind == "logo_jpeg" else 0
        share = share_within(again(picture, seen, mask), picture.picture, max(levels, 1.5 * seen.noise))
        assert share >= 0.995, (seed, seen.noise)


@pytest.mark.slow
@pytest.mark.parametrize("kind", NOTHING)
def test_a_ground_and_nothing_else_is_empty(kind: str) -> None:
    for seed in SEEDS:
        _, seen, mask = made(kind, seed)
        assert seen.is_empty and np.count_nonzero(mask) <= 1e-4 * mask.size
